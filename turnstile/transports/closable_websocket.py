"""How an open WebSocket ends: the closing handshake, the time for it, and the one end that is told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from websockets.frames import CloseCode

from turnstile.protocol.frames import PEER_TOO_SLOW, Closed
from turnstile.transports.framing import Framing
from turnstile.transports.null_inbox import NullInbox
from turnstile.transports.socket_stream import SocketStream

if TYPE_CHECKING:
    import socket

    from websockets.protocol import Protocol

    from turnstile.byte_budget import SessionBudget
    from turnstile.ports import Inbox
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.loop_timers import TimerHandle


class ClosableWebSocket(SocketStream):
    """A stream of WebSocket frames that either side may close, and that may break; a subclass reads and sends messages.

    Args:
        loop: Where the socket is watched.
        sock: Connected, non-blocking, TLS handshake done; owned from now on.
        protocol: Open, of either side; bounds the size of messages.
        limits: Bounds of this connection.
        budget: The session's.
    """

    def __init__(
        self,
        loop: IoLoop,
        sock: socket.socket,
        protocol: Protocol,
        limits: ConnectionLimits,
        budget: SessionBudget,
    ) -> None:
        super().__init__(loop, sock, limits, budget)
        self._framing = Framing(protocol, limits.max_message_bytes, budget.charge(), must_fit=limits.must_fit)
        self._write_buffer.add(self._framing.answers())  # the answer to a handshake leaves first
        # I/O thread only
        self._inbox: Inbox = NullInbox()
        self._closed: Closed | None = None
        self._close_timer: TimerHandle | None = None

    # From any thread.

    def close(self, code: int, reason: str = "") -> None:
        """Flush, then start the closing handshake.

        Args:
            code: Sent as it is where RFC 6455 allows it in a close frame, or else as 1000 (1005) or 1011.
            reason: Cut to the 123 bytes that a close frame takes.
        """
        with self._lock:
            if self._closing:
                return
            self._start_closing(code, reason)
        self.flush()

    # On the I/O thread.

    def failed(self, error: BaseException) -> None:  # noqa: ARG002 - the loop has logged it, and the peer must not see it
        """End with 1011: a call made for this connection raised."""
        self.close(CloseCode.INTERNAL_ERROR, "internal error")
        self._end(Closed(CloseCode.INTERNAL_ERROR, "internal error", by_us=True))

    def shut_down(self) -> None:
        """Close in order, as the process stops."""
        self.close(CloseCode.GOING_AWAY, "shutting down")

    def abort(self) -> None:
        """Close the socket now."""
        self._abort("aborted")

    def _received_end(self, error: str = "") -> None:
        with self._lock:
            self._closing = True  # the library writes no more, not even a close
            self._framing.read_end()
            end = self._framing.end()
        self._release()
        self._end(Closed(CloseCode.ABNORMAL_CLOSURE, error) if error or end is None else end)

    def _give_up_on_reader(self) -> None:
        # If the peer reads on in time, it gets the frame that it has in part, and learns why by a close frame.
        self._write_buffer.drop_unbegun()
        self._start_closing(CloseCode.POLICY_VIOLATION, PEER_TOO_SLOW)
        closed = Closed(CloseCode.POLICY_VIOLATION, PEER_TOO_SLOW, by_us=True)
        self._loop.call_soon(partial(self._end, closed), self)

    def _start_closing(self, code: int, reason: str) -> None:
        """Queue the close frame; the lock is held, on any thread."""
        self._closing = True
        self._framing.write_close(code, reason)
        self._write_buffer.add(self._framing.answers())
        self._loop.call_soon(self._await_close, self)

    def _await_close(self) -> None:
        """Limit the time that the peer has to end the connection."""
        self._rewatch()
        if self._close_timer is None and not self._released:
            self._close_timer = self._loop.call_later(
                self._limits.close_timeout, partial(self._abort, "the close was not answered in time"), self
            )

    def _abort(self, reason: str) -> None:
        self._release()
        self._end(Closed(CloseCode.ABNORMAL_CLOSURE, reason))

    def _end(self, closed: Closed) -> None:
        """Put the end into the inbox, once."""
        if self._closed is None:
            self._closed = closed
            inbox, self._inbox = self._inbox, NullInbox()  # an ended connection keeps no actor alive
            inbox.tell(closed)

    def _release(self) -> None:
        super()._release()
        with self._lock:
            self._framing.release()
        if self._close_timer is not None:
            self._close_timer.cancel()
