"""How late the calls of the I/O loop's timers come: what every session waits while one call takes long."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from turnstile.ports import Clock
    from turnstile.transports.loop import IoLoop

_INTERVAL: Final = 1.0
_KEPT: Final = 60.0
_ASKED_AGAIN: Final = 300.0


class Lag(NamedTuple):
    """How late calls came, in seconds.

    Args:
        latest: The latest one, or how overdue it is by now.
        worst: The worst within the last minute.
    """

    latest: float
    worst: float


class LoopLag:
    """Measures once a second how late a call comes, as long as somebody asks every five minutes.

    A loop whose lag nobody asks for sleeps as it does without this. May be asked from any thread.

    Args:
        loop: Whose calls are measured.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, loop: IoLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._lock = threading.Lock()  # guards all below
        self._asked_at = 0.0
        self._due = math.inf  # when the next call should come; infinity for none
        self._lags: deque[tuple[float, float]] = deque()  # how late, and when

    def measured(self) -> Lag:
        """Return the lag; 0 where the loop does not run, or was not asked before."""
        if not self._loop.running:
            return Lag(0.0, 0.0)
        now = self._clock()
        with self._lock:
            self._asked_at = now
            begins = self._due == math.inf
            if begins:
                self._due = now
            self._forget(now)
            overdue = max(0.0, now - self._due)
            latest = max(overdue, self._lags[-1][0] if self._lags else 0.0)
            lag = Lag(latest, max((latest, *(one for one, _ in self._lags))))
        if begins:
            self._loop.call_soon(self._measure)
        return lag

    def _measure(self) -> None:
        now = self._clock()
        with self._lock:
            self._lags.append((max(0.0, now - self._due), now))
            self._forget(now)
            is_wanted = now - self._asked_at < _ASKED_AGAIN
            self._due = now + _INTERVAL if is_wanted else math.inf
        if is_wanted:
            self._loop.call_later(_INTERVAL, self._measure)

    def _forget(self, now: float) -> None:
        while self._lags and self._lags[0][1] <= now - _KEPT:
            self._lags.popleft()
