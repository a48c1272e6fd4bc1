"""What the I/O loop serves, and how an error in it is kept to it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


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


def call_for(handler: SocketHandler | None, call: Callable[[], None]) -> None:
    """Make a call for a handler, or for none; end that handler if it raises."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - logged there
        end_failed(handler, error)


def end_failed(handler: SocketHandler | None, error: BaseException) -> None:
    """Log that a call raised `error`, and end the handler that it was made for."""
    log.error("a connection ends: a call made for it raised", exc_info=error)
    if handler is None:
        return
    try:
        handler.failed(error)
    except BaseException:
        log.exception("a connection is aborted: its end raised, too")
        call_for(None, handler.abort)
