"""The journal of a proxy's sessions, with those who read it: the debug log, recordings, and live streams."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from turnstile.observability.journal import Journal
from turnstile.observability.logging_reader import LoggingReader

if TYPE_CHECKING:
    from pathlib import Path

    from turnstile.config.observing_sections import JournalSection
    from turnstile.observability.journal import Reader
    from turnstile.observability.journal_thread import JournalThread
    from turnstile.observability.recorder import Recorder, RecordingSettings
    from turnstile.observability.watching import Watch, Watchers
    from turnstile.ports import Clock

_log = logging.getLogger(__name__)


class Journaling:
    """Makes the journal and its readers; what records and shows it is imported when it is needed.

    Args:
        section: The settings of the journal.
        journal: The host's, which has readers of its own: nothing is recorded; None for one that is made here.
        clock: A monotonic clock, in seconds.
        wall_clock: Seconds since 1970.

    Raises:
        ConfigError: The directory for recordings cannot be used.
    """

    def __init__(
        self, section: JournalSection, journal: Journal | None, clock: Clock, wall_clock: Clock = time.time
    ) -> None:
        self._section = section
        self._clock, self._wall_clock = clock, wall_clock
        self._making = threading.Lock()
        self._thread: JournalThread | None = None
        self._watchers: Watchers | None = None
        self._recorder: Recorder | None = None
        readers: list[Reader] = [LoggingReader(_log.debug)] if _log.isEnabledFor(logging.DEBUG) else []
        if section.directory is not None and journal is None:
            self._recorder = self._make_recorder(section.directory)
            readers.append(self._recorder)
        self.journal = journal or Journal(clock, readers)
        """Sees every session."""

    @property
    def lost(self) -> int:
        """How many entries found no room on their way to recordings and streams, so far."""
        return self._thread.lost if self._thread is not None else 0

    @property
    def failures(self) -> int:
        """How many attempts to make or write a recording have failed so far."""
        return self._recorder.failures if self._recorder is not None else 0

    def change(self, section: JournalSection) -> None:
        """Record and show sessions by these settings from now on; the directory stays."""
        self._section = section
        if self._recorder is not None:
            self._recorder.change(_settings(section))

    def start(self) -> None:
        """Delete recordings that are too old, from now on."""
        if self._recorder is not None:
            self._recorder.start()

    def watch(self, session_id: str | None) -> Watch | None:
        """Return the journal of a session from now on, or of all; None where no such session is open.

        Raises:
            SessionError: As many streams are open as may be.
        """
        from turnstile.observability.watching import Watchers  # noqa: PLC0415 - only where somebody watches

        with self._making:
            watchers = self._watchers
            if watchers is None:
                watchers = Watchers(self.journal, self._made_thread(), self._clock, self._wall_clock)
                self._watchers = watchers
        return watchers.watch(session_id, self._section.level)

    def close(self, timeout: float) -> None:
        """Write what waits within `timeout` seconds, and end the streams and the thread."""
        if self._thread is not None:
            self._thread.close(timeout)
        if self._watchers is not None:
            self._watchers.close()

    def _make_recorder(self, directory: Path) -> Recorder:
        from turnstile.observability.recorder import Recorder  # noqa: PLC0415 - only where sessions are recorded
        from turnstile.observability.recording_files import RecordingFiles, require_directory  # noqa: PLC0415

        require_directory(directory)
        files = RecordingFiles(directory, self._wall_clock)
        return Recorder(files, _settings(self._section), self._made_thread(), self._clock, self._wall_clock)

    def _made_thread(self) -> JournalThread:
        from turnstile.observability.journal_thread import JournalThread  # noqa: PLC0415

        if self._thread is None:
            self._thread = JournalThread(tick=self._prune)
        return self._thread

    def _prune(self) -> None:
        if self._recorder is not None:
            self._recorder.prune()


def _settings(section: JournalSection) -> RecordingSettings:
    from turnstile.observability.recorder import RecordingSettings  # noqa: PLC0415
    from turnstile.observability.recording_files import Budgets  # noqa: PLC0415

    budgets = Budgets(section.max_session_bytes, section.max_bytes, section.max_age)
    return RecordingSettings(section.level, budgets)
