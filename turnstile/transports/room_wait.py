"""A connection's wait for room in its session's budget: it is not read until its next message fits, or time is up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.byte_charge import Charge
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.loop_timers import TimerHandle
    from turnstile.transports.read_credit import ReadCredit
    from turnstile.transports.socket_handler import SocketHandler


class RoomWait:
    """Stop reading a peer while its session holds too much for the peer's next message.

    What is on its way to upstream or to the client leaves soon. So a message that fits without it waits unread, and is
    given up only where the session lets go of nothing for a time.

    Nothing here locks; a connection does that around it, on the I/O thread.

    Args:
        loop: The connection's.
        credit: Of reading the peer.
        timeout: Seconds in which the session must let go of something.
    """

    def __init__(self, loop: IoLoop, credit: ReadCredit, timeout: float) -> None:
        self._loop = loop
        self._credit = credit
        self._timeout = timeout
        self._timer: TimerHandle | None = None
        self.is_given_up = False
        """Whether the message that waited last was given up."""

    def begin(self, charge: Charge, size: int, read_on: Callable[[], None], owner: SocketHandler | None) -> None:
        """Stop reading until a charge may be set to so many bytes, those of the message.

        Args:
            charge: That of the message.
            size: Its bytes.
            read_on: Called on the I/O thread when the message fits, or is given up; calls `end` before it reads.
            owner: The connection, which ends if `read_on` raises.
        """
        self.is_given_up = False
        self._credit.pause()
        lacks = partial(charge.lacking, size)
        self._check_later(lacks, read_on, owner)
        charge.when_fits(size, partial(self._loop.call_soon, read_on, owner))

    def end(self) -> bool:
        """Let the peer be read again; return whether it was not."""
        timer, self._timer = self._timer, None
        if timer is None:
            return False
        timer.cancel()
        self._credit.resume()
        return True

    def _check_later(self, lacks: Callable[[], int], read_on: Callable[[], None], owner: SocketHandler | None) -> None:
        before = lacks()

        def check() -> None:
            if lacks() < before:
                self._check_later(lacks, read_on, owner)
            else:
                self.is_given_up = True
                read_on()

        self._timer = self._loop.call_later(self._timeout, check, owner)
