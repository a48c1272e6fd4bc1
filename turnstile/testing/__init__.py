"""Public test helpers for users of the library: manual time, and recording inboxes and connections."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from turnstile.observability.journal import Journal
from turnstile.observability.session_facts import THIS_PROCESS, SessionFacts
from turnstile.ports import Inbox
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.session.data import Data
from turnstile.session.policy import Policy
from turnstile.session.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnstile.observability.journal import SessionJournal
    from turnstile.ports import Connection
    from turnstile.protocol.frames import Frame

T = TypeVar("T")

_PATIENCE = "TURNSTILE_TEST_PATIENCE"


def patience(seconds: float = 30.0) -> float:
    """Scale a timeout for this machine: `seconds` times the environment's ``TURNSTILE_TEST_PATIENCE``."""
    return seconds * float(os.environ.get(_PATIENCE, "1"))


def session_journal(journal: Journal | None = None, session_id: str = "s1") -> SessionJournal:
    """Return the journal of a session that is only made up, for an actor that is tested alone.

    Args:
        journal: Reads it; by default nobody does.
        session_id: The session's id.
    """
    facts = SessionFacts(session_id, "component", THIS_PROCESS, None, Policy(), State(), Data())
    return (journal or Journal(ManualClock())).begin(facts)


class ManualClock:
    """The `Clock` port, set by a test.

    Args:
        now: The present, in seconds.
    """

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the present."""
        return self.now


class ManualTimer:
    """One timer of `ManualTimers`."""

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Cancel the timer."""
        self.is_cancelled = True


class ManualTimers:
    """The `Timers` port, driven by a test: timers fire within `advance` only.

    Args:
        clock: The clock that `advance` moves.
    """

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self._timers: list[ManualTimer] = []

    def start(self, delay: float, callback: Callable[[], None]) -> ManualTimer:
        """Call `callback` once time has advanced by `delay` seconds."""
        timer = ManualTimer(self.clock.now + delay, callback)
        self._timers.append(timer)
        return timer

    @property
    def pending(self) -> int:
        """The number of timers that have neither fired nor been cancelled."""
        return sum(not timer.is_cancelled for timer in self._timers)

    def advance(self, seconds: float) -> None:
        """Advance time, and fire the timers that come due, in order."""
        end = self.clock.now + seconds
        while due := [timer for timer in self._timers if not timer.is_cancelled and timer.due <= end]:
            timer = min(due, key=lambda one: one.due)
            self._timers.remove(timer)
            self.clock.now = max(self.clock.now, timer.due)
            timer.callback()
        self.clock.now = end


class RecordingInbox(Inbox):
    """The `Inbox` port: keeps every message."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._changed = threading.Condition()

    def tell(self, message: object, /) -> None:
        """Keep a message."""
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def wait_for(self, wanted: type[T] | Callable[[Any], bool], timeout: float = 30.0, count: int = 1) -> T:
        """Wait for `count` wanted messages, and return the last of them.

        Args:
            wanted: A type, or a predicate of a message.
            timeout: Seconds, before `patience`.
            count: How many of them.

        Raises:
            AssertionError: They did not come in time; its text lists the messages that came.
        """

        def found() -> list[Any]:
            if isinstance(wanted, type):
                return [message for message in self.messages if isinstance(message, wanted)]
            return [message for message in self.messages if wanted(message)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= count, patience(timeout)):
                came = ", ".join(map(repr, self.messages)) or "nothing"
                raise AssertionError(f"Waited for {count} {wanted.__name__}; received: {came}")
            last: T = found()[count - 1]
            return last


class RecordingConnection:
    """The `Connection` port: keeps the frames sent, and the close."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.sent: list[Frame] = []
        self.flushes = 0
        self.handled_bytes = 0
        self.handled_messages = 0
        self.closed: tuple[int, str] | None = None
        self.held_back: list[Connection] = []
        self.pauses = 0

    @property
    def buffered(self) -> int:
        """Always 0."""
        return 0

    @property
    def received_bytes(self) -> int:
        """The bytes that were handled."""
        return self.handled_bytes

    @property
    def sent_bytes(self) -> int:
        """The bytes of the frames sent."""
        return sum([len(frame.data) for frame in self.sent])

    def send_text(self, data: bytes) -> None:
        """Keep a text message."""
        self.send_all((TextFrame(data),))

    def send_binary(self, data: bytes) -> None:
        """Keep a binary message."""
        self.send_all((BinaryFrame(data),))

    def send_all(self, frames: Iterable[Frame]) -> None:
        """Keep several messages."""
        with self._lock:
            if self.closed is None:
                self.sent.extend(frames)

    def flush(self) -> None:
        """Count the flush."""
        with self._lock:
            self.flushes += 1

    def drop_unsent(self) -> None:
        """Note that what is unsent is dropped: nothing, here."""

    def close(self, code: int, reason: str = "") -> None:
        """Keep the first close."""
        with self._lock:
            self.closed = self.closed or (code, reason)

    def handled(self, size: int, messages: int = 1) -> None:
        """Count the credit."""
        with self._lock:
            self.handled_bytes += size
            self.handled_messages += messages

    def holds_back(self, source: Connection) -> None:
        """Keep the connection that is held back."""
        with self._lock:
            self.held_back.append(source)

    def pause_reading(self) -> None:
        """Count the pause."""
        with self._lock:
            self.pauses += 1

    def resume_reading(self) -> None:
        """Uncount a pause."""
        with self._lock:
            self.pauses -= 1
