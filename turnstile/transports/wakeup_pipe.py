"""A pair of sockets by which other threads wake the one that polls."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class WakeupPipe:
    """One end is polled, the other written to."""

    def __init__(self) -> None:
        self._polled, self._written = pair = socket.socketpair()
        for sock in pair:
            sock.settimeout(0)
        self.wake: Callable[[], object] = partial(self._written.send, b"\0")
        """Make the polled end readable; from any thread."""

    def fileno(self) -> int:
        """Return the descriptor to poll for reading."""
        return self._polled.fileno()

    def drain(self) -> None:
        """Make the polled end unreadable again."""
        self._polled.recv(64)

    def close(self) -> None:
        """Close both sockets."""
        self._polled.close()
        self._written.close()
