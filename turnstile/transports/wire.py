"""Bytes to and from one non-blocking socket, TLS or plain."""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
from typing import TYPE_CHECKING, Final

from turnstile.transports.poll import READ, WRITE

if TYPE_CHECKING:
    from collections.abc import Iterable

RECEIVE_BYTES: Final = 64 * 1024

# The framing library can log every frame and header, keys included. This logger belongs to no tree and has no handler:
# no logging configuration makes it speak.
SILENT: Final = logging.Logger("turnstile.framing", logging.CRITICAL + 1)  # noqa: LOG001 - that is the point


class Wire:
    """A non-blocking socket that says what it waits for.

    A TLS socket may have to write before it can read, and the other way round: after a call that got nowhere,
    `stalled_read_wants_write` and `stalled_write_wants_read` tell. Calls must not overlap: OpenSSL's object cannot
    be used by two threads at once.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stalled_read_wants_write = False
        self.stalled_write_wants_read = False
        self._tls = sock if isinstance(sock, ssl.SSLSocket) else None
        self.is_tls = self._tls is not None

    def holds_data(self) -> bool:
        """Whether bytes were read off the socket already that no selector knows of."""
        return self._tls is not None and self._tls.pending() > 0

    def interest(self, *, reads: bool, writes: bool) -> int:
        """Return what to wait for in order to read, write or both: `READ`, `WRITE`, both or 0."""
        interest = READ if reads or self.stalled_write_wants_read else 0
        if (writes and not self.stalled_write_wants_read) or self.stalled_read_wants_write:
            interest |= WRITE
        return interest

    def receive(self) -> bytes | None:
        """Read what is there.

        Returns:
            The bytes; empty at the end of the stream; None when there is nothing now.

        Raises:
            OSError: The link is broken.
        """
        self.stalled_read_wants_write = False
        try:
            return self.sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self.stalled_read_wants_write = True
            return None

    def send(self, data: bytes | memoryview) -> int:
        """Write what the socket takes.

        Returns:
            How many bytes that was.

        Raises:
            OSError: The link is broken.
        """
        self.stalled_write_wants_read = False
        try:
            return self.sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            return 0
        except ssl.SSLWantReadError:
            self.stalled_write_wants_read = True
            return 0

    def end_writing(self) -> None:
        """Tell the peer that nothing more comes; it may still be read."""
        with contextlib.suppress(OSError, ValueError):  # a peer that is gone already need not be told
            if self._tls is not None:
                self._tls.unwrap()
        with contextlib.suppress(OSError):
            # Not SSLSocket's own method, which would forget the TLS state that reading still needs.
            socket.socket.shutdown(self.sock, socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()


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
            taken = wire.send(begun)
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
