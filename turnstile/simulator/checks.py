"""Small checks that a schema is made of: each checks one JSON value, and raises the API's own error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from turnstile.simulator import schema_errors
from turnstile.simulator.nulls import ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Check = Callable[[Any, str], None]
"""Takes a value and its path (``session.audio.input``, or empty for the event itself); raises `ApiError`."""


def anything(value: object, path: str) -> None:
    """Accept any value."""


def flag(value: object, path: str) -> None:
    """Accept true and false."""
    if not isinstance(value, bool):
        raise schema_errors.invalid_type(path, "a boolean", value)


def text(maximum: int | None = None) -> Check:
    """Accept a string of at most `maximum` characters."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise schema_errors.invalid_type(path, "a string", value)
        if maximum is not None and len(value) > maximum:
            raise schema_errors.too_long(path, len(value), maximum)

    return check


def integer(minimum: int | None = None, maximum: int | None = None) -> Check:
    """Accept a whole number between two bounds, both included."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise schema_errors.invalid_type(path, "an integer", value)
        _bound(value, path, minimum, maximum)

    return check


def number(minimum: float, maximum: float) -> Check:
    """Accept a number between two bounds, both included."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise schema_errors.invalid_type(path, "a decimal number", value)
        _bound(value, path, minimum, maximum)

    return check


def _bound(value: float, path: str, minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and value < minimum:
        raise schema_errors.out_of_range(path, value, bound=minimum, below=True)
    if maximum is not None and value > maximum:
        raise schema_errors.out_of_range(path, value, bound=maximum, below=False)


def one_of(*values: str) -> Check:
    """Accept one of some strings."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, str):
            raise schema_errors.invalid_type(path, f"one of {schema_errors.listed(values)}", value)
        if value not in values:
            raise schema_errors.invalid_value(path, value, values)

    return check


def optional(check: Check) -> Check:
    """Accept null, and what `check` accepts."""

    def check_unless_null(value: object, path: str) -> None:
        if value is not None:
            check(value, path)

    return check_unless_null


def either(kind: type, check: Check, otherwise: Check) -> Check:
    """Check values of one Python type with one check, and all others with another."""

    def check_by_kind(value: object, path: str) -> None:
        (check if isinstance(value, kind) else otherwise)(value, path)

    return check_by_kind


def list_of(entry: Check, *, of: str = "objects") -> Check:
    """Accept an array whose entries `entry` accepts."""

    def check(value: object, path: str) -> None:
        if not isinstance(value, list):
            raise schema_errors.invalid_type(path, f"an array of {of}", value)
        for index, each in enumerate(value):
            entry(each, f"{path}[{index}]")

    return check


def pairs(maximum: int, key_length: int, entry: Check) -> Check:
    """Accept an object with any keys, of at most `maximum` entries."""

    def check(value: object, path: str) -> None:
        members = _members(value, path)
        if len(members) > maximum:
            raise schema_errors.too_many(path, len(members), maximum)
        for key, each in members.items():
            if len(key) > key_length:
                raise schema_errors.too_long(f"{path}.{key}", len(key), key_length)
            entry(each, f"{path}.{key}")

    return check


def shape(fields: Mapping[str, Check], *required: str) -> Check:
    """Accept an object with these fields and no others; a field that is `ABSENT` may have any known name.

    Args:
        fields: A check for each known field.
        required: The names of the required fields.
    """

    def check(value: object, path: str) -> None:
        members = _members(value, path)
        prefix = f"{path}." if path else ""
        for name in required:
            if members.get(name, ABSENT) is ABSENT:
                raise schema_errors.missing_parameter(prefix + name)
        for name, each in members.items():
            if name not in fields:
                raise schema_errors.unknown_parameter(prefix + name)
            if each is not ABSENT:
                fields[name](each, prefix + name)

    return check


def by_type(shapes: Mapping[str, Check], *, tag: str = "type") -> Check:
    """Accept an object that fits the check named by its `tag`."""
    names: Sequence[str] = tuple(shapes)

    def check(value: object, path: str) -> None:
        members = _members(value, path)
        where = f"{path}.{tag}"
        if members.get(tag, ABSENT) is ABSENT:
            raise schema_errors.missing_parameter(where)
        one_of(*names)(members[tag], where)
        shapes[members[tag]](value, path)

    return check


def _members(value: object, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise schema_errors.invalid_type(path, "an object", value)
    return value
