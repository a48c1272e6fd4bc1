"""Live streams of sessions' journals, as lines of JSON: for operators who watch."""

from __future__ import annotations

import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.errors import SessionError
from turnstile.observability.journal_lines import JournalLines, head
from turnstile.observability.recording_files import moment
from turnstile.observability.redactor import Redactor
from turnstile.observability.session_recording import SessionEnd
from turnstile.observability.watched_session import WatchedSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.observability.journal import Journal, SessionJournal
    from turnstile.observability.journal_entries import JournalEntry
    from turnstile.observability.journal_lines import Level
    from turnstile.observability.journal_thread import JournalThread
    from turnstile.observability.session_facts import Ending, SessionFacts
    from turnstile.ports import Clock

Json = dict[str, Any]

MAX_WATCHES: Final = 64
"""How many streams may be open in a process."""

# How much waits for a slow reader.
_MAX_LINES: Final = 4096
_MAX_BYTES: Final = 4 * 1024 * 1024
# After so many seconds without a line the reader hears that there is none.
_IDLE: Final = 1.0


class Watchers:
    """The live streams of a process.

    Args:
        journal: Of all sessions.
        thread: Makes the lines.
        clock: The journal's clock, in seconds.
        wall_clock: Seconds since 1970.
    """

    def __init__(self, journal: Journal, thread: JournalThread, clock: Clock, wall_clock: Clock) -> None:
        self._journal = journal
        self._thread = thread
        self._clock, self._wall_clock = clock, wall_clock
        self._lock = threading.Lock()
        self._open: list[Watch] = []

    def watch(self, session_id: str | None, level: Level) -> Watch | None:
        """Return the journal of a session, or of all, from now on.

        Args:
            session_id: The session's id; None for all sessions, also those that begin later.
            level: What is shown of the content.

        Returns:
            The stream; None where no such session is open.

        Raises:
            SessionError: As many streams are open as may be.
        """
        watch = Watch(self._journal, self._thread, level, self._clock, self._wall_clock, session_id, self._forget)
        with self._lock:
            if len(self._open) >= MAX_WATCHES:
                raise SessionError("too_many_streams", f"{MAX_WATCHES} streams of events are open; close one first.")
            self._open.append(watch)
        if watch.begin_watching():
            return watch
        watch.close()
        return None

    def close(self) -> None:
        """End all streams."""
        with self._lock:
            watches = [*self._open]
        for watch in watches:
            watch.finish()

    def _forget(self, watch: Watch) -> None:
        with self._lock:
            if watch in self._open:
                self._open.remove(watch)


class Watch:
    """A stream of lines; a reader that is too slow misses some, and is told how many.

    The first line of each session is its head, as in a recording. In a stream of all sessions each line names its own.

    Args:
        journal: Of all sessions.
        thread: Makes the lines.
        level: What is shown of the content.
        clock: The journal's clock, in seconds.
        wall_clock: Seconds since 1970.
        session_id: The session; None for all.
        on_close: Called with the stream when it is closed.
    """

    def __init__(
        self,
        journal: Journal,
        thread: JournalThread,
        level: Level,
        clock: Clock,
        wall_clock: Clock,
        session_id: str | None,
        on_close: Callable[[Watch], object],
    ) -> None:
        self._journal, self._thread, self._level = journal, thread, level
        self._clock, self._wall_clock = clock, wall_clock
        self._session_id = session_id
        self._on_close = on_close
        self._watched: dict[str, tuple[WatchedSession, Callable[[JournalEntry], None]]] = {}
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._bytes = self._lost = 0
        self._at = 0.0
        self._is_over = self._is_closed = False

    def begin_watching(self) -> bool:
        """Read what is open; return whether there is something to watch."""
        self._journal.join(self)
        if self._is_over:  # by `Watchers.close`, whose `leave` may have come before
            self._journal.leave(self)
        for session_id, journal in self._journal.open.items():
            if self._session_id in {None, session_id}:
                read = self._reader(journal.facts, journal.began_at)
                if read is not None and self._journal.watch(session_id, read) is None:  # it has ended meanwhile
                    self._watched.pop(session_id, None)
        return self._session_id is None or bool(self._watched)

    def begin(self, facts: SessionFacts) -> Callable[[JournalEntry], None] | None:
        """Return what reads a session that begins, where all are watched."""
        return self._reader(facts, self._clock()) if self._session_id is None else None

    def end(self, journal: SessionJournal, ending: Ending) -> None:
        """Queue the end of a session."""
        watched = self._watched.pop(journal.facts.session_id, None)
        if watched is not None:
            self._thread.put(watched[0], SessionEnd(self._clock(), ending, journal.counts))

    def __iter__(self) -> Iterator[bytes]:
        """Yield each line, without its end; b"" when a while has passed without one. Ends with the session."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._is_over, _IDLE)
                if not self._lines and self._lost:
                    self._add_lost()
                line = self._lines.popleft() if self._lines else b""
                self._bytes -= len(line)
                if self._is_closed or (self._is_over and not line):
                    break
            yield line
        self.close()

    def close(self) -> None:
        """End it, and drop what is unread; from any thread."""
        self._is_closed = True
        self.finish()

    def finish(self) -> None:
        """End it behind what is unread; from any thread."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._journal.leave(self)
        for session_id, (_, read) in self._watched.copy().items():  # one that ends at this moment goes by itself
            self._watched.pop(session_id, None)
            self._journal.unread(session_id, read)
        self._on_close(self)

    def offer(self, lines: list[Json], at: float, *, is_end: bool) -> None:
        """Take lines of a session, as far as they fit; on the journal's thread.

        Args:
            lines: The lines.
            at: When the last of them was, in seconds since the session began.
            is_end: They are its last.
        """
        with self._changed:
            self._at = at
            for line in lines:
                self._add(orjson.dumps(line))
            self._is_over = self._is_over or (is_end and self._session_id is not None)
            self._changed.notify_all()

    def _add(self, line: bytes) -> None:
        if len(self._lines) >= _MAX_LINES or self._bytes + len(line) > _MAX_BYTES:
            self._lost += 1
            return
        if self._lost:
            self._add_lost()
        self._lines.append(line)
        self._bytes += len(line)

    def _add_lost(self) -> None:
        lost, self._lost = orjson.dumps({"at": self._at, "lost": self._lost}), 0
        self._lines.append(lost)
        self._bytes += len(lost)

    def _reader(self, facts: SessionFacts, began_at: float) -> Callable[[JournalEntry], None] | None:
        """Return what reads a session; None where that is done already, or no more."""
        with self._changed:
            if facts.session_id in self._watched or self._is_over:
                return None
            return self._new_reader(facts, began_at)

    def _new_reader(self, facts: SessionFacts, began_at: float) -> Callable[[JournalEntry], None]:
        began = moment(self._wall_clock() - self._clock() + began_at)
        redactor = Redactor(keeps_all=self._level == "all")
        lines = JournalLines(self._level, began_at, redactor)
        named = {"session": facts.session_id} if self._session_id is None else {}
        watched = WatchedSession(
            self.offer, self._thread, lines, named, partial(head, facts, self._level, began, redactor)
        )
        read = self._thread.reader(watched, self._level)
        self._watched[facts.session_id] = watched, read
        self._thread.put(watched, None)
        return read
