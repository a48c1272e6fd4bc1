"""Audio that waits for its way to be free, within a bound."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class WaitingAudio:
    """Pieces of audio in their order; past the bound the oldest are dropped.

    Args:
        max_size: How many bytes may wait.
        unit: Bytes that belong together, such as those of a sample: no part of a unit stays behind at the front.
    """

    def __init__(self, max_size: int, unit: int = 1) -> None:
        self._max_size = max_size
        self._unit = unit
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self.dropped = 0
        """Bytes dropped so far."""

    def __len__(self) -> int:
        """Return how many pieces wait."""
        return len(self._pieces)

    def put(self, piece: bytes) -> None:
        """Have a piece wait, if there is anything to it: an empty one would wait without counting."""
        if not piece:
            return
        self._pieces.append(piece)
        self._size += len(piece)
        while self._size > self._max_size:
            self._drop(len(self._pieces.popleft()))
        rest = -self.dropped % self._unit
        if rest and self._pieces:
            self._pieces[0] = self._pieces[0][rest:]
            self._drop(rest)

    def take(self) -> Iterator[bytes]:
        """Return what waits, the oldest first, each as it is asked for."""
        while self._pieces:
            piece = self._pieces.popleft()
            self._size -= len(piece)
            yield piece

    def _drop(self, size: int) -> None:
        self._size -= size
        self.dropped += size
