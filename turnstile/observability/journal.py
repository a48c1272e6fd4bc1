"""The one tap: what passes on both wires of a session, and what the session does about it."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from turnstile.observability.redaction import redacted
from turnstile.protocol import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Clock

# How much of a frame the log shows, in bytes.
_SHOWN = 1000

Wire = Literal["client", "session", "upstream"]
Direction = Literal["in", "out", "note"]


class Journal(Protocol):
    """Who is shown what happens; called on the actors' threads, so it must be quick."""

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Something happened: `kind` in one word, `detail` in the kind's own form."""

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """A text frame passed."""


class NullJournal:
    """Looks away."""

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Take no notice."""

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """Take no notice."""


def frame_observer(journal: Journal, session: str, wire: Wire) -> Callable[[Direction, bytes], None] | None:
    """Return what records the frames of one wire in a journal; None where it would record nothing."""
    return None if isinstance(journal, NullJournal) else partial(journal.frame, session, wire)


class Entry(NamedTuple):
    """One thing that happened.

    Args:
        at: Seconds, by the journal's clock.
        session: Whose.
        wire: Where: on the client's wire, on upstream's, or in the session between.
        direction: Towards the session, from it, or a note of its own.
        kind: The message's or event's type, or the note's word.
        detail: The frame's own JSON, or the note's words.
    """

    at: float
    session: str
    wire: Wire
    direction: Direction
    kind: str
    detail: str


class RecordingJournal:
    """Keeps the latest entries.

    Args:
        clock: When things happen.
        limit: How many entries are kept.
    """

    def __init__(self, clock: Clock, limit: int = 100_000) -> None:
        self._clock = clock
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._subscribers: list[Callable[[Entry], None]] = []
        self._lock = threading.Lock()

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Keep it, and show it to the subscribers."""
        entry = Entry(self._clock(), session, wire, direction, kind, detail)
        with self._lock:
            self._entries.append(entry)
            subscribers = tuple(self._subscribers)
        for show in subscribers:
            show(entry)

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
        """Return what is kept, oldest first."""
        with self._lock:
            return list(self._entries)

    def subscribe(self, show: Callable[[Entry], None]) -> None:
        """Have `show` called with every entry from now on, on the thread that it happens on."""
        with self._lock:
            self._subscribers.append(show)


class LoggingJournal:
    """Writes the two wires into the log, at debug level: this is where what people say is seen."""

    def __init__(self, debug: Callable[..., None]) -> None:
        self._debug = debug

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Log it."""
        self._debug("%s %s %s %s %s", session, wire, _GLYPH[direction], kind, detail)

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """Log a frame without credentials, cut to a readable length."""
        shown = redacted(data)[:_SHOWN].decode(errors="replace")
        self._debug("%s %s %s %s", session, wire, _GLYPH[direction], shown)


class ClientTap:
    """Shows somebody what one session's client is told, besides the journal that is there anyway.

    Args:
        journal: Is shown everything.
        tell: Is told each text frame to the client, on the ClientActor's thread.
    """

    def __init__(self, journal: Journal, tell: Callable[[bytes], None]) -> None:
        self._journal = journal
        self._tell = tell

    def note(self, session: str, wire: Wire, direction: Direction, kind: str, detail: str = "") -> None:
        """Show the journal."""
        self._journal.note(session, wire, direction, kind, detail)

    def frame(self, session: str, wire: Wire, direction: Direction, data: bytes) -> None:
        """Show the journal, and whoever listens."""
        self._journal.frame(session, wire, direction, data)
        if wire == "client" and direction == "out":
            self._tell(data)


_GLYPH: dict[Direction, str] = {"in": "<", "out": ">", "note": "="}
