"""The stock `openai` SDK against the running proxy, at nothing but another base URL."""

from __future__ import annotations

import asyncio
import base64
import itertools
import threading
import time

import numpy as np
import pytest
from openai import AsyncOpenAI, OpenAI

from actors.timers import TimerThread
from turnstile.simulator.faults import Pace
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Look up the weather.",
    "parameters": {"type": "object", "properties": {}},
}
SLOW = Pace(step=0.02)


def said(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def voice(seconds):
    """Return a tone and the silence after it, in the base64 of 24 kHz PCM."""
    tone = (12_000 * np.sin(np.arange(int(24_000 * seconds)) / 10)).astype("<i2").tobytes()
    return base64.b64encode(tone + bytes(24_000)).decode()


class Connection:
    """A connection of the SDK's, with what it has received."""

    def __init__(self, connection):
        self.connection = connection
        self.heard = []

    def until(self, kind, count=1):
        """Receive until so many events of this type have come; return the last of them."""
        while sum(event.type == kind for event in self.heard) < count:
            self.heard.append(self._receive())
        return [event for event in self.heard if event.type == kind][count - 1]

    def _receive(self):
        # The SDK has no timeout of its own: a test that hangs ends with the socket.
        watch = threading.Timer(patience(), self.connection.close)  # noqa: TID251
        watch.start()
        try:
            return self.connection.recv()
        finally:
            watch.cancel()

    def kinds(self):
        return [event.type for event in self.heard]

    def of(self, kind):
        return [event for event in self.heard if event.type == kind]


@pytest.fixture
def served(start_proxy):
    """Start a proxy; `options` are the simulator's, `flags` the configuration's."""
    timers = TimerThread()

    def serve(flags=None, **options):
        simulator = Simulator(clock=time.monotonic, timers=timers, **options)
        return start_proxy(flags, simulator=simulator)

    yield serve
    assert timers.stop(patience())


def urls(proxy, prefix="/v1"):
    host, port = proxy.system.address
    return {"base_url": f"http://{host}:{port}{prefix}", "websocket_base_url": f"ws://{host}:{port}{prefix}"}


@pytest.fixture
def connect(served):
    opened = []

    def open_connection(flags=None, model="gpt-realtime", headers=None, **options):
        proxy = served(flags, **options)
        client = OpenAI(api_key="made-up", **urls(proxy))
        manager = client.realtime.connect(model=model, extra_headers=headers or {})
        connection = Connection(manager.enter())
        opened.append((client, manager))
        connection.proxy = proxy
        connection.until("session.created")
        return connection

    yield open_connection
    for client, manager in opened:
        manager.__exit__(None, None, None)
        client.close()


def written(connection):
    """Configure the session for writing."""
    connection.connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
    connection.until("session.updated")
    return connection


def test_a_turn_in_writing(connect):
    realtime = written(connect())
    realtime.connection.conversation.item.create(item=said("Hello."))
    realtime.connection.response.create(response={"metadata": {"mine": "1"}})
    done = realtime.until("response.done")
    assert done.response.status == "completed"
    assert done.response.metadata == {"mine": "1"}
    assert realtime.until("response.output_text.done").text.startswith("You said: Hello.")
    assert realtime.of("error") == []


def test_a_turn_aloud(connect):
    realtime = connect()
    for piece in (voice(0.6),):
        realtime.connection.input_audio_buffer.append(audio=piece)
    done = realtime.until("response.done")
    assert done.response.status == "completed"
    kinds = realtime.kinds()
    order = ["input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    assert sorted(order, key=kinds.index) == order
    assert sum(len(base64.b64decode(delta.delta)) for delta in realtime.of("response.output_audio.delta")) > 10_000


def test_a_turn_that_the_client_commits_is_answered_when_it_asks(connect):
    realtime = connect()
    detection = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    realtime.connection.session.update(session=detection)
    realtime.until("session.updated")
    realtime.connection.input_audio_buffer.append(audio=voice(0.3))
    realtime.connection.input_audio_buffer.commit()
    realtime.until("input_audio_buffer.committed")
    realtime.connection.response.create()
    assert realtime.until("response.done").response.status == "completed"
    assert len(realtime.proxy.log.responses) == 1


def test_the_first_audio_is_heard_as_the_update_before_it_says(connect):
    realtime = connect()
    realtime.connection.session.update(
        session={"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"}, "turn_detection": None}}}
    )
    realtime.connection.input_audio_buffer.append(audio=voice(0.6))
    realtime.connection.input_audio_buffer.commit()
    realtime.until("input_audio_buffer.committed")
    assert realtime.kinds()[:2] == ["session.created", "session.updated"]
    assert "input_audio_buffer.speech_started" not in realtime.kinds()
    assert list(realtime.proxy.log.received) == [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
    ]


def test_a_function_call(connect):
    realtime = connect()
    realtime.connection.session.update(
        session={"type": "realtime", "output_modalities": ["text"], "tools": [WEATHER], "tool_choice": "auto"}
    )
    realtime.connection.conversation.item.create(item=said("What is the weather?"))
    realtime.connection.response.create()
    call = realtime.until("response.function_call_arguments.done")
    # Before its response is done, as clients do.
    output = {"type": "function_call_output", "call_id": call.call_id, "output": "hail"}
    realtime.connection.conversation.item.create(item=output)
    realtime.connection.response.create()
    realtime.until("response.done", 2)
    assert "hail" in realtime.until("response.output_text.done").text
    assert realtime.of("error") == []


def test_updates_in_mid_response_are_held_merged_and_answered_one_by_one(connect):
    realtime = written(connect(pace=SLOW))
    realtime.connection.conversation.item.create(item=said("Tell me a story."))
    realtime.connection.response.create()
    realtime.until("response.created")
    realtime.connection.session.update(session={"type": "realtime", "instructions": "Rhyme."})
    realtime.connection.session.update(session={"type": "realtime", "max_output_tokens": 500})
    realtime.until("session.updated", 3)
    kinds = realtime.kinds()
    assert kinds.index("response.done") < len(kinds) - 1 - kinds[::-1].index("session.updated")
    updated = realtime.of("session.updated")[-1].session
    assert (updated.instructions, updated.max_output_tokens) == ("Rhyme.", 500)
    assert realtime.proxy.log.received["session.update"] == 2
    assert not realtime.proxy.log.responses[0].changed_under_way


def test_a_response_asked_for_in_mid_response_follows_it(connect):
    realtime = written(connect(pace=SLOW))
    for text in ("One.", "Two."):
        realtime.connection.conversation.item.create(item=said(text))
        realtime.connection.response.create()
    realtime.until("response.done", 2)
    texts = [done.text for done in realtime.of("response.output_text.done")]
    assert [text.split(" (")[0] for text in texts] == ["You said: One.", "You said: Two."]
    assert realtime.of("error") == []
    assert realtime.proxy.log.collisions == 0


def test_a_response_that_loses_a_race_against_a_spoken_turn_comes_after_it(connect):
    realtime = connect(pace=Pace(step=0.01))
    realtime.connection.input_audio_buffer.append(audio=voice(0.6))
    realtime.until("input_audio_buffer.speech_stopped")
    realtime.connection.response.create(response={"metadata": {"mine": "1"}})
    realtime.until("response.done", 2)
    assert [done.response.metadata for done in realtime.of("response.done")] == [None, {"mine": "1"}]
    assert realtime.of("error") == []


def test_a_response_out_of_band_waits_for_nothing(connect):
    realtime = written(connect(pace=SLOW))
    realtime.connection.conversation.item.create(item=said("Tell me a story."))
    realtime.connection.response.create()
    realtime.until("response.created")
    realtime.connection.response.create(response={"conversation": "none", "metadata": {"topic": "1"}})
    aside = realtime.until("response.created", 2)
    assert aside.response.conversation_id is None
    assert "response.done" not in realtime.kinds()
    realtime.until("response.done", 2)


def test_a_response_is_cancelled_at_once(connect):
    realtime = written(connect(pace=SLOW))
    realtime.connection.conversation.item.create(item=said("Tell me a story."))
    realtime.connection.response.create()
    realtime.until("response.output_text.delta")
    realtime.connection.response.cancel()
    assert realtime.until("response.done").response.status == "cancelled"


def test_an_event_that_upstream_refuses_is_refused_under_its_own_name(connect):
    realtime = connect()
    realtime.connection.send(
        {"type": "session.update", "event_id": "mine", "session": {"type": "realtime", "speed": 9}}
    )
    realtime.connection.send({"type": "conversation.item.delete", "event_id": "also-mine", "item_id": "item_nobody"})
    realtime.connection.send({"type": "of.the.future"})
    realtime.until("error", 3)
    errors = [event.error for event in realtime.of("error")]
    assert {error.event_id for error in errors} == {"mine", "also-mine", None}
    assert {error.type for error in errors} == {"invalid_request_error"}


@pytest.mark.parametrize("frame", ["{", "[]", '{"type": 7}', b"audio"])
def test_a_frame_that_is_no_event_is_refused_and_the_session_goes_on(connect, frame):
    realtime = written(connect())
    realtime.connection.send_raw(frame)
    assert realtime.until("error").error.code in {"invalid_json", "invalid_event", "invalid_type"}
    realtime.connection.conversation.item.create(item=said("Hello."))
    realtime.connection.response.create()
    realtime.until("response.done")


def test_a_model_of_the_operators_patterns_is_taken_and_no_other(connect, served):
    assert connect(model="gpt-realtime-mini").heard[0].session.model == "gpt-realtime-mini"
    client = OpenAI(api_key="made-up", **urls(served()))
    with pytest.raises(Exception, match="400"):
        client.realtime.connect(model="gpt-4o").enter()
    client.close()


def test_another_model_in_an_update_is_no_error_and_the_one_in_force_is_shown(connect):
    realtime = connect(model="gpt-realtime-mini")
    session = {"type": "realtime", "model": "gpt-realtime", "instructions": "Rhyme."}
    realtime.connection.session.update(session=session)
    updated = realtime.until("session.updated").session
    assert (updated.model, updated.instructions) == ("gpt-realtime-mini", "Rhyme.")
    realtime.connection.session.update(session={"type": "realtime", "model": "gpt-realtime"})
    assert realtime.until("session.updated", 2).session.model == "gpt-realtime-mini"
    assert realtime.of("error") == []


def test_the_operators_model_is_taken_where_none_is_named(connect):
    assert connect(model="", flags={"upstream.model": "gpt-realtime-2"}).heard[0].session.model == "gpt-realtime-2"


def test_a_client_of_the_beta_is_understood_and_answered_in_its_words(connect):
    realtime = connect(headers={"OpenAI-Beta": "realtime=v1"})
    update = {
        "modalities": ["text"],
        "instructions": "Be brief.",
        "input_audio_format": "g711_ulaw",
        "temperature": 0.8,
    }
    realtime.connection.send({"type": "session.update", "session": update})
    session = realtime.until("session.updated").session.to_dict()
    assert (session["modalities"], session["input_audio_format"]) == (["text"], "g711_ulaw")
    realtime.connection.conversation.item.create(item=said("Hello."))
    realtime.connection.send({"type": "response.create", "response": {"modalities": ["text"]}})
    realtime.until("response.done")
    assert {"response.text.delta", "response.text.done", "conversation.item.created"} <= set(realtime.kinds())
    assert not {"conversation.item.done", "response.output_text.delta"} & set(realtime.kinds())


def test_the_session_ends_with_the_words_of_the_api(connect):
    realtime = connect({"upstream.reconnect_for": "0"})
    (link,) = realtime.proxy.system.simulator.links.open
    link.expire()
    assert realtime.until("error").error.code == "session_expired"


def test_the_asynchronous_client_is_served_likewise(served):
    proxy = served()

    async def converse():
        async with AsyncOpenAI(api_key="made-up", **urls(proxy, "")) as client:  # noqa: SIM117
            async with client.realtime.connect(model="gpt-realtime") as connection:
                await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
                for text in ("One.", "Two."):
                    await connection.conversation.item.create(item=said(text))
                    await connection.response.create()
                texts, numbers = [], itertools.count(1)
                async for event in connection:
                    if event.type == "response.output_text.done":
                        texts.append(event.text)
                    if event.type == "response.done" and next(numbers) == 2:
                        return texts
        return []

    texts = asyncio.run(asyncio.wait_for(converse(), patience()))
    assert [text.split(" (")[0] for text in texts] == ["You said: One.", "You said: Two."]
