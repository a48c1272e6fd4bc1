"""Back-pressure as plain arithmetic: when to read, when to hold a source back, when a silent peer is gone.

Nothing here locks, looks at a clock or touches a socket; a connection does that around it.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Connection


class ReadGate:
    """Whether to read from a peer: not while somebody paused it, nor while too much waits to be worked on.

    Args:
        high_water: With more than this many bytes waiting, the peer is not read.
        low_water: Under this it is read again.
        message_cost: What each message counts besides its bytes.
    """

    def __init__(self, high_water: int, low_water: int, message_cost: int = 0) -> None:
        self._message_cost = message_cost
        self._high_water = high_water
        self._low_water = low_water
        self._pauses = 0
        self._unhandled = 0
        self._full = False
        self.is_open = True
        """Whether the peer may be read."""

    def received(self, size: int, messages: int = 1) -> None:
        """Count so many messages as passed on to be worked on.

        Args:
            size: How many bytes they have together.
            messages: How many.
        """
        self._unhandled += size + messages * self._message_cost
        if self._unhandled > self._high_water:
            self._full = True
            self.is_open = False

    def handled(self, size: int, messages: int = 1) -> bool:
        """Count so many messages as worked on; whether there is room for more now, as there was not before.

        Args:
            size: How many bytes they had together.
            messages: How many.
        """
        self._unhandled = max(0, self._unhandled - size - messages * self._message_cost)
        if self._full and self._unhandled <= self._low_water:
            self._full = False
            self._decide()
            return True
        return False

    def pause(self) -> None:
        """Close the gate until one more `resume`."""
        self._pauses += 1
        self._decide()

    def resume(self) -> None:
        """Take one `pause` back."""
        self._pauses -= 1
        self._decide()

    def _decide(self) -> None:
        # A resume may overtake the pause it belongs to, when two threads hold a source back and let it go.
        self.is_open = self._pauses <= 0 and not self._full


class WriteGate:
    """Which connections to hold back while too much waits to be written.

    Methods return what to call when no lock is held any more: two connections that hold each other back would
    otherwise wait for each other's lock.
    """

    def __init__(self, high_water: int, low_water: int) -> None:
        self._high_water = high_water
        self._low_water = low_water
        self._sources: list[Connection] = []
        self.is_holding = False
        """Whether they are held back."""

    def add(self, source: Connection) -> list[Callable[[], None]]:
        """Hold `source` back from now on whenever there is too much to write."""
        self._sources.append(source)
        return [source.pause_reading] if self.is_holding else []

    def measure(self, waiting: int) -> list[Callable[[], None]]:
        """Look at the number of bytes that wait to be written."""
        if self.is_holding:
            return self.release() if waiting <= self._low_water else []
        if waiting <= self._high_water or not self._sources:
            return []
        self.is_holding = True
        return [source.pause_reading for source in self._sources]

    def release(self) -> list[Callable[[], None]]:
        """Let go of whatever is held back."""
        if not self.is_holding:
            return []
        self.is_holding = False
        return [source.resume_reading for source in self._sources]


class Pulse(Enum):
    """What a look at a peer's pulse asks for."""

    WAIT = auto()
    PING = auto()
    GONE = auto()


class Keepalive:
    """Tells a quiet peer from one that is gone.

    Whatever arrives is a sign of life; only a peer that was silent for a whole interval is sent a ping.

    Args:
        interval: Seconds of silence before a ping.
        timeout: Seconds of silence after a ping.
        now: The time now, in seconds of any monotonic clock.
    """

    def __init__(self, interval: float, timeout: float, now: float) -> None:
        self._interval = interval
        self._timeout = timeout
        self._pinged_at = -math.inf
        self.heard_at = now
        """When the latest sign of life came; who reads the peer says so."""

    def look(self, now: float, *, listening: bool) -> tuple[Pulse, float]:
        """Say what to do now, and in how many seconds to look again.

        Args:
            now: The time now.
            listening: Whether the peer is being read; one that is held back cannot show that it lives.
        """
        if not listening:
            self.heard_at = now
        if self.heard_at < self._pinged_at:
            left = self._pinged_at + self._timeout - now
            return (Pulse.WAIT, left) if left > 0 else (Pulse.GONE, 0)
        left = self.heard_at + self._interval - now
        if left > 0:
            return Pulse.WAIT, left
        self._pinged_at = now
        return Pulse.PING, min(self._interval, self._timeout)
