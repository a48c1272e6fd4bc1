"""What opens the gate is never lost: a fact survives whatever else its event holds, in both dialects."""

from __future__ import annotations

import json
import logging
from typing import NamedTuple

import orjson
import pytest

from actors.upstream_events import UpstreamEvents
from turnstile.observability.redaction import redacted
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session import conversation_events, events, link_events, turn_events
from turnstile.session.client_requests import ConfigRequested, UserMessageGiven
from turnstile.session.facts import FactReader
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.translate.event_table import SERVER_EVENTS
from turnstile.translate.to_realtime_client import RealtimeTranslator
from turnstile.translate.to_voice_agent import VoiceAgentTranslator
from turnstile.translate.translator import Translator

DIALECTS = {
    "component": lambda: VoiceAgentTranslator(COMPONENT),
    "deepgram": lambda: VoiceAgentTranslator(DEEPGRAM),
    "realtime": lambda: RealtimeTranslator("ts_", is_beta=False),
    "beta": lambda: RealtimeTranslator("ts_", is_beta=True),
}
IN_RESPONSE = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
CALL = {"type": "function_call", "id": "i", "status": "completed", "call_id": "c", "name": "get", "arguments": "{}"}
MESSAGE = {
    "id": "i",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "So."}],
}
RESPONSE = {
    "id": "r",
    "status": "completed",
    "status_details": {"reason": "x", "error": {"code": "y"}},
    "output": [MESSAGE, CALL],
    "conversation_id": "conv_1",
    "metadata": {"a": "1"},
    "output_modalities": ["audio"],
    "voice": "ash",
    "audio": {"output": {"voice": "ash"}},
}
SESSION = {
    "model": "gpt-realtime",
    "voice": "ash",
    "audio": {"input": {"turn_detection": {"type": "server_vad"}}, "output": {"voice": "ash"}},
}
ERROR = {"type": "server_error", "code": "c", "message": "No.", "param": "p", "event_id": "ts_1"}
# Each event that somebody acts on, the fact in it, and the fields that the fact cannot be read without.
EVENTS = [
    ({"type": "session.created", "session": SESSION}, None, set()),
    ({"type": "session.updated", "session": SESSION}, events.ConfigAnswered, set()),
    ({"type": "error", "error": ERROR}, events.Refused, set()),
    ({"type": "conversation.item.added", "item": MESSAGE}, events.ItemConfirmed, {"item", "item.id"}),
    ({"type": "conversation.item.created", "item": MESSAGE}, events.ItemConfirmed, {"item", "item.id"}),
    ({"type": "conversation.item.done", "item": MESSAGE}, events.ItemConfirmed, {"item", "item.id"}),
    (
        {"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 1},
        turn_events.SpeechStarted,
        set(),
    ),
    ({"type": "input_audio_buffer.speech_stopped", "item_id": "u"}, turn_events.SpeechStopped, {"item_id"}),
    ({"type": "input_audio_buffer.committed", "item_id": "u"}, turn_events.TurnCommitted, {"item_id"}),
    ({"type": "input_audio_buffer.cleared", "event_id": "e"}, turn_events.InputCleared, set()),
    (
        {"type": "conversation.item.input_audio_transcription.delta", "item_id": "u", "delta": "Hi"},
        None,
        set(),
    ),
    (
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": "u", "transcript": "Hi"},
        conversation_events.Transcribed,
        {"item_id", "transcript"},
    ),
    (
        {"type": "conversation.item.input_audio_transcription.failed", "item_id": "u", "error": ERROR},
        conversation_events.Transcribed,
        {"item_id"},
    ),
    ({"type": "conversation.item.deleted", "item_id": "u"}, conversation_events.ItemDeleted, {"item_id"}),
    (
        {"type": "conversation.item.truncated", "item_id": "i", "content_index": 0, "audio_end_ms": 3},
        conversation_events.ItemTruncated,
        {"item_id"},
    ),
    (
        {"type": "conversation.item.retrieved", "item": {"id": "i"}},
        conversation_events.ItemRetrieved,
        {"item", "item.id"},
    ),
    ({"type": "response.created", "response": RESPONSE}, events.ResponseStarted, {"response", "response.id"}),
    ({"type": "response.done", "response": RESPONSE}, events.ResponseFinished, {"response", "response.id"}),
    ({"type": "response.output_item.added", **IN_RESPONSE, "item": CALL}, None, set()),
    (
        {"type": "response.output_item.done", **IN_RESPONSE, "item": CALL},
        events.FunctionCalled,
        {"response_id", "item", *(f"item.{name}" for name in ("type", "status", "call_id", "name", "arguments"))},
    ),
    (
        {"type": "response.content_part.added", **IN_RESPONSE, "part": {"type": "audio"}},
        events.AgentSpoke,
        {"response_id", "part", "part.type"},
    ),
    ({"type": "response.output_text.delta", **IN_RESPONSE, "delta": "So"}, None, set()),
    ({"type": "response.output_text.done", **IN_RESPONSE, "text": "So."}, None, set()),
    ({"type": "response.output_audio.delta", **IN_RESPONSE, "delta": "AAAA"}, None, set()),
    ({"type": "response.audio.delta", **IN_RESPONSE, "delta": "AAAA"}, None, set()),
    ({"type": "response.output_audio_transcript.delta", **IN_RESPONSE, "delta": "So"}, None, set()),
    ({"type": "response.output_audio_transcript.done", **IN_RESPONSE, "transcript": "So."}, None, set()),
    (
        {"type": "response.content_part.done", **IN_RESPONSE, "part": {"type": "audio", "transcript": "So."}},
        None,
        set(),
    ),
    (
        {
            "type": "response.function_call_arguments.done",
            **IN_RESPONSE,
            "call_id": "c",
            "name": "get",
            "arguments": "{}",
        },
        events.FunctionCalled,
        {"response_id", "call_id", "name", "arguments"},
    ),
]


def test_every_event_that_somebody_acts_on_is_among_them():
    acted_on = {kind for kind, row in SERVER_EVENTS.items() if row.handling != "ignored"}
    assert acted_on <= {event["type"] for event, _, _ in EVENTS}


ODD = (None, 7, "x", True, [], [None], [{"id": "x"}], {}, {"id": "x"}, {"type": {}})


def spoilt(value):
    """Yield a value with each part of it gone, or replaced by something of every other kind; and where that is."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        for changed, place in [*((odd, "") for odd in ODD), *spoilt(part)]:
            copy = value.copy()
            copy[name] = changed
            yield copy, f"{name}.{place}".rstrip(".")
        if isinstance(value, dict):
            yield {other: kept for other, kept in value.items() if other != name}, str(name)


class Heard(NamedTuple):
    """What was taken of one event, or of pieces of the voice in a row."""

    event: dict
    fact: object
    frames: list
    data: bytes | None


class Reading(UpstreamEvents):
    """One session's upstream, of which is kept what is heard."""

    def read_all(self, frames):
        """Return what is heard of frames that come at once."""
        heard = []
        self.read(frames, 0.0, lambda *one: heard.append(Heard(*one[:4])))
        return heard

    def read_one(self, data):
        """Return what is heard of a frame that comes alone."""
        (heard,) = self.read_all([TextFrame(data)])
        return heard


def reads(dialect):
    """Return what reads events for a dialect, with a response under way."""
    upstream = Reading(DIALECTS[dialect]())
    upstream.read_one(
        json.dumps({"type": "response.created", "response": {**RESPONSE, "status": "in_progress"}}).encode()
    )
    return upstream


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("event", "fact", "needed"), EVENTS, ids=[event["type"] for event, _, _ in EVENTS])
def test_a_fact_is_told_whatever_else_is_odd_in_its_event_and_nothing_fails(event, fact, needed, dialect, caplog):
    caplog.set_level(logging.ERROR)
    kind, fields = event["type"], {name: value for name, value in event.items() if name != "type"}
    for changed, place in spoilt(fields):
        odd = {"type": kind, **changed}
        heard = reads(dialect).read_one(json.dumps(odd).encode())
        if fact is not None and place not in needed and odd.get("response", {}).get("conversation_id", "") is not None:
            assert type(heard.fact) is fact, odd
    assert caplog.text == ""


@pytest.mark.parametrize("levels", [220, 254, 1_000])
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("event", "fact", "_needed"), EVENTS, ids=[event["type"] for event, _, _ in EVENTS])
def test_a_fact_is_told_of_an_event_that_is_nested_very_deeply(event, fact, _needed, dialect, levels, caplog):
    caplog.set_level(logging.ERROR)
    inner = {name: {**value, "deep": 0} if isinstance(value, dict) else value for name, value in event.items()}
    nested = "[" * (levels - 2) + "]" * (levels - 2)
    heard = reads(dialect).read_one(json.dumps({**inner, "deep": 0}).replace('"deep": 0', f'"deep": {nested}').encode())
    if "audio.delta" not in event["type"]:
        assert type(heard.fact) is (type(None) if fact is None else fact)
        assert redacted(orjson.dumps(heard.event))
    assert caplog.text == ""


@pytest.mark.parametrize("levels", [1_025, 100_000])
def test_an_event_that_no_parser_reads_is_logged_and_the_next_one_is_read(levels, caplog):
    upstream = reads("component")
    data = b'{"type":"session.updated","x":' + b"[" * levels + b"]" * levels + b"}"
    assert upstream.read_all([TextFrame(data)]) == []
    assert "Upstream sent an event that cannot be read" in caplog.text
    assert upstream.read_one(b'{"type":"session.updated","session":{}}').fact == events.ConfigAnswered({})


@pytest.mark.parametrize("output", [[None], [{"id": "x"}], {}, 3])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_end_of_a_response_is_told_whatever_its_output_is(output, dialect, caplog):
    event = {"type": "response.done", "response": {**RESPONSE, "output": output}}
    assert reads(dialect).read_one(json.dumps(event).encode()).fact == events.ResponseFinished("r")
    assert caplog.text == ""


def told(odd_fact, *, is_transparent):
    """Return a session that heard an odd fact when it was configured, and once more when it had seen a bit of life."""
    session = Session(Policy(is_transparent=is_transparent))
    for event in (
        ConfigRequested(1, {"instructions": "Be calm.", **{name: SHOWN[name] for name in ("tools", "audio")}}),
        link_events.LinkOpened(),
        odd_fact,
        turn_events.SpeechStarted(),
        turn_events.SpeechStopped("t"),
        turn_events.TurnCommitted("t"),
        events.ResponseStarted("r1"),
        events.FunctionCalled("r1", 0, "c1", "get", "{}"),
        UserMessageGiven(2, {"type": "message"}),
        ConfigRequested(3, {"instructions": "Rhyme."}),
        events.ResponseFinished("r1", "cancelled"),
        turn_events.AudioHeard(2000.0),
        odd_fact,
    ):
        session.handle(event)
    return session


SHOWN = {
    "model": "gpt-realtime",
    "tools": [{"type": "function", "name": "get", "parameters": {}}],
    "prompt": {"id": "p"},
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "turn_detection": {"type": "server_vad", "create_response": True},
            "transcription": {"model": "whisper-1"},
        },
        "output": {"voice": "ash", "speed": 1.0, "format": {"type": "audio/pcm", "rate": 24_000}},
    },
}


@pytest.mark.parametrize("is_transparent", [True, False])
def test_a_session_goes_on_whatever_is_odd_in_what_upstream_shows_of_it(is_transparent):
    for odd, _ in spoilt({"session": SHOWN}):
        fact = FactReader().fact({"type": "session.updated", **odd})
        assert told(fact, is_transparent=is_transparent).state.link == "open", odd


HALF = rb'{ "type":"response.done","response":{"id":"r","status":"completed","x":1.0,"output":[%s]} }'
SAID = rb'{"id":"i","type":"message","role":"assistant","content":[{"type":"output_text","text":"ok \ud83d end"}]}'


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_end_of_a_response_is_told_that_holds_half_a_character(dialect):
    assert reads(dialect).read_one(HALF % SAID).fact == events.ResponseFinished("r")


def test_what_is_only_passed_on_stays_byte_for_byte():
    assert [frame.data for frame in reads("realtime").read_one(HALF % SAID).frames] == [HALF % SAID]


def test_what_is_written_anew_has_a_replacement_for_half_a_character():
    (frame,) = reads("beta").read_one(HALF % SAID).frames
    assert json.loads(frame.data)["response"]["output"][0]["content"][0]["text"] == "ok \ufffd end"
    told = [json.loads(frame.data) for frame in reads("component").read_one(HALF % SAID).frames]
    assert next(one["content"] for one in told if one["type"] == "ConversationText") == "ok \ufffd end"


def test_an_event_that_is_no_json_is_read_and_passed_on_as_json():
    heard = reads("realtime").read_one(b'{"type":"response.done","response":{"id":"r","logprob":-Infinity}}')
    assert heard.fact == events.ResponseFinished("r")
    assert [frame.data for frame in heard.frames] == [b'{"type":"response.done","response":{"id":"r","logprob":null}}']


def test_half_a_character_in_arguments_is_mended_inside_their_own_json():
    call = {**EVENTS[-1][0], "arguments": r'{"city": "Par\ud83d"}'}
    heard = reads("component").read_one(json.dumps(call).encode())
    assert heard.fact.arguments == '{"city":"Par\ufffd"}'
    (request,) = [json.loads(frame.data) for frame in heard.frames]
    assert request["functions"][0]["arguments"] == heard.fact.arguments


class Broken(Translator):
    """A translator with a fault of its own."""

    def translate(self, event, now, data=None, *, is_valid=False):
        raise KeyError(event["type"], now, data, is_valid)


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        ({"type": "response.done", "response": {"id": "r"}}, events.ResponseFinished("r")),
        ({"type": "response.output_audio.delta", **IN_RESPONSE, "delta": "AAAA"}, None),
    ],
)
def test_a_fault_of_our_own_is_logged_as_ours_with_its_traceback_and_loses_no_fact(event, fact, caplog):
    assert Reading(Broken()).read_one(json.dumps(event).encode()).fact == fact
    (record,) = caplog.records
    assert (record.levelname, record.exc_info[0]) == ("ERROR", KeyError)
    assert "the fault is the proxy's own" in caplog.text


def test_a_fault_of_our_own_in_reading_a_fact_does_not_keep_the_event_from_the_client(caplog, monkeypatch):
    upstream = reads("realtime")
    monkeypatch.setattr(upstream, "_facts", None)
    assert len(upstream.read_one(b'{"type":"response.done","response":{"id":"r"}}').frames) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def delta(audio, item_id="i", **changes):
    event = {"type": "response.output_audio.delta", **IN_RESPONSE, "item_id": item_id, "delta": audio, **changes}
    return TextFrame(json.dumps(event).encode())


def heard_in_a_row(dialect, *frames):
    """Return what is heard of frames that come at once, each with what the client hears of it, and the same singly."""
    together, singly = reads(dialect), reads(dialect)
    at_once = [[frame.data for frame in heard.frames] for heard in together.read_all(frames)]
    return at_once, [[frame.data for frame in singly.read_one(frame.data).frames] for frame in frames]


TEXT = TextFrame(json.dumps({"type": "response.output_audio_transcript.delta", **IN_RESPONSE, "delta": "So"}).encode())


@pytest.mark.parametrize("dialect", ["component", "deepgram"])
def test_pieces_of_the_voice_that_come_in_a_row_go_down_in_one_frame(dialect):
    at_once, singly = heard_in_a_row(dialect, delta("AAEC"), delta("AwQF"), delta("Bg=="), TEXT, delta("BwgJ"))
    assert [len(frames) for frames in at_once] == [2, 0, 1]  # the start and the audio, no words yet, the audio
    assert at_once[0][1] == b"".join([singly[0][1], *singly[1], *singly[2]]) == bytes(range(6))
    assert at_once[2] == singly[4] == [bytes(range(6, 10))]


@pytest.mark.parametrize("dialect", ["realtime", "beta"])
def test_pieces_of_the_voice_stay_events_of_their_own_for_a_client_of_the_same_api(dialect):
    frames = [delta("AAEC"), delta("AwQF"), TEXT, delta("Bg==")]
    at_once, singly = heard_in_a_row(dialect, *frames)
    assert [one for frames in at_once for one in frames] == [one for frames in singly for one in frames]
    if dialect == "realtime":
        assert at_once == [[frames[0].data, frames[1].data], [frames[2].data], [frames[3].data]]


@pytest.mark.parametrize(
    "other",
    [
        delta("AwQF", item_id="j"),
        delta("AwQF", response_id="s"),
        delta("AwQF", item_id=None),
        delta("AwQF", response_id=7),
        delta(None),
        delta("A"),
        delta("AwQF", type="response.audio.delta"),
    ],
)
def test_pieces_of_the_voice_that_belong_together_are_told_as_if_each_came_alone(other, caplog):
    at_once, singly = heard_in_a_row("component", delta("AAEC"), other, delta("BgcI"), delta("CQoL"))
    kinds = [[frame for frames in told for frame in frames if not frame.startswith(b"{")] for told in (at_once, singly)]
    assert b"".join(kinds[0]) == b"".join(kinds[1]) != b""
    assert "fault" not in caplog.text


def test_audio_that_is_none_is_lost_alone_and_said(caplog):
    (heard,) = reads("deepgram").read_all([delta("AAEC"), delta("A"), delta("AwQF")])
    assert b"".join(frame.data for frame in heard.frames[1:]) == bytes(range(6))
    (record,) = caplog.records
    assert "not base64" in record.getMessage()


def test_each_of_several_events_is_translated_when_what_came_before_has_been_taken():
    upstream = reads("deepgram")
    speaks = {"type": "input_audio_buffer.speech_started", "item_id": "u"}
    cut_off = []
    upstream.read(
        [delta("AAEC"), TextFrame(json.dumps(speaks).encode())],
        0.0,
        lambda _, fact, frames, *__: cut_off.append((fact, len(frames), upstream._translator.take_truncations())),
    )
    assert cut_off == [(None, 2, ()), (turn_events.SpeechStarted(), 1, (("i", 1),))]


def test_what_is_no_event_among_several_is_left_out(caplog):
    frames = [delta("AAEC"), TextFrame(b"?"), BinaryFrame(b"\0"), BinaryFrame(b"\0"), delta("AwQF")]
    (heard,) = reads("deepgram").read_all(frames)
    assert heard.frames[1].data == bytes(range(6))
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


def test_a_fault_of_our_own_at_pieces_in_a_row_is_logged_as_ours(caplog):
    (heard,) = Reading(Broken()).read_all([delta("AAEC"), delta("AwQF")])
    assert (heard.frames, heard.data) == ([], None)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_an_event_comes_with_its_data_for_those_who_are_shown_the_wire():
    assert [heard.data for heard in reads("realtime").read_all([TEXT, delta("AAEC")])] == [TEXT.data, None]


REFUSED_KEY = b'{"type":"error","event_id":"x","error":{"code":"c","message":"wrong: swordfish, sk-abcdef1234"}}'


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_credential_in_an_error_is_masked_for_the_session_the_client_and_the_log(dialect):
    upstream = reads(dialect)
    upstream.begin_link(("swordfish",))
    heard = upstream.read_one(REFUSED_KEY)
    assert heard.fact.message == "wrong: ***, ***"
    everything = repr(heard)
    assert "swordfish" not in everything
    assert "sk-abcdef" not in everything


def test_an_error_without_a_credential_stays_byte_for_byte():
    data = b'{ "type": "error", "error": {"message": "No.", "event_id": "mine"} }'
    upstream = reads("realtime")
    heard = upstream.read_one(data)
    assert (heard.data, [frame.data for frame in heard.frames]) == (data, [data])


def test_a_credential_in_a_failed_response_is_masked():
    upstream = reads("realtime")
    failed = {**RESPONSE, "status": "failed", "status_details": {"error": {"code": "c", "message": "sk-abcdef1234"}}}
    heard = upstream.read_one(json.dumps({"type": "response.done", "response": failed}).encode())
    assert heard.fact.problem.description == "***"
    assert b"sk-abcdef" not in heard.data + heard.frames[0].data
