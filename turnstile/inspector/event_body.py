"""The journal of a session as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.inspector.view import EventStream

COMMENT_EVERY: Final = 15.0
"""Seconds without an event after which a comment shows that the connection lives."""


class EventBody:
    """The body of an answer: each line of a session's journal as an event.

    Args:
        events: The lines; ended when the body is.
        is_ending: Returns whether the listener stops, which ends the body and not the session.
        release: Called once, when the server has done with the body.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        events: EventStream,
        is_ending: Callable[[], bool],
        release: Callable[[], object],
        clock: Callable[[], float],
    ) -> None:
        self._events = events
        self._is_ending = is_ending
        self._release: Callable[[], object] | None = release
        self._clock = clock
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the parts of the body; the first at once, so that the reader knows that it is connected."""
        written, number = self._clock(), 0
        yield b": the journal of this session from now on\n\n"
        for line in self._events:
            now = self._clock()
            if line:
                written, number = now, number + 1
                yield b"id: %d\ndata: %s\n\n" % (number, line)
            elif now - written >= COMMENT_EVERY:
                written = now
                yield b": still here\n\n"
        if not (self._stopped.is_set() or self._is_ending()):
            yield b"event: end\ndata: {}\n\n"

    def stop(self) -> None:
        """End it early; from any thread."""
        self._stopped.set()
        self._events.close()

    def close(self) -> None:
        """End it, once the server has done with it."""
        self.stop()
        release, self._release = self._release, None
        if release is not None:
            release()
