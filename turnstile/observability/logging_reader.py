"""A reader of the journal that logs what passes, conversation text included: for a log at debug level."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from turnstile.observability.journal_entries import FrameEntry
from turnstile.observability.memory_journal import rows
from turnstile.observability.redaction import redacted
from turnstile.protocol.safe_text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.observability.journal import SessionJournal
    from turnstile.observability.journal_entries import JournalEntry
    from turnstile.observability.session_facts import Ending, SessionFacts

# Bytes of a frame that are logged.
_SHOWN = 1000
_GLYPH = {"in": "<", "out": ">", "note": "="}


class LoggingReader:
    """Logs the frames of both wires, cut to a readable length, and the notes between them.

    Args:
        debug: Logs a line, like `logging.Logger.debug`.
    """

    def __init__(self, debug: Callable[..., None]) -> None:
        self._debug = debug

    def begin(self, facts: SessionFacts) -> partial[None]:
        """Return what logs a session."""
        return partial(self.read, facts.session_id)

    def read(self, session_id: str, entry: JournalEntry) -> None:
        """Log an entry."""
        if isinstance(entry, FrameEntry):
            shown = on_one_line(redacted(entry.data)[:_SHOWN].decode(errors="replace"))
            self._debug("%s %s %s %s", session_id, entry.wire, _GLYPH[entry.direction], shown)
            return
        for row in rows(session_id, entry):
            texts = on_one_line(row.kind), on_one_line(row.detail)
            self._debug("%s %s %s %s %s", session_id, row.wire, _GLYPH[row.direction], *texts)

    def end(self, journal: SessionJournal, ending: Ending) -> None:
        """Log nothing more."""
