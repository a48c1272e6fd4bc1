"""What one buffer or queue counts for in the budget of its session, in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Budget(Protocol):
    """What a charge asks of the budget that it counts in; `turnstile.byte_budget.SessionBudget` is one."""

    @property
    def limit(self) -> int:
        """How many bytes may be held."""

    @property
    def staying(self) -> int:
        """Bytes held that are not on their way out."""

    @property
    def limited(self) -> int:
        """Bytes held that the limit is for."""

    @property
    def room(self) -> int:
        """Bytes that may still be held; 0 at least."""

    def when_room(self, size: int, call: Callable[[], object], /) -> None:
        """Call once when there is room for `size` more bytes."""


class Charge:
    """One charge against a session's budget: the bytes of one buffer or queue. Calls must not overlap.

    Args:
        budget: The session's, which bounds it.
        count: Counts so many more bytes for the session, or fewer where they are negative.
    """

    __slots__ = ("_budget", "_count", "size")

    def __init__(self, budget: Budget, count: Callable[[int], None]) -> None:
        self._budget = budget
        self._count = count
        self.size = 0
        """Bytes charged."""

    def set(self, size: int) -> None:
        """Charge so many bytes from now on, instead of the ones before."""
        if size != self.size:
            change, self.size = size - self.size, size
            self._count(change)

    def fits(self, size: int) -> bool:
        """Return whether so many bytes may be charged instead of the ones before."""
        return size - self.size <= self._budget.room

    def may_fit(self, size: int) -> bool:
        """Return whether so many bytes would fit if all had left that is on its way out."""
        return size <= self._budget.limit - self._budget.staying

    def lacking(self, size: int) -> int:
        """Return how many of the bytes held must be let go of before so many may be charged."""
        return size - self.size - (self._budget.limit - self._budget.limited)

    def when_fits(self, size: int, call: Callable[[], object]) -> None:
        """Call once when so many bytes may be charged; see `SessionBudget.when_room`."""
        self._budget.when_room(size - self.size, call)
