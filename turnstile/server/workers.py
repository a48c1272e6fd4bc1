"""Worker processes on one port, replaced when they die."""

from __future__ import annotations

import logging
import queue
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.server.signals import ProcessSignals

log = logging.getLogger(__name__)

READY: Final = "ready"
"""The line that a worker prints when it accepts clients."""
USAGE_ERROR: Final = 2
"""The exit code for misuse or misconfiguration; a worker with it is not replaced, since it would end again."""
# A worker that ran for fewer seconds than this is replaced after a pause of this length.
_RESTART_PAUSE: Final = 1.0


class _Ended(NamedTuple):
    number: int
    code: int


class Workers:
    """The worker processes: started, replaced when they die, and sent the process's signals.

    Each worker is in a process group of its own, so that Ctrl-C reaches it once, through this class. It ends by itself
    when this process ends, since its standard input is closed then.

    Args:
        count: The number of workers.
        command: Returns the command line of a worker, by its number, from 1.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self, count: int, command: Callable[[int], list[str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._command = command
        self._clock = clock
        self._events: queue.SimpleQueue[int | _Ended | None] = queue.SimpleQueue()
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._started_at: dict[int, float] = {}

    def run(self, signals: ProcessSignals, ready: Callable[[], None]) -> int:
        """Run the workers until a signal ends them; return the highest of their exit codes.

        Args:
            signals: The first ends the workers in order, any later one at once.
            ready: Called once, when all workers accept clients.
        """
        for signalled in (signals.drain, signals.abort):
            threading.Thread(target=self._forward, args=(signalled,), name="turnstile-signals-on", daemon=True).start()
        for number in range(1, self._count + 1):
            self._start(number)
        not_ready = set(self._running)
        while True:
            event = self._events.get()
            if event is None:
                return self._end_all()
            if isinstance(event, int):
                if not_ready == {event}:
                    ready()
                not_ready.discard(event)
            elif event.code == USAGE_ERROR:
                _close(self._running.pop(event.number))
                self._end_all()
                return USAGE_ERROR
            else:
                self._replace(event, signals)

    def _forward(self, signalled: threading.Event) -> None:
        signalled.wait()
        self._events.put(None)

    def _start(self, number: int) -> None:
        process = subprocess.Popen(  # noqa: S603 - our own program
            self._command(number),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._running[number] = process
        self._started_at[number] = self._clock()
        threading.Thread(
            target=self._watch, args=(number, process), name=f"turnstile-worker-{number}", daemon=True
        ).start()
        log.info("Worker %s is process %s", number, process.pid)

    def _watch(self, number: int, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            if line.strip() == READY:
                self._events.put(number)
        self._events.put(_Ended(number, process.wait()))

    def _replace(self, ended: _Ended, signals: ProcessSignals) -> None:
        process = self._running.pop(ended.number)
        log.error("Worker %s (process %s) has ended with %s; it is replaced", ended.number, process.pid, ended.code)
        _close(process)
        if self._clock() - self._started_at[ended.number] < _RESTART_PAUSE and signals.drain.wait(_RESTART_PAUSE):
            return
        self._start(ended.number)

    def _end_all(self) -> int:
        """End the workers in order, or at once on the next signal, and wait for them."""
        self._terminate_all()
        worst = 0
        while self._running:
            event = self._events.get()
            if event is None:
                self._terminate_all()
            elif isinstance(event, _Ended):
                _close(self._running.pop(event.number))
                # A worker that was still starting has no handler yet, and dies of the signal itself.
                worst = max(worst, 0 if event.code == -signal.SIGTERM else abs(event.code))
        return worst

    def _terminate_all(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
