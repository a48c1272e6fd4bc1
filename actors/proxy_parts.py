"""The parts of a proxy: the one place where the actors' ports are given real sockets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.adapters import Adapters, handshake_settings, make_listener
from actors.admission import ClientAdmission
from actors.authentication import make_authenticator, make_endpoints
from actors.dialects.registry import Dialects
from actors.hosted_sessions import HostedSessions
from actors.local_view import LocalView
from actors.process_gauges import ProcessGauges
from actors.proxy_threads import ProxyThreads
from actors.remote_authentication import RemoteChecks
from actors.session_quotas import make_quotas
from actors.sessions import Sessions
from turnstile.server.refusals import Refusals
from turnstile.server.worker_board import WorkerBoard
from turnstile.transports.loop import IoLoop

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from turnstile.config import Config
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock
    from turnstile.server.parent_link import ParentLink
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.session.machine import Session
    from turnstile.session.policy import Policy
    from turnstile.simulator.scenario import Scenario
    from turnstile.simulator.simulator import Simulator


class ProxyParts:
    """The parts of one proxy: each is made once, and given those that it needs; no thread is started.

    Args:
        config: All settings.
        start_for_host: Starts the proxy for a session of a host's.
        listens: False opens no port.
        sock: The listening socket, instead of one on the configured address.
        slot: The slot of this worker process, if it is one of several.
        parent: Joins this worker process to its parent, which counts for the quotas of all workers.
        journal: Sees every session; None: one that the debug log, recordings (`journal.directory`) and streams read.
        simulator: The Realtime API behind ``simulator:``; None: one made from the configuration.
        scenario: The scenario that the simulator plays, instead of the configured one.
        make_session: Makes the session of a Voice Agent client.
        clock: A monotonic clock, in seconds.

    Raises:
        ConfigError: A file or address of the configuration cannot be used.
    """

    def __init__(
        self,
        config: Config,
        start_for_host: Callable[[], object],
        *,
        listens: bool,
        sock: socket.socket | None,
        slot: WorkerSlot | None,
        parent: ParentLink | None,
        journal: Journal | None,
        simulator: Simulator | None,
        scenario: Scenario | None,
        make_session: Callable[[Policy], Session],
        clock: Clock,
    ) -> None:
        self.loop = loop = IoLoop(clock)
        counts = slot or WorkerBoard.in_memory().slot(1)
        self.adapters = Adapters(config, loop, clock, journal, simulator, scenario, counts)
        around = self.adapters.dependencies()
        self.sessions = Sessions(around, counts.note_sessions)
        dialects = Dialects(config, self.adapters.functions.may_call, make_session)
        check = partial(make_authenticator, remote=RemoteChecks(loop, clock))
        quotas = make_quotas(config.quotas, parent, loop, clock)
        self.admission = ClientAdmission(config, dialects, self.sessions, counts, around.budget, quotas, check)
        self.refusals = Refusals(loop.call_later)
        endpoints = make_endpoints(config, self.admission.identify)
        self.listener = (
            make_listener(config, loop, self.admission.accept, endpoints, sock, counts, self.refusals)
            if listens
            else None
        )
        callbacks = self.adapters.callbacks
        self.hosted = HostedSessions(
            config.limits, loop, self.sessions, self.admission, callbacks, start_for_host, self.refusals
        )
        journaling = self.adapters.journaling
        self.gauges = ProcessGauges(
            loop, clock, counts, self.sessions, around.budget, self.admission, self.refusals, journaling
        )
        gauges, may_call = self.gauges, self.adapters.functions.may_call
        self.view = LocalView(self.sessions, around, gauges.figures, gauges.room, may_call, journaling.watch)
        beats = config.server.heartbeat_timeout
        self.threads = ProxyThreads(
            loop, self.adapters, self.sessions, self.admission, self.listener, slot, beats, clock
        )

    def change(self, config: Config) -> None:
        """Serve new clients by these settings; open sessions keep what they have.

        Raises:
            ConfigError: A file, such as the certificate or its key, cannot be used; nothing has changed.
        """
        handshakes = handshake_settings(config)
        self.admission.change(config)
        self.hosted.change(config.limits)
        self.adapters.journaling.change(config.journal)
        if self.listener is not None:
            self.listener.change(handshakes)
