"""What the I/O loop serves."""

from __future__ import annotations

from typing import Protocol


class SocketHandler(Protocol):
    """Owner of a socket on the loop. The loop calls all of these on its own thread."""

    def ready(self, events: int) -> None:
        """Read (`poll.READ`), write (`poll.WRITE`), or, with any other number, both.

        The socket may not be ready after all, and an error shows only in the read or write.
        """

    def failed(self, error: BaseException) -> None:
        """End this handler, and only it: a call made for it raised `error`."""

    def shut_down(self) -> None:
        """End in order, soon: the loop is about to stop."""

    def abort(self) -> None:
        """Close the socket now: the loop stops."""
