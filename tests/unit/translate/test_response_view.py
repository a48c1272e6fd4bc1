from __future__ import annotations

import json

import pytest

from turnstile.audio.formats import AudioFormat
from turnstile.protocol.frames import BinaryFrame
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.translate.client_output import ClientOutput
from turnstile.translate.latency import ResponseLatency
from turnstile.translate.response_view import ResponseView, text_of


def begun(output=None, start=0.5, **response):
    return ResponseView({"id": "r", **response}, output or ClientOutput(COMPONENT), ResponseLatency(start))


@pytest.fixture
def view():
    return begun()


def _kinds(frames):
    return ["audio" if isinstance(frame, BinaryFrame) else json.loads(frame.data)["type"] for frame in frames]


def test_an_answer_starts_once(view):
    assert _kinds(view.text_delta("i", "Hel", 2.0)) == ["AgentStartedSpeaking"]
    assert _kinds(view.audio("i", "AAAA", 2.0)) == _kinds(view.audio("i", "AAAA", 3.0)) == ["audio"]


def test_base64_in_lines_is_read_as_others_read_it(view):
    view.audio("i", "AAE=", 2.0)
    assert view.audio("i", "AwQF\r\nBgcI\n", 2.0) == [BinaryFrame(bytes(range(3, 9)))]


def test_audio_that_the_client_cannot_hear_is_left_out():
    output = ClientOutput(COMPONENT)
    output.set_upstream_format("flac")
    assert begun(output).audio("i", "AAAA", 2.0) == []


def test_an_answer_in_audio_starts_with_its_audio_when_all_latencies_are_known():
    view = begun(output_modalities=["audio"])
    assert list(view.text_delta("i", "Hel", 1.5)) == []
    started, _ = view.audio("i", "AAAA", 2.0)
    latencies = json.loads(started.data)
    assert (latencies["total_latency"], latencies["ttt_latency"], latencies["tts_latency"]) == (1.5, 1.0, 0.5)


def test_an_answer_that_is_silenced_before_it_began_says_nothing_at_all(view):
    view.is_muted = True
    assert list(view.final_text("i", "Hello.", 2.0)) == []
    assert list(view.abandon()) == []


def test_an_answer_that_is_silenced_tells_the_text_of_what_was_heard(view):
    view.audio("i", "AAAA", 1.0)
    view.is_muted = True
    assert _kinds(view.final_text("i", "Hello.", 2.0)) == ["ConversationText"]


def test_what_it_took_is_told_before_the_end(view):
    list(view.text_delta("i", "Hel", 1.0))
    view.audio("i", "AAAA", 1.5)
    report = json.loads([*view.done({"status": "completed"}, 0.25, 2.0)][-3].data)
    assert report == {
        "type": "LatencyReport",
        "stt_latency": 0.25,
        "ttt_token_latency": 0.5,
        "ttt_text_latency": 0.5,
        "tts_latency": 0.5,
        "total_latency": 1.0,
    }


def test_what_is_left_is_told_before_the_end(view):
    list(view.text_delta("i", "Hel", 2.0))
    assert _kinds(view.done({"status": "completed"}, None, 2.0)) == [
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
    output = ClientOutput(COMPONENT)
    output.configure(AudioFormat("linear16", 16_000), "none", keeps_history=False)
    view = begun(output)
    assert _kinds(view.audio("i", "AAAAAAAA", 2.0)) == ["AgentStartedSpeaking"]
    assert _kinds(view.abandon()) == ["audio", "AgentAudioDone", "AgentDone"]


def test_a_text_is_told_once_whatever_comes_after_it(view):
    output = [
        {"id": "f", "type": "function_call"},
        {"id": "i", "type": "message", "content": [{"text": "Hello."}]},
    ]
    list(view.final_text("i", "Hello.", 2.0))
    assert list(view.text_delta("i", "Hello.", 2.0)) == []
    assert _kinds(view.done({"status": "completed", "output": output}, None, 2.0)) == [
        "LatencyReport",
        "AgentAudioDone",
        "AgentDone",
    ]


def test_the_end_is_told_without_the_extras_to_who_does_not_know_them():
    view = begun(ClientOutput(DEEPGRAM))
    list(view.audio("i", "AAAA", 1.0))
    assert _kinds(view.abandon()) == ["AgentAudioDone"]


def test_that_an_answer_failed_is_the_sessions_to_tell(view):
    details = {"error": {"code": "rate_limit_exceeded", "type": "tokens"}}
    assert list(view.done({"status": "failed", "status_details": details}, None, 2.0)) == []


@pytest.mark.parametrize(
    ("status", "details", "code"),
    [
        ("incomplete", {"reason": "content_filter"}, "response_incomplete"),
        ("cancelled", {"reason": "content_filter"}, "response_cancelled"),
    ],
)
def test_why_an_answer_did_not_complete_is_told(view, status, details, code):
    (fault,) = view.done({"status": status, "status_details": details}, None, 2.0)
    assert json.loads(fault.data)["code"] == code
