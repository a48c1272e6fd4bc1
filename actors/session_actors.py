"""The start of a session: its three actors, and what each depends on."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actors.audio_uplink import AudioUplink
from actors.client import ClientActor
from actors.coordinator import SessionCoordinatorActor
from actors.dispatch import inbox_of
from actors.invalid_messages import InvalidMessages
from actors.lifecycle import INTERNAL_END
from actors.upstream import UpstreamActor
from turnstile.audio.input_audio import InputAudio
from turnstile.byte_budget import ProcessBudget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka import ActorRef

    from actors.dialects.registry import SessionParts
    from actors.dispatch import Dispatcher
    from actors.handle import SessionHandle
    from actors.messages import End
    from turnstile.byte_budget import SessionBudget
    from turnstile.observability.journal import Journal, SessionJournal
    from turnstile.ports import (
        Clock,
        Connection,
        Connector,
        FunctionCaller,
        HostFunctionCaller,
        Timers,
        UpstreamTarget,
    )
    from turnstile.protocol.addressing import Address

    # What all actors of a session take: its id in the logs, what runs them, and what to call at their end.
    _Shared = tuple[str, Dispatcher, Callable[[End], None]]


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
        journal: Sees every session.
        budget: Counts what all sessions hold.
        wall_clock: Seconds since 1970: upstream says so when a session of its ends.
    """

    dispatcher: Dispatcher
    timers: Timers
    connector: Connector
    target: Callable[[str | None, Address], UpstreamTarget]
    functions: FunctionCaller
    host_functions: HostFunctionCaller
    clock: Clock
    journal: Journal
    budget: ProcessBudget = field(default_factory=ProcessBudget)
    wall_clock: Clock = time.time


def start_actors(
    around: SessionDependencies,
    journal: SessionJournal,
    connection: Connection,
    parts: SessionParts,
    handle: SessionHandle | None,
    budget: SessionBudget,
    on_end: Callable[[End], None],
) -> tuple[ActorRef[ClientActor], ActorRef[SessionCoordinatorActor], ActorRef[UpstreamActor]]:
    """Start a session's three actors; end those already started if one fails to start.

    Args:
        around: The dependencies that all sessions share.
        journal: The session's.
        connection: The client's connection.
        parts: The parts that depend on the client's dialect.
        handle: The handle for a host in this process.
        budget: Counts what the session holds.
        on_end: Called once for each actor with the end, when it has released everything.
    """
    shared: _Shared = (journal.facts.session_id, around.dispatcher, on_end)
    with ExitStack() as undo:
        client = _start_client(shared, around, journal, connection, parts, handle, budget)
        undo.callback(inbox_of(client).tell, INTERNAL_END)
        coordinator = SessionCoordinatorActor.start(
            *shared,
            session=parts.session,
            budget=budget,
            timers=around.timers,
            clock=around.clock,
            journal=journal,
        )
        undo.callback(inbox_of(coordinator).tell, INTERNAL_END)
        upstream = _start_upstream(shared, around, journal, connection, parts, budget)
        undo.pop_all()
    return client, coordinator, upstream


def _start_client(
    shared: _Shared,
    around: SessionDependencies,
    journal: SessionJournal,
    connection: Connection,
    parts: SessionParts,
    handle: SessionHandle | None,
    budget: SessionBudget,
) -> ActorRef[ClientActor]:
    return ClientActor.start(
        *shared,
        connection=connection,
        dialect=parts.dialect,
        budget=budget,
        invalid=InvalidMessages(parts.invalid_messages, around.clock),
        journal=journal,
        feed=handle.receive if handle else None,
    )


def _start_upstream(
    shared: _Shared,
    around: SessionDependencies,
    journal: SessionJournal,
    connection: Connection,
    parts: SessionParts,
    budget: SessionBudget,
) -> ActorRef[UpstreamActor]:
    return UpstreamActor.start(
        *shared,
        connector=around.connector,
        target=lambda model: around.target(model, parts.address),
        audio=AudioUplink(
            InputAudio(), parts.held_audio, budget, takes_events=not parts.dialect.has_binary_audio, journal=journal
        ),
        translator=parts.translator,
        shows_session=parts.dialect.shows_session,
        functions=around.functions,
        host_functions=around.host_functions,
        labels=parts.labels,
        source=connection,
        budget=budget,
        clock=around.clock,
        wall_clock=around.wall_clock,
        journal=journal,
    )
