"""The codec of a session's events, effects, state and policy: JSON that decodes to equal values.

A value of a class is an object whose ``!`` names it, with those of its fields that differ from their defaults. A field
of tuples is a list. Objects that are not the session's own, such as a function's endpoint, are numbered (`Opaque`).
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from turnstile.observability.recorded_classes import CLASS, CLASSES, FIELDS, NO_DEFAULT, Opaque
from turnstile.observability.redactor import LARGEST, Redactor
from turnstile.session.fifo import Fifo
from turnstile.session.memory_size import memory_size
from turnstile.session.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Json = dict[str, Any]

# The largest integer of the JSON that is written; others are texts.
_INTEGER: Final = 2**63
_JSON_TYPES: Final[frozenset[type]] = frozenset({str, dict, list})


def encode(value: Any, redactor: Redactor) -> Any:
    """Return a value as JSON, without credentials.

    Args:
        value: Of the session's classes, JSON, or whatever they hold.
        redactor: Of the recording.
    """
    cls = value.__class__
    if cls is str:
        return _encode_text(value, redactor)
    if value is None or cls is bool:
        return value
    if cls is int:
        return value if -_INTEGER <= value < _INTEGER else {CLASS: "int", "of": str(value)}
    if cls is float:
        return value if math.isfinite(value) else {CLASS: "float", "of": str(value)}
    if cls in FIELDS:
        return {CLASS: cls.__name__} | {
            name: _encode_field(found, depth, redactor)
            for name, depth, default in FIELDS[cls]
            if (found := getattr(value, name)).__class__ is not default.__class__ or found != default
        }
    return _encode_other(value, redactor)


def _encode_field(value: Any, depth: int, redactor: Redactor) -> Any:
    if not depth:
        return encode(value, redactor)
    if value.__class__ is tuple:
        return [_encode_field(part, depth - 1, redactor) for part in value]
    return encode(value, redactor)


def _encode_other(value: Any, redactor: Redactor) -> Any:
    match value:
        case bytes():
            return _encode_bytes(value, redactor)
        case Mapping() if all(isinstance(name, str) for name in value):
            return {_escaped(name): _encode_named(name, part, redactor) for name, part in value.items()}
        case list():
            return [encode(part, redactor) for part in value]
        case tuple() if value.__class__ is tuple:
            return _of("tuple", value, redactor)
        case Fifo():
            return _of("Fifo", value, redactor)
        case frozenset():
            return _of("frozenset", sorted(value), redactor)
        case Enum():
            return value.value
        case _:
            return {CLASS: "opaque", "of": redactor.opaque(value), "size": memory_size(value)}


def _encode_named(name: str, value: Any, redactor: Redactor) -> Any:
    if value.__class__ in _JSON_TYPES:
        value = redactor.field(name, value)
    return encode(value, redactor)


def _of(kind: str, values: Iterable[Any], redactor: Redactor) -> Json:
    return {CLASS: kind, "of": [encode(value, redactor) for value in values]}


def _encode_text(text: str, redactor: Redactor) -> Any:
    if not text.isascii() and not _is_unicode(text):
        return {CLASS: "text", "base64": _base64(redactor.text(text).encode("utf-8", "surrogatepass"))}
    parts = redactor.parts(text)
    return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else {CLASS: "text", "of": parts}


def _is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encode_bytes(data: bytes, redactor: Redactor) -> Json:
    if len(data) > LARGEST and not redactor.keeps_all:
        return {CLASS: "bytes", "of": [redactor.cut(data)]}
    try:
        data.decode()
    except UnicodeDecodeError:
        return {CLASS: "bytes", "base64": _base64(data)}
    kept = redactor.encoded(data)
    return {CLASS: "bytes", "of": [redactor.cut(data)] if kept is None else redactor.parts(kept.decode())}


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def decode(found: Any) -> Any:
    """Return the value that `encode` has made JSON of.

    Raises:
        ValueError: It has made no such JSON, or another version has.
    """
    if isinstance(found, list):
        return [decode(part) for part in found]
    if not isinstance(found, dict):
        return found
    kind = found.get(CLASS)
    if kind is None:
        return {_unescaped(name): decode(part) for name, part in found.items()}
    try:
        return _decode_class(CLASSES[kind], found) if kind in CLASSES else _DECODERS[kind](found)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{kind!r} is no value of this version's: {error!r}") from error


def _decode_class(cls: type, found: Json) -> Any:
    unknown = found.keys() - {field.name for field in FIELDS[cls]} - {CLASS}
    if unknown:
        raise KeyError(*unknown)
    values = {name: _decode_field(name, depth, found, default) for name, depth, default in FIELDS[cls]}
    if issubclass(cls, tuple):
        return tuple.__new__(cls, values.values())
    value = object.__new__(cls)
    for name, part in values.items():
        object.__setattr__(value, name, part)  # also what the class counts by itself
    return value


def _decode_field(name: str, depth: int, found: Json, default: Any) -> Any:
    if name not in found:
        if default is NO_DEFAULT:
            raise KeyError(name)
        return default
    value = _tuples(decode(found[name]), depth)
    return Waits(value) if name == "waits" and value is not None else value


def _tuples(value: Any, depth: int) -> Any:
    return tuple([_tuples(part, depth - 1) for part in value]) if depth and isinstance(value, list) else value


def _text_of(parts: list[str | Json]) -> str:
    """Return a text of parts, each that was cut as long as it was."""
    return "".join(
        [
            one if isinstance(one, str) else one["cut"].ljust(one["size"], one.get("of", "A"))[: one["size"]]
            for one in parts
        ]
    )


def _decode_text(found: Json) -> str:
    return b64decode(found["base64"]).decode("utf-8", "surrogatepass") if "base64" in found else _text_of(found["of"])


def _decode_bytes(found: Json) -> bytes:
    return b64decode(found["base64"]) if "base64" in found else _text_of(found["of"]).encode()


_DECODERS: Final[Mapping[str, Callable[[Json], Any]]] = {
    "int": lambda found: int(found["of"]),
    "float": lambda found: float(found["of"]),
    "text": _decode_text,
    "bytes": _decode_bytes,
    "tuple": lambda found: tuple(decode(found["of"])),
    "Fifo": lambda found: Fifo(decode(found["of"])),
    "frozenset": lambda found: frozenset(decode(found["of"])),
    "opaque": lambda found: Opaque(found["of"], found["size"]),
}


def _escaped(name: str) -> str:
    return CLASS + name if name.startswith(CLASS) else name


def _unescaped(name: str) -> str:
    return name.removeprefix(CLASS)
