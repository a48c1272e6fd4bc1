"""The view of one worker, as its parent process asks for it; see `view_server` for what passes between the two."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from turnstile.errors import SessionError
from turnstile.inspector.question import HasEnded, Question, Unanswered
from turnstile.inspector.view_server import json_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import UnionType

    from turnstile.inspector.view import Json

log = logging.getLogger(__name__)

# What the answer to each request is.
_SHAPES: Final[Mapping[str, type | UnionType]] = {
    "counts": dict,
    "sessions": list,
    "session": dict | None,
    "events": bool,
    "give": dict | None,
}


class RemoteView:
    """One worker, and the channel over which it is asked; may be used from any thread.

    Args:
        number: The worker's.

    Raises:
        OSError: The system has no room for a socket pair.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_ready = False
        """Whether it accepts clients, and answers."""
        self._is_silent = False
        self._channel, self.inherited = socket.socketpair()
        self._channel.settimeout(0)  # a worker that is stopped takes no more than fits into a socket's buffer
        self._lock = threading.Lock()  # the channel must not be closed while it is used

    def ask(self, request: Json, timeout: float) -> Question:
        """Ask it.

        Args:
            request: What is asked.
            timeout: Seconds for it to take a request that does not fit into a socket's buffer.

        Raises:
            Unanswered: It has ended, or has been stopped for long.
        """
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise Unanswered(f"it cannot be asked: {error.strerror}") from error
        try:
            with theirs, self._lock:
                socket.send_fds(self._channel, [b"?"], [theirs.fileno()])
            ours.settimeout(timeout)
            ours.sendall(json_line(request))
            ours.settimeout(0)
        except OSError as error:
            ours.close()
            raise HasEnded if isinstance(error, ConnectionError) else Unanswered("it does not answer") from error
        return Question(ours, _SHAPES[request["ask"]])

    def end(self) -> Any:
        """Close the channel of a worker that has ended; return what it has handed over, None for nothing."""
        with self._lock, Question(self._channel, _SHAPES["counts"]) as last:
            last.receive()
            try:
                return last.value()
            except (Unanswered, SessionError):
                return None

    def note(self, fault: Exception | None = None) -> None:
        """Note why it did not answer as it should, or that it did; logged when that changes."""
        if fault is not None and not self._is_silent:
            log.warning("Operators do not see worker %s as it is now: %s", self.number, fault)
        elif self._is_silent and fault is None:
            log.warning("Operators see worker %s again", self.number)
        self._is_silent = fault is not None
