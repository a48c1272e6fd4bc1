"""The journal: sees each session at three points, the client's wire, the gate and upstream's, for those who read it."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from turnstile.observability.audio_rows import InRows
from turnstile.observability.journal_entries import NoteEntry, audio_entry, decision_entry, frame_entry
from turnstile.observability.session_counts import SessionCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from turnstile.observability.journal_entries import Direction, JournalEntry, Wire
    from turnstile.observability.session_facts import Ending, SessionFacts
    from turnstile.ports import Clock
    from turnstile.session.effects import Effect
    from turnstile.session.events import Event

    Read = Callable[[JournalEntry], object]

_log = logging.getLogger(__name__)

_FAULT: Final = "A reader of the journal has failed; the session goes on without it"


class Reader(Protocol):
    """Reads the journal; every method is called on the actors' threads, so it must be quick."""

    def begin(self, facts: SessionFacts) -> Read | None:
        """Return what takes each entry of a session that begins; None: it is of no interest.

        What it returns must not fail: the session would end with it (1011).
        """

    def end(self, journal: SessionJournal, ending: Ending) -> None:
        """Take the end of a session: no entry of it comes any more."""


class SessionJournal:
    """The journal of one session: its three actors tell it what passes, as long as somebody reads it.

    Args:
        facts: What is known of the session.
        clock: The time of the entries, in seconds.
    """

    __slots__ = ("_audio_read", "_clock", "_readers", "began_at", "counts", "facts", "link_opened_at", "links", "tell")

    def __init__(self, facts: SessionFacts, clock: Clock) -> None:
        self.facts = facts
        self.counts = SessionCounts()
        """What is counted of the session, read or not."""
        self.began_at = clock()
        self.links = 0
        """How many upstream links the session has had."""
        self.link_opened_at = self.began_at
        """When the last of them was asked for, by the clock."""
        self._clock = clock
        self._readers: tuple[Read, ...] = ()
        self._audio_read: Callable[[float, Wire, Direction, Sequence[bytes | str], int], None] | None = None
        self.tell: Read | None = None
        """Takes an entry; None while nobody reads: the actors look here before they call a method below."""

    def frame(self, wire: Wire, direction: Direction, data: bytes, link: int = 0) -> None:
        """Tell of a text frame."""
        if (tell := self.tell) is not None:  # it may have become None since the actor looked
            tell(frame_entry((self._clock(), wire, direction, data, link, 0)))

    def audio(self, wire: Wire, direction: Direction, pieces: Sequence[bytes | str], link: int = 0) -> None:
        """Tell of audio that passed at once."""
        if (read := self._audio_read) is not None:
            read(self._clock(), wire, direction, pieces, link)
        elif (tell := self.tell) is not None:
            tell(audio_entry((self._clock(), wire, direction, pieces, link)))

    def decided(self, event: Event, effects: Sequence[Effect], held_elsewhere: int) -> None:
        """Tell of an event of the session, and of its effects."""
        if (tell := self.tell) is not None:
            tell(decision_entry((self._clock(), event, effects, held_elsewhere)))

    def note(self, wire: Wire, kind: str, detail: str, link: int = 0) -> None:
        """Tell what became of a connection."""
        if (tell := self.tell) is not None:
            tell(NoteEntry(self._clock(), wire, kind, detail, link))

    @property
    def seconds(self) -> float:
        """For how many seconds the session has been open."""
        return self._clock() - self.began_at

    @property
    def model(self) -> str | None:
        """The model in use; until a link is asked for, the one that the client's address asks for."""
        return self.counts.model or self.facts.model

    def next_link(self) -> int:
        """Return the number of a link that is opened now."""
        self.links += 1
        self.link_opened_at = self._clock()
        return self.links

    def read_by(self, readers: Sequence[Read]) -> None:
        """Tell these from now on, in place of those before; the journal calls it with its lock held."""
        self._readers = tuple(readers)
        only = readers[0] if len(readers) == 1 else None
        self._audio_read = only.audio if isinstance(only, InRows) else None
        self.tell = only if only is not None else self._tell_all if readers else None

    @property
    def readers(self) -> tuple[Read, ...]:
        """Who is told."""
        return self._readers

    def _tell_all(self, entry: JournalEntry) -> None:
        for read in self._readers:
            read(entry)


class Journal:
    """The journal of all sessions of a process.

    Args:
        clock: A monotonic clock, in seconds.
        readers: Read every session from its beginning.
    """

    def __init__(self, clock: Clock, readers: Iterable[Reader] = ()) -> None:
        self._clock = clock
        self._readers = tuple(readers)
        self._lock = threading.Lock()  # guards who reads what
        self._open: dict[str, SessionJournal] = {}

    def begin(self, facts: SessionFacts) -> SessionJournal:
        """Return the journal of a session that begins."""
        session = SessionJournal(facts, self._clock)
        with self._lock:
            self._open[facts.session_id] = session
            readers = self._readers
        reads = [(reader, _begun(reader, facts)) for reader in readers]
        with self._lock:
            reading = [read for reader, read in reads if read is not None and reader in self._readers]
            session.read_by((*reading, *session.readers))
        return session

    def end(self, session: SessionJournal, ending: Ending) -> None:
        """Take the end of a session, all of whose actors have ended."""
        with self._lock:
            self._open.pop(session.facts.session_id, None)
            session.read_by(())
        for reader in self._readers:
            try:
                reader.end(session, ending)
            except Exception:  # noqa: BLE001 - whatever it is
                _log.exception(_FAULT)

    def join(self, reader: Reader) -> None:
        """Have a reader read each session that begins from now on, and the ends of all."""
        with self._lock:
            self._readers = (*self._readers, reader)

    def leave(self, reader: Reader) -> None:
        """Have a reader told of no session's beginning or end any more; what reads open sessions still does."""
        with self._lock:
            self._readers = tuple([other for other in self._readers if other is not reader])

    def unread(self, session_id: str, read: Read) -> None:
        """Tell a session's entries no longer to what `Reader.begin` returned."""
        with self._lock:
            session = self._open.get(session_id)
            if session is not None:
                session.read_by([other for other in session.readers if other is not read])

    def watch(self, session_id: str, read: Read) -> Callable[[], None] | None:
        """Have a running session read from now on.

        Args:
            session_id: The session's id.
            read: Takes each entry, on the actors' threads.

        Returns:
            What ends that; None where no such session is open.
        """
        with self._lock:
            session = self._open.get(session_id)
            if session is None:
                return None
            session.read_by((*session.readers, read))

        return partial(self.unread, session_id, read)

    @property
    def open(self) -> dict[str, SessionJournal]:
        """The journals of the open sessions, by their ids; a copy."""
        with self._lock:
            return dict(self._open)


def _begun(reader: Reader, facts: SessionFacts) -> Read | None:
    """Return what takes a session's entries; None also where the reader fails: the session goes on without it."""
    try:
        return reader.begin(facts)
    except Exception:  # noqa: BLE001 - whatever it is
        _log.exception(_FAULT)
        return None
