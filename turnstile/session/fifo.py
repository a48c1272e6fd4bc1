"""An immutable queue: to append to it, or to take its first, costs the same however long it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


class Fifo(Generic[T]):
    """A queue, oldest first. Versions share one list, of which each reads its own part, which never changes.

    Args:
        values: What it holds.
    """

    __slots__ = ("_end", "_list", "_start")

    def __init__(self, values: Iterable[T] = ()) -> None:
        self._list, self._start = list(values), 0
        self._end = len(self._list)

    def appended(self, value: T) -> Fifo[T]:
        """Return the queue with `value` behind the others."""
        # An empty one may be the default that all sessions begin with.
        is_newest = self and self._end == len(self._list)
        values = self._list if is_newest else self._list[: self._end]
        values.append(value)
        return self._part(values, self._start, self._end + 1)

    def without_first(self) -> Fifo[T]:
        """Return the queue without its first; once half of the list is behind it, in a list of its own."""
        start = self._start + 1
        return (
            Fifo(self._list[start : self._end]) if 2 * start > self._end else self._part(self._list, start, self._end)
        )

    def without_last(self) -> Fifo[T]:
        """Return the queue without its last."""
        return self._part(self._list, self._start, self._end - 1)

    @property
    def first(self) -> T:
        """The oldest; the queue is not empty."""
        return self._list[self._start]

    @property
    def last(self) -> T | None:
        """The newest; None where there is none."""
        return self._list[self._end - 1] if self else None

    def _part(self, values: list[T], start: int, end: int) -> Fifo[T]:
        part: Fifo[T] = Fifo.__new__(Fifo)
        part._list, part._start, part._end = values, start, end
        return part

    def __len__(self) -> int:
        return self._end - self._start

    def __iter__(self) -> Iterator[T]:
        return iter(self._list[self._start : self._end])

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Fifo) and list(self) == list(other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"Fifo({list(self)!r})"
