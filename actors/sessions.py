"""The open sessions: each begins with its three actors, and stays open until all three have ended."""

from __future__ import annotations

import logging
import secrets
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pykka import ActorDeadError

from actors.audio_router import AudioRouter
from actors.audio_uplink import AudioUplink
from actors.client import ClientActor
from actors.coordinator import SessionCoordinatorActor
from actors.dispatch import inbox_of
from actors.lifecycle import INTERNAL_END, SHUTTING_DOWN
from actors.messages import Inspect, Peers
from actors.upstream import UpstreamActor
from turnstile.audio.input_audio import InputAudio
from turnstile.observability.journal import ClientTap
from turnstile.session.events import DrainRequested

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka import ActorRef

    from actors.dialects.registry import PartsFactory, SessionParts
    from actors.dispatch import Dispatcher
    from actors.handle import SessionHandle
    from actors.messages import Snapshot
    from turnstile.observability.journal import Journal
    from turnstile.ports import (
        Clock,
        Connection,
        Connector,
        FunctionCaller,
        HostFunctionCaller,
        Inbox,
        Timers,
        UpstreamTarget,
    )
    from turnstile.protocol.addressing import Address

_log = logging.getLogger(__name__)

_ACTORS = 3


@dataclass(frozen=True, slots=True)
class SessionDependencies:
    """The dependencies that all sessions share.

    Args:
        dispatcher: Runs the actors.
        timers: Start the coordinators' deadlines.
        connector: Opens upstream links.
        target: Returns the upstream address for the requested model and the client's address.
        functions: Calls functions over HTTP.
        host_functions: Calls the host's functions.
        clock: A monotonic clock, in seconds.
        journal: Records the frames of both connections.
    """

    dispatcher: Dispatcher
    timers: Timers
    connector: Connector
    target: Callable[[str | None, Address], UpstreamTarget]
    functions: FunctionCaller
    host_functions: HostFunctionCaller
    clock: Clock
    journal: Journal


class RunningSession:
    """A session that has not ended: its actors once they are started, and the number of those still running."""

    __slots__ = ("coordinator", "handle", "inboxes", "left")

    def __init__(self, handle: SessionHandle | None) -> None:
        self.handle = handle
        self.coordinator: ActorRef[SessionCoordinatorActor] | None = None
        self.inboxes: Peers | None = None
        self.left = _ACTORS


class Sessions:
    """The open sessions of a proxy: begins them, inspects them, and ends them.

    Args:
        around: The dependencies that all sessions share.
        note_count: Called with the number of open sessions when it changes, with a lock held.
    """

    def __init__(self, around: SessionDependencies, note_count: Callable[[int], object] = int) -> None:
        self._around = around
        self._note_count = note_count
        self._live: dict[str, RunningSession] = {}
        self._ended = threading.Condition()
        self._draining = False

    def __len__(self) -> int:
        """Return the number of open sessions."""
        return len(self._live)

    @property
    def are_draining(self) -> bool:
        """Whether all sessions are being ended, and none may begin."""
        return self._draining

    def begin(
        self, connection: Connection, make_parts: PartsFactory, handle: SessionHandle | None = None
    ) -> Inbox | None:
        """Begin a session; during the shutdown close the connection with 1001 instead.

        Args:
            connection: The client's connection.
            make_parts: Makes the parts that depend on the client's dialect, for the session with the given id.
            handle: The handle for a host in this process.

        Returns:
            The inbox for the client's frames; None if no session has begun.
        """
        session_id, live = secrets.token_hex(6), RunningSession(handle)
        with self._ended:
            is_too_late = self._draining
            if not is_too_late:
                self._live[session_id] = live
                self._note_count(len(self._live))
        if is_too_late:
            connection.close(SHUTTING_DOWN.code, SHUTTING_DOWN.reason)
            if handle is not None:
                handle.note_end()
            return None
        try:
            parts = make_parts(session_id)
            client, coordinator, upstream = self._start_actors(session_id, connection, parts, handle)
        except BaseException:
            self._forget(session_id)
            raise
        others = Peers(inbox_of(client), inbox_of(coordinator), inbox_of(upstream))
        if handle is not None:
            handle.meet(session_id, client, coordinator, others)
        with self._ended:
            live.coordinator, live.inboxes = coordinator, others
            others.tell_all(others)
            if self._draining:
                others.client.tell(DrainRequested())
        _log.info("Session %s began (%s)", session_id, parts.name)
        return AudioRouter(others.client, others.upstream) if parts.dialect.has_binary_audio else others.client

    def inspect(self, timeout: float) -> dict[str, Snapshot]:
        """Return a snapshot of every session; one that ends meanwhile is left out.

        Args:
            timeout: Seconds to wait for each snapshot.
        """
        with self._ended:
            running = {name: live.coordinator for name, live in self._live.items() if live.coordinator is not None}
        snapshots = {}
        for name, coordinator in running.items():
            with suppress(ActorDeadError):
                snapshot: Snapshot = coordinator.ask(Inspect(), block=True, timeout=timeout)
                snapshots[name] = snapshot
        return snapshots

    def drain(self) -> None:
        """Let no more sessions begin, and end each one as soon as nothing is unfinished in it (1001)."""
        with self._ended:
            if self._draining:
                return
            self._draining = True
            for live in self._live.values():
                if live.inboxes is not None:
                    live.inboxes.client.tell(DrainRequested())

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
        """Mark the handles of all sessions that have not ended as ended."""
        with self._ended:
            left = [live.handle for live in self._live.values() if live.handle is not None]
        for handle in left:
            handle.note_end()

    def _start_actors(
        self, session_id: str, connection: Connection, parts: SessionParts, handle: SessionHandle | None
    ) -> tuple[ActorRef[ClientActor], ActorRef[SessionCoordinatorActor], ActorRef[UpstreamActor]]:
        """Start a session's three actors; end those already started if one fails to start."""
        around = self._around
        shared = (session_id, around.dispatcher, lambda: self._actor_ended(session_id))
        with ExitStack() as undo:
            client = ClientActor.start(
                *shared,
                connection=connection,
                dialect=parts.dialect,
                journal=ClientTap(around.journal, handle.receive) if handle else around.journal,
                host=handle.requests if handle else None,
            )
            undo.callback(inbox_of(client).tell, INTERNAL_END)
            coordinator = SessionCoordinatorActor.start(
                *shared,
                session=parts.session,
                timers=around.timers,
                clock=around.clock,
                journal=around.journal,
            )
            undo.callback(inbox_of(coordinator).tell, INTERNAL_END)
            upstream = UpstreamActor.start(
                *shared,
                connector=around.connector,
                target=lambda model: around.target(model, parts.address),
                audio=AudioUplink(InputAudio(), parts.held_audio, takes_events=not parts.dialect.has_binary_audio),
                translator=parts.translator,
                shows_session=parts.dialect.shows_session,
                functions=around.functions,
                host_functions=around.host_functions,
                labels=parts.labels,
                source=connection,
                clock=around.clock,
                journal=around.journal,
            )
            undo.pop_all()
        return client, coordinator, upstream

    def _actor_ended(self, session_id: str) -> None:
        with self._ended:
            live = self._live.get(session_id)
            if live is None:
                return  # one of its actors failed to start
            live.left -= 1
        if not live.left:
            self._forget(session_id)
            if live.handle is not None:
                live.handle.note_end()
            _log.info("Session %s ended", session_id)

    def _forget(self, session_id: str) -> None:
        with self._ended:
            del self._live[session_id]
            self._note_count(len(self._live))
            self._ended.notify_all()
