"""What the loop serves."""

from __future__ import annotations

from typing import Protocol


class Member(Protocol):
    """Whoever has a socket on the loop. The loop calls all of these on its own thread."""

    def ready(self, events: int) -> None:
        """The socket can be read (`poll.READ`), written (`poll.WRITE`), or, with any other number, both.

        Now and then it cannot after all. An error is found by who reads and writes.
        """

    def broke(self, error: Exception) -> None:
        """A call made for this member raised `error`: end it, and only it."""

    def retire(self) -> None:
        """The loop wants to stop: end in order, soon."""

    def cut(self) -> None:
        """The loop stops now: close the socket."""
