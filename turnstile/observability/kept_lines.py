"""A reader of the journal that keeps all sessions' lines in memory, as a recording has them: for the demo and tests."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from turnstile.observability.journal import Journal
from turnstile.observability.journal_lines import JournalLines, head
from turnstile.observability.redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.observability.journal import SessionJournal
    from turnstile.observability.journal_entries import JournalEntry
    from turnstile.observability.journal_lines import Level
    from turnstile.observability.session_facts import Ending, SessionFacts
    from turnstile.ports import Clock

    Json = dict[str, Any]


class _Kept:
    """The entries of one session, and how it ended."""

    def __init__(self, facts: SessionFacts, began_at: float) -> None:
        self.facts, self.began_at = facts, began_at
        self.entries: list[JournalEntry] = []
        self.ended: tuple[float, SessionJournal, Ending] | None = None

    def lines(self, level: Level) -> list[Json]:
        """Return the head, the lines of the entries so far, and the end."""
        redactor = Redactor(keeps_all=level == "all")
        made = JournalLines(level, self.began_at, redactor)
        lines = [head(self.facts, level, datetime.now(UTC), redactor)]
        for entry in tuple(self.entries):
            lines += made.lines(entry)
        if self.ended is None:
            return [*lines, *made.rest()]
        at, journal, ending = self.ended
        return [*lines, *made.end(at, ending, journal.counts)]


class KeptLines:
    """Keeps the entries of all sessions.

    Args:
        clock: The journal's.
        level: What the lines show of the content.
    """

    def __init__(self, clock: Clock, level: Level = "text") -> None:
        self._clock = clock
        self._level: Level = level
        self._sessions: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def begin(self, facts: SessionFacts) -> Callable[[JournalEntry], object]:
        """Return what keeps the entries of a session."""
        kept = _Kept(facts, self._clock())
        with self._lock:
            self._sessions[facts.session_id] = kept
        return kept.entries.append

    def end(self, journal: SessionJournal, ending: Ending) -> None:
        """Keep how a session has ended."""
        with self._lock:
            kept = self._sessions[journal.facts.session_id]
        kept.ended = self._clock(), journal, ending

    def sessions(self, level: Level | None = None) -> dict[str, list[Json]]:
        """Return the lines of each session by its id, in the order in which they began; the first is the head.

        Args:
            level: What they show of the content; None: as was chosen at first.
        """
        with self._lock:
            kept = dict(self._sessions)
        return {session_id: one.lines(level or self._level) for session_id, one in kept.items()}


class LinesJournal(Journal):
    """A journal with such a reader.

    Args:
        clock: The time of an entry.
        level: What the lines show of the content.
    """

    def __init__(self, clock: Clock, level: Level = "text") -> None:
        self.kept = KeptLines(clock, level)
        super().__init__(clock, [self.kept])

    def sessions(self, level: Level | None = None) -> dict[str, list[Json]]:
        """Return the lines of each session by its id, see `KeptLines.sessions`."""
        return self.kept.sessions(level)
