"""One open WebSocket over one socket on the I/O loop."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from websockets.frames import CloseCode

from turnstile.protocol.frames import Closed, binary_frame, text_frame
from turnstile.transports.flow import Keepalive, Pulse, ReadGate, WriteGate
from turnstile.transports.framing import Framing
from turnstile.transports.limits import PEER_TOO_SLOW
from turnstile.transports.message_joiner import Nobody
from turnstile.transports.nonblocking_socket import Outgoing, wire_of
from turnstile.transports.poll import READ, WRITE

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from websockets.protocol import Protocol

    from turnstile.ports import Connection, Inbox
    from turnstile.protocol.frames import Frame
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.loop_deadlines import Deadline


# A peer that sends more of them, one after the other, sends nothing else, and no bound on bytes would hold that.
_EMPTY_MESSAGES: Final = 1000


class WebSocketConnection:
    """The `Connection` port over a socket, whose handshake is done.

    Only the I/O thread reads, and only it tells the inbox, so that frames keep the wire's order and nothing follows
    `Closed`. Any thread may send: what a `flush` cannot hand to the operating system is written by the I/O thread.
    After `close` no more messages are told, only the end.

    `Closed` holds the peer's code; 1006 for a broken link and a peer that does not answer; 1002, 1007 or 1009 for one
    that broke the protocol or sent too large a message; 1008 with the reason ``peer_too_slow`` for one that does not
    read; 1011 after an error of ours.

    Args:
        loop: Where the socket is watched.
        sock: Connected, non-blocking, TLS handshake done; owned from now on.
        protocol: Open, of either side; bounds the size of messages.
        limits: What it may cost.
    """

    def __init__(self, loop: IoLoop, sock: socket.socket, protocol: Protocol, limits: ConnectionLimits) -> None:
        self._loop = loop
        self._framing = Framing(protocol, limits.max_message_bytes)
        self._limits = limits
        self._inbox: Inbox = Nobody()
        self._lock = threading.Lock()  # guards everything below but what only the I/O thread touches
        self._wire = wire_of(sock)
        self._outgoing = Outgoing()
        self._outgoing.add(self._framing.answers())  # the answer to a handshake leaves first
        self._read_gate = ReadGate(limits.read_high_water, limits.read_low_water, limits.message_cost)
        self._write_gate = WriteGate(limits.write_high_water, limits.write_low_water)
        self._closing = False
        self._released = False
        self._rewatch_due = False
        # I/O thread only
        self._begun = False
        self._closed: Closed | None = None
        self._watched = 0
        self._keepalive = Keepalive(limits.ping_interval, limits.ping_timeout, loop.now)
        self._next_look: Deadline | None = None
        self._close_deadline: Deadline | None = None

    def __repr__(self) -> str:
        state = "closed" if self._released else "closing" if self._closing else "open"
        reading = "reading" if self._read_gate.is_open else "held back"
        return f"<WebSocketConnection {state}, {reading}, {self._outgoing.size} bytes to write>"

    # The port: from any thread.

    @property
    def buffered(self) -> int:
        """Bytes that the operating system has not taken yet."""
        return self._outgoing.size

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
            outgoing = self._outgoing
            outgoing.size += self._framing.write(frames, outgoing.chunks)
            if outgoing.size <= self._limits.write_ceiling:
                return
        self.flush()

    def flush(self) -> None:
        """Hand everything queued to the operating system, as much as it takes now."""
        outgoing = self._outgoing
        if not (outgoing.size or outgoing.end_due):
            return
        calls: Iterable[Callable[[], None]] = ()
        with self._lock:
            if self._released:
                return
            try:
                outgoing.push(self._wire)
            except OSError as error:
                outgoing.clear()
                self._closing = True
                self._loop.call_soon(partial(self._cut, _why(error)), self)
            if outgoing.size > self._limits.write_ceiling:
                self._give_up_on_reader()
            if outgoing.size or self._watched != READ:  # while nothing waits, whoever moves the read gate asks
                self._ask_to_rewatch()
            if self._closing:
                calls = self._write_gate.release()
            elif outgoing.size or self._write_gate.is_holding:
                calls = self._write_gate.measure(outgoing.size)
        for call in calls:
            call()

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

    def handled(self, size: int, messages: int = 1) -> None:
        """Give back the credit for `size` received bytes in so many messages."""
        with self._lock:
            if self._read_gate.handled(size, messages):
                self._ask_to_rewatch()

    def pause_reading(self) -> None:
        """Do not read until `resume_reading`; counted."""
        with self._lock:
            self._read_gate.pause()
            self._ask_to_rewatch()

    def resume_reading(self) -> None:
        """Take one `pause_reading` back."""
        with self._lock:
            self._read_gate.resume()
            self._ask_to_rewatch()

    def holds_back(self, source: Connection) -> None:
        """While this one has more than its high water mark to write, `source` is not read."""
        with self._lock:
            calls = self._write_gate.add(source) + self._write_gate.measure(self._outgoing.size)
        for call in calls:
            call()

    # The loop's side: on the I/O thread.

    def begin(self, inbox: Inbox | None, received: bytes = b"") -> None:
        """Start reading; on the I/O thread, once.

        Args:
            inbox: Is told every message and the end; None forgets them.
            received: What already came behind the handshake.
        """
        self._inbox = inbox or self._inbox
        self._begun = True
        if self._closed is not None:
            self._inbox.tell(self._closed)  # what was sent before has found the link broken
        if self._released:
            return
        self._loop.join(self)
        self._loop.call_soon(self._look_at_pulse, self)
        if received:
            self._loop.call_soon(partial(self._take, received), self)
        self._loop.call_soon(self._rewatch, self)

    def ready(self, events: int) -> None:
        """Read, write, or both."""
        if events != WRITE or self._wire.stalled_read_wants_write:
            self._read()
        if events != READ or self._wire.stalled_write_wants_read:
            self.flush()

    def broke(self, error: Exception) -> None:  # noqa: ARG002 - the loop has logged it, and the peer must not see it
        """End with 1011: a call made for this connection raised."""
        self.close(CloseCode.INTERNAL_ERROR, "internal error")
        self._end(Closed(CloseCode.INTERNAL_ERROR, "internal error", by_us=True))

    def retire(self) -> None:
        """Close in order, as the process stops."""
        self.close(CloseCode.GOING_AWAY, "shutting down")

    def cut(self) -> None:
        """Close the socket now."""
        self._cut("cut off")

    # Writing; the lock is held.

    def _give_up_on_reader(self) -> None:
        """Stop buffering for a peer that does not read.

        What it has half received stays, and a close frame behind it: should it read on in time, it learns why.
        """
        if self._closing:
            self._outgoing.clear()
            self._loop.call_soon(partial(self._cut, "the peer does not read"), self)
            return
        self._outgoing.shed()
        self._start_closing(CloseCode.POLICY_VIOLATION, PEER_TOO_SLOW)
        closed = Closed(CloseCode.POLICY_VIOLATION, PEER_TOO_SLOW, by_us=True)
        self._loop.call_soon(partial(self._end, closed), self)

    def _start_closing(self, code: int, reason: str) -> None:
        self._closing = True
        self._framing.write_close(code, reason)
        self._outgoing.add(self._framing.answers())
        self._loop.call_soon(self._await_close, self)

    # Reading; on the I/O thread.

    def _read(self) -> None:
        if self._released or not (self._closing or self._read_gate.is_open):
            return
        try:
            data = self._wire.receive()
        except BlockingIOError:
            self._rewatch()
            return
        except OSError as error:
            self._take_end(_why(error))
            return
        if not data:
            self._take_end()
            return
        self._take(data)
        if self._wire.is_tls and self._wire.holds_data():
            self._loop.call_soon(self._read, self)

    def _take(self, data: bytes) -> None:
        self._keepalive.heard_at = self._loop.now
        if self._released:
            return
        end = None
        with self._lock:
            was_closing = self._closing
            messages = self._framing.read(data)
            has_answers = self._framing.has_answers or self._framing.empty_in_a_row > _EMPTY_MESSAGES
            if has_answers:
                end = self._answer()
            if was_closing:
                messages = []
            elif messages:
                size = 0
                for message in messages:
                    size += len(message[0])
                self._read_gate.received(size, len(messages))
            if self._watched != READ or not (self._closing or self._read_gate.is_open):
                self._ask_to_rewatch()
        if has_answers:
            self.flush()
        if len(messages) == 1:
            self._inbox.tell(messages[0])
        elif messages:
            self._inbox.tell_all(messages)
        if end is not None:
            self._await_close()
            self._end(end)

    def _answer(self) -> Closed | None:
        """Queue what the framing library answers to what came, and return the end, if that was it; the lock is held."""
        self._outgoing.add(self._framing.answers())
        end = self._framing.end()
        if end is not None:
            self._closing = True
        elif not self._closing and self._framing.empty_in_a_row > _EMPTY_MESSAGES:
            self._start_closing(CloseCode.POLICY_VIOLATION, "nothing but empty messages")
        return end

    def _take_end(self, broken: str = "") -> None:
        with self._lock:
            self._closing = True  # the library writes no more, not even a close
            self._framing.read_end()
            end = self._framing.end()
        self._release()
        self._end(Closed(CloseCode.ABNORMAL_CLOSURE, broken) if broken or end is None else end)

    # The end; on the I/O thread.

    def _end(self, closed: Closed) -> None:
        """Tell the inbox, the first time."""
        if self._closed is None:
            self._closed = closed
            self._inbox.tell(closed)

    def _await_close(self) -> None:
        """Give the peer a while to end the link."""
        self._rewatch()
        if self._close_deadline is None and not self._released:
            self._close_deadline = self._loop.call_later(
                self._limits.close_timeout, partial(self._cut, "the close was not answered in time"), self
            )

    def _cut(self, why: str) -> None:
        self._release()
        self._end(Closed(CloseCode.ABNORMAL_CLOSURE, why))

    def _release(self) -> None:
        with self._lock:
            if self._released:
                return
            self._released = self._closing = True
            self._outgoing.clear()
            calls = self._write_gate.release()
            self._loop.watch(self._wire.sock, 0, self)
            self._wire.close()
        self._loop.leave(self)
        for deadline in (self._next_look, self._close_deadline):
            if deadline is not None:
                deadline.cancel()
        for call in calls:
            call()

    def _look_at_pulse(self) -> None:
        if self._closing or self._limits.ping_interval <= 0:
            return
        pulse, delay = self._keepalive.look(self._loop.now, listening=self._read_gate.is_open)
        if pulse is Pulse.GONE:
            self._cut(f"no answer to a ping within {self._limits.ping_timeout:g} s")
            return
        if pulse is Pulse.PING:
            self._ping()
        # The looks of many quiet connections share a wake-up.
        slack = self._limits.ping_interval / 8
        self._next_look = self._loop.call_later(delay, self._look_at_pulse, self, slack=slack)

    def _ping(self) -> None:
        with self._lock:
            if self._closing:
                return
            self._framing.write_ping()
            self._outgoing.add(self._framing.answers())
        self.flush()

    # What the loop waits for.

    def _interest(self) -> int:
        reads = self._closing or self._read_gate.is_open
        return self._wire.interest(reads=reads, writes=self._outgoing.size > 0)

    def _ask_to_rewatch(self) -> None:
        """Have the I/O thread wait for something else; the lock is held, on any thread."""
        if not self._rewatch_due and self._interest() != self._watched:
            self._rewatch_due = True
            self._loop.call_soon(self._rewatch, self)

    def _rewatch(self) -> None:
        with self._lock:
            self._rewatch_due = False
            interest = self._interest()
            if self._released or not self._begun or interest == self._watched:
                return
            self._watched = interest
            self._loop.watch(self._wire.sock, interest, self)
            unread = interest & READ and self._wire.holds_data()
        if unread:
            self._loop.call_soon(self._read, self)


def _why(error: OSError) -> str:
    return f"the connection broke: {error.strerror or type(error).__name__}"
