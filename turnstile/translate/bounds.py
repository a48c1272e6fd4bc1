"""Numbers that the Realtime API takes within bounds: a value outside is adjusted, with a warning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnstile.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of one number.

    Args:
        lowest: The least value.
        highest: The greatest value.
        is_whole: Whether it must be a whole number.
    """

    lowest: float
    highest: float
    is_whole: bool = False

    def nearest(self, given: float) -> float:
        """Return the nearest value within the bounds."""
        value = min(max(given, self.lowest), self.highest)
        return round(value) if self.is_whole else value

    def warnings(self, field: str, given: float | None) -> Iterator[Problem]:
        """Yield a warning if the value of `field` must be adjusted."""
        if given is not None and self.nearest(given) != given:
            kind = "whole number" if self.is_whole else "number"
            wanted = f"is no {kind} from {_shown(self.lowest)} to {_shown(self.highest)}"
            yield adjusted(field, f"{_shown(given)} {wanted}; {_shown(self.nearest(given))} is used")


# Reference of ``turn_detection.idle_timeout_ms``, ``max_output_tokens`` and ``audio.output.speed``.
IDLE_TIMEOUT = Bounds(5_000, 30_000, is_whole=True)
OUTPUT_TOKENS = Bounds(1, 4_096, is_whole=True)
SPEED = Bounds(0.25, 1.5)


def adjusted(field: str, words: str) -> Problem:
    """Return the warning about an adjusted field; `words` give the value that is used instead."""
    return Problem("field_adjusted", f"{field}: {words}.")


def _shown(number: float) -> str:
    return f"{number:.12g}"
