"""The starts of the last minute, by name."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from turnstile.ports import Clock

_MINUTE: Final = 60.0  # seconds
_FORGOTTEN_AT_ONCE: Final = 2  # names at each start: more than come, few enough that no start takes long


class RecentStarts:
    """Remembers when each name has started within the last minute; bounded, whatever names come.

    Args:
        clock: A monotonic clock, in seconds.
        most: How many starts are remembered in all; beyond them the name is forgotten that has not started for longest.
    """

    def __init__(self, clock: Clock, most: int = 50_000) -> None:
        self._clock = clock
        self._most = most
        self._times: OrderedDict[str, list[float]] = OrderedDict()  # the name that started last is the last
        self._remembered = 0

    def __len__(self) -> int:
        """Return how many starts are remembered."""
        return self._remembered

    def wait(self, name: str, limit: int) -> float:
        """Return how many seconds a name must wait for its next start; 0 if it need not.

        Args:
            name: Who starts.
            limit: How many starts it has within any minute; 1 at least.
        """
        now = self._clock()
        times = self._times.get(name, [])
        self._forget(times, now)
        return times[-limit] + _MINUTE - now if len(times) >= limit else 0.0

    def add(self, name: str) -> None:
        """Remember that a name starts now."""
        now = self._clock()
        times = self._times.setdefault(name, [])
        self._times.move_to_end(name)
        self._forget(times, now)
        times.append(now)
        self._remembered += 1
        for _ in range(_FORGOTTEN_AT_ONCE):
            if self._latest_of_oldest() <= now - _MINUTE:
                self._forget_oldest()
        while self._remembered > self._most:
            self._forget_oldest()

    def _forget(self, times: list[float], now: float) -> None:
        """Forget those starts of a name that are a minute ago."""
        gone = bisect_right(times, now - _MINUTE)
        del times[:gone]
        self._remembered -= gone

    def _latest_of_oldest(self) -> float:
        times = next(iter(self._times.values()))
        return times[-1] if times else -math.inf

    def _forget_oldest(self) -> None:
        _, times = self._times.popitem(last=False)
        self._remembered -= len(times)
