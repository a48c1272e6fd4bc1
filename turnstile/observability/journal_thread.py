"""The thread that makes lines of the journal's entries: who tells of one never waits for it."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from turnstile.observability.audio_rows import InRows
from turnstile.observability.journal_entries import AudioEntry, FrameEntry
from turnstile.observability.journal_lines import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.observability.audio_rows import AudioRow
    from turnstile.observability.journal_entries import JournalEntry
    from turnstile.observability.journal_lines import Level

_log = logging.getLogger(__name__)

MAX_ENTRIES: Final = 16_384
"""How many entries wait at the most..."""
MAX_BYTES: Final = 64 * 1024 * 1024
"""...and how many bytes the large ones among them have."""

_NAME: Final = "turnstile-journal"
# How many seconds entries gather, so that the thread wakes up seldom.
_GATHER: Final = 0.1
# An entry of fewer bytes counts only as one.
_LARGE: Final = 4096
# After so many entries the thread lets others run, for so many seconds: it would keep the interpreter for 5 ms.
_IN_A_ROW: Final = 64
_LET_RUN: Final = 0.0002
_FAULT: Final = "An entry of a session's journal could not be shown or recorded"


class Sink(ABC):
    """Takes entries, on the journal's thread; each method may block, and none should for long."""

    lost = 0
    """How many entries did not reach it since it was last told; `JournalThread.take_lost` takes it back to 0."""

    @abstractmethod
    def take(self, entry: Any) -> None:
        """Take an entry, or whatever its own owner has queued."""

    @abstractmethod
    def settle(self) -> None:
        """Write what the entries so far came to: no other is there now."""


class _Flush(Sink):
    """Takes nothing; the queue has come to it."""

    def __init__(self) -> None:
        self.done = threading.Event()

    def take(self, entry: Any) -> None:
        """Take nothing."""

    def settle(self) -> None:
        """Note that all before it is taken and settled."""
        self.done.set()


class JournalThread:
    """A bounded queue of entries, and the thread that has them taken; started with the first entry.

    Args:
        gather: How many seconds entries gather before they are taken.
        tick: Called on the thread from time to time while it has nothing to do.
        tick_every: How many seconds after the last time.
    """

    def __init__(
        self, *, gather: float = _GATHER, tick: Callable[[], object] = lambda: None, tick_every: float = 60.0
    ) -> None:
        self._gather = gather
        self._tick, self._tick_every = tick, tick_every
        self._queue: deque[tuple[Sink, Any, int]] = deque()
        self._lock = threading.Lock()  # guards the thread, the bytes, and what is lost
        self._bytes = 0
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._is_awake = False
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.lost = 0
        """How many entries were lost so far, of all sinks."""

    def reader(self, sink: Sink, level: Level) -> Callable[[JournalEntry], None]:
        """Return what queues entries for a sink; called on the actors' threads.

        Args:
            sink: Takes them.
            level: What it shows of the content: large frames wait without the rest, below `all` audio in rows.
        """
        queue, without_rest = self._queue, shortened(level)

        def read(entry: JournalEntry | AudioRow) -> None:
            size = 0
            if isinstance(entry, FrameEntry):
                size = len(entry.data)
                if size > _LARGE:
                    entry = without_rest(entry)
            elif isinstance(entry, AudioEntry):
                size = sum(map(len, entry.pieces))
            if len(queue) >= MAX_ENTRIES or (size > _LARGE and not self._has_room(size)):
                self._lose(sink)
                return
            queue.append((sink, entry, size))
            if not self._is_awake:
                self.wake()

        return read if level == "all" else InRows(read)

    def put(self, sink: Sink, entry: object) -> None:
        """Queue something of a sink's owner, such as its end, however much waits."""
        self._queue.append((sink, entry, 0))
        self.wake()

    def wake(self) -> None:
        """Have the thread take what waits, soon; start it if it does not run."""
        self._is_awake = True
        if self._thread is None:
            self._start()
        self._wake.set()

    def take_lost(self, sink: Sink) -> int:
        """Return how many entries of a sink were lost since the last time."""
        if not sink.lost:
            return 0
        with self._lock:
            lost, sink.lost = sink.lost, 0
        return lost

    def flush(self, timeout: float) -> bool:
        """Wait for the entries so far to be taken; return whether they were within `timeout` seconds."""
        if self._thread is None and not self._queue:
            return True
        flush = _Flush()
        self.put(flush, None)
        self._hurry.set()
        return flush.done.wait(timeout)

    def close(self, timeout: float) -> bool:
        """Take what waits within `timeout` seconds, and end the thread; a later entry starts another."""
        is_done = self.flush(timeout)
        with self._lock:
            thread, self._thread = self._thread, None
            self._stop.set()
        self._wake.set()
        if thread is not None and is_done:
            thread.join(timeout)
        return is_done

    def _has_room(self, size: int) -> bool:
        with self._lock:
            fits = self._bytes + size <= MAX_BYTES
            self._bytes += size if fits else 0
        return fits

    def _lose(self, sink: Sink) -> None:
        with self._lock:
            sink.lost += 1
            self.lost += 1

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._stop = threading.Event()
            thread = threading.Thread(target=self._run, args=(self._stop,), name=_NAME, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # No thread can be started now: the entries wait for the next one.
                self._is_awake = False
                return
            self._thread = thread

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            if self._wake.wait(self._tick_every):
                self._hurry.wait(self._gather)
                self._wake.clear()
                self._is_awake = False
                self._take_all()
                self._hurry.clear()
            else:
                _guarded(self._tick)

    def _take_all(self) -> None:
        """Take what waits now, and have each sink settle once."""
        touched: dict[Sink, None] = {}
        left = len(self._queue)
        while left:
            several = min(left, _IN_A_ROW)
            for _ in range(several):
                sink, entry, size = self._queue.popleft()
                if size > _LARGE:
                    with self._lock:
                        self._bytes -= size
                touched[sink] = None
                try:
                    sink.take(entry)
                except Exception:  # noqa: BLE001 - as in `_guarded`, without its call
                    _log.exception(_FAULT)
                    self._lose(sink)
            left -= several
            if left:
                self._hurry.wait(_LET_RUN)
        for sink in touched:
            _guarded(sink.settle)


def _guarded(call: Callable[[], object]) -> None:
    """Call something whose fault must not end the thread: the journals of the other sessions go on."""
    try:
        call()
    except Exception:  # noqa: BLE001 - whatever it is
        _log.exception(_FAULT)
