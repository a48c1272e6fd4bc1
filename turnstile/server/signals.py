"""The process's signals as events: drain, then abort; and reload."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, Self

from turnstile.server.foreground_terminal import ForegroundTerminal

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_HANG_UP: Final = getattr(signal, "SIGHUP", None)
_NO_SIGNAL: Final = 0


class ProcessSignals:
    """The signals SIGINT, SIGTERM and SIGHUP as events, while this context manager is entered.

    The first SIGINT or SIGTERM sets `drain`, any later one `abort`. SIGHUP sets `reload`, or, since the terminal has
    closed whose foreground job this process was, `drain`. On leaving, the previous handlers are restored. It is entered
    in the main thread, where Python runs signal handlers.

    A handler in Python runs when the main thread comes to it: not while it is frozen, and not before the next signal
    where it was just about to wait. So the interpreter writes each signal to a pipe (`signal.set_wakeup_fd`), which a
    thread reads.

    Args:
        reloads: Whether SIGHUP sets `reload`; otherwise it keeps its handler. Windows has no such signal.
    """

    def __init__(self, *, reloads: bool = False) -> None:
        self.drain = threading.Event()
        """Set to end open sessions in order and admit no new ones."""
        self.abort = threading.Event()
        """Set to end at once."""
        self.reload = threading.Event()
        """Set to read the configuration anew; cleared by the one who does."""
        self._numbers = (*SIGNALS, _HANG_UP) if reloads and _HANG_UP else SIGNALS
        self._pipe: tuple[int, int]
        self._wakeup_before: int
        self._terminal: ForegroundTerminal
        self._thread = threading.Thread(target=self._relay, name="turnstile-signals", daemon=True)
        self._before: dict[signal.Signals, Any] = {}
        self._when_aborted: Callable[[], object] = lambda: None

    def __enter__(self) -> Self:
        """Install the handlers.

        Raises:
            ValueError: This is not the main thread.
        """
        self._terminal = ForegroundTerminal()
        self._pipe = os.pipe()
        if hasattr(os, "set_blocking"):  # required where it exists: a full pipe must not block the interpreter
            os.set_blocking(self._pipe[1], False)
        try:
            self._wakeup_before = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        except ValueError:
            self._close_pipe()
            raise
        for number in self._numbers:
            self._before[number] = signal.signal(number, _caught)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the previous handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.write(self._pipe[1], bytes([_NO_SIGNAL]))
        self._thread.join()
        self._close_pipe()

    def when_aborted(self, call: Callable[[], object]) -> None:
        """Make a call that does not block once `abort` is set: perhaps twice, if that happens now."""
        self._when_aborted = call
        if self.abort.is_set():
            call()

    def ignore(self) -> None:
        """Ignore these signals up to the end of the process, whose exit code is decided: none of them may change it."""
        self._before = dict.fromkeys(self._before, signal.SIG_IGN)
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _close_pipe(self) -> None:
        for descriptor in self._pipe:
            os.close(descriptor)

    def _relay(self) -> None:
        while (number := os.read(self._pipe[0], 1)[0]) != _NO_SIGNAL:
            if number == _HANG_UP:
                (self.drain if self._terminal.is_gone() else self.reload).set()
            elif number not in SIGNALS:
                pass  # another one of the process's, whose handler is not ours
            elif not self.drain.is_set():
                self.drain.set()
            else:
                self.abort.set()
                self._when_aborted()


def _caught(number: int, frame: FrameType | None) -> None:
    """Do nothing: the signal is in the pipe already."""
