"""What of events, effects and frames is no content: their classes and types, ids, codes and numbers."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.observability.compiled_outlines import compiled_outline
from turnstile.observability.recorded_classes import FIELDS, annotations_of
from turnstile.protocol import jsontext
from turnstile.session.deadlines import Deadline
from turnstile.session.events import Refused, TimerFired
from turnstile.session.journal_notes import Noted

if TYPE_CHECKING:
    from collections.abc import Callable

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
# Whose names are the proxy's own, of several words.
_WORDED: Final[frozenset[type]] = frozenset({Deadline, Noted, TimerFired})
_ID: Final = rb'"event_id"\s*:\s*"([!#-\[\]-~]{0,128})"\s*,\s*'
_HEAD: Final = re.compile(rb'\s*\{\s*(?:%b)?"type"\s*:\s*"([\w.-]{1,100})"(?:\s*,\s*%b)?' % (_ID, _ID))
# Fields of a frame, and by the field of an object in it, how those of that object are called here.
_IDS: Final = frozenset({
    "event_id", "response_id", "item_id", "call_id", "previous_item_id", "output_index", "content_index", "name",
    "code", "role", "id", "audio_start_ms", "audio_end_ms",
})  # fmt: skip
_WITHIN: Final[dict[str, dict[str, str]]] = {
    "response": {"id": "response_id", "status": "status", "conversation_id": "conversation_id", "status_details": ""},
    "item": {"id": "item_id", "call_id": "call_id", "status": "status", "type": "item_type", "role": "role",
             "name": "name"},
    "error": {"code": "code", "type": "error_type", "param": "param", "event_id": "about"},
    "session": {"id": "session_id", "type": "session_type", "model": "model"},
}  # fmt: skip
_SHOWN: Final = _IDS | _WITHIN.keys()
_DETAILS: Final = {"type": "status", "reason": "reason"}
_NUMBERS: Final[frozenset[type]] = frozenset({bool, int, float})
# What a field with one of these in its annotation holds is content.
_WORD: Final = re.compile(r"\w+")
_CONTENT: Final = frozenset({"Json", "bytes", "Any", "Mapping"})


def outline(value: Any, redactor: Redactor) -> Json:
    """Return the class of an event or effect, with its fields that are no content."""
    return _outline_of(value.__class__)(value, redactor)


@cache
def _outline_of(cls: type) -> Callable[[Any, Redactor], Json]:
    types = annotations_of(cls)
    fields = [(name, types[name], default) for name, _, default in FIELDS[cls] if _is_shown(cls, name, types[name])]
    return compiled_outline(cls, fields, _part_shown, names="names" if cls in _WORDED else "ids")


def _is_shown(cls: type, name: str, annotation: str) -> bool:
    words = {*_WORD.findall(annotation)}
    if words & _CONTENT or (cls is Refused and name == "message"):
        return False
    return "str" not in words or name in _NAMES


def _part_shown(part: Any, redactor: Redactor) -> Any:
    """Return what is shown of a field's value that is no text, or of one of several in it."""
    kind = part.__class__
    if kind is tuple:
        return [_part_shown(one, redactor) for one in part]
    if kind in FIELDS:
        return _outline_of(kind)(part, redactor)
    return redactor.ids[f"{part}"] if isinstance(part, str) else part


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
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
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
    ids = {"event_id": redactor.names[event_id.decode("ascii")]} if event_id else {}
    return found[2].decode("ascii", "replace"), ids


def value_ids(frame: Json, redactor: Redactor) -> tuple[str, Json]:
    """Return the type of a frame and the ids in it.

    Args:
        frame: The frame, parsed.
        redactor: Of the recording.
    """
    ids: Json = {}
    shown = redactor.ids
    for name in frame:
        if name not in _SHOWN:
            continue
        value = frame[name]
        kind = value.__class__
        if kind is dict:
            if name in _WITHIN:
                _add_within(ids, value, _WITHIN[name], redactor)
        elif name in _IDS:
            if kind is str:
                ids[name] = shown[value]
            elif kind in _NUMBERS:
                ids[name] = value
    kind = frame.get("type")
    return redactor.ids[kind] if isinstance(kind, str) else UNKNOWN, ids


def _add_within(ids: Json, part: Json, names: dict[str, str], redactor: Redactor) -> None:
    for name in part:
        if name not in names:
            continue
        value = part[name]
        if value.__class__ is str:
            ids[names[name]] = redactor.ids[value]
        elif value.__class__ is dict:
            _add_within(ids, value, _DETAILS, redactor)
