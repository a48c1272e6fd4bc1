"""The driver of one simulated session: frames in as they come, frames out when they are due."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Literal

from turnstile.ports import Inbox
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.simulator.outbox import BROKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock, Connection, Timer, Timers
    from turnstile.protocol.frames import Frame
    from turnstile.simulator.session import SimulatedSession

INTERNAL_ERROR: Final = 1011

_log = logging.getLogger(__name__)

# A timer for each event of each session would cost more than the events: frames due this soon go together.
_SHORTEST_WAIT: Final = 0.002


class SessionDriver(Inbox):
    """Drives one session with a connection and a timer, on the threads that bring a frame or a due time.

    Args:
        session: The session.
        clock: The session's time.
        timers: For the frames that are due later; one timer at most.
    """

    def __init__(self, session: SimulatedSession, clock: Clock, timers: Timers) -> None:
        self.session = session
        self._clock = clock
        self._timers = timers
        self._lock = threading.Lock()  # for the session; never held while something is sent
        self._connection: Connection | None = None
        self._abort: Callable[[], object] | None = None
        self._frames: deque[Frame | Closed] = deque()
        self._delivering = False
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._broken: Closed | None = None
        self._ended = False
        # Bytes and messages of the client's whose credit is not given back.
        self._unhandled = (0, 0)

    def __repr__(self) -> str:
        return f"<SessionDriver {'ended' if self._ended else 'open'}, {len(self._frames)} frames waiting>"

    @property
    def has_ended(self) -> bool:
        """Whether the link has ended, from either side."""
        return self._ended

    def begin(self, connection: Connection, abort: Callable[[], object] | None = None) -> None:
        """Send the frames that are due from now on to `connection`, the server's end.

        Args:
            connection: The server's end.
            abort: Breaks it without a close; None: it is closed with 1006.
        """
        self._connection = connection
        self._abort = abort
        self._go_on()

    def tell(self, message: object, /) -> None:
        """Take a `TextFrame`, a `BinaryFrame` or `Closed` of the connection."""
        match message:
            case TextFrame(data):
                self._receive(data, binary=False)
            case BinaryFrame(data):
                self._receive(data, binary=True)
            case Closed():
                self.end()
            case _:
                raise TypeError(f"a session takes no {type(message).__name__}")

    def disconnect(self, code: int = BROKEN, behind: str | None = None) -> None:
        """End the link on demand; may be called from any thread.

        Args:
            code: The close code; 1006 stands for a link that breaks.
            behind: The type of the next event to send, which the end comes right behind; None: before all that is due.
        """
        with self._lock:
            self.session.disconnect(self._clock(), code, behind)
        self._go_on()

    def expire(self) -> None:
        """End the session as at the end of its lifetime; may be called from any thread."""
        with self._lock:
            self.session.expire(self._clock())
        self._go_on()

    def end(self) -> None:
        """Release the connection and the timer: the client is gone."""
        with self._lock:
            self._ended = True
            self._connection = self._abort = None
            timer, self._timer = self._timer, None
            self._frames.clear()
            self.session.end()
        if timer is not None:
            timer.cancel()

    def _receive(self, data: bytes, *, binary: bool) -> None:
        with self._lock:
            if self._ended:
                return
            take = self.session.receive_binary if binary else self.session.receive
            self._try(lambda: take(data, self._clock()))
            self._unhandled = (self._unhandled[0] + len(data), self._unhandled[1] + 1)
        self._go_on()

    def _due(self) -> None:
        with self._lock:
            self._timer = None
        self._go_on()

    def _go_on(self) -> None:
        """Send the frames that are due, and set the timer for the next."""
        with self._lock:
            if self._ended:
                return
            now = self._clock()
            self._try(lambda: self._frames.extend(self.session.due(now)))
            closing = self._broken or self.session.closing
            if closing is not None:
                self._frames.append(closing)
                self._ended = True
            stale = self._set_timer(now)
            connection, handled = self._connection, self._take_handled()
        if connection is not None and handled is not None:
            connection.handled(*handled)
        if stale is not None:
            stale.cancel()
        self._deliver()

    def _take_handled(self) -> tuple[int, int] | None:
        """Return the credit to give back; None while much of what was read waits for its time, and without any."""
        if self.session.is_busy or not self._unhandled[1]:
            return None
        handled, self._unhandled = self._unhandled, (0, 0)
        return handled

    def _try(self, work: Callable[[], None]) -> None:
        """Call code of the scenario's; a failure of it ends this link only."""
        try:
            work()
        except Exception:  # noqa: BLE001 - a scenario's error must not reach the caller's thread
            _log.exception("a simulated session failed")
            self._broken = Closed(INTERNAL_ERROR, "the simulator failed")

    def _set_timer(self, now: float) -> Timer | None:
        """Start a timer for the next due time; return the one that it replaces."""
        due = None if self._ended else self.session.next_due()
        if self._timer is not None and due is not None and self._timer_at <= due:
            return None
        stale, self._timer = self._timer, None
        if due is not None:
            self._timer_at = max(due, now + _SHORTEST_WAIT)
            self._timer = self._timers.start(self._timer_at - now, self._due)
        return stale

    def _deliver(self) -> None:
        """Send the frames that wait, in order; one thread at a time does it for all that come here."""
        with self._lock:
            connection = self._connection
            if self._delivering or connection is None:
                return
            self._delivering = True
        flushed = True
        while (frame := self._next_frame(stop=flushed)) is not None:
            match frame:
                case TextFrame(data):
                    connection.send_text(data)
                case BinaryFrame(data):
                    connection.send_binary(data)
                case Closed(code, reason):
                    self._close(connection, code, reason)
                case _:
                    connection.flush()
            flushed = not isinstance(frame, TextFrame | BinaryFrame)

    def _close(self, connection: Connection, code: int, reason: str) -> None:
        if code == BROKEN and self._abort is not None:
            connection.flush()
            self._abort()
        else:
            connection.close(code, reason)

    def _next_frame(self, *, stop: bool) -> Frame | Closed | Literal["flush"] | None:
        """Return the next frame; when there is none, the order to flush, or None to stop."""
        with self._lock:
            if self._frames:
                return self._frames.popleft()
            if not stop:
                return "flush"
            self._delivering = False
            return None
