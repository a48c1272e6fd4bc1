"""The client events of the Realtime API and the objects in them, as tables of checks.

The fields are those of the API reference (`openai.types.realtime`); a test compares what is accepted here with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator import api_errors
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
from turnstile.simulator.nulls import ABSENT, absent_marked

if TYPE_CHECKING:
    from turnstile.simulator.checks import Check

VOICES: Final = ("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar")
PCM_RATE: Final = 24_000
EVENTS: Final = (
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
)

_text = text()
_flag = flag
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
                "defer_loading": _flag,
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
    """Accept text alone or audio alone: the API takes not both."""
    list_of(one_of("text", "audio"), of="strings")(value, path)
    if len(value) != 1:
        raise api_errors.Refusal(
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
                "create_response": _flag,
                "interrupt_response": _flag,
            }
        ),
        "semantic_vad": shape(
            {
                "type": anything,
                "eagerness": one_of("low", "medium", "high", "auto"),
                "create_response": _flag,
                "interrupt_response": _flag,
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
_audio_output = {"format": _format, "voice": _voice}
_audio = shape(
    {
        "input": shape(_audio_input),
        "output": shape({**_audio_output, "speed": number(0.25, 1.5)}),
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
_generation: dict[str, Check] = {
    "output_modalities": _modalities,
    "instructions": _text,
    "tools": list_of(_tool),
    "tool_choice": _tool_choice,
    "max_output_tokens": _max_output_tokens,
    "prompt": _prompt,
    "parallel_tool_calls": _flag,
    "reasoning": _reasoning,
}

_include = list_of(one_of("item.input_audio_transcription.logprobs"), of="strings")
_SESSION_TYPES: Final = ("realtime", "transcription")


def _session(value: Any, path: str) -> None:
    """Accept a partial session object; its type is looked at first, as the rest hangs on it."""
    if isinstance(value, dict):
        if value.get("type", ABSENT) is ABSENT:
            raise api_errors.missing_parameter(f"{path}.type")
        one_of(*_SESSION_TYPES)(value["type"], f"{path}.type")
        if value["type"] == "transcription":
            _transcription_session(value, path)
            return
    _realtime_session(value, path)


_realtime_session = shape(
    {
        "type": anything,
        "model": _text,
        **_generation,
        "prompt": optional(_prompt),
        "audio": _audio,
        "tracing": _tracing,
        "truncation": _truncation,
        "include": _include,
    }
)
_transcription_session = shape({"type": anything, "audio": shape({"input": shape(_audio_input)}), "include": _include})

_status = one_of("completed", "incomplete", "in_progress")
_item_base: dict[str, Check] = {"type": anything, "id": text(32), "object": one_of("realtime.item"), "status": _status}
_input_text = shape({"type": anything, "text": _text}, "text")
_user_part = by_type(
    {
        "input_text": _input_text,
        "input_audio": shape({"type": anything, "audio": _text, "transcript": optional(_text)}, "audio"),
        "input_image": shape(
            {"type": anything, "image_url": _text, "detail": one_of("auto", "low", "high")}, "image_url"
        ),
    }
)
_MESSAGES: Final[dict[str, Check]] = {
    role: shape({**_item_base, "role": anything, "content": list_of(part)}, "role", "content")
    for role, part in (
        ("user", _user_part),
        ("system", by_type({"input_text": _input_text})),
        ("assistant", by_type({"output_text": shape({"type": anything, "text": _text}, "text")})),
    )
}
_call: dict[str, Check] = {**_item_base, "call_id": _text}
_ITEMS: Final[dict[str, Check]] = {
    "message": by_type(_MESSAGES, tag="role"),
    "function_call": shape({**_call, "name": _text, "arguments": _text}, "name", "arguments"),
    "function_call_output": shape({**_call, "output": _text}, "call_id", "output"),
}
_item = by_type(_ITEMS)
_input_item = by_type({**_ITEMS, "item_reference": shape({"type": anything, "id": _text}, "id")})

_response = shape(
    {
        **_generation,
        "audio": shape({"output": shape(_audio_output)}),
        "conversation": one_of("auto", "none"),
        "input": list_of(_input_item),
        "metadata": _metadata,
    }
)

_base: dict[str, Check] = {"type": anything, "event_id": text(512)}
_item_id = {**_base, "item_id": _text}

CHECKS: Final[dict[str, Check]] = {
    "session.update": shape({**_base, "session": _session}, "session"),
    "input_audio_buffer.append": shape({**_base, "audio": _text}, "audio"),
    "input_audio_buffer.commit": shape(_base),
    "input_audio_buffer.clear": shape(_base),
    "conversation.item.create": shape({**_base, "item": _item, "previous_item_id": optional(_text)}, "item"),
    "conversation.item.truncate": shape(
        {**_item_id, "content_index": integer(0), "audio_end_ms": integer(0)},
        "item_id",
        "content_index",
        "audio_end_ms",
    ),
    "conversation.item.delete": shape(_item_id, "item_id"),
    "conversation.item.retrieve": shape(_item_id, "item_id"),
    "response.create": shape({**_base, "response": _response}),
    "response.cancel": shape({**_base, "response_id": optional(_text)}),
}


def check_event(event: Any) -> str:
    """Check a client event against its table.

    Args:
        event: What the JSON of the frame held.

    Returns:
        Its type.

    Raises:
        Refusal: The API would not take it, whatever the state of the session.
    """
    if not isinstance(event, dict):
        raise api_errors.invalid_json()
    event = absent_marked(event)
    if "type" not in event:
        raise api_errors.type_missing()
    kind = event["type"]
    if not isinstance(kind, str):
        raise api_errors.invalid_type("type", "a string", kind)
    if kind not in CHECKS:
        raise api_errors.invalid_value("type", kind, EVENTS)
    CHECKS[kind](event, "")
    return kind
