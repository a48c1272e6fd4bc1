"""The interface of what counts sessions for quotas, and the counting in a process without others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from turnstile.server.quotas import Excess, QuotaCounter

if TYPE_CHECKING:
    from turnstile.ports import Clock
    from turnstile.server.quotas import Claimant, QuotaLimits


class Unanswered:
    """The parent process has not answered in time."""


UNANSWERED: Final = Unanswered()

Counted = Callable[[Excess | Unanswered | None], None]
"""Takes the outcome: None where the session counts, and may begin."""


class QuotaCounting(Protocol):
    """Counts the sessions of all processes that serve together.

    A session is known by its number in this process, which none other has had.
    """

    def take(self, number: int, claimant: Claimant, limits: QuotaLimits, counted: Counted, /) -> None:
        """Count one more session that starts now, unless it would exceed a quota; on the I/O thread, without blocking.

        Args:
            number: The session's.
            claimant: Who begins it.
            limits: The quotas.
            counted: Called once, on the I/O thread, in this call or later.
        """

    def add(self, number: int, claimant: Claimant, /) -> None:
        """Count one more session, whatever the quotas; from any thread."""

    def give_back(self, number: int, claimant: Claimant, /) -> None:
        """Count one session less that counts, once; from any thread."""


class CountedHere(QuotaCounting):
    """Counts in this process.

    Args:
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._counter = QuotaCounter(clock)

    def take(self, number: int, claimant: Claimant, limits: QuotaLimits, counted: Counted, /) -> None:  # noqa: ARG002
        """Count one more session, or say which quota it would exceed, at once."""
        counted(self._counter.take(claimant, limits))

    def add(self, number: int, claimant: Claimant, /) -> None:  # noqa: ARG002
        """Count one more session."""
        self._counter.add(claimant)

    def give_back(self, number: int, claimant: Claimant, /) -> None:  # noqa: ARG002
        """Count one session less."""
        self._counter.give_back(claimant)
