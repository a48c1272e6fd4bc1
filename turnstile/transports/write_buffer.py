"""Bytes that wait to be written to a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.transports.nonblocking_socket import NonBlockingSocket


class WriteBuffer:
    """Gather frames, so that one write takes many."""

    def __init__(self) -> None:
        self.size = 0
        """How many bytes wait."""
        self.chunks: list[bytes] = []
        """Those of them that were added since the last write; a caller that appends to it adds to `size`."""
        self.taken = 0
        """How many bytes the socket has taken so far."""
        self.end_due = False
        """Whether the end of the stream waits, behind all else."""
        self._begun: bytes | memoryview = b""  # the socket may have taken a part of these

    def add(self, chunks: Iterable[bytes]) -> None:
        """Add whole frames; an empty one stands for the end of the stream, as in the framing library."""
        for chunk in chunks:
            if chunk:
                self.chunks.append(chunk)
                self.size += len(chunk)
            else:
                self.end_due = True

    def write_to(self, sock: NonBlockingSocket) -> None:
        """Write as much as `sock` takes.

        Raises:
            OSError: The connection is broken.
        """
        while self.size:
            begun = self._begun
            if not begun:
                begun = b"".join(self.chunks)
                self.chunks.clear()
            try:
                taken = sock.send(begun)
            except BlockingIOError:
                taken = 0
            self.size -= taken
            self.taken += taken
            self._begun = memoryview(begun)[taken:] if taken < len(begun) else b""
            if not taken:
                return
        if self.end_due:
            self.end_due = False
            sock.end_writing()

    def drop_unbegun(self) -> None:
        """Drop what waits, but for the frames that the socket may have taken a part of."""
        self.chunks.clear()
        self.size = len(self._begun)

    def clear(self) -> None:
        """Drop everything."""
        self._begun = b""
        self.drop_unbegun()
        self.end_due = False
