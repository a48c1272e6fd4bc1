"""The base of all objects inside a client's messages.

A null field counts as missing. Fields without a counterpart upstream are kept unread, so that a warning can name them.
Values that upstream would refuse are read all the same where a part of them, or a value near them, can be used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator

# Characters of a field's name that a warning repeats.
_SHOWN_NAME = 64


class Part(BaseModel):
    """An object inside a message, or a message; unknown fields are kept as extras."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, strict=False)

    may_stand_alone: ClassVar[bool] = False
    """Whether the protocol takes one of these in place of a list of them."""

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, value: Any) -> Any:
        if isinstance(value, dict) and None in value.values():
            return {name: field for name, field in value.items() if field is not None}
        return value

    def unsupported_fields(self, path: str = "") -> Iterator[str]:
        """Yield the path, as the client writes it, of each field without a counterpart upstream."""
        prefix = f"{path}." if path else ""
        for name in self.model_extra or ():
            yield f"{prefix}{name[:_SHOWN_NAME]}"
        for name, field in type(self).model_fields.items():
            value, inner = getattr(self, name), f"{prefix}{field.alias or name}"
            if isinstance(value, Part):
                yield from value.unsupported_fields(inner)
            elif isinstance(value, tuple):
                yield from _unsupported_in(value, inner)


def _unsupported_in(values: tuple[Any, ...], path: str) -> Iterator[str]:
    for index, value in enumerate(values):
        if isinstance(value, Part):
            is_alone = len(values) == 1 and value.may_stand_alone
            yield from value.unsupported_fields(path if is_alone else f"{path}[{index}]")


def listed(value: Any) -> Any:
    """Return a list as it is, and anything else as a list of one."""
    return value if isinstance(value, list | tuple) else [value]


def at_most(count: int) -> BeforeValidator:
    """Return the check that a list has no more than `count` entries, each of which takes time to read."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and len(value) > count:
            raise ValueError(f"must have at most {count:,} entries, not {len(value):,}")
        return value

    return BeforeValidator(check)


Texts = Annotated[tuple[str, ...], Field(fail_fast=True), at_most(1_000), BeforeValidator(listed)]
Number = Annotated[float, Field(allow_inf_nan=False)]
