"""What of a Realtime client's event is not built as one, in the API's own words.

Only what the proxy itself reads on the way is looked at, and the two events that the gate holds above all: one of them
must not pass for something else. The rest is upstream's to judge. Source: errors of the API as recorded, and the
reference of ``session.update`` and ``response.create``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.errors import Problem
from turnstile.protocol import beta

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

GATED: Final = frozenset({"session.update", "response.create"})
# The beta's own way to configure a session that only writes down; from a client of the beta it comes here translated.
_GONE: Final = frozenset({"transcription_session.update"})
# What the proxy reads inside of a gated event: objects, where they are given at all.
_SESSION_OBJECTS: Final = (
    ("audio",),
    ("audio", "input"),
    ("audio", "output"),
    ("audio", "input", "turn_detection"),
)
_RESPONSE_OBJECTS: Final = (("metadata",), ("audio",), ("audio", "output"))
_KINDS: Final = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
}
_SHOWN: Final = 64


def shape_fault(event: Json, *, is_beta: bool = False) -> Problem | None:
    """Return what is wrong with the shape of a client's event, in the current words; None if nothing is.

    Args:
        event: A JSON object.
        is_beta: The client speaks the words of the beta, and so are fields named to it.
    """
    kind = event.get("type")
    if "type" not in event:
        return Problem("invalid_event", "The 'type' field is missing.")
    if not isinstance(kind, str):
        return _wrong_type("type", "a string", kind)
    if kind not in GATED:
        return _type_fault(kind)
    if kind == "session.update":
        if "session" not in event:
            return Problem("missing_required_parameter", "Missing required parameter: 'session'.", "session")
        fault = _not_an_object(event["session"], "session", _SESSION_OBJECTS)
    else:
        response = event.get("response")
        fault = None if response is None else _not_an_object(response, "response", _RESPONSE_OBJECTS)
    if fault is None:
        return None
    path, value = fault
    return _wrong_type(beta.beta_path(path) if is_beta else path, "an object", value)


def _type_fault(kind: str) -> Problem | None:
    """Refuse a type that another server might take for one of the gated."""
    meant = kind.strip().casefold()
    if meant not in GATED | _GONE:
        return None
    known = ", ".join(repr(name) for name in sorted(GATED))
    words = f"Invalid value: {kind[:_SHOWN]!r}. Among the supported values are: {known}."
    return Problem("invalid_value", words, "type")


def _not_an_object(value: Any, root: str, inner: Iterable[tuple[str, ...]]) -> tuple[str, Any] | None:
    """Return the path and the value of the first thing that is no object, though it has to be one."""
    if not isinstance(value, dict):
        return root, value
    for path in inner:
        held: Any = value
        for name in path:
            held = (held or {}).get(name)
        if held is not None and not isinstance(held, dict):
            return ".".join((root, *path)), held
    return None


def _wrong_type(path: str, expected: str, value: object) -> Problem:
    given = _KINDS.get(type(value), "an object")
    return Problem("invalid_type", f"Invalid type for '{path}': expected {expected}, but got {given} instead.", path)
