"""Back-pressure on writing: which connections must not be read while too much waits to be written to another."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Connection


class WriteWatermark:
    """Pause the sources of a connection above its high water mark, and resume them at the low one.

    Nothing here locks. Methods return what to call once no lock is held any more: two connections that pause each
    other would otherwise wait for each other's lock. The sources are not kept: two may hold each other back.

    Args:
        high_water: With more than this many bytes to write, the sources are paused.
        low_water: At this or fewer they are resumed.
    """

    def __init__(self, high_water: int, low_water: int) -> None:
        self._high_water = high_water
        self._low_water = low_water
        self._sources: list[ref[Connection]] = []
        self.is_pausing = False
        """Whether the sources are paused."""

    def add(self, source: Connection) -> list[Callable[[], None]]:
        """Pause `source` from now on whenever there is too much to write."""
        self._sources = [ref(one) for one in (*self._live(), source)]
        return [source.pause_reading] if self.is_pausing else []

    def measure(self, waiting: int) -> list[Callable[[], None]]:
        """Compare the number of bytes that wait to be written with the marks."""
        if self.is_pausing:
            return self.release() if waiting <= self._low_water else []
        if waiting <= self._high_water or not self._sources:
            return []
        self.is_pausing = True
        return [source.pause_reading for source in self._live()]

    def release(self) -> list[Callable[[], None]]:
        """Resume all sources that are paused."""
        if not self.is_pausing:
            return []
        self.is_pausing = False
        return [source.resume_reading for source in self._live()]

    def _live(self) -> list[Connection]:
        return [source for one in self._sources if (source := one()) is not None]
