"""Writes lines on a thread of its own: who writes one never waits for who reads them."""

from __future__ import annotations

import os
import select
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

# Lines of one write to a pipe come out together, up to this many bytes, also beside another process's (POSIX).
_AT_ONCE: Final = 4096

_writers: weakref.WeakSet[LineWriter] = weakref.WeakSet()


class LineWriter:
    """A bounded queue of lines and the thread that writes them.

    A line that does not fit, or that cannot be written, is dropped and counted; when writing works again, one line
    says how many were. The standard library's QueueHandler is bounded in records only, its listener ends when all is
    written, which may be never, and it does not survive a fork.

    Args:
        write: Writes bytes, and returns how many; may block. Raises OSError or ValueError when it cannot.
        name: Of the thread.
        dropped: Returns the line about this many dropped lines.
        max_lines: The largest number of lines that wait.
        max_bytes: The largest number of bytes that wait.
    """

    def __init__(
        self,
        write: Callable[[memoryview], int],
        name: str,
        dropped: Callable[[int], bytes],
        *,
        max_lines: int = 10_000,
        max_bytes: int = 4 * 1024 * 1024,
    ) -> None:
        self._write = write
        self._name = name
        self._say_dropped = dropped
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self._begin()
        _writers.add(self)

    def __repr__(self) -> str:
        return f"<LineWriter {self._name}, {len(self._lines)} lines waiting, {self.dropped} dropped>"

    def write(self, line: bytes) -> None:
        """Queue one line, which ends with a line feed; drop it when the queue is full. Never blocks."""
        with self._changed:
            if len(self._lines) >= self._max_lines or self._bytes + len(line) > self._max_bytes:
                self.dropped += 1
                return
            self._lines.append(line)
            self._bytes += len(line)
            self._is_closed = False
            self._start_thread()
            self._changed.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait for the lines so far to be written or dropped; return whether they were within `timeout` seconds."""
        with self._changed:
            self._start_thread()
            return self._changed.wait_for(self._is_idle, timeout)

    def close(self, timeout: float) -> None:
        """Write what waits within `timeout` seconds, and end the thread; a later line starts another."""
        self.flush(timeout)
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _begin(self) -> None:
        # Reentrant: the garbage collector may call a finalizer that logs while this thread holds it.
        self._changed = threading.Condition(threading.RLock())
        self._lines: deque[bytes] = deque()
        self._bytes = 0
        self._thread: threading.Thread | None = None
        self._is_writing = self._is_closed = False
        # The last write failed; its last line was cut off.
        self._has_failed = self._is_cut = False
        self.dropped: int = 0
        """How many lines were dropped since the last line about it."""

    def begin_in_child(self) -> None:
        """Begin anew in a forked process, which has no thread; the lines that wait are the parent's."""
        self._begin()

    def _start_thread(self) -> None:
        if self._thread is not None or not self._has_work():
            return
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # No thread can be started now: the lines wait for the next one.
            return
        self._thread = thread

    def _is_idle(self) -> bool:
        return not self._is_writing and not self._has_work()

    def _has_work(self) -> bool:
        return bool(self._lines) or (self.dropped > 0 and not self._has_failed)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._has_work() or self._is_closed)
                if not self._has_work():
                    self._thread = None
                    return
                batch, count = self._next_batch()
                self._is_writing = True
            is_written = self._write_all(batch)
            with self._changed:
                self._is_writing, self._has_failed = False, not is_written
                self.dropped += 0 if is_written else count
                self._changed.notify_all()

    def _next_batch(self) -> tuple[bytes, int]:
        """Return lines to write at once, and how many they are, those that were dropped before included."""
        batch, count = b"", 0
        if self.dropped and self._bytes <= self._max_bytes // 2 and len(self._lines) <= self._max_lines // 2:
            batch, count, self.dropped = self._say_dropped(self.dropped), self.dropped, 0
        while self._lines and (not batch or len(batch) + len(self._lines[0]) <= _AT_ONCE):
            line = self._lines.popleft()
            self._bytes -= len(line)
            batch, count = batch + line, count + 1
        return batch, count

    def _write_all(self, batch: bytes) -> bool:
        rest = memoryview(b"\n" + batch if self._is_cut else batch)
        whole = len(rest)
        try:
            while rest:
                rest = rest[self._write(rest) :]
        except (OSError, ValueError):
            self._is_cut = self._is_cut or len(rest) < whole
            return False
        self._is_cut = False
        return True


def write_to(stream: TextIO | None) -> Callable[[memoryview], int]:
    """Return what writes UTF-8 to a stream: to its descriptor if it has one, past buffers whose lock a thread may hold.

    Args:
        stream: The stream; None for one that the process does not have, which takes everything.
    """
    if stream is None:
        return len
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return lambda data: _write_text(stream, data)
    return lambda data: _write_bytes(descriptor, data)


def _write_text(stream: TextIO, data: memoryview) -> int:
    stream.write(bytes(data).decode(errors="replace"))
    return len(data)


def _write_bytes(descriptor: int, data: memoryview) -> int:
    try:
        return os.write(descriptor, data)
    except BlockingIOError:  # Another process that shares the pipe has made it non-blocking.
        writable = select.poll()
        writable.register(descriptor, select.POLLOUT)
        writable.poll()
        return 0


def _begin_in_child() -> None:
    for writer in list(_writers):
        writer.begin_in_child()


if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_begin_in_child)
