"""A pool of daemon threads for jobs that block."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class WorkerPool:
    """Run jobs on daemon threads; each thread is started when a job would otherwise wait, none before.

    Args:
        name: Names the threads: ``turnstile-<name>-1``, ...
        threads: How many jobs run at the same time.
        max_waiting: How many more may wait for a thread; None for any number.
    """

    def __init__(self, name: str, threads: int, *, max_waiting: int | None = None) -> None:
        self._name = name
        self._most_threads = threads
        self._most_jobs = None if max_waiting is None else threads + max_waiting
        self._jobs: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the three below
        self._threads: list[threading.Thread] = []
        self._unfinished = 0  # jobs that run or wait
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called; a job that runs afterwards only reports that."""
        return self._closed

    def submit(self, job: Callable[[], object]) -> bool:
        """Run `job` on a thread of the pool, without blocking; from any thread.

        Returns:
            False if it never will run: the pool is closed or full, or the system gives it no thread.
        """
        with self._lock:
            if self._closed or self._unfinished == self._most_jobs or not self._has_threads(self._unfinished + 1):
                return False
            self._unfinished += 1
            self._jobs.put(job)
            return True

    def close(self, timeout: float) -> None:
        """Take no more jobs; run those that wait at once, here, where they see `closed`. Then wait for the threads.

        Args:
            timeout: How many seconds to wait for jobs that are running.
        """
        self._closed = True
        while (job := self._next_waiting()) is not None:
            self._run(job)
        self._end_threads(timeout)

    def drain(self, timeout: float) -> None:
        """Take no more jobs, and wait for those that run or wait; one that has not begun by then is never called.

        Args:
            timeout: How many seconds to wait.
        """
        self._closed = True
        threads = self._end_threads(timeout)
        while self._next_waiting() is not None:
            pass
        for _ in threads:  # whose signs to end were behind those jobs
            self._jobs.put(None)

    def _next_waiting(self) -> Callable[[], object] | None:
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:  # an earlier `close` leaves that for a thread that is still busy
                    return job
        return None

    def _end_threads(self, timeout: float) -> list[threading.Thread]:
        """End the threads behind the jobs that wait, and return them."""
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._jobs.put(None)
        deadline = time.monotonic() + timeout
        for thread in threads:
            if thread is not threading.current_thread():  # a job may be what closes its pool
                thread.join(max(0.0, deadline - time.monotonic()))
        return threads

    def _has_threads(self, jobs: int) -> bool:
        """Start one more thread if `jobs` need it and the limit allows it; return whether there is any."""
        if jobs > len(self._threads) < self._most_threads:
            name = f"turnstile-{self._name}-{len(self._threads) + 1}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                log.warning("%s cannot be started: %s", name, error)
            else:
                self._threads.append(thread)
        return bool(self._threads)

    def _work(self) -> None:
        while self._run_next():
            with self._lock:
                self._unfinished -= 1

    def _run_next(self) -> bool:
        """Wait for a job and call it; in a method of its own, whose end lets go of what the job held."""
        job = self._jobs.get()
        if job is None:
            return False
        self._run(job)
        return True

    def _run(self, job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException:  # SystemExit too: it would end the thread, and jobs that wait would wait for ever
            log.exception("a job of turnstile-%s failed", self._name)
