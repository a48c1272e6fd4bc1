"""A pool of daemon threads for jobs that block."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from typing import TYPE_CHECKING

from turnstile.transports.fair_queue import FairQueue

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class PoolJob:
    """A job that a pool has taken."""

    __slots__ = ("_pool", "call", "is_waiting", "owner")

    def __init__(self, pool: WorkerPool, call: Callable[[], object], owner: object | None) -> None:
        self._pool = pool
        self.call: Callable[[], object] | None = call
        """What is to be called; None if it was withdrawn."""
        self.is_waiting = True
        """Whether it waits for a thread that is free."""
        self.owner = object() if owner is None else owner
        """Whose turn it takes."""

    def withdraw(self) -> None:
        """Leave the queue: a job that has not begun is never called. Without effect on any other; from any thread."""
        self._pool.withdraw(self)


class WorkerPool:
    """Run jobs on daemon threads, in turn for their owners, as a `FairQueue` has it.

    Each thread is started when a job would otherwise wait, none before, and is kept until the pool closes.

    Args:
        name: Names the threads: ``turnstile-<name>-1``, ...
        threads: How many jobs run at the same time.
        max_waiting: How many more may wait for a thread; None for any number.
    """

    def __init__(self, name: str, threads: int, *, max_waiting: int | None = None) -> None:
        self._name = name
        self._begun: queue.SimpleQueue[PoolJob | None] = queue.SimpleQueue()  # for which there is a thread
        self._lock = threading.Lock()  # guards the three below
        self._queue: FairQueue[PoolJob] = FairQueue(threads, max_waiting)
        self._threads: list[threading.Thread] = []
        self._closed = False
        self._finished = threading.Condition(self._lock)

    @property
    def closed(self) -> bool:
        """Whether `close` was called; a job that runs afterwards only reports that."""
        return self._closed

    def submit(self, call: Callable[[], object], owner: object | None = None) -> PoolJob | None:
        """Run `call` on a thread of the pool, without blocking; from any thread.

        Args:
            call: What to run.
            owner: Whose turn it takes; None for nobody's but its own: such jobs run in the order given.

        Returns:
            The job; None if it never will run: the pool is closed or full, or the system gives it no thread.
        """
        job = PoolJob(self, call, owner)
        with self._lock:
            if self._closed or not self._queue.add(job, job.owner):
                return None
            self._begin_jobs()
            if not self._threads:
                self._begun.get_nowait()
                self._queue.finish(job.owner)
                return None
        return job

    def withdraw(self, job: PoolJob) -> None:
        """Remove a job that has not begun; from any thread."""
        with self._lock:
            self._queue.remove(job, job.owner)
            job.call = None  # a thread may be about to take it

    def close(self, timeout: float) -> None:
        """Take no more jobs; run those that wait at once, here, where they see `closed`. Then wait for the threads.

        Args:
            timeout: How many seconds to wait for jobs that are running.
        """
        for job in self._stop_taking():
            self._run(job)
        self._end_threads(time.monotonic() + timeout)

    def drain(self, timeout: float) -> None:
        """Take no more jobs, and wait for those that run or wait; one that has not begun by then is never called.

        Args:
            timeout: How many seconds to wait.
        """
        deadline = time.monotonic() + timeout
        with self._finished:
            self._closed = True
            own = int(threading.current_thread() in self._threads)  # a job may be what drains its pool
            self._finished.wait_for(lambda: self._queue.running + self._queue.waiting <= own, timeout)
        self._stop_taking()
        self._end_threads(deadline)

    def _stop_taking(self) -> list[PoolJob]:
        """Take no more jobs, and return those that no thread has taken."""
        with self._lock:
            self._closed = True
            jobs: list[PoolJob] = []
            with contextlib.suppress(queue.Empty):
                while True:
                    job = self._begun.get_nowait()
                    if job is not None:  # an earlier `close` leaves that for a thread that is still busy
                        self._queue.finish(job.owner)
                        jobs.append(job)
            return jobs + self._queue.clear()

    def _end_threads(self, deadline: float) -> None:
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._begun.put(None)
        for thread in threads:
            if thread is not threading.current_thread():  # a job may be what closes its pool
                thread.join(max(0.0, deadline - time.monotonic()))

    def _begin_jobs(self) -> None:
        """Hand those jobs to threads whose turn it is; the lock is held."""
        while (job := self._queue.start()) is not None:
            job.is_waiting = False
            if self._queue.running > len(self._threads):
                self._start_thread()
            self._begun.put(job)

    def _start_thread(self) -> None:
        name = f"turnstile-{self._name}-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            log.warning("%s cannot be started: %s", name, error)
        else:
            self._threads.append(thread)

    def _work(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Wait for a job and call it; in a method of its own, whose end lets go of what the job held."""
        job = self._begun.get()
        if job is None:
            return False
        self._run(job)
        with self._finished:
            self._queue.finish(job.owner)
            self._begin_jobs()
            if self._closed:
                self._finished.notify_all()
        return True

    def _run(self, job: PoolJob) -> None:
        call, job.call = job.call, None
        if call is None:
            return
        try:
            call()
        except BaseException:  # SystemExit too: it would end the thread, and jobs that wait would wait for ever
            log.exception("a job of turnstile-%s failed", self._name)
