"""What null is in a client event: a field not given, or something turned off."""

from __future__ import annotations

import pytest

SESSION = {
    "output_modalities": ["text"],
    "instructions": "Be brief.",
    "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"default": None}}],
    "tool_choice": "none",
    "max_output_tokens": 50,
    "tracing": "auto",
    "truncation": "disabled",
    "prompt": {"id": "p", "version": "2"},
    "include": ["item.input_audio_transcription.logprobs"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "whisper-1", "language": "en", "prompt": "names"},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad", "threshold": 0.7, "idle_timeout_ms": 6000},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "ash", "speed": 1.2},
    },
}
OFF = ["tracing", "prompt", "audio.input.transcription", "audio.input.noise_reduction", "audio.input.turn_detection"]
NOT_GIVEN = [
    "model",
    "output_modalities",
    "instructions",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "truncation",
    "include",
    "audio",
    "audio.input",
    "audio.input.format",
    "audio.output",
    "audio.output.format",
    "audio.output.voice",
    "audio.output.speed",
]
RESPONSE = [
    "output_modalities",
    "instructions",
    "tools",
    "tool_choice",
    "max_output_tokens",
    "prompt",
    "metadata",
    "input",
    "conversation",
    "audio",
    "audio.output",
    "audio.output.format",
    "audio.output.voice",
]


def _nested(path, value=None):
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def _at(session, path):
    for name in path.split("."):
        session = session[name]
    return session


@pytest.fixture
def configured(player):
    client = player()
    assert client.update(**SESSION)["type"] == "session.updated"
    return client


@pytest.mark.parametrize("path", OFF)
def test_null_turns_off_in_an_update_what_can_be_off(configured, path):
    assert _at(configured.update(**_nested(path))["session"], path) is None


def test_null_turns_off_the_idle_timeout_and_no_other_field_of_turn_detection(configured):
    before = configured.session.settings["audio"]["input"]["turn_detection"]
    patch = {"type": "server_vad", "threshold": None, "idle_timeout_ms": None, "create_response": None}
    after = configured.update(**_nested("audio.input.turn_detection", patch))["session"]
    assert after["audio"]["input"]["turn_detection"] == {**before, "idle_timeout_ms": None}


@pytest.mark.parametrize("path", NOT_GIVEN)
def test_null_is_not_given_in_an_update_for_every_other_field(configured, path):
    before = configured.session.settings
    assert configured.update(**_nested(path))["session"] == before


@pytest.mark.parametrize("name", ["model", "language", "prompt"])
def test_null_is_not_given_within_a_transcription(configured, name):
    before = configured.session.settings
    assert configured.update(**_nested(f"audio.input.transcription.{name}"))["session"] == before


def test_null_is_not_given_within_a_tool_and_kept_within_its_parameters(configured):
    tool = {"type": "function", "name": "f", "description": None, "parameters": {"default": None}}
    after = configured.update(tools=[tool])["session"]
    assert after["tools"] == [{"type": "function", "name": "f", "parameters": {"default": None}}]


@pytest.mark.parametrize("path", RESPONSE)
def test_null_is_not_given_in_a_create_for_every_field(configured, path):
    done = configured.ask("hello", **_nested(path))
    usual = configured.ask("hello")
    shown = ("output_modalities", "max_output_tokens", "audio", "metadata")
    assert (done["status"], done["conversation_id"]) == ("completed", usual["conversation_id"])
    assert {name: done[name] for name in shown} == {name: usual[name] for name in shown}


@pytest.mark.parametrize("fields", [{"response": None}, {"event_id": None}, {"event_id": None, "response": None}])
def test_null_is_not_given_beside_the_response_of_a_create(configured, fields):
    configured.send("response.create", **fields)
    assert configured.until("response.done")["response"]["status"] == "completed"


def test_null_is_not_given_within_an_item_of_a_creates_input(configured):
    item = {"type": "message", "role": "user", "id": None, "status": None, "content": []}
    configured.send("response.create", response={"input": [item]})
    assert configured.until("response.done")["response"]["status"] == "completed"
