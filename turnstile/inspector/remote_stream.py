"""The stream of a session's events, from the worker that has the session."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final

from turnstile.inspector.view_server import LINE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET: Final = 5.0
"""Seconds without a line after which b"" is yielded: the worker may be stopped, and the reader may have left."""
_CHUNK: Final = 64 * 1024  # bytes


class RemoteStream:
    """An `EventStream` of a worker's lines; ends with the session, or with the worker.

    Args:
        sock: Brings the lines; closed with this.
        begun: What has come of them already.
        quiet: As `QUIET`.
    """

    def __init__(self, sock: socket.socket, begun: bytes, quiet: float = QUIET) -> None:
        sock.settimeout(quiet)
        self._socket = sock
        self._received = begun
        self._lock = threading.Lock()  # the socket must not be closed while it is read
        self._is_closed = self._is_read = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line, without its end; b"" when a while has passed without one."""
        with self._lock:
            if self._is_closed:
                return
            self._is_read = True
        try:
            while len(self._received) <= LINE_BYTES:
                *lines, self._received = self._received.split(b"\n")
                yield from lines
                try:
                    data = self._socket.recv(_CHUNK)
                except TimeoutError:
                    yield b""
                    continue
                if not data:
                    return
                self._received += data
        except OSError:
            return  # the worker has been killed
        finally:
            with self._lock:
                self._is_closed = True
                self._socket.close()

    def close(self) -> None:
        """End it; from any thread."""
        with self._lock:
            self._is_closed = True
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            if not self._is_read:
                self._socket.close()
