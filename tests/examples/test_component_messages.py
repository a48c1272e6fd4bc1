"""The page of the component's messages, in a real browser, against a proxy with the simulator."""

from __future__ import annotations

import json

import pytest

from turnstile.protocol.voice_agent.client import MESSAGE_TYPES
from turnstile.simulator.scenario import Expect, Reply, Scenario, Step, echo

STORY = "word " * 2000
# What docs/protocol.md names as the answer to each message, when no turn runs; `FunctionCallResponse` is of no call.
ANSWERS = {
    "Settings": '"type":"SettingsApplied"',
    "UpdatePrompt": '"type":"PromptUpdated"',
    "UpdateThink": '"type":"ThinkUpdated"',
    "UpdateSpeak": '"type":"SpeakUpdated"',
    "UpdateListen": '"type":"ListenUpdated"',
    "UpdateThink_Live": '"description":"UpdateThink_Live',
    "__customToThinkProvider": '"description":"__customToThinkProvider',
    "FunctionCallResponse": '"description":"FunctionCallResponse',
    "ForceEndTurn": '"description":"ForceEndTurn',
    "InjectAgentMessage": '"role":"assistant","content":"One moment, please."',
    "InjectUserMessage": '"type":"FunctionCallRequest"',
}

AT_ONCE = [name for name in ANSWERS if name not in {"Settings", "InjectAgentMessage", "InjectUserMessage"}]


class Messages:
    """The page, connected."""

    def __init__(self, page):
        self.page = page
        self.log, self.waiting = page.locator("#log"), page.locator("#waiting li")
        page.get_by_role("button", name="Connect").click()
        page.get_by_text("Connected", exact=True).wait_for()

    def send(self, name, **changed):
        """Send a message by its button, with some of its fields changed."""
        body = self.page.locator(f"[id='{name}']")
        body.fill(json.dumps({**json.loads(body.input_value()), **changed}))
        self.page.get_by_role("button", name=name, exact=True).click()

    def wait_for(self, received):
        self.log.locator("li:not(.sent)", has_text=received).first.wait_for()

    def wait_for_answers(self):
        self.waiting.first.wait_for(state="detached")
        assert self.waiting.count() == 0


@pytest.fixture
def open_messages(start_proxy, serve_pages, open_page):
    def open_(scenario=None):
        host, port = start_proxy(scenario).address
        config = f'export const AGENT_URL = "ws://{host}:{port}/openai";'
        return Messages(open_page(serve_pages("component_messages", replaced={"config.js": config})))

    return open_


def test_every_message_gets_the_answer_that_the_protocol_names(open_messages):
    messages = open_messages()
    names = messages.page.locator("#messages button").all_text_contents()
    assert sorted(names) == sorted(MESSAGE_TYPES)
    assert {*ANSWERS, "KeepAlive"} == set(names)
    for name in ("Settings", "KeepAlive", *AT_ONCE):
        messages.send(name)
    messages.wait_for(ANSWERS["ForceEndTurn"])
    for name in ("InjectAgentMessage", "InjectUserMessage"):
        messages.send(name)
        messages.wait_for(ANSWERS[name])
    messages.wait_for_answers()
    received = messages.log.locator(".received, .problem").all_text_contents()
    assert {name for name, answer in ANSWERS.items() if sum(answer in line for line in received) != 1} == set()
    messages.send("FunctionCallResponse")  # now of the call that the user's message led to
    messages.wait_for("The answer of get_weather is: It is sunny.")
    assert messages.log.locator(".sent").count() == len(names) + 1


@pytest.mark.slow
def test_a_held_message_waits_until_it_is_acknowledged_or_refused(open_messages):
    step = Step(Expect(contains="story"), Reply(STORY))
    messages = open_messages(Scenario((step,), otherwise=echo))
    messages.send("Settings")
    messages.send("InjectUserMessage", content="Tell me a story.")
    messages.wait_for('"type":"AgentStartedSpeaking"')
    messages.send("UpdatePrompt")
    messages.send("InjectAgentMessage")
    messages.wait_for('"type":"InjectionRefused"')
    assert [json.loads(text)["type"] for text in messages.waiting.all_text_contents()] == ["UpdatePrompt"]
    messages.send("InjectAgentMessage", behavior="interrupt")
    messages.wait_for('"type":"PromptUpdated"')
    messages.wait_for('"content":"One moment, please."')
    messages.send("UpdatePrompt", prompt="")
    messages.wait_for('"description":"UpdatePrompt')
    messages.wait_for_answers()


@pytest.mark.slow
def test_text_that_tries_to_be_html_is_text(open_messages):
    messages = open_messages()
    messages.send("Settings")
    messages.send("InjectUserMessage", content="<img src=x onerror=alert(1)>")
    messages.wait_for("You said: <img src=x onerror=alert(1)>")
    assert messages.page.locator("img").count() == 0


@pytest.mark.slow
def test_what_is_not_json_is_said_and_not_sent(open_messages):
    messages = open_messages()
    messages.page.locator("#UpdatePrompt").fill("{")
    messages.page.get_by_role("button", name="UpdatePrompt").click()
    messages.page.get_by_text("This is not JSON").wait_for()
    assert messages.log.locator("li").count() == 0
    messages.page.get_by_role("button", name="Disconnect").click()
    messages.page.get_by_text("Not connected (closed: 1000").wait_for()
    assert messages.page.get_by_role("button", name="Settings").is_disabled()
