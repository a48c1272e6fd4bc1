"""Upstreams that others wrote: what they leave out, say in another form, or do not say, over real sockets."""

from __future__ import annotations

from contextlib import closing

import pytest
import websocket
from links import heard, say

from turnstile.simulator.quirks import Quirks
from turnstile.simulator.scenario import Scenario
from turnstile.testing import patience

TEXT = {"output_modalities": ["text"]}
HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


@pytest.fixture
def connect(start_proxy):
    """Begin a dialogue on a path, with an upstream that has quirks."""
    opened = []

    def begin(path, quirks, flags=None):
        proxy = start_proxy({"session.response_stall": "60", **(flags or {})}, scenario=Scenario(quirks=quirks))
        dialogue = proxy.dialogue(path)
        opened.append(dialogue)
        return dialogue

    yield begin
    for dialogue in opened:
        dialogue.close()


def has_two_turns(client, path):
    """Have two turns: the second one comes only where the first is known to be over."""
    for turn in (1, 2):
        if path == "/openai":
            client.send("InjectUserMessage", content="Hello.")
            assert client.wait_for("AgentDone", turn)
        else:
            client.send("conversation.item.create", item=HELLO)
            client.send("response.create", response=TEXT)
            assert client.wait_for("response.done", turn)
    return client


def configured(client, path):
    if path == "/openai":
        client.send("Settings", agent={"think": {"outputModalities": ["text"]}})
        assert client.wait_for("SettingsApplied")
    else:
        assert client.wait_for("session.created")
        client.send("session.update", session={"type": "realtime", **TEXT})
        assert client.wait_for("session.updated")
    return client


PATHS = ["/openai", "/v1/realtime"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(odd_output="null"),
        Quirks(odd_output="bare"),
        Quirks(half_emoji=True),
        Quirks(binary_events=True),
        Quirks(noise_bytes=100_000),
    ],
    ids=["null in the output", "bare items", "half an emoji", "binary events", "noise"],
)
def test_turns_end_and_follow_each_other(connect, path, quirks):
    has_two_turns(configured(connect(path, quirks), path), path)


def test_a_realtime_client_gets_half_an_emoji_byte_for_byte(start_proxy):
    proxy = start_proxy({"session.response_stall": "60"}, scenario=Scenario(quirks=Quirks(half_emoji=True)))
    with closing(websocket.create_connection(proxy.url("/v1/realtime"), timeout=patience())) as link:
        heard(link, "session.created")
        for _ in range(2):
            say(link, "conversation.item.create", item=HELLO)
            say(link, "response.create", response=TEXT)
            assert heard(link, "response.output_text.done")["text"].endswith("\ud83d")
            # The end of a response is written anew, without our mark.
            done = heard(link, "response.done")["response"]
            assert done["output"][0]["content"][0]["text"].endswith("\ufffd")


def test_a_voice_agent_client_gets_a_replacement_for_half_an_emoji(connect):
    client = has_two_turns(configured(connect("/openai", Quirks(half_emoji=True)), "/openai"), "/openai")
    said = [one["content"] for one in client.received("ConversationText") if one["role"] == "assistant"]
    assert [text[-1] for text in said] == ["\ufffd", "\ufffd"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["openai", "compatible"])
def test_a_session_begins_where_upstream_says_another_thing_first(connect, path, kind):
    quirks = Quirks(opening="conversation.created")
    has_two_turns(configured(connect(path, quirks, {"upstream.kind": kind}), path), path)


@pytest.mark.parametrize("path", PATHS)
def test_a_session_begins_where_a_compatible_upstream_says_nothing_first(connect, path):
    quirks = Quirks(opening="nothing")
    has_two_turns(configured(connect(path, quirks, {"upstream.kind": "compatible"}), path), path)


@pytest.mark.parametrize("opening", ["conversation.created", "nothing"])
def test_a_realtime_client_is_told_of_its_session_once_where_upstream_does_not_tell_of_it(connect, opening):
    client = connect("/v1/realtime?model=gpt-realtime", Quirks(opening=opening), {"upstream.kind": "compatible"})
    client = configured(client, "/v1/realtime")
    (created,) = client.received("session.created")
    assert created["event_id"]
    assert created["session"]["model"] == "gpt-realtime"
    assert created["session"]["id"].startswith("sess_")
    assert client.received("session.updated")[-1]["session"]["output_modalities"] == ["text"]
