"""The open sessions: each begins with its three actors, and stays open until all three have ended."""

from __future__ import annotations

import logging
import secrets
import threading
from functools import partial
from typing import TYPE_CHECKING

from actors.audio_router import AudioRouter
from actors.dispatch import inbox_of
from actors.lifecycle import EVICTED, INTERNAL_END, SHUTTING_DOWN
from actors.messages import Peers
from actors.running_session import RunningSession
from actors.session_actors import start_actors
from turnstile.observability import access_log
from turnstile.observability.process_counts import ProcessCounts
from turnstile.observability.session_facts import THIS_PROCESS, Ending, SessionFacts
from turnstile.session.ending import DrainRequested

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka import ActorRef

    from actors.coordinator import SessionCoordinatorActor
    from actors.dialects.registry import PartsFactory, SessionParts
    from actors.handle import SessionHandle
    from actors.messages import End
    from actors.session_actors import SessionDependencies
    from actors.steering import Steering
    from turnstile.byte_budget import SessionBudget
    from turnstile.observability.journal import SessionJournal
    from turnstile.observability.session_facts import Client
    from turnstile.ports import Connection, Inbox

_log = logging.getLogger(__name__)


class Sessions:
    """The open sessions of a proxy: begins them, inspects them, and ends them.

    Args:
        around: The dependencies that all sessions share.
        note_count: Called with the number of open sessions when it changes, with a lock held.
    """

    def __init__(self, around: SessionDependencies, note_count: Callable[[int], object] = int) -> None:
        self._around = around
        self._note_count = note_count
        self.counts = ProcessCounts()
        """What is counted of all sessions since the start, open or ended."""
        self._live: dict[str, RunningSession] = {}
        self._ended = threading.Condition()
        self._draining = False

    def __len__(self) -> int:
        """Return the number of open sessions."""
        return len(self._live)

    @property
    def held_bytes(self) -> int:
        """The number of bytes that all sessions hold, those included that have ended and not let go of all."""
        return self._around.budget.held

    @property
    def are_draining(self) -> bool:
        """Whether all sessions are being ended, and none may begin."""
        return self._draining

    def begin(
        self,
        connection: Connection,
        make_parts: PartsFactory,
        handle: SessionHandle | None = None,
        budget: SessionBudget | None = None,
        client: Client = THIS_PROCESS,
    ) -> Inbox | None:
        """Begin a session; during the shutdown close the connection with 1001 instead.

        Args:
            connection: The client's connection.
            make_parts: Makes the parts that depend on the client's dialect, for the session with the given id.
            handle: The handle for a host in this process.
            budget: The session's, which ends with it; by default that of an unnamed owner.
            client: Who the client is, and where; by default code in this process.

        Returns:
            The inbox for the client's frames; None if no session has begun.
        """
        budget = budget or self._around.budget.session("")
        session_id, live = secrets.token_hex(6), RunningSession(handle, budget)
        budget.end = partial(self._evict, session_id, live)
        if not self._add(session_id, live):
            _turn_away(connection, live)
            return None
        try:
            parts = make_parts(session_id)
            live.journal = self._around.journal.begin(_facts(session_id, parts, client))
            self.counts.session_began(live.journal)
            access_log.session_began(live.journal.facts)
            actor, coordinator, upstream = start_actors(
                self._around, live.journal, connection, parts, handle, budget, partial(self._actor_ended, session_id)
            )
        except BaseException:
            self._forget(session_id)
            if hasattr(live, "journal"):
                self._note_end(live.journal, INTERNAL_END)
            raise
        others = Peers(inbox_of(actor), inbox_of(coordinator), inbox_of(upstream))
        if handle is not None:
            handle.meet(session_id, actor, coordinator, others)
        self._introduce(live, coordinator, others)
        return AudioRouter(others.client, others.upstream) if parts.dialect.has_binary_audio else others.client

    def _add(self, session_id: str, live: RunningSession) -> bool:
        """Add a session to the open ones, unless none may begin any more; return whether it was added."""
        with self._ended:
            if self._draining:
                return False
            self._live[session_id] = live
            self._note_count(len(self._live))
            return True

    def _introduce(self, live: RunningSession, coordinator: ActorRef[SessionCoordinatorActor], others: Peers) -> None:
        """Give the actors each other's inboxes, and what has come for the session meanwhile."""
        with self._ended:
            live.coordinator, live.inboxes = coordinator, others
            others.tell_all(others)
            if self._draining:
                others.client.tell(DrainRequested())
            if live.budget.is_ended:
                others.tell_all(EVICTED)

    def steering(self, session_id: str) -> Steering | None:
        """Return what steers a session; None where it is not open."""
        with self._ended:
            live = self._live.get(session_id)
            return live.steering() if live is not None else None

    @property
    def open(self) -> dict[str, RunningSession]:
        """The sessions that have begun and not ended, by their ids; a copy."""
        with self._ended:
            return {name: live for name, live in self._live.items() if live.coordinator is not None}

    def drain(self) -> int:
        """Let no more sessions begin, and end each open one as soon as nothing is unfinished in it (1001).

        Returns:
            Their number.
        """
        with self._ended:
            is_first, self._draining = not self._draining, True
            for live in self._live.values():
                if is_first and live.inboxes is not None:
                    live.inboxes.client.tell(DrainRequested())
            return len(self._live)

    def cut_off(self) -> list[str]:
        """End all sessions at once (1001); return the ids of those that had not ended."""
        with self._ended:
            for live in self._live.values():
                if live.inboxes is not None:
                    live.inboxes.tell_all(SHUTTING_DOWN)
            return list(self._live)

    def wait_until_empty(self, timeout: float, but: int = 0) -> bool:
        """Wait until at most `but` sessions are open; return False if more are after `timeout` seconds."""
        with self._ended:
            return self._ended.wait_for(lambda: len(self._live) <= but, timeout)

    def abandon(self) -> None:
        """Tell the hosts and operators of all sessions that have not ended that they have."""
        with self._ended:
            left = list(self._live.values())
        for live in left:
            live.note_end()

    def _evict(self, session_id: str, live: RunningSession) -> None:
        """End a session, since all sessions hold too much, and it is the largest of the owner that holds most."""
        budget = live.budget
        _log.warning(
            "Session %s of %s is ended: it holds %s bytes, and all sessions more than limits.total_bytes, %s",
            session_id,
            budget.owner,
            budget.held,
            self._around.budget.limit,
        )
        inboxes = live.inboxes
        if inboxes is not None:  # otherwise it is ended as soon as it has begun
            inboxes.tell_all(EVICTED)

    def _actor_ended(self, session_id: str, end: End) -> None:
        with self._ended:
            live = self._live.get(session_id)
            if live is None:
                return  # one of its actors failed to start
            live.left -= 1
            live.end = first = live.end or end
        if not live.left:
            try:
                self._note_end(live.journal, first)
            finally:  # whatever a reader of the journal does
                self._forget(session_id)
                live.note_end()
            if not self._live:
                _log.info("No session is open; %s bytes held", self.held_bytes)

    def _note_end(self, journal: SessionJournal, end: End) -> None:
        ending = Ending(end.code, end.reason, end.by)
        self.counts.session_ended(journal, ending)
        self._around.journal.end(journal, ending)
        access_log.session_ended(journal, ending)

    def _forget(self, session_id: str) -> None:
        with self._ended:
            self._live.pop(session_id).budget.close()
            self._note_count(len(self._live))
            self._ended.notify_all()


def _facts(session_id: str, parts: SessionParts, client: Client) -> SessionFacts:
    session = parts.session
    return SessionFacts(
        session_id, parts.name, client, parts.address.model, session.policy, session.state, session.data
    )


def _turn_away(connection: Connection, live: RunningSession) -> None:
    """Close the connection of a session that must not begin."""
    connection.close(SHUTTING_DOWN.code, SHUTTING_DOWN.reason)
    live.budget.close()
    live.note_end()
