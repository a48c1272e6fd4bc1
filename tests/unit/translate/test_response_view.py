from __future__ import annotations

import json

import pytest

from turnstile.audio.formats import AudioFormat
from turnstile.protocol.frames import BinaryFrame
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.translate.client_output import Ear
from turnstile.translate.latency import Latencies
from turnstile.translate.response_view import Answer, text_of


def begun(ear=None, asked=0.5, **response):
    return Answer({"id": "r", **response}, ear or Ear(COMPONENT), Latencies(asked))


@pytest.fixture
def answer():
    return begun()


def _kinds(frames):
    return ["audio" if isinstance(frame, BinaryFrame) else json.loads(frame.data)["type"] for frame in frames]


def test_an_answer_starts_once(answer):
    assert _kinds(answer.text_grows("i", "Hel", 2.0)) == ["AgentStartedSpeaking"]
    assert _kinds(answer.audio("i", "AAAA", 2.0)) == _kinds(answer.audio("i", "AAAA", 3.0)) == ["audio"]


def test_base64_in_lines_is_read_as_others_read_it(answer):
    answer.audio("i", "AAE=", 2.0)
    assert answer.audio("i", "AwQF\r\nBgcI\n", 2.0) == [BinaryFrame(bytes(range(3, 9)))]


def test_audio_that_the_client_cannot_hear_is_left_out():
    ear = Ear(COMPONENT)
    ear.upstream_speaks("flac")
    assert begun(ear).audio("i", "AAAA", 2.0) == []


def test_an_answer_in_audio_starts_with_its_audio_when_all_latencies_are_known():
    answer = begun(output_modalities=["audio"])
    assert list(answer.text_grows("i", "Hel", 1.5)) == []
    started, _ = answer.audio("i", "AAAA", 2.0)
    latencies = json.loads(started.data)
    assert (latencies["total_latency"], latencies["ttt_latency"], latencies["tts_latency"]) == (1.5, 1.0, 0.5)


def test_an_answer_that_is_silenced_before_it_began_says_nothing_at_all(answer):
    answer.is_silenced = True
    assert list(answer.final_text("i", "Hello.", 2.0)) == []
    assert list(answer.over()) == []


def test_an_answer_that_is_silenced_tells_the_text_of_what_was_heard(answer):
    answer.audio("i", "AAAA", 1.0)
    answer.is_silenced = True
    assert _kinds(answer.final_text("i", "Hello.", 2.0)) == ["ConversationText"]


def test_what_it_took_is_told_before_the_end(answer):
    list(answer.text_grows("i", "Hel", 1.0))
    answer.audio("i", "AAAA", 1.5)
    report = json.loads([*answer.done({"status": "completed"}, 0.25, 2.0)][-3].data)
    assert report == {
        "type": "LatencyReport",
        "stt_latency": 0.25,
        "ttt_token_latency": 0.5,
        "ttt_text_latency": 0.5,
        "tts_latency": 0.5,
        "total_latency": 1.0,
    }


def test_what_is_left_is_told_before_the_end(answer):
    list(answer.text_grows("i", "Hel", 2.0))
    assert _kinds(answer.done({"status": "completed"}, None, 2.0)) == [
        "ConversationText",
        "LatencyReport",
        "AgentAudioDone",
        "AgentDone",
    ]


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({}, ""),
        ({"content": None}, ""),
        ({"content": [{"type": "output_audio", "transcript": None}]}, ""),
        (
            {"content": [{"type": "output_text", "text": "One, "}, {"type": "output_audio", "transcript": "two."}]},
            "One, two.",
        ),
    ],
)
def test_the_text_of_an_item_is_that_of_its_parts(item, text):
    assert text_of(item) == text


def test_audio_that_the_converter_holds_comes_at_the_end():
    ear = Ear(COMPONENT)
    ear.configure(AudioFormat("linear16", 16_000), "none", keeps_history=False)
    answer = begun(ear)
    assert _kinds(answer.audio("i", "AAAAAAAA", 2.0)) == ["AgentStartedSpeaking"]
    assert _kinds(answer.over()) == ["audio", "AgentAudioDone", "AgentDone"]


def test_a_text_is_told_once_whatever_comes_after_it(answer):
    output = [
        {"id": "f", "type": "function_call"},
        {"id": "i", "type": "message", "content": [{"text": "Hello."}]},
    ]
    list(answer.final_text("i", "Hello.", 2.0))
    assert list(answer.text_grows("i", "Hello.", 2.0)) == []
    assert _kinds(answer.done({"status": "completed", "output": output}, None, 2.0)) == [
        "LatencyReport",
        "AgentAudioDone",
        "AgentDone",
    ]


def test_the_end_is_told_without_the_extras_to_who_does_not_know_them():
    answer = begun(Ear(DEEPGRAM))
    list(answer.audio("i", "AAAA", 1.0))
    assert _kinds(answer.over()) == ["AgentAudioDone"]


def test_that_an_answer_failed_is_the_sessions_to_tell(answer):
    details = {"error": {"code": "rate_limit_exceeded", "type": "tokens"}}
    assert list(answer.done({"status": "failed", "status_details": details}, None, 2.0)) == []


@pytest.mark.parametrize(
    ("status", "details", "code"),
    [
        ("incomplete", {"reason": "content_filter"}, "response_incomplete"),
        ("cancelled", {"reason": "content_filter"}, "response_cancelled"),
    ],
)
def test_why_an_answer_did_not_complete_is_told(answer, status, details, code):
    (fault,) = answer.done({"status": status, "status_details": details}, None, 2.0)
    assert json.loads(fault.data)["code"] == code
