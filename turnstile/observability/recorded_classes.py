"""The classes of a session's values, with their fields, as recordings name them."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import turnstile.session
from turnstile.errors import Problem
from turnstile.protocol.frames import Closed

if TYPE_CHECKING:
    from collections.abc import Mapping

CLASS: Final = "!"
"""The field that names what a recorded value is."""

_NESTED: Final = re.compile(r"(tuple\[)*")
NO_DEFAULT: Final = object()
"""The default of a field that has none."""


class _Numbered:
    __slots__ = ("number", "size")


class Opaque(_Numbered):
    """Stands for an object that is not recorded: equal to those of the same number, and as large as it was.

    Args:
        number: Its number in the recording.
        size: The bytes of memory that it took with all that it refers to.
    """

    __slots__ = ()  # and so `memory_size` adds nothing to what `__sizeof__` says

    def __init__(self, number: int, size: int) -> None:
        self.number, self.size = number, size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and other.number == self.number

    def __hash__(self) -> int:
        return hash(self.number)

    def __repr__(self) -> str:
        return f"Opaque({self.number})"

    def __sizeof__(self) -> int:
        return max(0, self.size - _GC_HEADER)


class _Tracked:
    """An object that the garbage collector knows, as it does an `Opaque`."""

    __slots__ = ("_",)


# What `getsizeof` adds to such an object's `__sizeof__`.
_GC_HEADER: Final = sys.getsizeof(_Tracked()) - _Tracked().__sizeof__()


class Field(NamedTuple):
    """A field of a class.

    Args:
        name: Its name.
        depth: How many tuples are within each other in it.
        default: What it is where nothing else is recorded.
    """

    name: str
    depth: int
    default: Any


def annotations_of(cls: type) -> dict[str, str]:
    """Return the annotation of each field of a record or a named tuple."""
    found = {name: one for base in reversed(cls.__mro__) for name, one in vars(base).get("__annotations__", {}).items()}
    return {name: getattr(one, "__forward_arg__", f"{one}") for name, one in found.items()}


def fields_of(cls: type) -> tuple[Field, ...]:
    """Return the fields of a record or a named tuple."""
    depths = {name: _depth(annotation) for name, annotation in annotations_of(cls).items()}
    if dataclasses.is_dataclass(cls):
        return tuple([Field(one.name, depths[one.name], _default(one)) for one in dataclasses.fields(cls)])
    defaults: Mapping[str, Any] = cls._field_defaults  # type: ignore[attr-defined]
    names: tuple[str, ...] = cls._fields  # type: ignore[attr-defined]
    return tuple([Field(name, depths[name], defaults.get(name, NO_DEFAULT)) for name in names])


def _depth(annotation: str) -> int:
    """Return how many tuples an annotation begins with."""
    found = _NESTED.match(annotation)
    return len(found[0]) // len("tuple[") if found else 0


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return NO_DEFAULT if field.default is dataclasses.MISSING else field.default


def _is_value(found: object) -> bool:
    return isinstance(found, type) and (dataclasses.is_dataclass(found) or hasattr(found, "_fields"))


def _classes() -> dict[str, type]:
    """Return the classes of values by their names: all of turnstile.session, and two that their fields are of."""
    found: dict[str, type] = {"Problem": Problem, "Closed": Closed}
    for module in pkgutil.iter_modules(turnstile.session.__path__):
        name = f"turnstile.session.{module.name}"
        values = vars(importlib.import_module(name)).values()
        found |= {one.__name__: one for one in values if _is_value(one) and one.__module__ == name}
    return found


CLASSES: Final[Mapping[str, type]] = _classes()
"""The classes of the values that are recorded, by their names."""
FIELDS: Final[Mapping[type, tuple[Field, ...]]] = {cls: fields_of(cls) for cls in CLASSES.values()}
"""The fields of each."""
