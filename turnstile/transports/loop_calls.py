"""Calls that are due in this round of the loop, or in the next."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from turnstile.transports.socket_handler import end_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.transports.socket_handler import SocketHandler

# How many calls are made before sockets are served again.
_CALLS_A_ROUND: Final = 1_000


class LoopCalls:
    """All calls of one loop that wait for no time.

    Args:
        turns: How many calls for the next round one round makes.
    """

    def __init__(self, turns: int) -> None:
        self._turns = turns
        self.soon: deque[tuple[Callable[[], None], SocketHandler | None]] = deque()
        """Calls for this round, with the handlers that end if they raise; any thread appends."""
        self.next_round: deque[tuple[Callable[[], None], SocketHandler]] = deque()
        """Calls for the next round."""

    def make_round(self) -> None:
        """Make the calls that wait, and those that they lead to: messages between actors do not wait for sockets."""
        soon, left_to_this = self.soon, self.next_round
        if left_to_this:
            soon.extend(left_to_this.popleft() for _ in range(min(self._turns, len(left_to_this))))
        for _ in range(_CALLS_A_ROUND):
            if not soon:
                return
            call, owner = soon.popleft()
            try:
                call()
            except BaseException as error:  # noqa: BLE001 - logged there
                end_failed(owner, error)

    def make_all(self) -> None:
        """Make the calls that wait for this round, and all that they lead to."""
        while self.soon:
            self.make_round()
