"""The room for recordings: what their directory may hold, and a disk that may be full."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from turnstile.observability.recording_files import Budgets, RecordingFile, RecordingFiles
    from turnstile.ports import Clock

_log = logging.getLogger(__name__)

# How many seconds after the last time the directory's budgets are looked after, where anything was written, and at the
# least where they are exceeded.
_PRUNE_EVERY: Final = 10.0
_PRUNE_AGAIN: Final = 1.0
# Where they are, this part of the budget is made free, so that it lasts for a while.
_SHARE: Final = 32


class Room:
    """The room for recordings in their directory; used on the journal's thread.

    Args:
        files: The recordings.
        budgets: What they may take.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, files: RecordingFiles, budgets: Budgets, clock: Clock) -> None:
        self._files = files
        self.budgets = budgets
        self._clock = clock
        self._taken = 0
        self._pruned_at: float | None = None
        self._is_failing = False
        self._blocked_until = clock()
        self.failures = 0
        """How many attempts to make or write a recording have failed so far; after each there is none for a while."""

    def create(self, session_id: str, began: datetime) -> RecordingFile | None:
        """Make the file of a session; return None where that cannot be, or could not a moment ago."""
        if self._is_blocked():
            return None
        try:
            return self._files.create(session_id, began)
        except OSError as error:
            self._failed(f"{error.strerror or error}")
            return None

    def append(self, file: RecordingFile, lines: bytes) -> bool:
        """Append lines to a recording; return whether they were: not where there is no room, or was none just now."""
        if self._is_blocked():
            return False
        if not self._has_room(len(lines)):
            self._failed("sessions write more at once than journal.max_bytes")
            return False
        try:
            file.append(lines)
        except OSError as error:
            self._failed(f"{error.strerror}")
            return False
        self._taken += len(lines)
        if self._is_failing:
            self._is_failing = False
            _log.info("Sessions are recorded again in %s", self._files.directory)
        return True

    def prune(self, room: int = 0) -> None:
        """Delete what is too old, and the oldest beyond the budget, less some room in it."""
        self._pruned_at = self._clock()
        self._taken = self._files.prune(self.budgets, room)

    def _is_blocked(self) -> bool:
        return self._clock() < self._blocked_until

    def _failed(self, why: str) -> None:
        """Try for nothing for a while; log that sessions go on without a recording, once until one is written again."""
        self.failures += 1
        self._blocked_until = self._clock() + _PRUNE_AGAIN
        if not self._is_failing:
            self._is_failing = True
            _log.warning("Sessions cannot be recorded in %s: %s. They go on without", self._files.directory, why)

    def _has_room(self, size: int) -> bool:
        now = self._clock()
        since = _PRUNE_EVERY if self._pruned_at is None else now - self._pruned_at
        fits = self._taken + size <= self.budgets.total_bytes
        if since >= _PRUNE_EVERY or (not fits and since >= _PRUNE_AGAIN):
            self.prune(0 if fits else max(size, self.budgets.total_bytes // _SHARE))
            fits = self._taken + size <= self.budgets.total_bytes
        return fits
