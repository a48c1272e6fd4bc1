"""The socket that joins a worker to its parent, at the worker's end."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

READY_LINE: Final = b"ready\n"
"""Says that the worker accepts clients."""
RELOADED_LINE: Final = b"reloaded\n"
"""Says that the worker has read the configuration anew, or tried to."""


class ParentLink:
    """Sends the parent lines without blocking, and takes those that it answers.

    Args:
        sock: The socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._lock = threading.Lock()  # guards the next one, and the order of what is sent
        self._unsent = bytearray()
        self.receive: Callable[[bytes], object] = bytes
        """Called with each line of the parent's, on the thread that waits for the parent's end."""

    @property
    def unsent(self) -> int:
        """Bytes that the parent has left no room for: it is slow, or stopped."""
        return len(self._unsent)

    def send(self, line: bytes) -> None:
        """Send a line, now or when the parent leaves room for it; from any thread. Without effect once it has ended."""
        with self._lock:
            is_first = not self._unsent
            self._unsent += line
            if is_first and not self._send_at_once():
                threading.Thread(target=self._send_rest, name="turnstile-parent", daemon=True).start()

    def wait_for_end(self) -> None:
        """Take what the parent sends; return when it has ended."""
        with contextlib.suppress(OSError), self._socket.makefile("rb") as lines:
            for line in lines:
                self.receive(line)

    def _send_at_once(self) -> bool:
        """Send what there is room for; return whether that is all. The lock is held."""
        try:
            sent = self._transmit(self._unsent, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        del self._unsent[:sent]
        return not self._unsent

    def _send_rest(self) -> None:
        """Send what was left, waiting for room."""
        sent, rest = 0, b"-"
        while rest:
            with self._lock:
                del self._unsent[:sent]
                rest = bytes(self._unsent)
            sent = self._transmit(rest)

    def _transmit(self, data: bytes | bytearray, flags: int = 0) -> int:
        """Send some of the data; return how much, all where the parent has ended, which `wait_for_end` shows.

        Raises:
            BlockingIOError: The parent leaves no room, and the flags are not to wait for it.
        """
        try:
            return self._socket.send(data, flags)
        except BlockingIOError:
            raise
        except OSError:
            return len(data)
