"""Journal of a session: the frames on both of its connections, and its decisions."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from turnstile.observability.redaction import redacted
from turnstile.protocol import jsontext
from turnstile.protocol.safe_text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock

# Bytes of a frame that are logged.
_SHOWN = 1000

Wire = Literal["client", "session", "upstream"]
Direction = Literal["in", "out", "note"]


class Journal(Protocol):
    """Records what happens; called on the actors' threads, so it must be quick."""

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Record an event: `kind` in one word, `detail` in the kind's own form."""

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """Record a text frame."""


class NullJournal:
    """Record nothing."""

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Ignore it."""

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """Ignore it."""


def frame_observer(journal: Journal, session: str, wire: Wire) -> Callable[[Direction, bytes], None] | None:
    """Return what records the frames of one wire in a journal; None where it would record nothing."""
    return None if isinstance(journal, NullJournal) else partial(journal.frame, session, wire)


class Entry(NamedTuple):
    """One entry of the journal.

    Args:
        at: Seconds, by the journal's clock.
        session: The session's id.
        wire: The client's connection, upstream's, or the session between them.
        direction: Towards the session, from it, or a note of its own.
        kind: The type of the message or event, or the kind of the note.
        detail: The frame's JSON, or the note's text.
    """

    at: float
    session: str
    wire: Wire
    direction: Direction
    kind: str
    detail: str


class RecordingJournal:
    """Keep the latest entries in memory.

    Args:
        clock: The time of an entry.
        limit: How many entries are kept.
    """

    def __init__(self, clock: Clock, limit: int = 100_000) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._lock = threading.Lock()

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Keep an entry."""
        entry = Entry(self._clock(), session, wire, direction, kind, detail)
        with self._lock:
            self._entries.append(entry)

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """Keep a text frame under its type, without credentials."""
        data = redacted(data)
        try:
            value = jsontext.loads_any(data)
        except ValueError:
            value = None
        kind = value.get("type") if isinstance(value, dict) else None
        self.note(session, wire, direction, kind if isinstance(kind, str) else "?", data.decode(errors="replace"))

    def entries(self) -> list[Entry]:
        """Return the entries that are kept, oldest first."""
        with self._lock:
            return list(self._entries)


class LoggingJournal:
    """Log the frames of both connections at debug level, conversation text included."""

    def __init__(self, debug: Callable[..., None]) -> None:
        self._debug = debug

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Log an event."""
        self._debug("%s %s %s %s %s", session, wire, _GLYPH[direction], on_one_line(kind), on_one_line(detail))

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """Log a frame without credentials, cut to a readable length."""
        shown = redacted(data)[:_SHOWN].decode(errors="replace")
        self._debug("%s %s %s %s", session, wire, _GLYPH[direction], on_one_line(shown))


class ClientTap:
    """Pass the text frames to one session's client to an observer, and everything to a journal.

    Args:
        journal: Records everything.
        observe: Called with each text frame to the client, on the ClientActor's thread.
    """

    def __init__(self, journal: Journal, observe: Callable[[bytes], None]) -> None:
        self._journal = journal
        self._observe = observe

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Record it."""
        self._journal.note(session, wire, direction, kind, detail)

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """Record it, and pass a frame to the client to the observer."""
        self._journal.frame(session, wire, direction, data)
        if wire == "client" and direction == "out":
            self._observe(data)


_GLYPH: dict[Direction, str] = {"in": "<", "out": ">", "note": "="}
