"""The conversation items of the Realtime API, as tables of checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from turnstile.simulator.checks import (
    anything,
    by_type,
    list_of,
    one_of,
    optional,
    shape,
    text,
)

if TYPE_CHECKING:
    from turnstile.simulator.checks import Check

_status = one_of("completed", "incomplete", "in_progress")
_item_base: dict[str, Check] = {"type": anything, "id": text(32), "object": one_of("realtime.item"), "status": _status}
_input_text = shape({"type": anything, "text": text()}, "text")
_user_part = by_type(
    {
        "input_text": _input_text,
        "input_audio": shape({"type": anything, "audio": text(), "transcript": optional(text())}, "audio"),
        "input_image": shape(
            {"type": anything, "image_url": text(), "detail": one_of("auto", "low", "high")}, "image_url"
        ),
    }
)
_MESSAGES: Final[dict[str, Check]] = {
    role: shape({**_item_base, "role": anything, "content": list_of(part)}, "role", "content")
    for role, part in (
        ("user", _user_part),
        ("system", by_type({"input_text": _input_text})),
        ("assistant", by_type({"output_text": shape({"type": anything, "text": text()}, "text")})),
    )
}
_call: dict[str, Check] = {**_item_base, "call_id": text()}
_ITEMS: Final[dict[str, Check]] = {
    "message": by_type(_MESSAGES, tag="role"),
    "function_call": shape({**_call, "name": text(), "arguments": text()}, "name", "arguments"),
    "function_call_output": shape({**_call, "output": text()}, "call_id", "output"),
}
item: Final = by_type(_ITEMS)
input_item: Final = by_type({**_ITEMS, "item_reference": shape({"type": anything, "id": text()}, "id")})
