"""Drives one simulated session: frames in as they come, frames out when they are due."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, Protocol

from turnstile.ports import Inbox
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock, Timer, Timers
    from turnstile.protocol.frames import Frame
    from turnstile.simulator.session import SimulatedSession

INTERNAL_ERROR: Final = 1011

_log = logging.getLogger(__name__)

# A timer for each event of each session would cost more than the events: what is due this soon goes together.
_SHORTEST_WAIT: Final = 0.002


class Outlet(Protocol):
    """Where a session's frames go."""

    def send_text(self, data: bytes) -> None:
        """Queue one frame."""

    def send_binary(self, data: bytes) -> None:
        """Queue one binary frame."""

    def flush(self) -> None:
        """Let go what is queued."""

    def close(self, code: int, reason: str = "") -> None:
        """End the link."""

    def handled(self, size: int, messages: int = 1) -> None:
        """Give back the credit for `size` received bytes."""


class SessionDriver(Inbox):
    """One session and its timer. Has no thread: it works on whichever thread brings a frame or a due time.

    Args:
        session: What is driven.
        clock: The time that the session lives in.
        timers: For what is due later; one timer at most.
    """

    def __init__(self, session: SimulatedSession, clock: Clock, timers: Timers) -> None:
        self.session = session
        self._clock = clock
        self._timers = timers
        self._lock = threading.Lock()  # for the session; never held while something is sent
        self._outlet: Outlet | None = None
        self._frames: deque[Frame | Closed] = deque()
        self._delivering = False
        self._timer: Timer | None = None
        self._timer_at = 0.0
        self._broken: Closed | None = None
        self._ended = False
        self._pauses = 0

    def __repr__(self) -> str:
        return f"<SessionDriver {'ended' if self._ended else 'open'}, {len(self._frames)} frames waiting>"

    @property
    def has_ended(self) -> bool:
        """Whether the link has ended, from either side."""
        return self._ended

    def begin(self, outlet: Outlet) -> None:
        """Send what is due from now on to `outlet`."""
        self._outlet = outlet
        self._go_on()

    def tell(self, message: object, /) -> None:
        """Take in what the client's connection says: a `TextFrame`, a `BinaryFrame` or `Closed`."""
        match message:
            case TextFrame(data):
                self._receive(data, binary=False)
            case BinaryFrame(data):
                self._receive(data, binary=True)
            case Closed():
                self.end()
            case _:
                raise TypeError(f"a link is not told {type(message).__name__}")

    def end(self) -> None:
        """Let go of the session: the client is gone."""
        with self._lock:
            self._ended = True
            timer, self._timer = self._timer, None
            self._frames.clear()
        if timer is not None:
            timer.cancel()

    def pause(self) -> None:
        """Send nothing until `resume`; pauses are counted."""
        with self._lock:
            self._pauses += 1

    def resume(self) -> None:
        """Take one `pause` back."""
        with self._lock:
            self._pauses = max(0, self._pauses - 1)
        self._deliver()

    def _receive(self, data: bytes, *, binary: bool) -> None:
        with self._lock:
            if self._ended:
                return
            take = self.session.receive_binary if binary else self.session.receive
            self._try(lambda: take(data, self._clock()))
        if self._outlet is not None:
            self._outlet.handled(len(data))
        self._go_on()

    def _due(self) -> None:
        with self._lock:
            self._timer = None
        self._go_on()

    def _go_on(self) -> None:
        """Send what is due, and set the timer for what comes next."""
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
        if stale is not None:
            stale.cancel()
        self._deliver()

    def _try(self, work: Callable[[], None]) -> None:
        """Do something that runs a scenario's own code; when that fails, the link ends, and nothing else."""
        try:
            work()
        except Exception:  # noqa: BLE001 - whatever a scenario raises, it is not to reach the thread of others
            _log.exception("a simulated session failed")
            self._broken = Closed(INTERNAL_ERROR, "the simulator failed")

    def _set_timer(self, now: float) -> Timer | None:
        """Have the timer at the next due time; return one that is of no more use."""
        due = None if self._ended else self.session.next_due()
        if self._timer is not None and due is not None and self._timer_at <= due:
            return None
        stale, self._timer = self._timer, None
        if due is not None:
            self._timer_at = max(due, now + _SHORTEST_WAIT)
            self._timer = self._timers.start(self._timer_at - now, self._due)
        return stale

    def _deliver(self) -> None:
        """Send what waits, in order; of many threads that come here one does it for all."""
        with self._lock:
            outlet = self._outlet
            if self._delivering or outlet is None:
                return
            self._delivering = True
        flushed = True
        while (frame := self._next_frame(stop=flushed)) is not None:
            match frame:
                case TextFrame(data):
                    outlet.send_text(data)
                case BinaryFrame(data):
                    outlet.send_binary(data)
                case Closed(code, reason):
                    outlet.close(code, reason)
                case _:
                    outlet.flush()
            flushed = not isinstance(frame, TextFrame | BinaryFrame)

    def _next_frame(self, *, stop: bool) -> Frame | Closed | Literal["flush"] | None:
        """Return the next frame; when there is none, the order to flush, or None to stop."""
        with self._lock:
            if self._frames and not self._pauses:
                return self._frames.popleft()
            if not stop:
                return "flush"
            self._delivering = False
            return None
