"""Worker processes on one listening socket: replaced when they die or hang, and ended together."""

from __future__ import annotations

import logging
import math
import os
import queue
import signal
import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from turnstile.server.exit_codes import USAGE_ERROR
from turnstile.server.heartbeats import BEATS_A_TIMEOUT, Heartbeats
from turnstile.server.notify_socket import NotifySocket, WorkersReload
from turnstile.server.quotas import QuotaCounter
from turnstile.server.restarts import LONGEST_PAUSE, Restarts
from turnstile.server.running_clock import RunningClock
from turnstile.server.worker_board import WorkerBoard, board_file
from turnstile.server.worker_process import Ended, Ready, Reloaded, WorkerProcess
from turnstile.server.worker_watch import Unwatched

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping, Sequence

    from turnstile.server.signals import ProcessSignals
    from turnstile.server.worker_watch import WorkerWatch

log = logging.getLogger(__name__)

_START_TIMEOUT: Final = 60.0  # seconds for the first sign of life
_GRACE: Final = 8.0  # seconds that workers may take beyond the drain timeout: more than they give their own threads
_AT_ONCE: Final = 4.0  # seconds that they may take once they are told to end at once


class Workers:
    """The worker processes: started, replaced when they die or hang, and sent the process's signals.

    Args:
        count: The number of workers.
        command: Starts a worker.
        listener: The listening socket. It stays open here, so that its accept queue holds the clients that connect
            while a worker is replaced.
        environment: Variables of the workers, besides this process's own.
        heartbeat_timeout: Seconds without a sign of life after which a worker is killed and replaced.
        drain_timeout: Seconds that a worker may take to end its sessions.
        watch: Told which workers there are; by default nobody is.
        service: Told of reloads, of the end, and of signs of life of this process; by default nobody is.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        count: int,
        command: Sequence[str],
        listener: socket.socket,
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        heartbeat_timeout: float,
        drain_timeout: float,
        watch: WorkerWatch | None = None,
        service: NotifySocket | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._count = count
        self._command = command
        self._environment = environment
        self._listener = listener
        self._drain_timeout = drain_timeout
        self._service = service or NotifySocket()
        self._reload = WorkersReload(self._service)
        self._interval = min(heartbeat_timeout, self._service.watchdog or heartbeat_timeout) / BEATS_A_TIMEOUT
        self._clock = RunningClock(clock, self._interval)
        self._board_file = board_file(count)
        self._board = WorkerBoard.shared(self._board_file)
        self._heartbeats = Heartbeats(heartbeat_timeout, max(_START_TIMEOUT, heartbeat_timeout))
        self._restarts = Restarts()
        self._watch = watch or Unwatched()
        self._counter = QuotaCounter(clock)
        self._events: queue.SimpleQueue[Ready | Reloaded | Ended | signal.Signals] = queue.SimpleQueue()
        self._running: dict[int, WorkerProcess] = {}
        self._is_over = False

    def run(self, signals: ProcessSignals, ready: Callable[[], None]) -> int:
        """Run the workers until a signal ends them; return an exit code: 1 if one of them failed to end in order.

        Args:
            signals: The first to end ends the workers in order, any later one at once; to reload is forwarded.
            ready: Called once, when all workers accept clients.
        """
        try:
            return self._run(signals, ready)
        finally:
            self._is_over = True
            signals.reload.set()  # ends the thread that waits for it
            os.close(self._board_file)

    def _run(self, signals: ProcessSignals, ready: Callable[[], None]) -> int:
        self._forward(signals)
        not_ready = set(range(1, self._count + 1))
        for number in sorted(not_ready):
            self._start(number)
        while True:
            match self._next_event(self._restarts.next_due()):
                case Ready(number):
                    self._running[number].note_ready()
                    self._watch.ready(number)
                    if not_ready == {number}:
                        ready()
                    not_ready.discard(number)
                case Reloaded(number):
                    self._reload.done(number)
                case Ended(number, code) if code == USAGE_ERROR and not_ready:
                    self._watch.ended(number)
                    del self._running[number]
                    self._end_all()
                    return USAGE_ERROR
                case Ended() as ended:
                    self._note_end(ended)
                case signal.SIGHUP:
                    log.info("The workers are told to read the configuration anew")
                    self._reload.begin(set(self._running))
                    for worker in self._running.values():
                        worker.reload()
                case signal.SIGTERM:
                    return self._end_all()
            self._kill_hung()
            self._start_due()

    def _next_event(self, until: float) -> Ready | Reloaded | Ended | signal.Signals | None:
        """Wait for an event; return None after a moment, when it is time to look after the workers."""
        self._service.beat()
        left = until - self._clock()
        try:
            return self._events.get(timeout=max(0.0, min(left, self._interval)))
        except queue.Empty:
            return None

    def _forward(self, signals: ProcessSignals) -> None:
        forwards = (
            (self._forward_end, signals.drain),
            (self._forward_end, signals.abort),
            (self._forward_reload, signals.reload),
        )
        for forward, signalled in forwards:
            threading.Thread(target=forward, args=(signalled,), name="turnstile-signals-on", daemon=True).start()

    def _forward_end(self, signalled: threading.Event) -> None:
        signalled.wait()
        self._events.put(signal.SIGTERM)

    def _forward_reload(self, signalled: threading.Event) -> None:
        while signalled.wait() and not self._is_over:
            signalled.clear()
            self._events.put(signal.SIGHUP)

    def _start(self, number: int) -> None:
        self._restarts.started(number, self._clock())
        try:
            with self._watch.began(number) as ops:
                worker = WorkerProcess(
                    number,
                    self._command,
                    self._environment,
                    self._listener,
                    self._board_file,
                    ops,
                    self._counter,
                    self._events.put,
                )
        except OSError as error:
            self._watch.ended(number)
            self._plan_restart(number, f"cannot be started: {error.strerror}")
            return
        self._running[number] = worker
        self._heartbeats.expect(number, self._clock())
        log.info("Worker %s is process %s", number, worker.pid)

    def _start_due(self) -> None:
        now = self._clock()
        for number in self._restarts.due(now):
            self._start(number)
        for number in self._restarts.steady(now):
            log.warning("Worker %s runs again", number)

    def _note_end(self, ended: Ended) -> None:
        number, code = ended
        self._watch.ended(number)
        self._reload.done(number)
        worker = self._running.pop(number)
        self._heartbeats.forget(number)
        self._board.clear(number)
        self._plan_restart(number, f"(process {worker.pid}) has ended with {code}")

    def _plan_restart(self, number: int, what: str) -> None:
        match self._restarts.ended(number, self._clock()):
            case 0 | 1:
                log.error("Worker %s %s; it is replaced", number, what)
            case 2:
                words = (
                    "Worker %s %s; as it ends again and again, it is replaced after pauses of up to %s s from now on"
                )
                log.error(words, number, what, LONGEST_PAUSE)
            case _:
                log.debug("Worker %s %s", number, what)

    def _kill_hung(self) -> None:
        for number in self._heartbeats.hung(self._board.heartbeats, self._clock()):
            self._heartbeats.forget(number)
            self._kill(self._running[number], "has given no sign of life")

    def _end_all(self) -> int:
        """End the workers in order, or at once on the next signal; kill those that are left at the deadline."""
        self._watch.draining()
        self._service.stopping("Ends the open sessions.")
        self._listener.close()  # the workers have theirs, and close them when they accept nobody any more
        self._signal_all(signal.SIGTERM)
        deadline = self._clock() + self._drain_timeout + _GRACE
        worst = 0
        while self._running:
            match self._next_event(deadline):
                case Ended(number, code):
                    self._watch.ended(number)
                    del self._running[number]
                    # A worker that was still starting has no handler yet, and dies of the signal itself.
                    worst = worst if code in {0, -signal.SIGTERM, -signal.SIGINT} else 1
                case signal.SIGTERM:
                    self._signal_all(signal.SIGINT)  # the system may merge it with one of the same number
                    deadline = min(deadline, self._clock() + _AT_ONCE)
            if self._clock() >= deadline:
                deadline = math.inf
                for worker in self._running.values():
                    self._kill(worker, "has not ended in time")
        return worst

    def _signal_all(self, number: signal.Signals) -> None:
        for worker in self._running.values():
            worker.send_signal(number)

    def _kill(self, worker: WorkerProcess, why: str) -> None:
        log.error("Worker %s (process %s) %s; it is killed", worker.number, worker.pid, why)
        worker.send_signal(signal.SIGKILL)
