"""Keepalive by ping (RFC 6455, section 5.5.2): when to send one, and when to give a silent peer up."""

from __future__ import annotations

import math
from enum import Enum, auto


class KeepaliveAction(Enum):
    """What a check of the peer asks for."""

    WAIT = auto()
    PING = auto()
    TIME_OUT = auto()


class Keepalive:
    """Detect a peer that is gone.

    Anything received shows that the peer lives; only one that was silent for a whole interval is sent a ping. Nothing
    here looks at a clock or sends.

    Args:
        interval: Seconds of silence before a ping.
        timeout: Seconds of silence after a ping.
        now: The time now, in seconds of any monotonic clock.
    """

    def __init__(self, interval: float, timeout: float, now: float) -> None:
        self._interval = interval
        self._timeout = timeout
        self._pinged_at = -math.inf
        self.received_at = now
        """When anything was received last; set by the reader."""

    def check(self, now: float, *, is_reading: bool) -> tuple[KeepaliveAction, float]:
        """Return what to do now, and in how many seconds to check again.

        Args:
            now: The time now.
            is_reading: Whether the peer is being read; one that is not cannot show that it lives.
        """
        if not is_reading:
            self.received_at = now
        if self.received_at < self._pinged_at:
            left = self._pinged_at + self._timeout - now
            return (KeepaliveAction.WAIT, left) if left > 0 else (KeepaliveAction.TIME_OUT, 0)
        left = self.received_at + self._interval - now
        if left > 0:
            return KeepaliveAction.WAIT, left
        self._pinged_at = now
        return KeepaliveAction.PING, min(self._interval, self._timeout)
