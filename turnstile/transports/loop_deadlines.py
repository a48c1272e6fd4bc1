"""Calls that are owed later, the earliest first."""

from __future__ import annotations

import heapq
import itertools
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock
    from turnstile.transports.member import Member

# Seconds. Systems take no wait of more milliseconds than an int holds, which is 25 days.
_LONGEST_WAIT: Final = 86_400.0


class Deadline:
    """One call that the loop owes somebody later. `cancel` on the loop's thread only."""

    __slots__ = ("call", "owner")

    def __init__(self, call: Callable[[], None], owner: Member | None) -> None:
        self.call: Callable[[], None] | None = call
        self.owner = owner

    def cancel(self) -> None:
        """Take it back; one that has passed or was cancelled takes no notice."""
        # Dropping both lets a connection go that is long closed, while its place in the heap waits to come up.
        self.call = None
        self.owner = None


class Deadlines:
    """All of one loop. Times are seconds of its clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Deadline]] = []
        self._sequence = itertools.count()
        self.earliest = math.inf
        """When the earliest is due, be it a cancelled one; infinity if there is none."""

    def add(self, when: float, deadline: Deadline) -> None:
        """Keep a deadline until `when`; of those that are due at the same time the first added comes first."""
        heapq.heappush(self._heap, (when, next(self._sequence), deadline))
        self.earliest = self._heap[0][0]

    def left(self, clock: Clock) -> float | None:
        """Return in how many seconds the earliest is due that is not cancelled; None if there is none.

        0 for now, and at most a day.
        """
        heap = self._heap
        while heap and heap[0][2].call is None:
            self.take()
        if not heap:
            return None
        left = self.earliest - clock()
        return 0.0 if left < 0 else min(_LONGEST_WAIT, left)

    def take(self) -> Deadline:
        """Take out the earliest, be it a cancelled one."""
        deadline = heapq.heappop(self._heap)[2]
        self.earliest = self._heap[0][0] if self._heap else math.inf
        return deadline

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()
        self.earliest = math.inf
