"""What null means in a client event: in two of them a field that is not given, but for what null turns off."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

Json = dict[str, Any]


class Absent(Enum):
    """Stands for a field that is not given though its name is there."""

    ABSENT = "null"


ABSENT: Final = Absent.ABSENT

# Clients send null for what they leave open: livekit's plugin has `"instructions": null` in each `response.create`.
_LENIENT: Final = ("session.update", "response.create")
# The fields whose null is a value, by the API reference: what they turn on is off.
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
# Objects with any keys: their nulls are the client's own.
_FREE: Final = frozenset({"parameters", "metadata", "variables", "headers", "allowed_tools", "require_approval"})


def absent_marked(event: Json) -> Json:
    """Return a client event with `ABSENT` for each null that means "not given"."""
    if event.get("type") not in _LENIENT:
        return event
    marked: Json = _marked(event, ())
    return marked


def without_absent(value: Any) -> Any:
    """Return what `absent_marked` has marked, without the fields that are not given."""
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
