"""Several processes that serve on one port, and the one that keeps them running."""

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

    from turnstile.server.signals import SignalGate

log = logging.getLogger(__name__)

READY: Final = "ready"
"""The line by which a worker says that it serves."""
MISUSED: Final = 2
"""The exit code of a worker that would end the same way again."""
# A worker that lived no longer than this is replaced only after as long a pause, in seconds.
_BREATH: Final = 1.0


class _Ended(NamedTuple):
    number: int
    code: int


class Workers:
    """Starts workers, replaces each that dies, and passes the process's signals on.

    Each worker is in a process group of its own, so that Ctrl-C reaches it through here, and once. It ends by itself
    when the process that keeps it is gone: its standard input ends then.

    Args:
        count: How many.
        command: What to run for a worker of a number, from 1.
        clock: Seconds that only go forward.
    """

    def __init__(
        self, count: int, command: Callable[[int], list[str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._command = command
        self._clock = clock
        self._happened: queue.SimpleQueue[int | _Ended | None] = queue.SimpleQueue()
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._begun: dict[int, float] = {}

    def run(self, signals: SignalGate, ready: Callable[[], None]) -> int:
        """Keep the workers running until a signal ends them; returns the worst of their exit codes.

        Args:
            signals: The first ends the workers in order, any later one at once.
            ready: Called when all serve, the first time.
        """
        for event in (signals.drain, signals.abort):
            threading.Thread(target=self._pass_on, args=(event,), name="turnstile-signals-on", daemon=True).start()
        for number in range(1, self._count + 1):
            self._start(number)
        not_ready = set(self._running)
        while True:
            happened = self._happened.get()
            if happened is None:
                return self._end_all()
            if isinstance(happened, int):
                if not_ready == {happened}:
                    ready()
                not_ready.discard(happened)
            elif happened.code == MISUSED:
                _close(self._running.pop(happened.number))
                self._end_all()
                return MISUSED
            else:
                self._replace(happened, signals)

    def _pass_on(self, event: threading.Event) -> None:
        event.wait()
        self._happened.put(None)

    def _start(self, number: int) -> None:
        process = subprocess.Popen(  # noqa: S603 - our own program
            self._command(number),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self._running[number] = process
        self._begun[number] = self._clock()
        threading.Thread(
            target=self._watch, args=(number, process), name=f"turnstile-worker-{number}", daemon=True
        ).start()
        log.info("Worker %s is process %s", number, process.pid)

    def _watch(self, number: int, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            if line.strip() == READY:
                self._happened.put(number)
        self._happened.put(_Ended(number, process.wait()))

    def _replace(self, ended: _Ended, signals: SignalGate) -> None:
        process = self._running.pop(ended.number)
        log.error("Worker %s (process %s) has ended with %s; it is replaced", ended.number, process.pid, ended.code)
        _close(process)
        if self._clock() - self._begun[ended.number] < _BREATH and signals.drain.wait(_BREATH):
            return
        self._start(ended.number)

    def _end_all(self) -> int:
        """End those that run, and wait for them: in order, or at once with the next signal."""
        self._signal()
        worst = 0
        while self._running:
            happened = self._happened.get()
            if happened is None:
                self._signal()
            elif isinstance(happened, _Ended):
                _close(self._running.pop(happened.number))
                # One that was just starting had nothing to end in order.
                worst = max(worst, 0 if happened.code == -signal.SIGTERM else abs(happened.code))
        return worst

    def _signal(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
