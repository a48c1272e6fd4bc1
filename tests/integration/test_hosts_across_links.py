"""What a script and a host hear of a link that is lost, and what goes on across it."""

from __future__ import annotations

import threading

import pytest

from actors import ProxySystem
from turnstile.config import load_config
from turnstile.embed.function_schema import host_functions
from turnstile.simulator.scenario import Expect, Reply, Scenario, Step
from turnstile.testing import RecordingInbox, patience
from turnstile.translate.host_overrides import HostOverrides

pytest_plugins = ["turnstile.testing.fixtures"]

STORY = "one two three four five six seven eight nine ten eleven twelve"
# A model that says what the conversation of its own link holds, but for what it has said so itself.
REMEMBERS = Scenario(
    (
        Step(
            Expect(contains="repeat"),
            lambda turn: Reply(" / ".join(text for text in turn.conversation if "/" not in text)),
        ),
        # Whether it is asked for the first time, or to go on behind the words of it that were heard.
        Step(lambda turn: "Count" in turn.text, Reply(STORY)),
    )
)


@pytest.fixture
def make_proxy(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    proxies = []

    def make(**flags):
        named = {name.replace("__", "."): value for name, value in flags.items()}
        config = load_config(flags={"upstream.url": "simulator:", **named})
        proxies.append(ProxySystem(config, listens=False, scenario=REMEMBERS))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.stop(patience())


def codes(session):
    """Wait for the two warnings of a loss; return their codes."""
    return [session.wait_for("Warning")["code"] for _ in range(2)]


def get_weather(city: str) -> str:
    """Tell the weather in a city."""


def test_a_script_goes_on_across_a_lost_link_without_a_word_lost(make_proxy, scripted_session):
    proxy = make_proxy()
    session = scripted_session(proxy=proxy)
    session.configure(functions=[get_weather])
    session.say("My name is Ada.")
    session.wait_for("ConversationText", role="assistant")
    session.say("What is the weather in London?")
    call = session.wait_for("FunctionCallRequest")
    (first,) = proxy.simulator.links.open
    first.disconnect()
    assert codes(session) == ["upstream_lost", "upstream_restored"]
    session.answer(call, "sunny")  # which was asked for on the link that is gone
    session.wait_for("ConversationText", role="assistant", content="The answer of get_weather is: sunny.")
    session.say("Please repeat.")
    said = session.wait_for("ConversationText", role="assistant")["content"]
    for words in ("My name is Ada.", "What is the weather in London?", '{"city": "London"}', "sunny"):
        assert words in said


def test_a_response_that_dies_with_its_link_is_given_to_a_script_once_more(make_proxy, scripted_session):
    proxy = make_proxy()
    session = scripted_session(proxy=proxy)
    session.configure(text_only=True)
    (first,) = proxy.simulator.links.open
    session.say("Count, please.")
    first.disconnect(behind="response.output_text.delta")
    assert codes(session) == ["upstream_lost", "upstream_restored"]
    session.wait_for("ConversationText", role="assistant", content=STORY)
    assert [len(log.responses) for log in proxy.simulator.logs] == [1, 1]


def test_a_hosts_function_that_runs_while_the_link_is_lost_gives_its_result_to_the_next(make_proxy):
    begun, may_end = threading.Event(), threading.Event()

    def get_weather(city: str) -> str:
        """Tell the weather in a city."""
        begun.set()
        assert may_end.wait(patience())
        return f"sunny in {city}"

    proxy = make_proxy()
    decided = HostOverrides(functions=host_functions([get_weather]))
    connection, session = proxy.connect(RecordingInbox(), overrides=decided)
    for message in (
        b'{"type": "Settings", "agent": {}}',
        b'{"type": "InjectUserMessage", "content": "The weather in London?"}',
    ):
        connection.send_text(message)
    connection.flush()
    assert begun.wait(patience())
    proxy.simulator.links.open[0].disconnect()
    assert session.wait_for("Warning", patience())["code"] == "upstream_lost"
    assert session.wait_for("Warning", patience())["code"] == "upstream_restored"
    may_end.set()
    assert "sunny in London" in session.wait_for("ConversationText", patience(), role="assistant")["content"]


def test_what_a_host_asks_for_without_a_link_is_done_on_the_next(make_proxy):
    proxy = make_proxy()
    connection, session = proxy.connect(RecordingInbox())
    connection.send_text(b'{"type": "Settings", "agent": {}}')
    connection.flush()
    session.wait_for("SettingsApplied", patience())
    proxy.simulator.links.open[0].disconnect()
    session.wait_for("Warning", patience(), code="upstream_lost")
    update, announcement = session.update(prompt="Be kind."), session.announce("We go on.")
    update.result(patience())
    announcement.result(patience())
    assert session.wait_for("ConversationText", patience(), role="assistant")["content"] == "We go on."
    assert proxy.simulator.sessions[-1].settings["instructions"] == "Be kind."
    assert len(proxy.simulator.sessions) == 2
