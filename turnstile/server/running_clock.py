"""Measures time, but for that in which this process did not run itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class RunningClock:
    """A clock that stands still while this process is stopped (SIGSTOP), or the machine is suspended.

    Whoever judges other processes by it does not blame them for time in which all of them were stopped.

    Args:
        clock: A monotonic clock, in seconds.
        step: Seconds that may pass between two readings while the process runs; more than these are not counted.
    """

    def __init__(self, clock: Callable[[], float], step: float) -> None:
        self._clock = clock
        self._step = step
        self._read_at = clock()
        self._elapsed = 0.0

    def __call__(self) -> float:
        """Return the seconds since its creation."""
        now = self._clock()
        self._elapsed += min(now - self._read_at, self._step)
        self._read_at = now
        return self._elapsed
