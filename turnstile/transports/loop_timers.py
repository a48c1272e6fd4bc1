"""Calls that are due later, the earliest first."""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock
    from turnstile.transports.socket_handler import SocketHandler

# Seconds. Systems take no wait of more milliseconds than an int holds, which is 25 days.
_LONGEST_WAIT: Final = 86_400.0


class TimerHandle:
    """One call that the loop will make later. `cancel` on the loop's thread only."""

    __slots__ = ("call", "owner")

    def __init__(self, call: Callable[[], None], owner: SocketHandler | None) -> None:
        self.call: Callable[[], None] | None = call
        self.owner = owner

    def cancel(self) -> None:
        """Cancel the call; without effect on one that was made or cancelled."""
        # Dropping both frees a connection that is long closed, while its entry waits in the heap.
        self.call = None
        self.owner = None


class TimerHeap:
    """All timers of one loop. Times are seconds of its clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, TimerHandle]] = []
        self._sequence = itertools.count()
        self.earliest = math.inf
        """When the earliest is due, be it a cancelled one; infinity if there is none."""

    def add(self, when: float, timer: TimerHandle) -> None:
        """Keep a timer until `when`; of those that are due at the same time the first added comes first."""
        heapq.heappush(self._heap, (when, next(self._sequence), timer))
        self.earliest = self._heap[0][0]

    def time_left(self, clock: Clock) -> float | None:
        """Return the seconds until the earliest timer that is not cancelled; None if there is none.

        0 for one that is due, and at most a day.
        """
        heap = self._heap
        while heap and heap[0][2].call is None:
            self.pop()
        if not heap:
            return None
        left = self.earliest - clock()
        return 0.0 if left < 0 else min(_LONGEST_WAIT, left)

    def pop(self) -> TimerHandle:
        """Remove and return the earliest, be it a cancelled one."""
        timer = heapq.heappop(self._heap)[2]
        self.earliest = self._heap[0][0] if self._heap else math.inf
        return timer

    def clear(self) -> None:
        """Remove all."""
        self._heap.clear()
        self.earliest = math.inf
