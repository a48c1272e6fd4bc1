"""Bytes to and from one non-blocking socket, TLS or plain."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from turnstile.transports.poll import READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RECEIVE_BYTES: Final = 64 * 1024

# The framing library can log every frame and header, keys included. This logger belongs to no tree and has no handler:
# no logging configuration makes it speak.
SILENT: Final = logging.Logger("turnstile.framing", logging.CRITICAL + 1)  # noqa: LOG001 - that is the point


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
        """Tell the peer that nothing more comes; it may still be read."""
        with contextlib.suppress(OSError):  # a peer that is gone already need not be told
            # Not SSLSocket's own method, which would forget the TLS state that reading still needs.
            socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


class PlainWire(_Socket):
    """A plain non-blocking socket."""

    is_tls: Final = False

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.receive: Callable[[], bytes] = partial(sock.recv, RECEIVE_BYTES)
        """Read what is there, nothing at the end of the stream; raises as a `TlsWire` does."""
        self.send: Callable[[bytes | memoryview], int] = sock.send
        """Write what the socket takes, and return how many bytes that was; raises as a `TlsWire` does."""

    def holds_data(self) -> bool:
        """Whether bytes were read off the socket already that no poller knows of."""
        return False


class TlsWire(_Socket):
    """A non-blocking TLS socket that says what it waits for.

    It may have to write before it can read, and the other way round: after a call that got nowhere,
    `stalled_read_wants_write` and `stalled_write_wants_read` tell.
    """

    is_tls: Final = True

    def __init__(self, sock: ssl.SSLSocket) -> None:
        super().__init__(sock)
        self._tls = sock
        self._lock = threading.Lock()  # OpenSSL's object cannot be used by two threads at once

    def holds_data(self) -> bool:
        """Whether bytes were read off the socket already that no poller knows of."""
        with self._lock:
            return self._tls.pending() > 0

    def receive(self) -> bytes:
        """Read what is there, nothing at the end of the stream.

        Raises:
            BlockingIOError: There is nothing now.
            OSError: The link is broken.
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
            OSError: The link is broken.
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
        """Tell the peer that nothing more comes; it may still be read."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._tls.unwrap()
        super().end_writing()


Wire = PlainWire | TlsWire


def wire_of(sock: socket.socket) -> Wire:
    """Return the wire for a non-blocking socket."""
    return TlsWire(sock) if isinstance(sock, ssl.SSLSocket) else PlainWire(sock)


class Outgoing:
    """Bytes that wait for the socket to take them, gathered so that one write takes many frames."""

    def __init__(self) -> None:
        self.size = 0
        """How many bytes wait."""
        self.chunks: list[bytes] = []
        """Those of them that were put in since the last write; who appends to it adds to `size`."""
        self.end_due = False
        """Whether the end of the stream waits, behind all else."""
        self._begun: bytes | memoryview = b""  # what the socket may have taken a part of

    def add(self, chunks: Iterable[bytes]) -> None:
        """Take whole frames in; an empty one stands for the end of the stream, as in the framing library."""
        for chunk in chunks:
            if chunk:
                self.chunks.append(chunk)
                self.size += len(chunk)
            else:
                self.end_due = True

    def push(self, wire: Wire) -> None:
        """Write what `wire` takes.

        Raises:
            OSError: The link is broken.
        """
        while self.size:
            begun = self._begun
            if not begun:
                begun = b"".join(self.chunks)
                self.chunks.clear()
            try:
                taken = wire.send(begun)
            except BlockingIOError:
                taken = 0
            self.size -= taken
            self._begun = memoryview(begun)[taken:] if taken < len(begun) else b""
            if not taken:
                return
        if self.end_due:
            self.end_due = False
            wire.end_writing()

    def shed(self) -> None:
        """Drop what waits, but for the frames that the socket may have taken a part of."""
        self.chunks.clear()
        self.size = len(self._begun)

    def clear(self) -> None:
        """Drop everything."""
        self._begun = b""
        self.shed()
        self.end_due = False
