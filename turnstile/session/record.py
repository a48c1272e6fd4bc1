"""Values that do not change: the type checker keeps them so, and at run time they cost what a plain object costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """Make a value of a class: compared and hashed by its fields, which are set once.

    A frozen dataclass guards each field at run time too, for four times as long as it takes to set them.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
