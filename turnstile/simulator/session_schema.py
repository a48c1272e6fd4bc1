"""The session object of the Realtime API, as tables of checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator import schema_errors
from turnstile.simulator.api_errors import ApiError
from turnstile.simulator.checks import (
    anything,
    by_type,
    either,
    flag,
    integer,
    list_of,
    number,
    one_of,
    optional,
    pairs,
    shape,
    text,
)
from turnstile.simulator.nulls import ABSENT

if TYPE_CHECKING:
    from turnstile.simulator.checks import Check

VOICES: Final = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
PCM_RATE: Final = 24_000

_text = text()
_format = by_type(
    {
        "audio/pcm": shape({"type": anything, "rate": integer(PCM_RATE, PCM_RATE)}, "rate"),
        "audio/pcmu": shape({"type": anything}),
        "audio/pcma": shape({"type": anything}),
    }
)
_voice = either(dict, shape({"id": _text}, "id"), one_of(*VOICES))
_prompt = shape({"id": _text, "version": _text, "variables": pairs(64, 64, anything)}, "id")
_max_output_tokens = either(str, one_of("inf"), integer(1, 4096))
_reasoning = shape({"effort": one_of("minimal", "low", "medium", "high", "xhigh")})
_metadata = pairs(16, 64, text(512))
_tool = by_type(
    {
        "function": shape(
            {
                "type": anything,
                "name": text(64),
                "description": text(1024),
                "parameters": either(dict, anything, shape({})),
            },
            "name",
        ),
        "mcp": shape(
            {
                "type": anything,
                "server_label": _text,
                "server_url": _text,
                "server_description": _text,
                "connector_id": _text,
                "tunnel_id": _text,
                "authorization": _text,
                "headers": pairs(64, 256, _text),
                "allowed_tools": anything,
                "allowed_callers": list_of(one_of("direct", "programmatic"), of="strings"),
                "require_approval": anything,
                "defer_loading": flag,
            },
            "server_label",
        ),
    }
)
_tool_choice = either(
    dict,
    by_type(
        {
            "function": shape({"type": anything, "name": _text}, "name"),
            "mcp": shape({"type": anything, "server_label": _text, "name": _text}, "server_label"),
        }
    ),
    one_of("none", "auto", "required"),
)


def _modalities(value: Any, path: str) -> None:
    """Accept text alone or audio alone; the API takes not both."""
    list_of(one_of("text", "audio"), of="strings")(value, path)
    if len(value) != 1:
        raise ApiError(
            "invalid_value", f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio'].", path
        )


_turn_detection = by_type(
    {
        "server_vad": shape(
            {
                "type": anything,
                "threshold": number(0.0, 1.0),
                "prefix_padding_ms": integer(0),
                "silence_duration_ms": integer(0),
                "idle_timeout_ms": optional(integer(5_000, 30_000)),
                "create_response": flag,
                "interrupt_response": flag,
            }
        ),
        "semantic_vad": shape(
            {
                "type": anything,
                "eagerness": one_of("low", "medium", "high", "auto"),
                "create_response": flag,
                "interrupt_response": flag,
            }
        ),
    }
)
_transcription = shape(
    {
        "model": _text,
        "language": _text,
        "languages": list_of(_text, of="strings"),
        "prompt": _text,
        "keywords": list_of(_text, of="strings"),
        "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
    }
)
_audio_input: dict[str, Check] = {
    "format": _format,
    "transcription": optional(_transcription),
    "noise_reduction": optional(shape({"type": one_of("near_field", "far_field")})),
    "turn_detection": optional(_turn_detection),
}
AUDIO_OUTPUT = {"format": _format, "voice": _voice}
_audio = shape(
    {
        "input": shape(_audio_input),
        "output": shape({**AUDIO_OUTPUT, "speed": number(0.25, 1.5)}),
    }
)
_truncation = either(
    dict,
    by_type(
        {
            "retention_ratio": shape(
                {
                    "type": anything,
                    "retention_ratio": number(0.0, 1.0),
                    "token_limits": shape({"post_instructions": integer(0)}),
                },
                "retention_ratio",
            )
        }
    ),
    one_of("auto", "disabled"),
)
_tracing = optional(
    either(dict, shape({"group_id": _text, "metadata": anything, "workflow_name": _text}), one_of("auto"))
)
GENERATION: dict[str, Check] = {
    "output_modalities": _modalities,
    "instructions": _text,
    "tools": list_of(_tool),
    "tool_choice": _tool_choice,
    "max_output_tokens": _max_output_tokens,
    "prompt": _prompt,
    "parallel_tool_calls": flag,
    "reasoning": _reasoning,
}

_include = list_of(one_of("item.input_audio_transcription.logprobs"), of="strings")
_SESSION_TYPES: Final = ("realtime", "transcription")


def session(value: Any, path: str) -> None:
    """Accept a partial session object; its type, which decides about the rest, is checked first."""
    if isinstance(value, dict):
        if value.get("type", ABSENT) is ABSENT:
            raise schema_errors.missing_parameter(f"{path}.type")
        one_of(*_SESSION_TYPES)(value["type"], f"{path}.type")
        if value["type"] == "transcription":
            _transcription_session(value, path)
            return
    _realtime_session(value, path)


_realtime_session = shape(
    {
        "type": anything,
        "model": _text,
        **GENERATION,
        "prompt": optional(_prompt),
        "audio": _audio,
        "tracing": _tracing,
        "truncation": _truncation,
        "include": _include,
    }
)
_transcription_session = shape({"type": anything, "audio": shape({"input": shape(_audio_input)}), "include": _include})
