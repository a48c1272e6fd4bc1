"""Back-pressure as plain arithmetic: when to read, when to hold a source back, when a silent peer is gone.

Nothing here locks, looks at a clock or touches a socket; a connection does that around it.
"""

from __future__ import annotations

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

    @property
    def is_open(self) -> bool:
        """Whether the peer may be read."""
        # A resume may overtake the pause it belongs to, when two threads hold a source back and let it go.
        return self._pauses <= 0 and not self._full

    def received(self, size: int) -> None:
        """Count a message of `size` bytes that was passed on to be worked on."""
        self._unhandled += size + self._message_cost
        if self._unhandled > self._high_water:
            self._full = True

    def handled(self, size: int, messages: int = 1) -> bool:
        """Count so many messages as worked on; whether there is room for more now, as there was not before.

        Args:
            size: How many bytes they had together.
            messages: How many.
        """
        self._unhandled = max(0, self._unhandled - size - messages * self._message_cost)
        if self._full and self._unhandled <= self._low_water:
            self._full = False
            return True
        return False

    def pause(self) -> None:
        """Close the gate until one more `resume`."""
        self._pauses += 1

    def resume(self) -> None:
        """Take one `pause` back."""
        self._pauses -= 1


class WriteGate:
    """Which connections to hold back while too much waits to be written.

    Methods return what to call when no lock is held any more: two connections that hold each other back would
    otherwise wait for each other's lock.
    """

    def __init__(self, high_water: int, low_water: int) -> None:
        self._high_water = high_water
        self._low_water = low_water
        self._sources: list[Connection] = []
        self._holding = False

    def add(self, source: Connection) -> list[Callable[[], None]]:
        """Hold `source` back from now on whenever there is too much to write."""
        self._sources.append(source)
        return [source.pause_reading] if self._holding else []

    def measure(self, waiting: int) -> list[Callable[[], None]]:
        """Look at the number of bytes that wait to be written."""
        if self._holding:
            return self.release() if waiting <= self._low_water else []
        if waiting <= self._high_water or not self._sources:
            return []
        self._holding = True
        return [source.pause_reading for source in self._sources]

    def release(self) -> list[Callable[[], None]]:
        """Let go of whatever is held back."""
        if not self._holding:
            return []
        self._holding = False
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
        self._heard_at = now
        self._pinged_at: float | None = None

    def heard(self, now: float) -> None:
        """Note a sign of life."""
        self._heard_at = now
        self._pinged_at = None

    def look(self, now: float, *, listening: bool) -> tuple[Pulse, float]:
        """Say what to do now, and in how many seconds to look again.

        Args:
            now: The time now.
            listening: Whether the peer is being read; one that is held back cannot show that it lives.
        """
        if not listening:
            self.heard(now)
        if self._pinged_at is not None:
            left = self._pinged_at + self._timeout - now
            return (Pulse.WAIT, left) if left > 0 else (Pulse.GONE, 0)
        left = self._heard_at + self._interval - now
        if left > 0:
            return Pulse.WAIT, left
        self._pinged_at = now
        return Pulse.PING, min(self._interval, self._timeout)
