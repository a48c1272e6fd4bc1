"""The interface between the parent of the workers and those who ask the workers something for operators."""

from __future__ import annotations

import socket
from typing import Protocol


class WorkerWatch(Protocol):
    """Told which workers there are, on the parent's thread: no method blocks."""

    def began(self, number: int) -> socket.socket:
        """Note that a worker is being started; return the socket that it inherits, which is closed here then.

        Raises:
            OSError: The system has no room for it.
        """

    def ready(self, number: int) -> None:
        """Note that a worker accepts clients."""

    def ended(self, number: int) -> None:
        """Note that a worker has ended, or could not be started: what it has sent by then is all that there will be."""

    def draining(self) -> None:
        """Note that all workers are told to end."""


class Unwatched:
    """The `WorkerWatch` where nobody asks."""

    def began(self, number: int) -> socket.socket:  # noqa: ARG002 - one is like the other
        """Return a socket whose other end is closed already."""
        ours, theirs = socket.socketpair()
        ours.close()
        return theirs

    def ready(self, number: int) -> None:
        """Do nothing."""

    def ended(self, number: int) -> None:
        """Do nothing."""

    def draining(self) -> None:
        """Do nothing."""
