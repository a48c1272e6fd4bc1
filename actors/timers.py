"""The timer thread: one for all timers of a process."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock

_log = logging.getLogger(__name__)

# Cancelled timers are removed when there are more of them than live ones, and at least this many.
_SWEEP_AT = 256
# The longest wait at once, in seconds; the system's own bound is a number that a setting may exceed.
_LONGEST_WAIT = 86_400.0


class _Started:
    """A started timer; `callback` is None once it fired or was cancelled."""

    __slots__ = ("_owner", "callback")

    def __init__(self, owner: TimerThread, callback: Callable[[], None]) -> None:
        self._owner = owner
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Cancel the timer; without effect once it has fired."""
        if self.callback is not None:
            self.callback = None
            self._owner.note_cancelled()


class TimerThread:
    """The `Timers` port on one thread, which starts with the first timer and sleeps when there is none.

    Args:
        clock: A monotonic clock, in seconds; the thread waits in real time.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, _Started]] = []
        self._order = count()
        self._cancelled = 0
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self, delay: float, callback: Callable[[], None]) -> _Started:
        """Call `callback` once in `delay` seconds; after `stop`, never."""
        timer = _Started(self, callback)
        with self._changed:
            if self._stopping:
                return timer
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="turnstile-timers", daemon=True)
                self._thread.start()
            entry = (self._clock() + delay, next(self._order), timer)
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:
                self._changed.notify()
        return timer

    def note_cancelled(self) -> None:
        """Count a cancelled timer, and remove the cancelled ones when they are many."""
        with self._changed:
            self._cancelled += 1
            if self._cancelled >= _SWEEP_AT and self._cancelled * 2 > len(self._heap):
                self._heap = [entry for entry in self._heap if entry[2].callback is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def stop(self, timeout: float) -> bool:
        """End the thread, after which no timer fires; return whether it ended within `timeout` seconds."""
        with self._changed:
            self._stopping = True
            self._heap.clear()
            self._changed.notify()
            thread = self._thread
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _work(self) -> None:
        while self._fire_next():
            pass

    def _fire_next(self) -> bool:
        """Wait for a timer and fire it; a method of its own, so that its locals release the callback's objects."""
        timer = self._next_due()
        if timer is None:
            return False
        callback, timer.callback = timer.callback, None
        if callback is not None:
            try:
                callback()
            except BaseException:  # SystemExit too: it would end the thread that all sessions share
                _log.exception("A timer's callback failed")
        return True

    def _next_due(self) -> _Started | None:
        with self._changed:
            while not self._stopping:
                if not self._heap:
                    self._changed.wait()
                    continue
                delay = self._heap[0][0] - self._clock()
                if delay <= 0:
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(min(delay, _LONGEST_WAIT))
            return None
