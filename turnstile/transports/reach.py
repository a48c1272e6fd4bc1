"""The interface of what keeps when upstream was reached, and when it was not."""

from __future__ import annotations

from typing import Protocol


class Reach(Protocol):
    """Keeps when upstream was last reached, and when not; called from any thread."""

    def note_reached(self, wall_time: float) -> None:
        """Note that a link was opened, at a time in seconds since 1970."""

    def note_unreached(self, wall_time: float) -> None:
        """Note that a link was not, since upstream was out of reach or out of order; a refusal is neither."""
