"""The events that a session sends its client, for a program to read in order or to wait for."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, TypeVar

from turnstile.errors import SessionError
from turnstile.protocol import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]
T = TypeVar("T")

_LIMIT = 10_000
_MOST_BYTES = 16 * 1024 * 1024


class _KeptEvent:
    """One event; parsed when it is first read, on the reader's thread."""

    __slots__ = ("_event", "data")

    def __init__(self, data: bytes, event: Json | None) -> None:
        self.data = data
        self._event = event

    @property
    def event(self) -> Json:
        if self._event is None:
            self._event = jsontext.loads(self.data)
        return self._event


class EventFeed:
    """Keep a session's latest events; any thread may wait for them.

    Args:
        limit: How many are kept; the oldest go first.
        most_bytes: How many bytes of them are kept at most; the latest one is kept however large it is.
    """

    def __init__(self, limit: int = _LIMIT, most_bytes: int = _MOST_BYTES) -> None:
        self._kept: deque[_KeptEvent] = deque()
        self._limit = limit
        self._most_bytes = most_bytes
        self._bytes = 0
        self.on_event: Callable[[bytes], None] | None = None
        """Also called with each event, as JSON; on the thread that calls `put`, so it must be quick."""
        self._changed = threading.Condition()
        self.count = 0
        """How many events were put in; the last one kept has this number less one."""
        self._taken: set[int] = set()
        self.closed: str | None = None
        """Why there will be no more events; None while there may be."""

    def put(self, data: bytes, event: Json | None = None) -> None:
        """Put an event in, as JSON; `event` is the same, if it was parsed already."""
        with self._changed:
            self._kept.append(_KeptEvent(data, event))
            self._bytes += len(data)
            self.count += 1
            while len(self._kept) > self._limit or (self._bytes > self._most_bytes and len(self._kept) > 1):
                self._taken.discard(self.count - len(self._kept))
                self._bytes -= len(self._kept.popleft().data)
            self._changed.notify_all()
        on_event = self.on_event
        if on_event is not None:
            on_event(data)

    def close(self, why: str) -> None:
        """End the feed: there will be no more events. Only the first reason is kept."""
        with self._changed:
            self.closed = self.closed or why
            self.on_event = None  # it mostly holds who holds this feed
            self._changed.notify_all()

    def events(self, timeout: float | None = None) -> Iterator[Json]:
        """Yield the events that are kept, and each that comes, until there will be no more.

        Args:
            timeout: Seconds to wait for each; None for as long as it takes.

        Raises:
            TimeoutError: None came in time; lists what had come.
        """
        number = 0
        while (found := self._next(number, timeout)) is not None:
            number, event = found[0] + 1, found[1]
            yield event

    def wait_for(self, kind: str, timeout: float, **fields: Any) -> Json:
        """Return the first event of a type that no `wait_for` has returned yet.

        Args:
            kind: The ``type``.
            timeout: Seconds to wait for it.
            fields: Other fields that must be equal in it.

        Raises:
            TimeoutError: It did not come in time; lists what had come.
            SessionError: It will not come, since the session has ended; likewise.
        """
        wanted = {"type": kind, **fields}
        return self._wait_for(lambda event: wanted.items() <= event.items(), _words(wanted), timeout, 0)

    def wait_for_one_of(self, kinds: tuple[str, ...], timeout: float, since: int) -> Json:
        """Return the first event of one of several types that no wait has returned yet.

        Args:
            kinds: The types.
            timeout: Seconds to wait for it.
            since: The `count` of events that came too early.

        Raises:
            TimeoutError: As for `wait_for`.
            SessionError: As for `wait_for`.
        """
        return self._wait_for(lambda event: event["type"] in kinds, " or ".join(kinds), timeout, since)

    def wait_until(self, found: Callable[[], T | None], timeout: float) -> T | None:
        """Return the first result of `found` that is not None, called after each event.

        None when time is up, and when there will be no more events.

        Args:
            found: Looks for something in the events that have come.
            timeout: Seconds to wait for it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.closed is not None or found() is not None, timeout)
            return found()

    def wait_while_active(self, is_done: Callable[[], bool], pause: float) -> bool:
        """Wait until `is_done`, for as long as events come, and return whether it is.

        Args:
            is_done: Called after each event, and after each `note_activity`.
            pause: Seconds without either that end the wait; so does the end of the events.
        """
        with self._changed:
            while not is_done():
                if self.closed is not None or not self._changed.wait(pause):
                    return False
            return True

    def note_activity(self) -> None:
        """Count something that is no event, such as audio, as activity."""
        with self._changed:
            self._changed.notify_all()

    def kept(self) -> list[Json]:
        """Return the events that are kept, oldest first."""
        with self._changed:
            return [each.event for each in self._kept]

    def _next(self, number: int, timeout: float | None) -> tuple[int, Json] | None:
        """Wait for the event with a number, or the first kept behind it; return None when there will be none."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.count > number or self.closed is not None, timeout):
                raise TimeoutError(f"No event came within {timeout:g} s; {self._so_far()}")
            number = max(number, self.count - len(self._kept))
            return (number, self._numbered(number)) if number < self.count else None

    def _wait_for(self, matches: Callable[[Json], bool], words: str, timeout: float, since: int) -> Json:
        deadline = time.monotonic() + timeout
        while True:
            # Events are parsed without the lock, so that `put` need not wait.
            fresh, since = self._since(since)
            for number, each in fresh:
                if matches(each.event) and self._take(number):
                    return each.event
            with self._changed:
                while self.count <= since:
                    if self.closed is not None:
                        raise SessionError("session_ended", f"Waited for {words}; {self.closed}; {self._so_far()}")
                    if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                        raise TimeoutError(f"Waited {timeout:g} s for {words}; {self._so_far()}")

    def _since(self, since: int) -> tuple[list[tuple[int, _KeptEvent]], int]:
        """Return the events from a number on that no wait has returned, and the number to go on from."""
        with self._changed:
            numbered = enumerate(self._kept, self.count - len(self._kept))
            return [each for each in numbered if each[0] >= since and each[0] not in self._taken], self.count

    def _take(self, number: int) -> bool:
        """Mark an event as returned; return False if it was already."""
        with self._changed:
            is_new = number not in self._taken
            self._taken.add(number)
            return is_new

    def _numbered(self, number: int) -> Json:
        return self._kept[number - (self.count - len(self._kept))].event

    def _so_far(self) -> str:
        """List what had come: types and codes, no text."""
        events = [each.event for each in self._kept]
        kinds = Counter(event["type"] + (f" ({event['code']})" if "code" in event else "") for event in events)
        if not kinds:
            return "nothing had come."
        words = ", ".join(kind if count == 1 else f"{count} {kind}" for kind, count in kinds.items())
        return f"what had come: {words}."


def _words(wanted: Json) -> str:
    kind, *fields = wanted.values()
    return f"{kind} with {', '.join(map(repr, fields))}" if fields else str(kind)
