from __future__ import annotations

import json

import pytest

from turnstile.audio.formats import AudioFormat
from turnstile.protocol.frames import BinaryFrame
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.translate.answer import Answer, text_of
from turnstile.translate.ear import Ear


@pytest.fixture
def answer():
    return Answer("r", Ear(COMPONENT), created=1.0, asked=0.5)


def _kinds(frames):
    return ["audio" if isinstance(frame, BinaryFrame) else json.loads(frame.data)["type"] for frame in frames]


def test_an_answer_starts_once(answer):
    assert _kinds(answer.text_grows("i", "Hel", 2.0)) == ["AgentStartedSpeaking"]
    assert _kinds(answer.audio("AAAA", 2.0)) == _kinds(answer.audio("AAAA", 3.0)) == ["audio"]


def test_latencies_add_up_to_the_whole(answer):
    (started,) = answer.text_grows("i", "Hel", 2.0)
    latencies = json.loads(started.data)
    assert (latencies["total_latency"], latencies["ttt_latency"], latencies["tts_latency"]) == (1.5, 0.5, 1.0)


def test_latencies_are_never_negative_when_the_clock_stands_still():
    answer = Answer("r", Ear(COMPONENT), created=1.0, asked=1.5)
    (started,) = answer.text_grows("i", "Hel", 1.0)
    latencies = json.loads(started.data)
    assert (latencies["total_latency"], latencies["ttt_latency"], latencies["tts_latency"]) == (0.0, 0.0, 0.0)


def test_an_answer_that_is_silenced_says_what_it_would_have_said_in_writing_only(answer):
    answer.is_silenced = True
    assert _kinds(answer.final_text("i", "Hello.", 2.0)) == ["ConversationText"]
    assert list(answer.over()) == []


def test_what_is_left_is_told_before_the_end(answer):
    list(answer.text_grows("i", "Hel", 2.0))
    assert _kinds(answer.done({"status": "completed"}, 2.0)) == ["ConversationText", "AgentAudioDone", "AgentDone"]


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
    answer = Answer("r", ear, created=1.0, asked=None)
    assert _kinds(answer.audio("AAAAAAAA", 2.0)) == ["AgentStartedSpeaking"]
    assert _kinds(answer.over()) == ["audio", "AgentAudioDone", "AgentDone"]


def test_a_text_is_told_once_whatever_comes_after_it(answer):
    output = [
        {"id": "f", "type": "function_call"},
        {"id": "i", "type": "message", "content": [{"text": "Hello."}]},
    ]
    list(answer.final_text("i", "Hello.", 2.0))
    assert list(answer.text_grows("i", "Hello.", 2.0)) == []
    assert _kinds(answer.done({"status": "completed", "output": output}, 2.0)) == ["AgentAudioDone", "AgentDone"]


def test_the_end_is_told_without_the_extras_to_who_does_not_know_them():
    answer = Answer("r", Ear(DEEPGRAM), created=1.0, asked=None)
    list(answer.audio("AAAA", 1.0))
    assert _kinds(answer.over()) == ["AgentAudioDone"]


@pytest.mark.parametrize(
    ("status", "details", "code"),
    [
        ("failed", {"error": {"code": "rate_limit_exceeded", "type": "tokens"}}, "rate_limit_exceeded"),
        ("failed", {"error": {"type": "server_error"}}, "server_error"),
        ("failed", None, "response_failed"),
        ("incomplete", {"reason": "content_filter"}, "response_incomplete"),
        ("cancelled", {"reason": "content_filter"}, "response_cancelled"),
    ],
)
def test_why_an_answer_did_not_complete_is_told(answer, status, details, code):
    (fault,) = answer.done({"status": status, "status_details": details}, 2.0)
    assert json.loads(fault.data)["code"] == code
