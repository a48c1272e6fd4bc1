"""The links of a simulator: those that are open, and the last ended ones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from turnstile.simulator.log import Latest

if TYPE_CHECKING:
    from turnstile.simulator.session_driver import SessionDriver


class Links:
    """The links of a simulator. All methods may be called from any thread.

    Args:
        keep: How many ended ones are kept.
        keep_bytes: How many bytes of ended ones are kept at most.
    """

    def __init__(self, keep: int, keep_bytes: int) -> None:
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._lock = threading.Lock()
        self._all: list[SessionDriver] = []
        self.knocks: Latest[float] = Latest()
        """When links were asked for, the refused ones too, by the simulator's clock."""

    @property
    def all(self) -> list[SessionDriver]:
        """The open links and the last ended ones, the oldest first."""
        return list(self._all)

    @property
    def open(self) -> list[SessionDriver]:
        """The open links, the oldest first."""
        return [link for link in self.all if not link.has_ended]

    def knocked(self, now: float) -> None:
        """Note that a link is asked for."""
        with self._lock:
            self.knocks.keep(now, 0)

    def add(self, link: SessionDriver) -> None:
        """Add a link, and drop the oldest ended ones beyond the number and the bytes to keep."""
        with self._lock:
            self._all.append(link)
            self._forget()

    def end(self) -> None:
        """End all links without a close; none of their timers is left."""
        for link in self.all:
            link.end()

    def _forget(self) -> None:
        ended = [link for link in self._all if link.has_ended]
        sizes = [link.session.kept_bytes for link in ended]
        surplus, total = max(0, len(ended) - self._keep), sum(sizes)
        dropped = 0
        while dropped < surplus or total > self._keep_bytes:
            total -= sizes[dropped]
            dropped += 1
        gone = set(ended[:dropped])
        if gone:
            self._all = [link for link in self._all if link not in gone]
