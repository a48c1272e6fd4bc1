"""One open WebSocket over one socket on the I/O loop."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from websockets.frames import CloseCode
from websockets.protocol import CLIENT

from turnstile.byte_budget import unlimited_budget
from turnstile.protocol.frames import Closed, binary_frame, text_frame
from turnstile.transports.closable_websocket import ClosableWebSocket
from turnstile.transports.frame_writer import FrameWriter
from turnstile.transports.keepalive import Keepalive, KeepaliveAction
from turnstile.transports.limits import UNCHARGED_BYTES
from turnstile.transports.poll import READ
from turnstile.transports.room_wait import RoomWait

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from websockets.protocol import Protocol

    from turnstile.byte_budget import SessionBudget
    from turnstile.ports import Inbox
    from turnstile.protocol.frames import Frame
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.loop_timers import TimerHandle


class WebSocketConnection(ClosableWebSocket):
    """The `Connection` port over a socket, whose handshake is done.

    Only the I/O thread puts messages into the inbox, so that they keep the wire's order and nothing follows `Closed`.
    After `close` no more messages are put in, only the end.

    `Closed` holds the peer's code; 1006 for a broken connection and a peer that does not answer a close; 1002, 1007 or
    1009 for one that violated the protocol or sent too large a message; 1008 with the reason ``peer_too_slow`` for one
    that does not read, and with another for one that does not answer a ping; 1011 after an error in the proxy.

    Args:
        loop: Where the socket is watched.
        sock: Connected, non-blocking, TLS handshake done; owned from now on.
        protocol: Open, of either side; bounds the size of messages.
        limits: Bounds of this connection.
        budget: The session's; None for a connection of no session.
    """

    def __init__(
        self,
        loop: IoLoop,
        sock: socket.socket,
        protocol: Protocol,
        limits: ConnectionLimits,
        budget: SessionBudget | None = None,
    ) -> None:
        budget = budget or unlimited_budget()
        super().__init__(loop, sock, protocol, limits, budget)
        self._writer = FrameWriter(masks=protocol.side is CLIENT)
        self.received_bytes = 0
        # I/O thread only
        self._keepalive = Keepalive(limits.ping_interval, limits.ping_timeout, loop.now)
        self._keepalive_timer: TimerHandle | None = None
        self._room_wait = RoomWait(loop, self._read_credit, limits.unread_timeout)

    def __repr__(self) -> str:
        state = "closed" if self._released else "closing" if self._closing else "open"
        reading = "reading" if self._read_credit.may_read else "not reading"
        return f"<WebSocketConnection {state}, {reading}, {self._write_buffer.size} bytes to write>"

    # From any thread.

    @property
    def sent_bytes(self) -> int:
        """Bytes of the messages queued so far, without their framing."""
        return self._writer.written

    def send_text(self, data: bytes) -> None:
        """Queue one text message (UTF-8)."""
        self.send_all((text_frame((data,)),))

    def send_binary(self, data: bytes) -> None:
        """Queue one binary message."""
        self.send_all((binary_frame((data,)),))

    def send_all(self, frames: Iterable[Frame]) -> None:
        """Queue several messages."""
        with self._lock:
            if self._closing:
                return
            buffer = self._write_buffer
            self._writer.write(frames, buffer)
            if buffer.size <= self._limits.write_ceiling:
                return
        self.flush()

    def drop_unsent(self) -> None:
        """Drop the messages that have not begun to leave."""
        with self._lock:
            self._write_buffer.drop_unbegun()

    # On the I/O thread.

    def begin(self, inbox: Inbox | None, received: bytes = b"") -> None:
        """Start reading; on the I/O thread, once.

        Args:
            inbox: Receives every message and the end; None drops them.
            received: What already came behind the handshake.
        """
        self._begun = True
        if self._closed is not None:
            if inbox is not None:
                inbox.tell(self._closed)  # an earlier send has found the connection broken
        elif inbox is not None:
            self._inbox = inbox
        if self._released:
            return
        self._loop.add(self)
        self._loop.call_soon(self._check_keepalive, self)
        if received:
            self._loop.call_soon(partial(self._received, received), self)
        self._loop.call_soon(self._rewatch, self)

    def _received(self, data: bytes) -> None:
        self._keepalive.received_at = self._loop.now
        if self._released:
            return
        end = None
        with self._lock:
            was_closing = self._closing
            framing, credit = self._framing, self._read_credit
            messages = framing.read(data)
            has_answers = framing.has_answers
            if has_answers:
                end = self._answer()
            if was_closing:
                messages = []
            elif messages:
                size = 0
                for message in messages:
                    size += len(message[0])
                credit.received(size, len(messages))
                self.received_bytes += size
                if credit.unhandled > UNCHARGED_BYTES:
                    self._unhandled.set(credit.unhandled)
            self._is_behind = framing.waits
            if self._is_behind or self._watched != READ or not (self._closing or credit.may_read):
                partial_message = framing.partial
                if partial_message.lacks_room:
                    self._room_wait.begin(partial_message.charge, partial_message.lacks_room, self._read_on, self)
                self._request_rewatch()
        if has_answers:
            self.flush()
        if len(messages) == 1:
            self._inbox.tell(messages[0])
        elif messages:
            self._inbox.tell_all(messages)
        if end is not None:
            self._await_close()
            self._end(end)

    def _read_on(self) -> None:
        """Read the message that waited for room in the session's budget, or refuse it."""
        with self._lock:
            if self._room_wait.end():
                self._framing.partial.waits_for_room = not self._room_wait.is_given_up
                self._request_rewatch()

    def _answer(self) -> Closed | None:
        """Queue what the framing library answers, and return the end, if it came; the lock is held."""
        answers = self._framing.answers()
        if self._closing and self._unsent.is_over:
            answers = [answer for answer in answers if not answer]  # a peer that reads nothing needs no more pongs
        self._write_buffer.add(answers)
        end = self._framing.end()
        if end is not None:
            self._closing = True
        return end

    def _release(self) -> None:
        super()._release()
        with self._lock:
            self._room_wait.end()
        if self._keepalive_timer is not None:
            self._keepalive_timer.cancel()

    def _check_keepalive(self) -> None:
        if self._closing or self._limits.ping_interval <= 0:
            return
        action, delay = self._keepalive.check(self._loop.now, is_reading=self._read_credit.may_read)
        if action is KeepaliveAction.TIME_OUT:
            reason = f"no answer to a ping within {self._limits.ping_timeout:g} s"
            self.close(CloseCode.POLICY_VIOLATION, reason)
            self._end(Closed(CloseCode.POLICY_VIOLATION, reason, by_us=True))
            return
        if action is KeepaliveAction.PING:
            self._ping()
        # The checks of many quiet connections share a wake-up.
        slack = self._limits.ping_interval / 8
        self._keepalive_timer = self._loop.call_later(delay, self._check_keepalive, self, slack=slack)

    def _ping(self) -> None:
        with self._lock:
            if self._closing:
                return
            self._framing.write_ping()
            self._write_buffer.add(self._framing.answers())
        self.flush()
