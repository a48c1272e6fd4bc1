"""Records each session in a file of its own: the lines of its journal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from turnstile.observability.journal_thread import Sink
from turnstile.observability.recording_files import moment
from turnstile.observability.recording_room import Room
from turnstile.observability.session_recording import SessionEnd, SessionRecording

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.observability.journal import SessionJournal
    from turnstile.observability.journal_entries import JournalEntry
    from turnstile.observability.journal_lines import Level
    from turnstile.observability.journal_thread import JournalThread
    from turnstile.observability.recording_files import Budgets, RecordingFiles
    from turnstile.observability.session_facts import Ending, SessionFacts
    from turnstile.ports import Clock


class RecordingSettings(NamedTuple):
    """How sessions are recorded that begin from now on.

    Args:
        level: What is recorded of the content.
        budgets: What recordings may take.
    """

    level: Level
    budgets: Budgets


class Recorder:
    """A reader of the journal that records every session.

    Args:
        files: Where the recordings are.
        settings: How sessions are recorded.
        thread: Writes.
        clock: The journal's clock, in seconds.
        wall_clock: Seconds since 1970.
    """

    def __init__(
        self,
        files: RecordingFiles,
        settings: RecordingSettings,
        thread: JournalThread,
        clock: Clock,
        wall_clock: Clock = time.time,
    ) -> None:
        self._settings = settings
        self._thread = thread
        self._clock = clock
        self._wall_clock = wall_clock
        self._recordings: dict[str, SessionRecording] = {}
        self._room = Room(files, settings.budgets, clock)

    def change(self, settings: RecordingSettings) -> None:
        """Record sessions that begin from now on like this."""
        self._settings = settings
        self._room.budgets = settings.budgets

    @property
    def failures(self) -> int:
        """How many attempts to make or write a recording have failed so far."""
        return self._room.failures

    def begin(self, facts: SessionFacts) -> Callable[[JournalEntry], None]:
        """Return what queues the entries of a session."""
        level = self._settings.level
        began = moment(self._wall_clock())
        recording = SessionRecording(self._room, self._thread, facts, level, self._clock(), began)
        self._recordings[facts.session_id] = recording
        return self._thread.reader(recording, level)

    def end(self, journal: SessionJournal, ending: Ending) -> None:
        """Queue the end of a session."""
        recording = self._recordings.pop(journal.facts.session_id, None)
        if recording is not None:
            self._thread.put(recording, SessionEnd(self._clock(), ending, journal.counts))

    def start(self) -> None:
        """Delete what is too old from now on, also where no session begins."""
        self._thread.put(_Pruned(self._room), None)

    def prune(self) -> None:
        """Delete what is too old, on the journal's thread."""
        self._room.prune()


class _Pruned(Sink):
    """Takes nothing; has the directory looked after once."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def take(self, entry: object) -> None:
        """Take nothing."""

    def settle(self) -> None:
        """Delete what is too old."""
        self._room.prune()
