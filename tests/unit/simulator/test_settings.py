from __future__ import annotations

import copy

import pytest

from turnstile.simulator.api_errors import ApiError
from turnstile.simulator.settings import initial, is_reasoning, updated


def _session(model="gpt-realtime"):
    return initial(model, "sess_1", 3600)


def _update(session, *, spoken=False, busy=False, **patch):
    return updated(session, {"type": "realtime", **patch}, spoken=spoken, busy=busy)


def test_only_named_fields_change_when_a_session_is_updated():
    before = _session()
    after = _update(before, audio={"input": {"turn_detection": {"type": "server_vad", "create_response": False}}})
    expected = copy.deepcopy(before)
    expected["audio"]["input"]["turn_detection"]["create_response"] = False
    assert after == expected


def test_the_object_before_stays_as_it_was_when_a_session_is_updated():
    before = _session()
    kept = copy.deepcopy(before)
    _update(before, instructions="x", tools=[{"type": "function", "name": "f"}], audio={"output": {"voice": "ash"}})
    assert before == kept


def test_null_and_empty_values_clear():
    full = _update(
        _session(),
        tools=[{"type": "function", "name": "f"}],
        prompt={"id": "p"},
        audio={"input": {"transcription": {"model": "whisper-1"}, "noise_reduction": {"type": "far_field"}}},
    )
    cleared = {"transcription": None, "noise_reduction": None, "turn_detection": None}
    after = _update(full, instructions="", tools=[], prompt=None, audio={"input": cleared})
    assert (after["instructions"], after["tools"], after["prompt"]) == ("", [], None)
    assert {name: after["audio"]["input"][name] for name in cleared} == cleared


def test_turn_detection_starts_from_the_defaults_of_its_type_when_the_type_changes():
    semantic = _update(_session(), audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
    detection = semantic["audio"]["input"]["turn_detection"]
    assert detection == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": True,
    }
    back = _update(semantic, audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.7}}})
    assert back["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    assert back["audio"]["input"]["turn_detection"]["threshold"] == 0.7


def test_transcription_keeps_what_an_update_does_not_name():
    first = _update(_session(), audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}})
    second = _update(first, audio={"input": {"transcription": {"language": "en"}}})
    expected = {"model": "gpt-4o-transcribe", "language": "en", "prompt": None}
    assert second["audio"]["input"]["transcription"] == expected


def test_noise_reduction_is_set_when_there_was_none():
    after = _update(_session(), audio={"input": {"noise_reduction": {"type": "near_field"}}})
    assert after["audio"]["input"]["noise_reduction"] == {"type": "near_field"}


def test_tools_are_shown_in_the_recorded_order_of_keys():
    after = _update(_session(), tools=[{"parameters": {}, "name": "f", "type": "function"}])
    assert list(after["tools"][0]) == ["type", "name", "parameters"]


@pytest.mark.parametrize(
    ("model", "voice", "silence"),
    [("gpt-realtime", "alloy", 200), ("gpt-realtime-1.5", "alloy", 200), ("gpt-realtime-2.1", "marin", 500)],
)
def test_the_model_decides_about_voice_and_silence(model, voice, silence):
    session = _session(model)
    assert session["audio"]["output"]["voice"] == voice
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == silence


def test_a_dated_model_is_not_taken_for_a_reasoning_one():
    assert not is_reasoning("gpt-realtime-2025-08-28")
    assert is_reasoning("gpt-realtime-2.1-mini")


@pytest.mark.parametrize(
    ("state", "patch", "code", "param"),
    [
        ({"spoken": True}, {"audio": {"output": {"voice": "ash"}}}, "cannot_update_voice", None),
        ({"busy": True}, {"audio": {"output": {"speed": 1.2}}}, "invalid_value", "session.audio.output.speed"),
        ({}, {"model": "gpt-realtime-mini"}, "invalid_parameter", "session.model"),
        ({}, {"reasoning": {"effort": "low"}}, "invalid_value", None),
    ],
)
def test_a_locked_field_refuses_the_update(state, patch, code, param):
    with pytest.raises(ApiError) as refused:
        _update(_session(), instructions="lost with it", **state, **patch)
    assert (refused.value.code, refused.value.param) == (code, param)


def test_locked_fields_may_be_repeated_unchanged():
    same = {"audio": {"output": {"voice": "alloy", "speed": 1.0}}, "model": "gpt-realtime"}
    assert _update(_session(), spoken=True, busy=True, **same) == _session()


def test_tracing_is_locked_once_enabled():
    traced = _update(_session(), tracing="auto")
    assert _update(traced, tracing="auto")["tracing"] == "auto"
    with pytest.raises(ApiError):
        _update(traced, tracing={"workflow_name": "w"})


def test_tracing_is_off_once_it_is_null():
    assert _update(_update(_session(), tracing="auto"), tracing=None)["tracing"] is None


def test_a_reasoning_model_takes_reasoning():
    after = _update(_session("gpt-realtime-2"), reasoning={"effort": "low"}, parallel_tool_calls=False)
    assert after["reasoning"] == {"effort": "low"}
