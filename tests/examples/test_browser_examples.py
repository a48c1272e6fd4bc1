"""The pages of the examples in one real browser, whose microphone beeps once a second: of messages, and to talk."""

from __future__ import annotations

import http.client
import json
import re
import socket
from contextlib import closing

import pytest

from tests.examples.conftest import EXAMPLES
from turnstile.auth.key_file import add_key
from turnstile.protocol.voice_agent.client import MESSAGE_TYPES
from turnstile.simulator.scenario import Call, Expect, Reply, Scenario, Step, echo
from turnstile.testing import patience

SHORT, STORY = "It is sunny.", "word " * 2000
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
def open_page_of_messages(serve_pages, open_page):
    def open_(address):
        config = 'export const AGENT_URL = "ws://{}:{}/openai";'.format(*address)
        return open_page(serve_pages("component_messages", replaced={"config.js": config}))

    return open_


@pytest.fixture
def open_messages(start_proxy, open_page_of_messages):
    return lambda scenario=None: Messages(open_page_of_messages(start_proxy(scenario).address))


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
def test_a_refusal_is_of_the_message_sent_last_and_an_interrupted_message_is_answered_by_what_was_heard(open_messages):
    messages = open_messages()
    messages.send("Settings")
    messages.send("InjectAgentMessage", message=STORY.strip())
    messages.wait_for('"type":"AgentStartedSpeaking"')
    messages.send("UpdatePrompt", prompt="held")
    messages.send("UpdatePrompt", prompt="")
    messages.wait_for('"description":"UpdatePrompt: prompt')
    messages.send("InjectAgentMessage", message="refused")
    messages.wait_for('"type":"InjectionRefused"')
    assert [text[:40] for text in messages.waiting.all_text_contents()] == [
        '{"type":"InjectAgentMessage","message":"word word'[:40],
        '{"type":"UpdatePrompt","prompt":"held"}',
    ]
    messages.send("InjectAgentMessage", message="now", behavior="interrupt")
    messages.wait_for('"content":"now"')
    messages.wait_for_answers()


def test_calls_of_one_answer_are_filled_in_one_after_the_other(open_messages):
    calls = (Call("get_weather", {"city": "Paris"}), Call("get_weather", {"city": "Rome"}))
    messages = open_messages(Scenario((Step(Expect(contains="weather"), Reply("", calls=calls)),), otherwise=echo))
    messages.send("Settings")
    messages.send("InjectUserMessage")
    messages.wait_for('"type":"FunctionCallRequest"')
    messages.send("FunctionCallResponse")
    messages.send("FunctionCallResponse")
    messages.wait_for("It is sunny.")
    assert messages.log.locator(".problem").count() == 0


def test_json_that_is_no_message_and_a_message_by_another_button_are_sent_as_they_are(open_messages):
    messages = open_messages()
    messages.send("Settings")
    for text in ("null", "[]", '{"type": "KeepAlive"}'):
        messages.page.locator("#UpdateListen").fill(text)
        messages.page.get_by_role("button", name="UpdateListen").click()
    messages.send("UpdatePrompt")
    messages.wait_for('"type":"PromptUpdated"')
    messages.wait_for_answers()


def test_text_that_tries_to_be_html_is_text(open_messages):
    messages = open_messages()
    messages.send("Settings")
    messages.send("InjectUserMessage", content="<img src=x onerror=alert(1)>")
    messages.wait_for("You said: <img src=x onerror=alert(1)>")
    assert messages.page.locator("img").count() == 0


@pytest.mark.slow
def test_a_connection_that_is_given_up_is_no_fault(open_page_of_messages):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        page = open_page_of_messages(silent.getsockname())
        page.get_by_role("button", name="Connect").click()
        page.get_by_text("Connecting").wait_for()
        page.get_by_role("button", name="Connect").click()
        page.get_by_text("Not connected (closed: 1006").wait_for()
        assert page.locator("#fault").text_content() == ""


def test_what_is_not_json_is_said_and_not_sent(open_messages):
    messages = open_messages()
    messages.page.locator("#UpdatePrompt").fill("{")
    messages.page.get_by_role("button", name="UpdatePrompt").click()
    messages.page.get_by_text("This is not JSON").wait_for()
    assert messages.log.locator("li").count() == 0
    messages.page.get_by_role("button", name="Disconnect").click()
    messages.page.get_by_text("Not connected (closed: 1000").wait_for()
    assert messages.page.get_by_role("button", name="Settings").is_disabled()


def config_of(address, token_url):
    """Returns config.js with the address of a proxy."""
    host, port = address
    text = (EXAMPLES / "microphone" / "config.js").read_text()
    text = re.sub(r'AGENT_URL = ".*"', f'AGENT_URL = "ws://{host}:{port}/openai"', text)
    return {"config.js": re.sub(r'TOKEN_URL = ".*"', f'TOKEN_URL = "{token_url}"', text)}


@pytest.fixture
def open_talk(serve_pages, open_page):
    def open_(address, token_url="", **options):
        return open_page(serve_pages("microphone", replaced=config_of(address, token_url), **options))

    return open_


def wait_for_seconds(page, name, pattern):
    """Wait until a figure of the page matches a pattern of decimal digits."""
    page.locator(f"#{name}", has_text=re.compile(pattern)).wait_for()


def test_what_the_user_says_is_answered_and_the_answer_is_played_to_its_end(start_proxy, open_talk):
    steps = (Step(Expect(on="audio"), Reply(SHORT)),)
    page = open_talk(start_proxy(Scenario(steps, transcripts=("What is the weather?",))).address)
    page.get_by_role("button", name="Talk").click()
    page.locator("#transcript .user").first.wait_for()
    page.get_by_role("button", name="Mute").click()
    assert page.locator("#transcript .user").first.text_content() == "What is the weather?"
    page.locator("#transcript .assistant", has_text=SHORT).first.wait_for()
    wait_for_seconds(page, "played", r"^0\.[3-9]|^[1-9]")  # the three words take 0.34 s
    page.get_by_role("button", name="Hang up").click()
    assert page.locator("#state").text_content() == "Not connected"
    assert page.locator("#fault").text_content() == ""


@pytest.mark.slow
def test_an_answer_falls_silent_when_the_user_breaks_in(start_proxy, open_talk):
    steps = (Step(Expect(on="audio"), Reply(STORY), once=True), Step(Expect(on="audio"), Reply(SHORT)))
    page = open_talk(start_proxy(Scenario(steps)).address)
    page.get_by_role("button", name="Talk").click()
    wait_for_seconds(page, "cut", "[1-9]")
    page.get_by_text(SHORT).first.wait_for()
    assert float(page.locator("#played").text_content()) < 10, "the story takes 200 s"
    page.get_by_role("button", name="Hang up").click()


@pytest.mark.slow
def test_a_token_of_the_pages_backend_opens_a_proxy_that_asks_for_keys(start_proxy, open_talk, tmp_path):
    key, _ = add_key(tmp_path / "keys.txt", "shop")
    keys = {"auth__mode": "keys", "auth__keys_file": str(tmp_path / "keys.txt")}
    proxy = start_proxy(None, **keys, auth__token_secret="made up for the tokens of this test")

    def token():
        with closing(http.client.HTTPConnection(*proxy.address, timeout=patience())) as backend:
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            backend.request("POST", "/v1/realtime/client_secrets", "{}", headers)
            return json.dumps({"value": json.load(backend.getresponse())["value"]})

    page = open_talk(proxy.address, token_url="/token", token=token)
    page.get_by_role("button", name="Talk").click()
    page.get_by_text("Listening").wait_for()
    page.get_by_role("button", name="Hang up").click()


@pytest.mark.slow
def test_a_microphone_that_is_not_allowed_is_said_in_words(start_proxy, open_talk):
    proxy = start_proxy()
    page = open_talk(proxy.address, headers={"Permissions-Policy": "microphone=()"})
    page.get_by_role("button", name="Talk").click()
    page.get_by_text("The microphone is not allowed").wait_for()
    assert page.locator("#state").text_content() == "Not connected"
    assert proxy.sessions == 0
    assert page.faults.pop().startswith("Permissions policy violation: microphone")


@pytest.mark.slow
def test_a_proxy_that_does_not_run_is_said_in_words(open_talk, open_page_of_messages, reserve_port):
    address = ("127.0.0.1", reserve_port())
    for open_, button in ((open_talk, "Talk"), (open_page_of_messages, "Connect")):
        page = open_(address)
        page.get_by_role("button", name=button).click()
        page.get_by_text("The agent cannot be reached").wait_for()
        assert page.get_by_role("button", name=button).is_enabled()
        assert "WebSocket connection" in page.faults.pop()


def test_a_microphone_that_is_allowed_after_hanging_up_is_closed(open_talk, reserve_port):
    page = open_talk(("127.0.0.1", reserve_port()), token_url="/token")
    page.evaluate(
        """() => {
          const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
          navigator.mediaDevices.getUserMedia = async (wanted) => {
            await new Promise((allow) => { window.allow = allow; });
            window.stream = await open(wanted);
            return window.stream;
          };
          window.fetch = () => { throw new Error("no token"); };
        }"""
    )
    page.get_by_role("button", name="Talk").click()
    page.wait_for_function("() => Boolean(window.allow)")
    page.get_by_role("button", name="Hang up").click()
    page.evaluate("window.allow()")
    page.wait_for_function("() => window.stream?.getTracks().every((track) => track.readyState === 'ended')")
