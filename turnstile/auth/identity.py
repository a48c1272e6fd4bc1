"""Whom a client has proved to be, and what was decided for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeGuard

from turnstile.protocol.safe_text import on_one_line
from turnstile.translate.host_overrides import HostOverrides


@dataclass(frozen=True, slots=True)
class Identity:
    """The client that its credentials name.

    Args:
        name: The name that quotas count by and logs show; "" for a client of which none is known.
        overrides: The settings of its session that it cannot change.
    """

    name: str = ""
    overrides: HostOverrides = field(default_factory=HostOverrides)


LONGEST_NAME: Final = 200
"""Characters of a name that a token, or the operator's service, may give."""


def is_claimable(value: object) -> TypeGuard[str]:
    """Tell whether a value can be a client's name: text that is not blank, not too long, and safe in a log."""
    return (
        isinstance(value, str) and 0 < len(value.strip()) <= len(value) <= LONGEST_NAME and on_one_line(value) == value
    )
