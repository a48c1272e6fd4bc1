"""Nulls in client events: in two of them null means an absent field, except for the fields that null turns off."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

Json = dict[str, Any]


class Absent(Enum):
    """The value of a field that is null in place of absent."""

    ABSENT = "null"


ABSENT: Final = Absent.ABSENT

# Clients send null for fields that are not set: livekit's plugin has `"instructions": null` in each `response.create`.
_LENIENT: Final = ("session.update", "response.create")
# The fields whose null is a value, by the API reference: it turns off what they configure.
_TURNED_OFF: Final = frozenset(
    {
        ("session", "tracing"),
        ("session", "prompt"),
        ("session", "audio", "input", "transcription"),
        ("session", "audio", "input", "noise_reduction"),
        ("session", "audio", "input", "turn_detection"),
        ("session", "audio", "input", "turn_detection", "idle_timeout_ms"),
    }
)
# Objects with any keys: their nulls are values of the client's.
_FREE: Final = frozenset({"parameters", "metadata", "variables", "headers", "allowed_tools", "require_approval"})


def absent_marked(event: Json) -> Json:
    """Replace each null of a client event that means an absent field by `ABSENT`."""
    if event.get("type") not in _LENIENT:
        return event
    marked: Json = _marked(event, ())
    return marked


def without_absent(value: Any) -> Any:
    """Remove the fields that `absent_marked` has marked."""
    match value:
        case dict():
            return {name: without_absent(each) for name, each in value.items() if each is not ABSENT}
        case list():
            return [without_absent(each) for each in value]
        case _:
            return value


def _marked(value: Any, path: tuple[str, ...]) -> Any:
    match value:
        case dict():
            return {name: _marked_field(each, name, (*path, name)) for name, each in value.items()}
        case list():
            return [_marked(each, (*path, "")) for each in value]
        case _:
            return value


def _marked_field(value: Any, name: str, path: tuple[str, ...]) -> Any:
    if value is None:
        return None if path in _TURNED_OFF else ABSENT
    return value if name in _FREE else _marked(value, path)
