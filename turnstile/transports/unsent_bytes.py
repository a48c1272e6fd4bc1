"""The bytes that wait to be written to a peer: charged to its session, and watched past a ceiling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.transports.limits import UNCHARGED_BYTES

if TYPE_CHECKING:
    from turnstile.byte_charge import Charge
    from turnstile.transports.read_credit import ReadCredit


class UnsentBytes:
    """Count the bytes that wait; past the ceiling the peer is not read, and must itself read something in time.

    Nothing here locks or looks at a clock; a connection does that around it.

    Args:
        charge: Is set to the bytes that wait, where they are many.
        ceiling: With more than this the peer is not read, until a quarter of it is free.
        credit: Of reading the peer.
    """

    def __init__(self, charge: Charge, ceiling: int, credit: ReadCredit) -> None:
        self._charge = charge
        self._ceiling = ceiling
        self._credit = credit
        self._taken = -1
        self.uncounted = min(UNCHARGED_BYTES, ceiling)
        """Up to so many bytes need not be counted, unless `is_counting`."""
        self.is_counting = False
        """Whether the latest count must be followed by another."""
        self.is_over = False
        """Whether the peer is not read, because too much waits."""
        self.is_watched = False
        """Whether `has_stopped` is asked from time to time."""

    def count(self, size: int) -> bool:
        """Count the bytes that wait now; return whether the peer must be watched from now on."""
        self._charge.set(size if size > UNCHARGED_BYTES else 0)
        if size > self._ceiling and not self.is_over:
            self.is_over = True
            self._credit.pause()
        elif size <= self._ceiling * 3 // 4 and self.is_over:
            self.is_over = False
            self._credit.resume()
        self.is_counting = self.is_over or self._charge.size > 0
        starts = self.is_over and not self.is_watched
        if starts:
            self.is_watched, self._taken = True, -1
        return starts

    def has_stopped(self, taken: int) -> bool:
        """Return whether the peer has read nothing since this was asked before, for the first time that it is watched.

        Args:
            taken: How many bytes its socket has taken in all.
        """
        self.is_watched = self.is_over
        before, self._taken = self._taken, taken
        return self.is_over and taken == before

    def release(self) -> None:
        """Take the charge back: the connection has ended."""
        self._charge.set(0)
