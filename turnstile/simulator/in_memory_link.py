"""A link to a simulated session within the process: no socket between the two."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.ports import Connection, Inbox
    from turnstile.protocol.frames import Frame
    from turnstile.simulator.session_driver import SessionDriver


class InMemoryConnection:
    """The client's end of a link in memory: the `Connection` port, with a simulated session behind it.

    Args:
        link: The session's side.
        inbox: Is told the session's frames, and the end.
    """

    def __init__(self, link: SessionDriver, inbox: Inbox) -> None:
        self._link = link
        self._inbox = inbox
        self._queued: deque[TextFrame | BinaryFrame] = deque()
        self._lock = threading.Lock()
        self._sending = False
        self._closed = False

    def __repr__(self) -> str:
        return f"<InMemoryConnection {'closed' if self._closed else 'open'}>"

    @property
    def buffered(self) -> int:
        """Nothing waits: the session takes everything at once."""
        return 0

    def send_text(self, data: bytes) -> None:
        """Queue one text message."""
        if not self._closed:
            self._queued.append(TextFrame(data))

    def send_binary(self, data: bytes) -> None:
        """Queue one binary message, which the API refuses."""
        if not self._closed:
            self._queued.append(BinaryFrame(data))

    def send_all(self, frames: Iterable[Frame]) -> None:
        """Queue several messages."""
        if not self._closed:
            self._queued.extend(frames)

    def flush(self) -> None:
        """Hand what is queued to the session; of many threads that come here one does it for all."""
        while self._queued and not self._closed:
            with self._lock:
                if self._sending:
                    return
                self._sending = True
            try:
                while self._queued:
                    self._link.tell(self._queued.popleft())
            finally:
                self._sending = False

    def close(self, code: int, reason: str = "") -> None:
        """End the link; the inbox is told."""
        self.flush()
        self._link.end()
        self.told_closed(Closed(code, reason))

    def handled(self, size: int, messages: int = 1) -> None:
        """Nothing to give back: the session does not wait for credit."""

    def holds_back(self, source: Connection) -> None:
        """Nothing to hold back: this end never has anything to write."""

    def pause_reading(self) -> None:
        """Have the session's frames wait until `resume_reading`; counted."""
        self._link.pause()

    def resume_reading(self) -> None:
        """Take one `pause_reading` back."""
        self._link.resume()

    def told_closed(self, closed: Closed) -> None:
        """Tell the inbox the end, once."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._inbox.tell(closed)


class InboxOutlet:
    """Sends a session's frames into an inbox.

    Args:
        connection: The client's end, through which the end is told.
        inbox: Is told the frames.
    """

    def __init__(self, connection: InMemoryConnection, inbox: Inbox) -> None:
        self._connection = connection
        self._inbox = inbox

    def send_text(self, data: bytes) -> None:
        """Tell one frame."""
        self._inbox.tell(TextFrame(data))

    def send_binary(self, data: bytes) -> None:
        """Tell one binary frame."""
        self._inbox.tell(BinaryFrame(data))

    def flush(self) -> None:
        """Nothing waits."""

    def close(self, code: int, reason: str = "") -> None:
        """Tell the end."""
        self._connection.told_closed(Closed(code, reason))

    def handled(self, size: int, messages: int = 1) -> None:
        """Nothing to give back."""
