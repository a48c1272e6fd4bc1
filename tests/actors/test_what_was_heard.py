"""What was heard of the agent's items is told with each cut, and with the end of a link."""

from __future__ import annotations

import json

import pytest

from actors.upstream_events import UpstreamEvents
from tests.actors.test_standby import Stage
from tests.actors.test_upstream import TELEPHONE, created, delta
from turnstile.ports import LinkReady
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session import effects
from turnstile.session.conversation_events import ItemTruncated
from turnstile.session.events import ResponseStarted
from turnstile.session.link_events import LinkLost, TookOver
from turnstile.session.turn_events import CutOff, SpeechStarted
from turnstile.testing import RecordingConnection
from turnstile.translate.to_realtime_client import RealtimeTranslator
from turnstile.translate.to_voice_agent import VoiceAgentTranslator

SPEECH = {"type": "input_audio_buffer.speech_started", "item_id": "u1"}
PLACE = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
ADDED = {"id": "i1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
MS = 48  # bytes
DIALECTS = {
    "component": lambda: VoiceAgentTranslator(COMPONENT),
    "deepgram": lambda: VoiceAgentTranslator(DEEPGRAM),
    "realtime": lambda: RealtimeTranslator("ts_", is_beta=False),
    "beta": lambda: RealtimeTranslator("ts_", is_beta=True),
}


@pytest.fixture
def upstream(bench):
    return Stage(bench)


def words(*pieces):
    return [{"type": "response.output_audio_transcript.delta", **PLACE, "delta": piece} for piece in pieces]


def spoken():
    """A reply as the API sends it: the transcript runs ahead of the audio, and both ahead of real time."""
    return [
        created(),
        {"type": "response.output_item.added", "response_id": "r1", "output_index": 0, "item": ADDED},
        {"type": "conversation.item.added", "item": ADDED},
        {"type": "response.content_part.added", **PLACE, "part": {"type": "audio", "transcript": ""}},
        *words("Hello", ",", " Marcelo", "!"),
        delta(bytes(500 * MS)),
        *words(" Great", " to", " meet"),
        delta(bytes(500 * MS)),
        *words(" you", "."),
    ]


def ended(status="completed"):
    text = "Hello, Marcelo! Great to meet you."
    item = {**ADDED, "status": status, "content": [{"type": "output_audio", "transcript": text}]}
    return [
        {"type": "response.output_audio.done", **PLACE},
        {"type": "response.output_audio_transcript.done", **PLACE, "transcript": text},
        {"type": "response.content_part.done", **PLACE, "part": {"type": "audio", "transcript": text}},
        {"type": "conversation.item.done", "item": item},
        {"type": "response.output_item.done", "response_id": "r1", "output_index": 0, "item": item},
        {"type": "response.done", "response": {"id": "r1", "status": status, "output": [item]}},
    ]


def truncated(milliseconds):
    return {
        "type": "conversation.item.truncated",
        "item_id": "i1",
        "content_index": 0,
        "audio_end_ms": milliseconds,
    }


def lost(upstream):
    upstream.links(Closed(1006, ""))
    assert isinstance(upstream.facts()[-1], LinkLost)
    return upstream.facts()[-1].unfinished


def test_a_barge_in_tells_what_was_heard(upstream):
    upstream.ready().hears(*spoken())
    upstream.bench.timers.advance(0.25)
    upstream.hears(SPEECH)
    assert upstream.facts()[-1] == SpeechStarted((CutOff("i1", 250, "Hello, Marcelo!"),))


def test_a_barge_in_after_the_response_tells_what_was_heard(upstream):
    upstream.ready().hears(*spoken(), *ended())
    upstream.bench.timers.advance(0.75)
    upstream.hears(SPEECH)
    assert upstream.facts()[-1] == SpeechStarted((CutOff("i1", 750, "Hello, Marcelo! Great to meet"),))


def test_a_barge_in_before_the_transcript_leaves_open_what_was_heard(upstream):
    upstream.ready().hears(created(), delta(bytes(500 * MS)))
    upstream.bench.timers.advance(0.25)
    upstream.hears(SPEECH)
    assert upstream.facts()[-1] == SpeechStarted((CutOff("i1", 250),))


def test_a_barge_in_is_placed_in_the_format_of_upstreams_audio(upstream):
    upstream.open().hears(
        {"type": "session.updated", "session": {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}}
    )
    upstream.tell(TELEPHONE)
    upstream.hears(created(), *words("Hello"), delta(bytes(500 * 8)), *words(" there"), delta(bytes(500 * 8)))
    upstream.bench.timers.advance(0.75)
    upstream.hears(SPEECH)
    assert upstream.facts()[-1] == SpeechStarted((CutOff("i1", 750, "Hello there"),))


def test_a_barge_in_tells_what_was_heard_of_a_link_that_another_has_replaced(upstream):
    upstream.ready().hears(*spoken(), *ended())
    upstream.prepare().takes_over(epoch=99)
    upstream.bench.timers.advance(0.25)
    upstream.hears(SPEECH)
    assert upstream.facts()[-1] == SpeechStarted((CutOff("i1", 250, "Hello, Marcelo!"),))


def test_a_lost_link_tells_the_text_of_the_audio_that_was_sent(upstream):
    upstream.ready().hears(*spoken())
    assert lost(upstream) == (("i1", "Hello, Marcelo! Great to meet"),)


def test_a_lost_link_tells_of_a_message_that_was_complete_where_its_response_was_not(upstream):
    upstream.ready().hears(*spoken(), *ended()[:-1])
    assert lost(upstream) == (("i1", "Hello, Marcelo! Great to meet you."),)


def test_a_lost_link_tells_of_nothing_when_the_response_has_ended(upstream):
    upstream.ready().hears(*spoken(), *ended())
    assert lost(upstream) == ()


def test_a_lost_link_tells_what_was_heard_before_the_barge_in_that_cut_it(upstream):
    upstream.ready().hears(*spoken())
    upstream.bench.timers.advance(0.25)
    upstream.hears(SPEECH, delta(bytes(500 * MS)), *ended("incomplete")[:-1])
    assert lost(upstream) == (("i1", "Hello, Marcelo!"),)


def test_a_truncated_item_ends_where_upstream_says(upstream):
    upstream.ready().hears(*spoken(), *ended(), truncated(600))
    assert upstream.facts()[-1] == ItemTruncated("i1", "Hello, Marcelo! Great to meet")


def test_a_truncated_item_stays_as_the_barge_in_left_it(upstream):
    upstream.ready().hears(*spoken())
    upstream.bench.timers.advance(0.25)
    upstream.hears(SPEECH, *ended("incomplete"), truncated(250))
    assert upstream.facts()[-1] == ItemTruncated("i1", "Hello, Marcelo!")


def test_what_was_heard_is_not_known_of_an_item_that_is_truncated_at_an_unknown_moment(upstream):
    upstream.ready().hears(*spoken(), *ended(), truncated("600"))
    assert upstream.facts()[-1] == ItemTruncated("i1", None)


def test_a_lost_link_tells_what_was_heard_before_the_clients_truncation(upstream):
    upstream.ready().hears(*spoken(), truncated(300), *ended("incomplete")[:-1])
    assert lost(upstream) == (("i1", "Hello, Marcelo!"),)


def test_audio_that_the_client_is_not_sent_was_not_heard(upstream):
    upstream.ready().hears(*spoken())
    upstream.tell(effects.SendCancel("e1", "r1"))
    upstream.hears(delta(bytes(500 * MS)), *words(" How"), delta(bytes(500 * MS)))
    assert lost(upstream) == (("i1", "Hello, Marcelo! Great to meet"),)


def test_a_lost_link_tells_all_of_a_reply_in_writing(upstream):
    upstream.ready().hears(created(), {"type": "response.output_text.delta", **PLACE, "delta": "Hello"})
    assert lost(upstream) == (("i1", "Hello"),)


def test_nothing_of_a_link_is_unfinished_on_the_next(upstream):
    upstream.ready().hears(*spoken())
    upstream.links(Closed(1006, ""))
    upstream.tell(effects.OpenLink(None))
    upstream.links(LinkReady(RecordingConnection()))
    assert lost(upstream) == ()


def test_a_link_that_another_takes_over_from_tells_what_it_has_left_unfinished(upstream):
    upstream.ready().hears(*spoken())
    upstream.prepare().takes_over(epoch=None)
    (took_over,) = [fact for fact in upstream.facts() if isinstance(fact, TookOver)]
    assert took_over.unfinished == (("i1", "Hello, Marcelo! Great to meet"),)
    assert lost(upstream) == ()


EXPIRED = {"type": "error", "error": {"code": "session_expired", "message": "Over."}}


def test_a_link_whose_session_expires_tells_what_it_has_left_unfinished(upstream):
    upstream.ready().hears(*spoken(), EXPIRED)
    assert upstream.facts()[-1] == LinkLost("session_expired", "Over.")
    assert upstream.facts()[-1].unfinished == (("i1", "Hello, Marcelo! Great to meet"),)
    assert upstream.facts()[-1].event == EXPIRED


def test_a_link_whose_session_has_expired_is_closed_and_what_it_says_then_is_not_taken(upstream):
    upstream.ready().hears(EXPIRED, created(), *words("Hello"), SPEECH)
    assert upstream.link.closed == (1000, "")
    assert upstream.facts()[-1] == LinkLost("session_expired", "Over.")
    facts = list(upstream.facts())
    upstream.hears(created())
    upstream.links(Closed(1001, ""), link=0)
    assert upstream.facts() == facts


def test_audio_waits_when_the_session_of_the_link_has_expired(upstream):
    upstream.ready().hears(EXPIRED)
    upstream.tell(BinaryFrame(b"\1\0" * 100))
    upstream.prepare().takes_over()
    assert upstream.appended() == b""
    upstream.tell(effects.OpenAudio())
    sent = [event["type"] for event in upstream.sent(upstream.standby)]
    assert sent == ["input_audio_buffer.append"]
    upstream.hears(created("new"))
    assert upstream.facts()[-1] == ResponseStarted("new")


# Both dialects, and the beta.


def read(dialect, *events):
    reading = UpstreamEvents(DIALECTS[dialect]())
    for event in events:
        reading.read([TextFrame(json.dumps(event).encode())], 0.0, lambda *_: None)
    return reading.heard


def beta(event):
    """Return an event under the beta's names."""
    return {**event, "type": event["type"].replace("output_audio", "audio").replace("output_text", "text")}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("named", [lambda event: event, beta], ids=["current", "beta"])
def test_what_is_heard_is_followed_for_each_dialect_and_upstream(dialect, named):
    heard = read(dialect, *map(named, spoken()))
    assert heard.unfinished() == (("i1", "Hello, Marcelo! Great to meet"),)
    assert heard.heard("i1", 250) == "Hello, Marcelo!"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_deltas_that_come_at_once_are_followed_like_those_that_come_alone(dialect):
    reading = UpstreamEvents(DIALECTS[dialect]())
    pieces = [*words("One"), *[delta(bytes(50 * MS))] * 4, *words(" two"), delta(bytes(100 * MS))]
    frames = [TextFrame(json.dumps(event).encode()) for event in (created(), *pieces)]
    reading.read(frames, 0.0, lambda *_: None)
    assert [reading.heard.heard("i1", each) for each in (200, 201)] == ["One", "One two"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("odd", [None, 7, ["x"], {}])
def test_a_delta_that_is_no_text_is_left_out(dialect, odd, caplog):
    caplog.set_level("ERROR")
    odd_ones = [{**words("x")[0], "delta": odd}, {**delta(b""), "delta": odd}, {**words("x")[0], "item_id": odd}]
    heard = read(dialect, *spoken(), *odd_ones)
    assert heard.unfinished() == (("i1", "Hello, Marcelo! Great to meet"),)
    assert caplog.text == ""


def test_audio_that_is_not_base64_is_left_out_and_what_came_with_it_is_not():
    reading = UpstreamEvents(DIALECTS["component"]())
    good, bad = delta(bytes(100 * MS)), {**delta(b""), "delta": "AAAAA"}
    events = [created(), *words("One"), good, bad, good, *words(" two"), good]
    reading.read([TextFrame(json.dumps(event).encode()) for event in events], 0.0, lambda *_: None)
    assert [reading.heard.heard("i1", each) for each in (200, 201)] == ["One", "One two"]


def test_what_fails_at_following_is_logged_and_the_client_gets_its_frames(monkeypatch, caplog):
    reading = UpstreamEvents(DIALECTS["realtime"]())
    monkeypatch.setattr(reading, "heard", None)
    taken = []
    reading.read([TextFrame(json.dumps(words("x")[0]).encode())], 0.0, lambda *one: taken.append(one))
    assert len(taken[0][2]) == 1
    assert "the fault is the proxy's own" in caplog.text
