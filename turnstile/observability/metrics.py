"""Counters of a process."""

from __future__ import annotations

import threading
from collections import Counter


class CountingMeter:
    """The `Meter` port: counts in memory."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, name: str, by: int = 1) -> None:
        """Add to the counter called `name`."""
        with self._lock:
            self._counts[name] += by

    def snapshot(self) -> dict[str, int]:
        """Return all counters as they are now."""
        with self._lock:
            return dict(self._counts)
