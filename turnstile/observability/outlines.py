"""What of events, effects and frames is no content: their classes and types, ids, codes and numbers."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from turnstile.observability.recorded_classes import CLASS, FIELDS
from turnstile.protocol import jsontext
from turnstile.session.events import Refused

if TYPE_CHECKING:
    from turnstile.observability.recorded_classes import Field
    from turnstile.observability.redactor import Redactor

Json = dict[str, Any]

SEARCHED: Final = 64 * 1024
"""The size in bytes beyond which only the beginning of a frame is looked at."""
UNKNOWN: Final = "?"
"""The type of a frame that shows none."""

# Texts that are names; `message` is the type of a client's message, except in upstream's errors.
_NAMES: Final = frozenset({
    "answer", "because", "behavior", "call_id", "call_ids", "code", "detail", "event_id", "item_id", "kind", "mark",
    "message", "model", "name", "outcome", "param", "previous_id", "response_id", "role", "running", "stage", "token",
    "turn", "waits", "which",
})  # fmt: skip
_LONGEST: Final = 128
_ID: Final = rb'"event_id"\s*:\s*"([!#-\[\]-~]{0,128})"\s*,\s*'
_HEAD: Final = re.compile(rb'\s*\{\s*(?:%b)?"type"\s*:\s*"([\w.-]{1,100})"(?:\s*,\s*%b)?' % (_ID, _ID))
# Fields of a frame, and by the field of an object in it, how those of that object are called here.
_IDS: Final = (
    "event_id", "response_id", "item_id", "call_id", "previous_item_id", "output_index", "content_index", "name",
    "code", "role", "id", "audio_start_ms", "audio_end_ms",
)  # fmt: skip
_WITHIN: Final[dict[str, dict[str, str]]] = {
    "response": {"id": "response_id", "status": "status", "conversation_id": "conversation_id"},
    "item": {"id": "item_id", "call_id": "call_id", "status": "status", "type": "item_type", "role": "role",
             "name": "name"},
    "error": {"code": "code", "type": "error_type", "param": "param", "event_id": "about"},
    "session": {"id": "session_id", "type": "session_type", "model": "model"},
    "status_details": {"type": "status", "reason": "reason"},
}  # fmt: skip


def outline(value: Any, redactor: Redactor) -> Json:
    """Return the class of an event or effect, with its fields that are no content."""
    found: Json = {CLASS: value.__class__.__name__}
    for name, _, default in _shown(value.__class__):
        part = getattr(value, name)
        if part.__class__ is not default.__class__ or part != default:
            shown = _outlined(name, part, redactor)
            if shown is not None:
                found[name] = shown
    return found


@cache
def _shown(cls: type) -> tuple[Field, ...]:
    """Return the fields of a class that may be shown, by their names."""
    return tuple([field for field in FIELDS[cls] if (cls, field.name) != (Refused, "message")])


def _outlined(name: str, value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return name_shown(value, redactor) if name in _NAMES else None
    if isinstance(value, bool | int | float):
        return value
    if value.__class__ in FIELDS:
        return outline(value, redactor)
    if value.__class__ is tuple:
        return [shown for part in value if (shown := _outlined(name, part, redactor)) is not None]
    return None


def name_shown(text: str, redactor: Redactor) -> str:
    """Return an id or another name; for one too long for that, its hash."""
    return redactor.text(text) if len(text) <= _LONGEST else f"(long {redactor.digest(text)})"


def frame_type(data: bytes) -> str | None:
    """Return the type of a frame, where it begins with that, or with its event id; None elsewhere."""
    found = _HEAD.match(data)
    return found[2].decode("ascii", "replace") if found else None


def frame_ids(data: bytes, redactor: Redactor, *, is_whole: bool = True) -> tuple[str, Json]:
    """Return the type of a frame and the ids in it, of a large one only those that it begins with.

    Args:
        data: The frame.
        redactor: Of the recording.
        is_whole: It is not only the beginning of one.
    """
    if not is_whole or len(data) > SEARCHED:
        return _ids_at_its_beginning(data, redactor)
    try:
        value = jsontext.loads_any(data)
    except ValueError:
        return UNKNOWN, {}
    if not isinstance(value, dict):
        return UNKNOWN, {}
    return value_ids(value, redactor)


def _ids_at_its_beginning(data: bytes, redactor: Redactor) -> tuple[str, Json]:
    found = _HEAD.match(data)
    if found is None:
        return UNKNOWN, {}
    event_id = found[1] or found[3]
    ids = {"event_id": name_shown(event_id.decode("ascii"), redactor)} if event_id else {}
    return found[2].decode("ascii", "replace"), ids


def value_ids(frame: Json, redactor: Redactor) -> tuple[str, Json]:
    """Return the type of a frame and the ids in it.

    Args:
        frame: The frame, parsed.
        redactor: Of the recording.
    """
    kind = frame.get("type")
    ids: Json = {}
    for name in _IDS:
        if name in frame:
            _add(ids, name, frame[name], redactor)
    for name, within in _WITHIN.items():
        part = frame.get(name)
        if isinstance(part, dict):
            _add_within(ids, part, within, redactor)
            details = part.get("status_details")
            if isinstance(details, dict):
                _add_within(ids, details, _WITHIN["status_details"], redactor)
    return name_shown(kind, redactor) if isinstance(kind, str) else UNKNOWN, ids


def _add_within(ids: Json, part: Json, names: dict[str, str], redactor: Redactor) -> None:
    for name, shown in names.items():
        if name in part:
            _add(ids, shown, part[name], redactor)


def _add(ids: Json, name: str, value: Any, redactor: Redactor) -> None:
    if isinstance(value, str):
        ids[name] = name_shown(value, redactor)
    elif isinstance(value, bool | int | float):
        ids[name] = value
