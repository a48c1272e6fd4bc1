"""The terminal that a process runs in, whose end is a hang-up that asks for no reload."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_TERMINAL: Final = "/dev/tty"  # the controlling terminal of whoever opens it


class ForegroundTerminal:
    """The terminal whose foreground job this process is when this is created, if it is that of one.

    One that ignores SIGHUP (``nohup``) or SIGINT (``&`` in a script, which makes no process group) has none: it shall
    outlive the terminal. On Windows there is none either.
    """

    def __init__(self) -> None:
        self._was_there = hasattr(signal, "SIGHUP") and not _ignores_end() and _is_in_foreground()

    def is_gone(self) -> bool:
        """Return whether there was one, and it has been closed."""
        return self._was_there and not _has_terminal()


def _ignores_end() -> bool:
    return signal.SIG_IGN in {signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGINT)}


def _is_in_foreground() -> bool:
    try:
        with _terminal() as terminal:
            return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False


def _has_terminal() -> bool:
    try:
        with _terminal():
            return True
    except OSError:
        return False


@contextmanager
def _terminal() -> Iterator[int]:
    """Open the controlling terminal.

    Raises:
        OSError: There is none, or it has been closed.
    """
    descriptor = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
