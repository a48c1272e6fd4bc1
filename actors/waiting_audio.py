"""Input audio that cannot go yet: in its order, up to the marks that have been passed, within a bound."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from actors.messages import Mark

# What each piece counts besides its bytes, in the memory that is taken: an object, and its place in the queue.
_PIECE_COST = 64

if TYPE_CHECKING:
    from collections.abc import Iterator


class WaitingAudio:
    """A queue of pieces of audio and of marks; past the bound the oldest audio is dropped.

    What stands behind a mark waits until the mark is passed. Marks only grow: one that is passed stands for all before.

    Args:
        max_size: How many bytes may wait.
        unit: Bytes that belong together, such as those of a sample: the front is cut between units only.
    """

    __slots__ = ("_max_size", "_passed", "_pieces", "_size", "_stop", "_unit", "dropped", "is_closed")

    def __init__(self, max_size: int, unit: int = 1) -> None:
        self._max_size = max_size
        self._unit = unit
        self._pieces: deque[bytes | Mark] = deque()
        self._size = 0
        self._stop = self._passed = 0  # the mark at the front, and the latest that was passed
        self.is_closed = False
        """Whether the mark at the front has not been passed, so that nothing may go."""
        self.dropped = 0
        """Bytes dropped so far."""

    def __len__(self) -> int:
        """Return how many pieces and marks wait."""
        return len(self._pieces)

    @property
    def taken(self) -> int:
        """Bytes of memory that all takes that waits."""
        return self._size + _PIECE_COST * len(self._pieces)

    def set_mark(self, mark: Mark) -> None:
        """Have all that comes from now on wait for `mark`; of two marks in a row the later one stands for both."""
        if not self._pieces:
            self._stop_at(mark)
        elif isinstance(self._pieces[-1], Mark):
            self._pieces[-1] = mark
        else:
            self._pieces.append(mark)

    def pass_mark(self, number: int) -> None:
        """Let go what stands behind a mark, up to the next one."""
        self._passed = number
        self.is_closed = self._stop > number

    def put(self, piece: bytes) -> None:
        """Add a piece; an empty one is left out, since it would wait without counting."""
        if not piece:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        while self._size > self._max_size:
            self._drop(self._size)
        self._drop_rest()

    def shrink(self, size: int) -> None:
        """Drop the oldest pieces until what waits takes at most `size` bytes of memory."""
        while self._size and self.taken > size:
            self._drop(self._size)
        self._drop_rest()

    def clear(self) -> None:
        """Drop everything, uncounted."""
        self._pieces.clear()
        self._size = 0

    def _drop_rest(self) -> None:
        """Drop the rest of a unit whose beginning was dropped."""
        rest = -self.dropped % self._unit
        if rest and self._size:
            self._drop(rest)

    def take(self) -> Iterator[bytes]:
        """Return what waits for no mark any more, the oldest first, each as it is asked for."""
        while self._pieces and not self.is_closed:
            piece = self._pieces.popleft()
            if isinstance(piece, Mark):
                self._stop_at(piece)
            else:
                self._size -= len(piece)
                yield piece

    def _drop(self, size: int) -> None:
        """Drop the oldest piece, or its first `size` bytes; the marks before it are at the front then."""
        while isinstance(piece := self._pieces.popleft(), Mark):
            self._stop_at(piece)
        if size < len(piece):
            self._pieces.appendleft(piece[size:])
            piece = piece[:size]
        self._size -= len(piece)
        self.dropped += len(piece)

    def _stop_at(self, mark: Mark) -> None:
        self._stop = mark.number
        self.is_closed = mark.number > self._passed
