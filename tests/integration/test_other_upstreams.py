"""Upstreams that differ from OpenAI's: over real sockets, and with no wait of the session's ever running out."""

from __future__ import annotations

import json
from contextlib import closing

import numpy as np
import pytest
from websocket import create_connection

from actors import ScriptedSession
from turnstile.simulator.faults import Pace
from turnstile.simulator.quirks import Quirks
from turnstile.simulator.scenario import Call, Expect, Reply, Scenario, Step
from turnstile.simulator.speech import spoken
from turnstile.testing import patience

# Nothing may hang on a wait that runs out: each is longer than a test.
NEVER = {
    f"session.{name}": "1000"
    for name in (
        "update_timeout",
        "create_timeout",
        "expected_timeout",
        "response_stall",
        "cancel_timeout",
        "item_timeout",
        "commit_timeout",
    )
}
LONG = " ".join(["and so on"] * 8)
SCENARIO = Scenario(
    (
        Step(Expect("text", "weather"), Reply(None, (Call("get_weather", {"city": "London"}),))),
        Step(Expect("output"), Reply("It is {output}.")),
        Step(Expect("audio"), Reply("I heard you.")),
    ),
    otherwise=lambda turn: Reply(f"You said {turn.text} {LONG}."),
)
SAID = [f"You said {number} {LONG}." for number in ("one", "two")]
TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
LOUD = (np.sin(np.arange(12_000) * 0.3) * 8_000).astype("<i2").tobytes()

# Those that a client does not notice at all.
UNNOTICED = {
    "as recorded": Quirks(),
    "conversation.created": Quirks(opening="conversation.created"),
    "nothing first": Quirks(opening="nothing"),
    "no metadata": Quirks(left_out=("response.metadata",)),
    "no conversation id": Quirks(left_out=("response.conversation_id",)),
    "no metadata and no conversation id": Quirks(left_out=("response.metadata", "response.conversation_id")),
    "no event id in errors": Quirks(left_out=("error.event_id",)),
    "own item ids": Quirks(own_item_ids=True),
    "nothing echoed": Quirks(own_item_ids=True, left_out=("response.metadata", "response.conversation_id")),
    "rewritten session": Quirks(rewritten_session=True),
    "session without audio": Quirks(left_out=("session.audio", "session.tools")),
    "binary events": Quirks(binary_events=True),
    "noise": Quirks(noise_bytes=40_000),
    "committed first": Quirks(committed_first=True),
    "slow response.created": Quirks(created_delay=0.1),
    "slow response.created without metadata": Quirks(created_delay=0.1, left_out=("response.metadata",)),
    "updates refused while a response runs": Quirks(refused_mid_response=("session.update",)),
    "half an emoji": Quirks(half_emoji=True),
    "null output": Quirks(odd_output="null"),
    "bare output": Quirks(odd_output="bare"),
    "all at once": Quirks(
        opening="conversation.created",
        left_out=("response.metadata", "response.conversation_id", "error.event_id"),
        own_item_ids=True,
        rewritten_session=True,
        binary_events=True,
        noise_bytes=1000,
        committed_first=True,
        created_delay=0.05,
        refused_mid_response=("session.update",),
        half_emoji=True,
        odd_output="bare",
    ),
}
EACH = pytest.mark.parametrize("quirks", UNNOTICED.values(), ids=UNNOTICED)


@pytest.fixture
def serve(start_proxy, start_api):
    """Start a proxy in front of an upstream with quirks."""

    def start(quirks, scenario=SCENARIO, **flags):
        api = start_api(scenario=scenario, quirks=quirks, pace=Pace(step=0.002))
        host, port = api.address
        upstream = {"upstream.url": f"ws://{host}:{port}/v1/realtime", "upstream.kind": "compatible"}
        proxy = start_proxy({**upstream, **NEVER, **flags})
        proxy.upstream = api.simulator
        return proxy

    return start


def get_weather(city: str) -> str:
    """Look up the weather in a city."""


def whole(text):
    """Return a text without the half of an emoji at its end, which may have become U+FFFD."""
    return text.removesuffix("\ud83d").removesuffix("\ufffd").rstrip()


def said(client, count):
    """Wait for so many texts of the agent, and return them."""
    return [whole(client.wait_for("ConversationText", role="assistant")["content"]) for _ in range(count)]


def complaints(client):
    client.close()
    return [event for event in client.events(timeout=0) if event["type"] in {"Error", "Warning"}]


def outcome(log):
    """What upstream saw: how each response ended, what it refused, what changed under a response."""
    return [response.status for response in log.responses], log.updates_under_way, len(log.items)


@EACH
def test_each_message_is_answered_once_for_a_voice_agent_client(serve, quirks):
    proxy = serve(quirks)
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        client.configure(prompt="Be a guide.", functions=[get_weather], voice="ash")
        client.say("one")
        client.wait_for("AgentStartedSpeaking")
        client.update(prompt="Be brief.")
        client.say("two")
        client.wait_for("PromptUpdated")
        texts = said(client, 2)
        client.say("the weather?")
        call = client.wait_for("FunctionCallRequest")["functions"][0]
        client.answer(call, "sunny")
        texts += said(client, 1)
        for _ in range(3):
            client.wait_for("AgentDone")
        assert complaints(client) == []
    (log,) = proxy.upstream.logs
    assert texts == [*SAID, "It is sunny."]
    assert whole(json.loads(call["arguments"])["city"]) == "London"
    assert outcome(log) == (["completed"] * 4, 0, 4)
    assert log.collisions == 0
    assert len(client.audio) > 100_000


class Realtime:
    """A client of the Realtime API, with what it has heard."""

    def __init__(self, url):
        self._socket = create_connection(url, timeout=patience())
        self.heard = []

    def send(self, kind, **fields):
        self._socket.send(json.dumps({"type": kind, **fields}))

    def say(self, text):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        self.send("conversation.item.create", item=item)
        self.send("response.create")

    def until(self, kind, count=1):
        """Receive until so many events of this type have come; return the last of them."""
        while len(self.of(kind)) < count:
            self.heard.append(json.loads(self._socket.recv()))
        return self.of(kind)[count - 1]

    def of(self, kind):
        return [event for event in self.heard if event["type"] == kind]

    def close(self):
        self._socket.close()


@EACH
def test_each_message_is_answered_once_for_a_realtime_client(serve, quirks):
    proxy = serve(quirks)
    with closing(Realtime(proxy.url("/v1/realtime?model=gpt-realtime"))) as client:
        client.send("session.update", session={"type": "realtime", "instructions": "Be a guide.", "tools": [TOOL]})
        client.until("session.updated")
        client.say("one")
        client.until("response.output_audio.delta")
        client.send("session.update", session={"type": "realtime", "instructions": "Be brief."})
        client.say("two")
        assert client.until("session.updated", 2)["session"]["instructions"] == "Be brief."
        client.until("response.done", 2)
        client.say("the weather?")
        call = client.until("response.function_call_arguments.done")
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        client.send("conversation.item.create", item=output)
        client.send("response.create")
        client.until("response.done", 4)
    texts = [whole(event["transcript"]) for event in client.of("response.output_audio_transcript.done")]
    (log,) = proxy.upstream.logs
    assert texts == [*SAID, "It is sunny."]
    assert client.of("error") == []
    assert outcome(log) == (["completed"] * 4, 0, 4)
    assert log.collisions == 0


@EACH
def test_a_spoken_turn_that_interrupts_and_a_message_behind_it_are_each_answered(serve, quirks):
    proxy = serve(quirks)
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        client.configure(sample_rate=24_000)
        client.say("one")
        client.wait_for("AgentStartedSpeaking")
        client.send_audio(LOUD)
        client.say("two")
        client.wait_for("UserStartedSpeaking")
        texts = []
        while len([text for text in texts if text in {"I heard you.", SAID[1]}]) < 2:
            texts += said(client, 1)
        for _ in range(3):
            client.wait_for("AgentDone")
        assert complaints(client) == []
    (log,) = proxy.upstream.logs
    assert sorted(texts[-2:]) == sorted(["I heard you.", SAID[1]])
    assert [response.status for response in log.responses][1:] == ["completed"] * 2


RACES = {
    "as recorded": Quirks(),
    "committed first": Quirks(committed_first=True),
    "slow response.created": Quirks(created_delay=0.1),
    "committed first and slow response.created": Quirks(committed_first=True, created_delay=0.1),
}


@pytest.mark.parametrize("quirks", RACES.values(), ids=RACES)
def test_a_turn_spoken_while_a_create_is_out_and_a_message_behind_it_are_each_answered(serve, quirks):
    proxy = serve(quirks)
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        client.configure(sample_rate=24_000)
        client.say("one")
        client.send_audio(LOUD)
        client.say("two")
        texts = []
        # On a busy machine both may be there when the response begins that answers them together.
        while not any("two" in text for text in texts) or not any("hear" in text or "hello" in text for text in texts):
            texts += said(client, 1)
        assert complaints(client) == []
    (log,) = proxy.upstream.logs
    assert [response.status for response in log.responses][-2] == "completed"


PCM = {"type": "audio/pcm", "rate": 24000}
LINEAR = {"encoding": "linear16", "sample_rate": 24_000}
MULAW = {"encoding": "mulaw", "sample_rate": 8_000}


@pytest.mark.parametrize(
    ("confirmed", "asked", "bytes_per_ms"), [({"type": "audio/pcmu"}, LINEAR, 48), (PCM, MULAW, 8)], ids=["pcmu", "pcm"]
)
def test_a_client_hears_the_format_it_asked_for_when_another_is_confirmed(serve, confirmed, asked, bytes_per_ms):
    proxy = serve(Quirks(in_force={"audio": {"output": {"format": confirmed}}}))
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        client.send("Settings", audio={"input": LINEAR, "output": asked}, agent={"think": {"prompt": "Be a guide."}})
        client.wait_for("SettingsApplied")
        client.say("one")
        assert said(client, 1) == SAID[:1]
        client.wait_for("AgentDone")
        milliseconds = sum(spoken(word, "audio/pcm", 1.0).milliseconds for word in SAID[0].split())
        assert len(client.audio) == pytest.approx(milliseconds * bytes_per_ms, rel=0.02)


OTHERWISE = {
    "voice": {"audio": {"output": {"voice": "sage"}}},
    "speed": {"audio": {"output": {"speed": 0.5}}},
    "prompt": {"instructions": "Be somebody else."},
    "functions": {"tools": []},
}


@pytest.mark.parametrize(("field", "in_force"), OTHERWISE.items(), ids=OTHERWISE)
def test_what_is_confirmed_otherwise_is_named_and_the_conversation_goes_on(serve, field, in_force):
    proxy = serve(Quirks(in_force=in_force))
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        speak = {"provider": {"type": "open_ai", "voice": "ash", "speed": 1.2}}
        client.configure(prompt="Be a guide.", functions=[get_weather], speak=speak)
        assert field in client.wait_for("Warning")["description"]
        client.say("one")
        client.wait_for("AgentStartedSpeaking")
        client.update(prompt="Be brief.")
        client.say("two")
        client.wait_for("PromptUpdated")
        assert said(client, 2) == SAID
    (log,) = proxy.upstream.logs
    assert log.updates_under_way == 0


def test_a_rate_limit_is_waited_for_as_long_as_upstream_says(serve):
    limited = Reply(ends="failed", reason="rate_limit_exceeded", retry_after=0.7)
    steps = (Step(Expect(), limited, once=True), *SCENARIO.steps)
    proxy = serve(Quirks(), Scenario(steps, otherwise=SCENARIO.otherwise))
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        client.configure()
        client.say("one")
        assert said(client, 1) == SAID[:1]
        client.wait_for("AgentDone")
        assert [event for event in complaints(client) if event["type"] == "Error"] == []
    upstream = [entry for entry in proxy.journal.entries() if entry.wire == "upstream"]
    failed = next(entry.at for entry in upstream if entry.kind == "response.done")
    creates = [entry.at for entry in upstream if entry.kind == "response.create"]
    assert len(creates) == 2
    assert creates[1] - failed >= 0.7
