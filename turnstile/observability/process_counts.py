"""What is counted of all sessions of a process."""

from __future__ import annotations

import threading
from copy import deepcopy
from typing import TYPE_CHECKING, Final, get_args

from turnstile.observability.session_counts import zeros
from turnstile.observability.session_facts import EndedBy

if TYPE_CHECKING:
    from turnstile.observability.figures import Figures
    from turnstile.observability.journal import SessionJournal
    from turnstile.observability.session_facts import Ending

DIALECTS: Final = ("component", "deepgram", "realtime")


class ProcessCounts:
    """The totals of the sessions that have ended, and what the open ones have counted so far.

    No count ever goes back, whenever it is read: a session leaves the open ones and joins the totals in one step.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[SessionJournal] = set()
        self._ended = zeros()
        self._started_by = dict.fromkeys(DIALECTS, 0)
        self._ended_by = dict.fromkeys(get_args(EndedBy), 0)

    def session_began(self, session: SessionJournal) -> None:
        """Count a session that begins."""
        dialect = session.facts.dialect
        with self._lock:
            self._started_by[dialect] += 1
            self._open.add(session)

    def session_ended(self, session: SessionJournal, ending: Ending) -> None:
        """Add what a session has counted to the totals; its actors have ended."""
        with self._lock:
            self._open.discard(session)
            session.counts.add_to(self._ended)
            self._ended_by[ending.by] += 1

    def snapshot(self) -> Figures:
        """Return all counts so far, as plain values that JSON can carry; from any thread."""
        with self._lock:
            counted, sessions = deepcopy(self._ended), tuple(self._open)
            started_by, ended_by = self._started_by.copy(), self._ended_by.copy()
        for session in sessions:
            session.counts.add_to(counted)
        return {"sessions_open": len(sessions), "sessions_started": started_by, "sessions_ended": ended_by, **counted}
