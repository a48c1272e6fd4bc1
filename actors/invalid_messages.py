"""The rate of a client's invalid messages."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from turnstile.ports import Clock

_WITHIN: Final = 60.0  # seconds


class InvalidMessages:
    """Count a client's invalid messages within the last minute.

    Args:
        most: How many there may be.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, most: int, clock: Clock) -> None:
        self._clock = clock
        self._times: deque[float] = deque(maxlen=most)

    def are_too_many(self) -> bool:
        """Count one more, and return whether that is more than there may be."""
        now, times = self._clock(), self._times
        too_many = len(times) == times.maxlen and now - times[0] < _WITHIN
        times.append(now)
        return too_many
