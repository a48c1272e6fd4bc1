"""When a worker that has ended is started again: at once, or, if it ends soon every time, after a growing pause."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

STEADY: Final = 10.0
"""Seconds that a worker has to run to count as one that starts well."""
_FIRST_PAUSE: Final = 1.0
_DOUBLINGS: Final = 5
LONGEST_PAUSE: Final = 30.0


class _Start(NamedTuple):
    at: float
    ended_soon: int  # how many workers of this number before it ended soon, one after the other


class Restarts:
    """The starts of all workers, past and due. All times are seconds of one clock."""

    def __init__(self) -> None:
        self._running: dict[int, _Start] = {}
        self._due: dict[int, _Start] = {}

    def started(self, number: int, now: float) -> None:
        """Note that a worker was started, for the first time or again."""
        due = self._due.pop(number, None)
        self._running[number] = _Start(now, due.ended_soon if due else 0)

    def ended(self, number: int, now: float) -> int:
        """Note that a worker has ended, which makes its next start due.

        Returns:
            How many workers of this number have ended soon after their start, one after the other, this one included.
        """
        start = self._running.pop(number)
        ended_soon = start.ended_soon + 1 if now - start.at < STEADY else 0
        pause = min(_FIRST_PAUSE * 2 ** min(ended_soon - 2, _DOUBLINGS), LONGEST_PAUSE) if ended_soon > 1 else 0.0
        self._due[number] = _Start(now + pause, ended_soon)
        return ended_soon

    def due(self, now: float) -> list[int]:
        """Return the numbers of the workers that are to be started."""
        return [number for number, start in self._due.items() if start.at <= now]

    def steady(self, now: float) -> list[int]:
        """Return the numbers of the workers that ended soon several times and now run well, each once."""
        steady = []
        for number, start in self._running.items():
            if start.ended_soon and now - start.at >= STEADY:
                self._running[number] = _Start(start.at, 0)
                if start.ended_soon > 1:
                    steady.append(number)
        return steady

    def next_due(self) -> float:
        """Return when the next worker is to be started; infinity if none is."""
        return min((start.at for start in self._due.values()), default=math.inf)
