"""The client events of the Realtime API, as tables of checks.

The fields are those of the API reference (`openai.types.realtime`); a test compares what is accepted here with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.simulator import schema_errors
from turnstile.simulator.checks import (
    anything,
    integer,
    list_of,
    one_of,
    optional,
    pairs,
    shape,
    text,
)
from turnstile.simulator.item_schema import input_item, item
from turnstile.simulator.nulls import absent_marked
from turnstile.simulator.session_schema import AUDIO_OUTPUT, GENERATION, session

if TYPE_CHECKING:
    from turnstile.simulator.checks import Check

_response = shape(
    {
        **GENERATION,
        "audio": shape({"output": shape(AUDIO_OUTPUT)}),
        "conversation": one_of("auto", "none"),
        "input": list_of(input_item),
        "metadata": pairs(16, 64, text(512)),
    }
)

_base: dict[str, Check] = {"type": anything, "event_id": text(512)}
_item_id = {**_base, "item_id": text()}

CHECKS: Final[dict[str, Check]] = {
    "session.update": shape({**_base, "session": session}, "session"),
    "input_audio_buffer.append": shape({**_base, "audio": text()}, "audio"),
    "input_audio_buffer.commit": shape(_base),
    "input_audio_buffer.clear": shape(_base),
    "conversation.item.create": shape({**_base, "item": item, "previous_item_id": optional(text())}, "item"),
    "conversation.item.truncate": shape(
        {**_item_id, "content_index": integer(0), "audio_end_ms": integer(0)},
        "item_id",
        "content_index",
        "audio_end_ms",
    ),
    "conversation.item.delete": shape(_item_id, "item_id"),
    "conversation.item.retrieve": shape(_item_id, "item_id"),
    "response.create": shape({**_base, "response": _response}),
    "response.cancel": shape({**_base, "response_id": optional(text())}),
}


def check_event(event: Any) -> str:
    """Check a client event against its table.

    Args:
        event: The JSON value of the frame.

    Returns:
        Its type.

    Raises:
        ApiError: The API refuses it in every state of the session.
    """
    if not isinstance(event, dict):
        raise schema_errors.invalid_json()
    event = absent_marked(event)
    if "type" not in event:
        raise schema_errors.type_missing()
    kind = event["type"]
    if not isinstance(kind, str):
        raise schema_errors.invalid_type("type", "a string", kind)
    if kind not in CHECKS:
        raise schema_errors.invalid_value("type", kind, tuple(CHECKS))
    CHECKS[kind](event, "")
    return kind
