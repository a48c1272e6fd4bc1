"""A pair of connections in memory, without a socket: for scripts, the simulator and tests."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final

from turnstile.protocol.frames import PEER_TOO_SLOW, BinaryFrame, Closed, TextFrame
from turnstile.transports.limits import ConnectionLimits
from turnstile.transports.null_inbox import NullInbox
from turnstile.transports.read_credit import ReadCredit
from turnstile.transports.write_watermark import WriteWatermark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnstile.ports import Connection, Inbox
    from turnstile.protocol.frames import Frame

POLICY_VIOLATION: Final = 1008


def memory_pair(
    inbox_a: Inbox | None = None, inbox_b: Inbox | None = None, limits: ConnectionLimits | None = None
) -> tuple[MemoryConnection, MemoryConnection]:
    """Connect two inboxes: each connection sends to the other one's inbox.

    Args:
        inbox_a: Receives what the second connection sends, and the end; None if it is not known before `begin`.
        inbox_b: Receives what the first connection sends, and the end; likewise.
        limits: Water marks and ceiling as for a socket; there are no timeouts, and no bound on a message.
    """
    a, b = (MemoryConnection(inbox, limits or ConnectionLimits()) for inbox in (inbox_a, inbox_b))
    a.peer, b.peer = b, a
    return a, b


class MemoryConnection:
    """One end of a `memory_pair`.

    What it sends reaches the peer's inbox with `flush`, on the thread that flushes. While the peer does not read, it
    waits here, and the peer's `resume_reading` or `handled` lets it through.

    A peer that leaves more than the ceiling waiting is disconnected at once, not after a time without progress as at a
    socket: nothing is on its way here, and there is no loop to look again later. Nothing here is charged to a budget:
    what waits is its host's own memory, and the ceiling bounds it.
    """

    peer: MemoryConnection | None = None
    """The other end; None after the end, so that an ended pair is free at once."""

    def __init__(self, inbox: Inbox | None, limits: ConnectionLimits) -> None:
        self._inbox = inbox or NullInbox()
        self._ceiling = limits.write_ceiling
        self._read_credit = ReadCredit(limits.read_high_water, limits.read_low_water)
        self._write_watermark = WriteWatermark(limits.write_high_water, limits.write_low_water)
        self._lock = threading.Lock()  # never held while the other end's is, nor during a `tell`
        self._queued: list[TextFrame | BinaryFrame] = []
        self._flushed: deque[TextFrame | BinaryFrame | Closed] = deque()
        self._size = 0
        self.received_bytes = self.sent_bytes = 0
        self._delivering = False
        self._closing = False
        self._ended = False

    def __repr__(self) -> str:
        return f"<MemoryConnection {'closed' if self._closing else 'open'}, {self._size} bytes to write>"

    def begin(self, inbox: Inbox) -> None:
        """Deliver what the peer sends to `inbox`; before the peer sends anything."""
        self._inbox = inbox

    @property
    def buffered(self) -> int:
        """Bytes that were not delivered to the peer."""
        return self._size

    def send_text(self, data: bytes) -> None:
        """Queue one text message (UTF-8)."""
        self.send_all((TextFrame(data),))

    def send_binary(self, data: bytes) -> None:
        """Queue one binary message."""
        self.send_all((BinaryFrame(data),))

    def send_all(self, frames: Iterable[Frame]) -> None:
        """Queue several messages."""
        with self._lock:
            if self._closing:
                return
            for frame in frames:
                size = len(frame.data)
                self._queued.append(frame)
                self._size += size
                self.sent_bytes += size
            over = self._size > self._ceiling
        if over:
            self.flush()

    def flush(self) -> None:
        """Deliver everything queued to the peer's inbox, as far as the peer reads."""
        with self._lock:
            self._flushed += self._queued
            self._queued.clear()
        self._deliver()
        with self._lock:
            too_slow = self._size > self._ceiling and not self._closing
            if too_slow:
                self._drop()
            calls = self._write_watermark.measure(self._size)
        for call in calls:
            call()
        if too_slow:
            self.close(POLICY_VIOLATION, PEER_TOO_SLOW)

    def drop_unsent(self) -> None:
        """Drop the messages that were not delivered to the peer."""
        with self._lock:
            self._drop()

    def close(self, code: int, reason: str = "") -> None:
        """Deliver what is queued to the peer, whether it reads or not, then the end to both inboxes."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._flushed += self._queued
            self._queued.clear()
            self._flushed.append(Closed(code, reason))
            calls = self._write_watermark.release()
        for call in calls:
            call()
        self._deliver()

    def handled(self, size: int, messages: int = 1) -> None:
        """Give back the credit for `size` received bytes in so many messages."""
        with self._lock:
            self._read_credit.handled(size, messages)
        self._resume_peer()

    def holds_back(self, source: Connection) -> None:
        """Stop reading `source` while this one has more than its high water mark to write."""
        with self._lock:
            calls = self._write_watermark.add(source) + self._write_watermark.measure(self._size)
        for call in calls:
            call()

    def pause_reading(self) -> None:
        """Hold the peer's messages until `resume_reading`; counted."""
        with self._lock:
            self._read_credit.pause()

    def resume_reading(self) -> None:
        """Take one `pause_reading` back."""
        with self._lock:
            self._read_credit.resume()
        self._resume_peer()

    def _resume_peer(self) -> None:
        peer = self.peer
        if peer is not None:
            peer.resume_delivery()

    def resume_delivery(self) -> None:
        """Deliver what was flushed while the peer did not read."""
        self._deliver()
        with self._lock:
            calls = self._write_watermark.measure(self._size)
        for call in calls:
            call()

    def _deliver(self) -> None:
        """Deliver one message after the other; of many threads that call this one does it for all."""
        while (deliver := self._next_delivery()) is not None:
            try:
                deliver()
            finally:
                with self._lock:
                    self._delivering = False

    def _next_delivery(self) -> Callable[[], None] | None:
        peer = self.peer
        if peer is None:
            return None
        peer_reads = peer.is_reading()
        with self._lock:
            if self._delivering or not self._flushed or not (peer_reads or self._closing):
                return None
            frame = self._flushed.popleft()
            self._delivering = True
            if not isinstance(frame, Closed):
                self._size -= len(frame.data)
        return lambda: self._deliver_to(peer, frame)

    def _deliver_to(self, peer: MemoryConnection, frame: TextFrame | BinaryFrame | Closed) -> None:
        if isinstance(frame, Closed):
            peer.end(frame)
            self.end(frame)
        else:
            peer.take(frame)

    def is_reading(self) -> bool:
        """Return whether the peer may deliver more to this end."""
        return self._read_credit.may_read

    def take(self, frame: TextFrame | BinaryFrame) -> None:
        """Put a message into this end's inbox, unless it is closed."""
        with self._lock:
            if self._closing:
                return
            size = len(frame.data)
            self._read_credit.received(size)
            self.received_bytes += size
        self._inbox.tell(frame)

    def end(self, closed: Closed) -> None:
        """Put the end into this end's inbox, the first time."""
        with self._lock:
            if self._ended:
                return
            self._ended = self._closing = True
            self._drop()
            calls = self._write_watermark.release()
            inbox, self._inbox, self.peer = self._inbox, NullInbox(), None
        for call in calls:
            call()
        inbox.tell(closed)

    def _drop(self) -> None:
        self._queued.clear()
        self._flushed.clear()
        self._size = 0
