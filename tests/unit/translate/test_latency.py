from __future__ import annotations

import pytest

from turnstile.translate.latency import ResponseLatency


@pytest.fixture
def latency():
    return ResponseLatency(start=1.0)


def test_the_text_takes_until_its_first_token_and_the_voice_the_rest(latency):
    latency.token("text", 1.5)
    latency.token("text", 1.75)
    assert latency.at_start(2.0) == (1.0, 0.5, 0.5)


def test_all_of_it_is_the_texts_when_the_audio_came_first(latency):
    assert latency.at_start(2.0) == (1.0, 0.0, 1.0)


def test_no_latency_is_negative_when_the_answer_came_before_the_turns_end_was_heard():
    assert ResponseLatency(start=2.0).at_start(1.0) == (0.0, 0.0, 0.0)


def test_nothing_is_reported_of_a_response_that_made_nothing(latency):
    assert latency.report(0.5) == {}


def test_only_what_is_known_is_reported(latency):
    latency.token("tool", 1.25)
    assert latency.report(None) == {"ttt_token_latency": 0.25, "ttt_tool_latency": 0.25}


def test_the_first_token_of_any_kind_counts(latency):
    latency.token("text", 1.5)
    latency.token("tool", 1.25)
    latency.audio(1.75)
    latency.audio(5.0)
    assert latency.report(0.125) == {
        "stt_latency": 0.125,
        "ttt_token_latency": 0.25,
        "ttt_text_latency": 0.5,
        "ttt_tool_latency": 0.25,
        "tts_latency": 0.25,
        "total_latency": 0.75,
    }
