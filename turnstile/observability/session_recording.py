"""The recording of one session: lines of its journal, in a file of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from turnstile.observability.journal_lines import JournalLines, head
from turnstile.observability.journal_thread import Sink
from turnstile.observability.redactor import Redactor

if TYPE_CHECKING:
    from datetime import datetime

    from turnstile.observability.journal_lines import Level
    from turnstile.observability.journal_thread import JournalThread
    from turnstile.observability.recording_files import RecordingFile
    from turnstile.observability.recording_room import Room
    from turnstile.observability.session_counts import SessionCounts
    from turnstile.observability.session_facts import Ending, SessionFacts


class SessionEnd(NamedTuple):
    """The end of a session, for a sink.

    Args:
        at: Seconds, by the journal's clock.
        ending: How it ended.
        counts: What was counted of it.
    """

    at: float
    ending: Ending
    counts: SessionCounts


class SessionRecording(Sink):
    """The recording of one session, on the journal's thread."""

    def __init__(
        self, room: Room, thread: JournalThread, facts: SessionFacts, level: Level, began_at: float, began: datetime
    ) -> None:
        self._room, self._thread = room, thread
        self._id, self._began = facts.session_id, began
        self._limit = room.budgets.session_bytes
        redactor = Redactor(keeps_all=level == "all")
        self._lines = JournalLines(level, began_at, redactor)
        self._head = partial(head, facts, level, began, redactor)  # made later: this is an actor's thread
        self._file: RecordingFile | None = None
        # Lines to write: one piece of memory, as each line by itself would take several times what it holds.
        self._made = bytearray()
        self._last = self._count = 0  # where the last of them begins; how many they are
        self._at = began_at
        self._unwritten = 0
        self._is_full = self._has_ended = False

    def take(self, entry: Any) -> None:
        """Make lines of an entry."""
        self._at = entry.at
        if entry.__class__ is SessionEnd:
            self._has_ended = True
            self._say_lost()
            self._add(self._lines.end(entry.at, entry.ending, entry.counts))
        elif self._is_full:
            self._unwritten += 1
        else:
            self._add(self._lines.lines(entry))

    def settle(self) -> None:
        """Write the lines."""
        if not self._has_ended and not self._is_full:
            self._say_lost()
        if self._made:
            self._write()
            self._made, self._last, self._count = bytearray(), 0, 0
        if self._has_ended and self._file is not None:
            self._file.close()
            self._file = None

    def _add(self, lines: list[dict[str, Any]]) -> None:
        made = self._made
        for line in lines:
            self._last = len(made)
            made += orjson.dumps(line, None, orjson.OPT_APPEND_NEWLINE)
            self._count += 1

    def _say_lost(self) -> None:
        lost = self._thread.take_lost(self)
        if lost:
            self._add([self._lines.lost(self._at, lost)])

    def _write(self) -> None:
        """Write the lines, as many as fit; of a full recording the last one, which is the end, always does."""
        file = self._file = self._file or self._made_file()
        kept, count = bytes(self._made), self._count
        if file is None:
            kept, count = b"", 0
        elif file.size + len(kept) > self._limit:
            self._is_full = True
            kept, count = (kept[self._last :], 1) if self._has_ended else (b"", 0)
        self._unwritten += self._count - count
        if file is None or not count:
            return
        lost = orjson.dumps(self._lines.lost(self._at, self._unwritten)) + b"\n" if self._unwritten else b""
        is_written = self._room.append(file, lost + kept)
        self._unwritten = 0 if is_written else self._unwritten + count

    def _made_file(self) -> RecordingFile | None:
        """Make the file, with its first line; return None where that cannot be."""
        file = self._room.create(self._id, self._began)
        if file is None or self._room.append(file, orjson.dumps(self._head()) + b"\n"):
            return file
        file.discard()
        return None
