"""Audio that waits for its way to be free, within a bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.junction import Junction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from actors.messages import Mark


class WaitingAudio:
    """Pieces of audio in their order, some behind a mark; past the bound the oldest are dropped.

    Args:
        max_size: How many bytes may wait.
        unit: Bytes that belong together, such as those of a sample: no part of a unit stays behind at the front.
    """

    def __init__(self, max_size: int, unit: int = 1) -> None:
        self._max_size = max_size
        self._unit = unit
        self._way: Junction[bytes] = Junction()
        self._size = 0
        self.dropped = 0
        """Bytes dropped so far."""

    def __len__(self) -> int:
        """Return how many pieces and marks wait."""
        return len(self._way)

    @property
    def is_closed(self) -> bool:
        """Whether what comes now has to wait for a mark."""
        return self._way.is_closed

    def set_mark(self, mark: Mark) -> None:
        """Have all that comes from now on wait for `mark`."""
        self._way.set_mark(mark)

    def pass_mark(self, number: int) -> None:
        """Take notice that what goes before a mark has gone."""
        self._way.pass_mark(number)

    def put(self, piece: bytes) -> None:
        """Have a piece wait, if there is anything to it: an empty one would wait without counting."""
        if not piece:
            return
        self._way.put(piece)
        self._size += len(piece)
        while self._size > self._max_size:
            self._drop_oldest()
        rest = -self.dropped % self._unit
        if rest and self._size:
            self._drop_oldest(rest)

    def take(self) -> Iterator[bytes]:
        """Return what waits for no mark any more, the oldest first, each as it is asked for."""
        for piece in self._way.take():
            self._size -= len(piece)
            yield piece

    def _drop_oldest(self, size: int | None = None) -> None:
        """Drop the oldest piece, or the first `size` bytes of what waits."""
        piece = self._way.drop() or b""
        if size is not None and size < len(piece):
            self._way.put_back(piece[size:])
            piece = piece[:size]
        self._size -= len(piece)
        self.dropped += len(piece)
