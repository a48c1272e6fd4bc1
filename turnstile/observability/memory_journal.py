"""A reader of the journal that keeps the latest entries of all sessions in memory, as rows for people."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from turnstile.observability.journal import Journal
from turnstile.observability.journal_entries import AudioEntry, DecisionEntry, FrameEntry
from turnstile.observability.redaction import redacted
from turnstile.protocol import jsontext
from turnstile.session.journal_notes import Held, Noted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.observability.journal import SessionJournal
    from turnstile.observability.journal_entries import JournalEntry
    from turnstile.observability.session_facts import Ending, SessionFacts
    from turnstile.ports import Clock


class Entry(NamedTuple):
    """A row.

    Args:
        at: Seconds, by the journal's clock.
        session: The session's id.
        wire: The client's connection, upstream's, or the session between them.
        direction: Towards the proxy, from it, or a note of its own.
        kind: The type of the message or event, or the kind of the note.
        detail: The frame's JSON without credentials, or the note's text.
    """

    at: float
    session: str
    wire: Literal["client", "session", "upstream"]
    direction: Literal["in", "out", "note"]
    kind: str
    detail: str


def rows(session_id: str, entry: JournalEntry) -> Iterator[Entry]:
    """Yield the rows of an entry; audio has none."""
    match entry:
        case FrameEntry(at, wire, direction, data):
            shown = redacted(data)
            try:
                value = jsontext.loads_any(shown)
            except ValueError:
                value = None
            kind = value.get("type") if isinstance(value, dict) else None
            text = shown.decode(errors="replace")
            yield Entry(at, session_id, wire, direction, kind if isinstance(kind, str) else "?", text)
        case DecisionEntry(at, _, effects):
            for effect in effects:
                match effect:
                    case Held(refs, reason):
                        which = " ".join([f"#{ref}" for ref in refs])
                        yield Entry(at, session_id, "session", "note", "held", f"{which} {reason}")
                    case Noted(kind, detail):
                        yield Entry(at, session_id, "session", "note", kind, detail)
        case AudioEntry():
            pass
        case _:
            way: Literal["in", "note"] = "in" if entry.kind == "closed" else "note"
            yield Entry(entry.at, session_id, entry.wire, way, entry.kind, entry.detail)


class MemoryReader:
    """Keeps the latest rows.

    Args:
        limit: How many rows are kept.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._rows: deque[Entry] = deque(maxlen=limit)
        self._lock = threading.Lock()

    def begin(self, facts: SessionFacts) -> partial[None]:
        """Return what keeps the rows of a session."""
        return partial(self.read, facts.session_id)

    def read(self, session_id: str, entry: JournalEntry) -> None:
        """Keep the rows of an entry."""
        found = list(rows(session_id, entry))
        with self._lock:
            self._rows += found

    def end(self, journal: SessionJournal, ending: Ending) -> None:
        """Keep all rows."""

    def entries(self) -> list[Entry]:
        """Return the rows that are kept, oldest first."""
        with self._lock:
            return list(self._rows)


class MemoryJournal(Journal):
    """A journal with such a reader.

    Args:
        clock: The time of an entry.
        limit: How many rows are kept.
    """

    def __init__(self, clock: Clock, limit: int = 100_000) -> None:
        self.memory = MemoryReader(limit)
        super().__init__(clock, [self.memory])

    def entries(self) -> list[Entry]:
        """Return the rows that are kept, oldest first."""
        return self.memory.entries()
