"""The process's signals as two events: drain, then abort."""

from __future__ import annotations

import queue
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import FrameType, TracebackType

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class ProcessSignals:
    """The signals SIGINT and SIGTERM as events, while this context manager is entered.

    The first signal sets `drain`, any later one `abort`; on leaving, the previous handlers are restored. It is entered
    in the main thread, where Python runs signal handlers.

    A handler may interrupt the main thread inside `Event.wait`, whose lock it would need itself. So it only puts the
    signal into a reentrant queue, and a thread sets the events.
    """

    def __init__(self) -> None:
        self.drain = threading.Event()
        """Set to end open sessions in order and admit no new ones."""
        self.abort = threading.Event()
        """Set to end at once."""
        self._caught: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._relay, name="turnstile-signals", daemon=True)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Install the handlers.

        Raises:
            ValueError: This is not the main thread.
        """
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._catch)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Restore the previous handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._caught.put(None)
        self._thread.join()

    def _catch(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        self._caught.put(number)

    def _relay(self) -> None:
        while self._caught.get() is not None:
            (self.abort if self.drain.is_set() else self.drain).set()
