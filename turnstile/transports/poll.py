"""Polls which sockets are ready: by epoll where the system has it, by `selectors` elsewhere."""

from __future__ import annotations

import select
import selectors
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

# As epoll has them (EPOLLIN, EPOLLOUT).
READ: Final = 0x001
WRITE: Final = 0x004


class Poller(Protocol):
    """A watcher of file descriptors; `select.epoll` is one."""

    def register(self, descriptor: int, events: int, /) -> None:
        """Watch a descriptor that is not watched for `events`: `READ`, `WRITE` or both."""

    def modify(self, descriptor: int, events: int, /) -> None:
        """Watch a watched descriptor for other events."""

    def unregister(self, descriptor: int, /) -> None:
        """Stop watching a descriptor that is watched."""

    def poll(self, timeout: float | None, at_most: int, /) -> list[tuple[int, int]]:
        """Wait until some are ready.

        Args:
            timeout: Seconds to wait; None for as long as it takes.
            at_most: How many are returned; the others are returned by the next call. Only epoll keeps to it.

        Returns:
            Each with its events; larger numbers than `READ | WRITE` mean an error.
        """

    def close(self) -> None:
        """Release the system's resources."""


class SelectorPoller:
    """A `Poller` for systems without epoll."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def register(self, descriptor: int, events: int, /) -> None:
        """Watch a descriptor that is not watched."""
        self._selector.register(descriptor, _selector_events(events))

    def modify(self, descriptor: int, events: int, /) -> None:
        """Watch a watched descriptor for other events."""
        self._selector.modify(descriptor, _selector_events(events))

    def unregister(self, descriptor: int, /) -> None:
        """Stop watching a descriptor."""
        self._selector.unregister(descriptor)

    def poll(self, timeout: float | None, _at_most: int, /) -> list[tuple[int, int]]:
        """Wait until some are ready; returns all of them."""
        return [
            (key.fd, (events & selectors.EVENT_READ and READ) | (events & selectors.EVENT_WRITE and WRITE))
            for key, events in self._selector.select(timeout)
        ]

    def close(self) -> None:
        """Release the system's resources."""
        self._selector.close()


make_poller: Callable[[], Poller] = getattr(select, "epoll", SelectorPoller)
"""Make the best poller that this system has."""


def _selector_events(events: int) -> int:
    return (events & READ and selectors.EVENT_READ) | (events & WRITE and selectors.EVENT_WRITE)
