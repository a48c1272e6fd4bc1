"""A partial Realtime ``session`` that is enforced on a client: whatever the client sends, its fields stay.

``audio`` and its two sides are set field by field; everything else is one value, of which a client can change no part:
a format, turn detection, a stored prompt, a list. Sources: the API reference of ``session.update`` and
``response.create``; the beta's flat names are those of `turnstile.protocol.beta`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.errors import ConfigError
from turnstile.protocol.beta import FIELDS
from turnstile.protocol.client_shapes import shape_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
_Parts = dict[str, Any]
"""What is set field by field, and what of that is: by name, as it is nested."""

_SET_BY_FIELD: Final[_Parts] = {"audio": {"input": {}, "output": {}}}
# What a stored prompt may set, too.
_OF_STORED_PROMPT: Final = frozenset(
    {
        "instructions",
        "max_output_tokens",
        "output_modalities",
        "parallel_tool_calls",
        "reasoning",
        "tool_choice",
        "tools",
    }
)
# Where null means "not given", beside the parts of the audio.
_NULL_IS_NONE: Final = frozenset({"instructions", "model", "tools"})
# Fields of ours beside those of the API.
_OURS: Final = frozenset({"endpoints"})


def checked_session(session: object) -> Json:
    """Return a copy of a partial session that can be enforced.

    Null counts as not given for ``audio``, its two sides, and what cannot be turned off: instructions, model, tools.

    Raises:
        ConfigError: It is no JSON object, or a field has a wrong type or a name that the API does not have; names it.
    """
    try:
        copy = orjson.loads(orjson.dumps(session))
    except orjson.JSONEncodeError as error:
        raise ConfigError("invalid_session", f"session: must be JSON: {error}.") from None
    fault = shape_fault({"type": "session.update", "session": copy})
    words = fault.description if fault else next(_faults(copy), None)
    if words is not None:
        raise ConfigError("invalid_session", words)
    given = {name: value for name, value in copy.items() if value is not None or name not in _NULL_IS_NONE}
    return _without_null_parts(given, _SET_BY_FIELD)


def _faults(session: Json) -> Iterator[str]:
    kind, model = session.get("type", "realtime"), session.get("model")
    if kind not in ("realtime", "transcription"):
        yield "Invalid value for 'session.type': use 'realtime' or 'transcription'."
    for name, needed, expected in (
        ("model", str, "a string"),
        ("instructions", str, "a string"),
        ("tools", list, "an array"),
    ):
        if not isinstance(session.get(name), needed | None):
            yield f"Invalid type for 'session.{name}': expected {expected}."
    if model is not None and kind == "transcription":
        yield "Unknown parameter: 'session.model': a transcription session has none."
    for name in sorted(session.keys() & (_OURS | FIELDS.keys())):
        path = ".".join(("session", *FIELDS.get(name, ())))
        hint = f"it is the beta's; use '{path}'" if name in FIELDS else "leave it out"
        yield f"Unknown parameter: 'session.{name}': {hint}."


def _without_null_parts(session: Json, parts: _Parts) -> Json:
    return {
        name: _without_null_parts(value, parts[name]) if name in parts else value
        for name, value in session.items()
        if value is not None or name not in parts
    }


def enforced(patch: Json, values: Json, *, everywhere: bool = True) -> Json:
    """Return a client's `patch` with the enforced `values` in place of its own.

    Args:
        patch: A partial session.
        values: Those that are enforced.
        everywhere: Whether to set the fields that the patch does not name, too.
    """
    return _laid_over(_without(patch, _displaced(values)), values, _SET_BY_FIELD, everywhere=everywhere)


def _laid_over(patch: Json, values: Json, parts: _Parts, *, everywhere: bool) -> Json:
    result = _without_alike(patch, values)
    for name, value in values.items():
        if not everywhere and name not in patch:
            continue
        if name in parts:
            given = patch.get(name)
            inner: Json = given if isinstance(given, dict) else {}
            result[name] = _laid_over(inner, value, parts[name], everywhere=everywhere or inner is not given)
        else:
            result[name] = value
    return result


def without_enforced(config: Json, values: Json) -> Json:
    """Return the parameters of a response without those that are enforced on its session, whose value it then has."""
    return _less(_without(config, _displaced(values)), values, _SET_BY_FIELD)


def _less(config: Json, values: Json, parts: _Parts) -> Json:
    result: Json = {}
    for name, given in _without_alike(config, values).items():
        if name not in values:
            result[name] = given
        elif name in parts and isinstance(given, dict):
            inner = _less(given, values[name], parts[name])
            if inner:
                result[name] = inner
    return result


def _without(given: Json, names: frozenset[str]) -> Json:
    return {name: value for name, value in given.items() if name.casefold() not in names}


def _without_alike(given: Json, values: Json) -> Json:
    """Leave out names that differ from enforced ones in case only: some servers (in Go) take them for the same."""
    return {name: value for name, value in given.items() if name in values or name.casefold() not in values}


def overruled(patch: Json, values: Json) -> Iterator[str]:
    """Yield the dotted path of each field in a client's `patch` that differs from the enforced `values`."""
    yield from (name for name in sorted(_displaced(values)) if patch.get(name) not in (None, ""))
    yield from _differing(patch, values, _SET_BY_FIELD)


def _differing(patch: Json, values: Json, parts: _Parts, prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        given = patch.get(name)
        if name in parts:
            yield from _differing(given or {}, value, parts[name], f"{prefix}{name}.")
        elif given not in (None, "", value):
            yield f"{prefix}{name}"


def _displaced(values: Json) -> frozenset[str]:
    """Return the names of the client's fields that would set enforced ones under another name, or through another."""
    names = {name for name, path in FIELDS.items() if _has(values, path)}
    if "prompt" not in values and not _OF_STORED_PROMPT.isdisjoint(values):
        names.add("prompt")
    if values.get("prompt") is not None and "instructions" not in values:
        names.add("instructions")
    return frozenset(names)


def _has(values: Json, path: tuple[str, ...]) -> bool:
    for name in path:
        if name not in values:
            return False
        values = values[name]
    return True
