"""Checks of a Realtime client's event, with the API's own error texts.

Checked is only what the proxy itself reads, above all the two events that the gate holds: neither may pass it as
another event. Upstream validates the rest. Source: errors of the API as recorded, and the reference of
``session.update`` and ``response.create``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.errors import ClientProtocolError, Problem
from turnstile.protocol import beta

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

GATED: Final = frozenset({"session.update", "response.create"})
# The beta's event to configure a session that only transcribes; a beta client's is translated before it is checked.
_GONE: Final = frozenset({"transcription_session.update"})
# The names by which the gate knows an event, which some servers (in Go) read in upper and in lower case.
_GATING: Final = frozenset({"type", "session", "response"})
_GATING_RESPONSE: Final = frozenset({"conversation"})
# What the proxy reads inside a gated event: objects, where given.
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
# Most characters of an event's name (API reference of the client events).
_NAME_SIZE: Final = 512


def name_of(event: Json) -> str | None:
    """Return the client's name for an event; None where it gives none.

    Raises:
        ClientProtocolError: It is longer than the API takes.
    """
    event_id = event.get("event_id")
    if isinstance(event_id, orjson.Fragment) or (isinstance(event_id, str) and len(event_id) > _NAME_SIZE):
        text = f"Invalid 'event_id': string too long. Expected a string with maximum length {_NAME_SIZE}."
        raise ClientProtocolError("string_above_max_length", text)
    return event_id if isinstance(event_id, str) else None


def shape_fault(event: Json, *, is_beta: bool = False) -> Problem | None:
    """Return the problem with the shape of a client's event; None if it is valid.

    Args:
        event: A JSON object, under the current names.
        is_beta: Whether to name fields by the beta's names.
    """
    kind = event.get("type")
    if "type" not in event:
        return Problem("invalid_event", "The 'type' field is missing.")
    if not isinstance(kind, str):
        return _wrong_type("type", "a string", kind)
    alike = _alike(event, kind)
    if alike is not None:
        return Problem("unknown_parameter", f"Unknown parameter: {alike!r}.", alike)
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


def _alike(event: Json, kind: str) -> str | None:
    """Return the path of the first name that another server might take for one that the gate reads."""
    read = [("", event, _GATING)]
    response = event.get("response")
    if kind == "response.create" and isinstance(response, dict):
        read.append(("response.", response, _GATING_RESPONSE))
    for where, given, names in read:
        for name in given:
            if name not in names and name.casefold() in names:
                return f"{where}{name[:_SHOWN]}"
    return None


def _type_fault(kind: str) -> Problem | None:
    """Return the problem with a type that another server might take for a gated one."""
    meant = kind.strip().casefold()
    if meant not in GATED | _GONE:
        return None
    known = ", ".join(repr(name) for name in sorted(GATED))
    words = f"Invalid value: {kind[:_SHOWN]!r}. Among the supported values are: {known}."
    return Problem("invalid_value", words, "type")


def _not_an_object(value: Any, root: str, inner: Iterable[tuple[str, ...]]) -> tuple[str, Any] | None:
    """Return the path and value of the first of `value` and its `inner` fields that is given but not an object."""
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


def without_null_audio(session: Json) -> Json:
    """Return a copy of a session without the null parts of its ``audio``: they count as not given."""
    audio = session.get("audio") or {}
    given = {name: part for name, part in audio.items() if part is not None}
    rest = {name: value for name, value in session.items() if name != "audio"}
    return {**rest, "audio": given} if given else rest
