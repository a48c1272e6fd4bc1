"""Bytes that wait to be written to a socket."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from turnstile.transports.large_frame import LargeFrame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.transports.nonblocking_socket import NonBlockingSocket

BYTES_A_ROUND: Final = 1024 * 1024
"""After so many bytes a write ends; the socket's next round goes on."""


class WriteBuffer:
    """Gather frames, so that one write takes many; large ones leave piece by piece."""

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
        self._large: deque[list[bytes] | LargeFrame] = deque()  # with what waits before each of them

    def add(self, chunks: Iterable[bytes]) -> None:
        """Add whole frames; an empty one stands for the end of the stream, as in the framing library."""
        for chunk in chunks:
            if chunk:
                self.chunks.append(chunk)
                self.size += len(chunk)
            else:
                self.end_due = True

    def add_large(self, frame: LargeFrame) -> list[bytes]:
        """Add a large frame behind all else; return the new `chunks`, for what comes behind it."""
        if self.chunks:
            self._large.append(self.chunks)
            self.chunks = []
        self._large.append(frame)
        return self.chunks

    def write_to(self, sock: NonBlockingSocket) -> None:
        """Write as much as `sock` takes in a round.

        Raises:
            OSError: The connection is broken.
        """
        end = self.taken + BYTES_A_ROUND
        while self.size and self.taken < end:
            begun = self._begun
            if not begun and self._large:
                begun = self._next()
            elif not begun:
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
        if self.end_due and not self.size:
            self.end_due = False
            sock.end_writing()

    def _next(self) -> bytes | memoryview:
        """Return what is to be written next, of a large frame or what waits before it."""
        first = self._large[0]
        if not isinstance(first, LargeFrame):
            self._large.popleft()
            return b"".join(first)
        piece = first.take()
        if not first.left:
            self._large.popleft()
        return piece

    def drop_unbegun(self) -> None:
        """Drop what waits, but for the frames that the socket may have taken a part of."""
        self.chunks.clear()
        self.size = len(self._begun)
        while self._large:
            last = self._large.pop()
            if isinstance(last, LargeFrame) and last.has_begun:  # the first
                self._large.append(last)
                self.size += last.left
                return

    def clear(self) -> None:
        """Drop everything."""
        self._begun = b""
        self._large.clear()
        self.drop_unbegun()
        self.end_due = False
