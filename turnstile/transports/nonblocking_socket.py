"""Reads and writes of one non-blocking socket, TLS or plain."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from turnstile.transports.poll import READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

RECEIVE_BYTES: Final = 64 * 1024


class _Socket:
    """What plain and TLS sockets have in common."""

    stalled_read_wants_write = False
    stalled_write_wants_read = False

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def interest(self, *, reads: bool, writes: bool) -> int:
        """Return what to wait for in order to read, write or both: `READ`, `WRITE`, both or 0."""
        events = READ if reads or self.stalled_write_wants_read else 0
        if (writes and not self.stalled_write_wants_read) or (reads and self.stalled_read_wants_write):
            events |= WRITE
        return events

    def end_writing(self) -> None:
        """Send the end of the stream; the peer may still be read."""
        with contextlib.suppress(OSError):  # the peer may be gone already
            # Not SSLSocket's own method, which would drop the TLS state that reading still needs.
            socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


class PlainSocket(_Socket):
    """A plain non-blocking socket."""

    is_tls: Final = False

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.receive: Callable[[], bytes] = partial(sock.recv, RECEIVE_BYTES)
        """Read what is there, nothing at the end of the stream; raises as a `TlsSocket` does."""
        self.send: Callable[[bytes | memoryview], int] = sock.send
        """Write what the socket takes, and return how many bytes that was; raises as a `TlsSocket` does."""

    def has_pending(self) -> bool:
        """Return whether bytes were read off the socket that a poller does not see."""
        return False


class TlsSocket(_Socket):
    """A non-blocking TLS socket that shows what it waits for.

    It may have to write before it can read, and the other way round: after a call that raised `BlockingIOError`,
    `stalled_read_wants_write` and `stalled_write_wants_read` show which.
    """

    is_tls: Final = True

    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(sock)
        self._tls = sock
        self._lock = threading.Lock()  # OpenSSL's object cannot be used by two threads at once

    def has_pending(self) -> bool:
        """Return whether bytes were read off the socket that a poller does not see."""
        with self._lock:
            return self._tls.pending() > 0

    def receive(self) -> bytes:
        """Read what is there, nothing at the end of the stream.

        Raises:
            BlockingIOError: There is nothing now.
            OSError: The connection is broken.
        """
        with self._lock:
            self.stalled_read_wants_write = False
            try:
                return self._tls.recv(RECEIVE_BYTES)
            except ssl.SSLWantReadError:
                raise BlockingIOError from None
            except ssl.SSLWantWriteError:
                self.stalled_read_wants_write = True
                raise BlockingIOError from None

    def send(self, data: bytes | memoryview) -> int:
        """Write what the socket takes, and return how many bytes that was.

        Raises:
            BlockingIOError: It takes nothing now.
            OSError: The connection is broken.
        """
        with self._lock:
            self.stalled_write_wants_read = False
            try:
                return self._tls.send(data)
            except ssl.SSLWantWriteError:
                raise BlockingIOError from None
            except ssl.SSLWantReadError:
                self.stalled_write_wants_read = True
                raise BlockingIOError from None

    def end_writing(self) -> None:
        """Send the end of the stream; the peer may still be read."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._tls.unwrap()
        super().end_writing()


NonBlockingSocket = PlainSocket | TlsSocket


def nonblocking(sock: socket.socket) -> NonBlockingSocket:
    """Wrap a socket that is non-blocking."""
    return TlsSocket(sock) if isinstance(sock, ssl.SSLSocket) else PlainSocket(sock)
