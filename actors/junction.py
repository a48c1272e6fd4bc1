"""Where two ways to an actor join: what came by the one is taken behind what was said before it by the other."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from actors.messages import Mark

if TYPE_CHECKING:
    from collections.abc import Iterator

Thing = TypeVar("Thing")


class Junction(Generic[Thing]):
    """Holds what comes by the shorter way back at a mark, until the mark has come by the longer way too.

    Marks only grow: one that has come by the longer way stands for all before it.
    """

    __slots__ = ("_passed", "_stop", "_waiting", "is_closed")

    def __init__(self) -> None:
        self.is_closed = False
        """Whether what comes now has to wait for a mark."""
        self._waiting: deque[Thing | Mark] = deque()
        self._stop = 0
        self._passed = 0

    def set_mark(self, mark: Mark) -> None:
        """Have all that comes from now on wait for `mark`; of two marks in a row the later one says it for both."""
        if not self._waiting:
            self._stop_at(mark)
        elif isinstance(self._waiting[-1], Mark):
            self._waiting[-1] = mark
        else:
            self._waiting.append(mark)

    def put(self, thing: Thing) -> None:
        """Have `thing` wait for its turn."""
        self._waiting.append(thing)

    def put_back(self, thing: Thing) -> None:
        """Have `thing` wait ahead of all that waits."""
        self._waiting.appendleft(thing)

    def pass_mark(self, number: int) -> None:
        """Take notice that a mark has come by the longer way."""
        self._passed = number
        self.is_closed = self._stop > number

    def take(self) -> Iterator[Thing]:
        """Return what waits for no mark any more, the oldest first, each as it is asked for."""
        while self._waiting and not self.is_closed:
            thing = self._waiting.popleft()
            if isinstance(thing, Mark):
                self._stop_at(thing)
            else:
                yield thing

    def drop(self) -> Thing | None:
        """Take out the oldest that waits, and return it; None when nothing does."""
        while self._waiting:
            thing = self._waiting.popleft()
            if not isinstance(thing, Mark):
                return thing
            self._stop_at(thing)
        return None

    def __len__(self) -> int:
        """Return how many things and marks wait."""
        return len(self._waiting)

    def _stop_at(self, mark: Mark) -> None:
        self._stop = mark.number
        self.is_closed = mark.number > self._passed
