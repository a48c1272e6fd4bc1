"""The dispatcher on worker threads, where the I/O thread does not run the actors."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[], object]

_log = logging.getLogger(__name__)


class ThreadDispatcher:
    """The `Dispatcher` on daemon threads of its own, which start at the first use, so never before a fork.

    Args:
        workers: The number of threads.
        name: The prefix of the threads' names.
    """

    def __init__(self, workers: int = 1, name: str = "turnstile-actors") -> None:
        self._ready: SimpleQueue[Run | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]
        self._lock = threading.Lock()  # guards the two below
        self._has_started = False
        self._is_stopping = False

    def waker(self, run: Run) -> Callable[[], object]:
        """Return a function that schedules `run` once for each call; after `stop` it does nothing."""
        return partial(self._schedule, run)

    def stop(self, timeout: float) -> bool:
        """Schedule no more, wait for what is scheduled, and return whether it ended within `timeout` seconds."""
        with self._lock:
            self._is_stopping = True
            if not self._has_started:
                return True
            for _ in self._threads:
                self._ready.put(None)
        give_up = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, give_up - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _schedule(self, run: Run) -> None:
        if self._is_stopping:
            return
        if not self._has_started:
            self._start()
        self._ready.put(run)

    def _start(self) -> None:
        with self._lock:
            if not self._has_started and not self._is_stopping:
                for thread in self._threads:
                    thread.start()
                self._has_started = True

    def _work(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Wait for the next run and call it; a method of its own, so that its locals release the run's actor."""
        run = self._ready.get()
        if run is None:
            return False
        try:
            run()
        except BaseException:  # SystemExit too: it would end the thread that all sessions share
            _log.exception("An actor's run failed outside of its message handling")
        return True
