"""A byte stream over one socket on the I/O loop, with back-pressure both ways."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from turnstile.transports.limits import UNCHARGED_BYTES
from turnstile.transports.nonblocking_socket import nonblocking
from turnstile.transports.poll import READ, WRITE
from turnstile.transports.read_credit import ReadCredit
from turnstile.transports.unsent_bytes import UnsentBytes
from turnstile.transports.write_buffer import WriteBuffer
from turnstile.transports.write_watermark import WriteWatermark

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from turnstile.byte_budget import SessionBudget
    from turnstile.ports import Connection
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.loop_timers import TimerHandle


class SocketStream(ABC):
    """Read and write one socket; a subclass adds the protocol that the bytes are of.

    Only the I/O thread reads. Any thread may write: what a `flush` cannot hand to the operating system is written by
    the I/O thread.

    Args:
        loop: Where the socket is watched.
        sock: Connected, non-blocking, TLS handshake done; owned from now on.
        limits: Water marks and ceiling.
        budget: Is charged with what waits to be written, and with what was received and is not handled.
    """

    def __init__(self, loop: IoLoop, sock: socket.socket, limits: ConnectionLimits, budget: SessionBudget) -> None:
        self._loop = loop
        self._limits = limits
        self._lock = threading.Lock()  # guards everything below but what only the I/O thread touches
        self._socket = nonblocking(sock)
        self._write_buffer = WriteBuffer()
        self._read_credit = ReadCredit(limits.read_high_water, limits.read_low_water, limits.message_cost)
        self._write_watermark = WriteWatermark(limits.write_high_water, limits.write_low_water)
        self._unsent = UnsentBytes(budget.charge(), limits.write_ceiling, self._read_credit)
        self._unhandled = budget.charge()
        self._closing = False
        self._released = False
        self._rewatch_due = False
        self._is_behind = False  # bytes were received that are not read yet
        # I/O thread only
        self._begun = False
        self._watched = 0
        self._read_due = False
        self._reader_timer: TimerHandle | None = None

    # From any thread.

    @property
    def buffered(self) -> int:
        """Bytes that the operating system has not taken yet."""
        return self._write_buffer.size

    def flush(self) -> None:
        """Hand everything queued to the operating system, as much as it takes now."""
        buffer = self._write_buffer
        if not (buffer.size or buffer.end_due):
            return
        calls: Iterable[Callable[[], None]] = ()
        with self._lock:
            if self._released:
                return
            try:
                buffer.write_to(self._socket)
            except OSError as error:
                buffer.clear()
                self._closing = True
                self._loop.call_soon(partial(self._abort, describe_break(error)), self)
            unsent = self._unsent
            if (buffer.size > unsent.uncounted or unsent.is_counting) and unsent.count(buffer.size):
                self._loop.call_soon(self._check_reader, self)
            if buffer.size or self._watched != READ:  # while nothing waits, a change of the read credit asks for it
                self._request_rewatch()
            if self._closing:
                calls = self._write_watermark.release()
            elif buffer.size or self._write_watermark.is_pausing:
                calls = self._write_watermark.measure(buffer.size)
        for call in calls:
            call()

    def handled(self, size: int, messages: int = 1) -> None:
        """Give back the credit for `size` received bytes in so many messages."""
        with self._lock:
            credit = self._read_credit
            if credit.handled(size, messages):
                self._request_rewatch()
            if self._unhandled.size:
                self._unhandled.set(credit.unhandled if credit.unhandled > UNCHARGED_BYTES else 0)

    def pause_reading(self) -> None:
        """Stop reading until `resume_reading`; counted."""
        with self._lock:
            self._read_credit.pause()
            self._request_rewatch()

    def resume_reading(self) -> None:
        """Take one `pause_reading` back."""
        with self._lock:
            self._read_credit.resume()
            self._request_rewatch()

    def holds_back(self, source: Connection) -> None:
        """Stop reading `source` while this one has more than its high water mark to write."""
        with self._lock:
            calls = self._write_watermark.add(source) + self._write_watermark.measure(self._write_buffer.size)
        for call in calls:
            call()

    # On the I/O thread.

    def ready(self, events: int) -> None:
        """Read, write, or both."""
        if events != WRITE or self._socket.stalled_read_wants_write:
            self._read()
        if events != READ or self._socket.stalled_write_wants_read:
            self.flush()

    @abstractmethod
    def failed(self, error: BaseException) -> None:
        """End the connection: a call made for it raised."""

    @abstractmethod
    def shut_down(self) -> None:
        """Close in order, as the process stops."""

    @abstractmethod
    def abort(self) -> None:
        """Close the socket now."""

    @abstractmethod
    def _received(self, data: bytes) -> None:
        """Handle bytes that were read."""

    @abstractmethod
    def _received_end(self, error: str = "") -> None:
        """Handle the end of the stream, with an error if the connection is broken."""

    @abstractmethod
    def _abort(self, reason: str) -> None:
        """Close the socket now."""

    @abstractmethod
    def _give_up_on_reader(self) -> None:
        """Stop buffering for a peer that does not read; the lock is held."""

    def _check_reader(self) -> None:
        """Give up on a peer that has read nothing since the last check; check again later while too much waits."""
        with self._lock:
            unsent = self._unsent
            gives_up = unsent.has_stopped(self._write_buffer.taken) and not self._closing
            if gives_up:
                self._give_up_on_reader()
        if gives_up:
            self.flush()
        elif unsent.is_watched:
            self._reader_timer = self._loop.call_later(self._limits.unread_timeout, self._check_reader, self)

    def _read(self) -> None:
        """Read what one round takes."""
        if self._released or not (self._closing or self._read_credit.may_read):
            return
        if self._is_behind:
            self._received(b"")
            return
        try:
            data = self._socket.receive()
        except BlockingIOError:
            self._rewatch()
            return
        except OSError as error:
            self._received_end(describe_break(error))
            return
        if not data:
            self._received_end()
            return
        self._received(data)
        if self._socket.is_tls and self._socket.has_pending():
            self._read_in_next_round()

    def _read_in_next_round(self) -> None:
        if not self._read_due:
            self._read_due = True
            self._loop.call_next_round(self._read_due_now, self)

    def _read_due_now(self) -> None:
        self._read_due = False
        self._read()

    def _interest(self) -> int:
        reads = (self._closing or self._read_credit.may_read) and not self._is_behind
        return self._socket.interest(reads=reads, writes=self._write_buffer.size > 0)

    def _request_rewatch(self) -> None:
        """Let the I/O thread watch for other events, if they have changed; the lock is held, on any thread."""
        if not self._rewatch_due and (self._is_behind or self._interest() != self._watched):
            self._rewatch_due = True
            self._loop.call_soon(self._rewatch, self)

    def _rewatch(self) -> None:
        """Watch for what is to be done now, and read what no event tells of: a poller does not see it."""
        with self._lock:
            self._rewatch_due = False
            interest = self._interest()
            if self._released or not self._begun:
                return
            unseen = self._is_behind
            if interest != self._watched:
                self._watched = interest
                self._loop.watch(self._socket.sock, interest, self)
                unseen = unseen or (interest & READ > 0 and self._socket.has_pending())
        if unseen:
            self._read_in_next_round()

    def _release(self) -> None:
        """Close the socket and resume the sources, once."""
        with self._lock:
            if self._released:
                return
            self._released = self._closing = True
            self._write_buffer.clear()
            self._unsent.release()
            self._unhandled.set(0)
            calls = self._write_watermark.release()
            self._loop.watch(self._socket.sock, 0, self)
            self._socket.close()
        if self._reader_timer is not None:
            self._reader_timer.cancel()
        self._loop.remove(self)
        for call in calls:
            call()


def describe_break(error: OSError) -> str:
    """Return why a connection broke, in words."""
    return f"the connection broke: {error.strerror or type(error).__name__}"
