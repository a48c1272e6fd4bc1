"""The adapters behind a system's ports, made from the configuration."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors.connection_limits import client_limits, upstream_limits
from actors.dispatcher import ThreadDispatcher
from actors.journaling import Journaling
from actors.session_actors import SessionDependencies
from actors.simulated_upstream import make_simulator, simulator_connector
from actors.timers import TimerThread
from turnstile.audio.convert import load_conversions
from turnstile.byte_budget import ProcessBudget
from turnstile.config import SIMULATOR, upstream_target
from turnstile.embed.function_pool import HostFunctionPool
from turnstile.server.certificates import server_tls
from turnstile.server.handshake_settings import HandshakeSettings
from turnstile.server.listener import Listener
from turnstile.server.listening import listening_socket
from turnstile.server.open_files import default_handshakes, default_handshakes_of_one, open_files_limit
from turnstile.server.trusted_proxies import TrustedProxies
from turnstile.transports.no_functions import NoFunctionCaller
from turnstile.transports.pool import WorkerPool

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Mapping

    from turnstile.config import Config
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock, Timers
    from turnstile.server.http_exchange import Endpoint
    from turnstile.server.refusals import Refusals
    from turnstile.server.requests import Accept
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.simulator.scenario import Scenario
    from turnstile.simulator.simulator import Simulator
    from turnstile.transports.connector import WebSocketConnector
    from turnstile.transports.http.caller import HttpFunctionCaller
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.reach import Reach


class Adapters:
    """The adapters of one system, and their threads.

    Args:
        config: All settings.
        loop: Reads and writes the sockets; runs the actors, unless worker threads are configured.
        clock: A monotonic clock, in seconds.
        journal: Sees every session; None for one that the debug log, recordings and streams read.
        simulator: The Realtime API behind ``simulator:``; by default one made from the configuration.
        scenario: The scenario that the simulator plays, instead of the configured one.
        reach: Keeps when upstream was reached, and when not; never behind ``simulator:``.

    Raises:
        ConfigError: A file or address of the configuration cannot be used.
    """

    def __init__(
        self,
        config: Config,
        loop: IoLoop,
        clock: Clock,
        journal: Journal | None,
        simulator: Simulator | None,
        scenario: Scenario | None,
        reach: Reach,
    ) -> None:
        self._config = config
        self._loop = loop
        self._clock = clock
        self.journaling = Journaling(config.journal, journal, clock)
        """The journal of all sessions, and its readers."""
        self._timers = TimerThread(clock)
        workers = config.dispatcher.workers
        self.threads = ThreadDispatcher(workers) if workers else None
        """The worker threads that run the actors; None if the I/O loop runs them."""
        self._scenario = scenario
        self._simulator = simulator
        self._connector = None if config.upstream_url == SIMULATOR else _make_connector(config, loop, reach)
        if self._connector is None:
            self._simulator = self.simulator
        self.functions = _make_function_caller(config, clock)
        """Calls functions over HTTP."""
        self._host_functions = _make_host_functions(config, self._timers)
        # Not shared with the host's functions: a callback must not wait until one of them returns.
        self.callbacks = WorkerPool("host-events", config.functions.concurrent_calls)
        """The threads for a host's callbacks, which may block."""

    @property
    def simulator(self) -> Simulator:
        """The Realtime API behind ``simulator:``; made when it is asked for, if another is upstream."""
        if self._simulator is None:
            config, kind = self._config, self._config.upstream.kind
            self._simulator = make_simulator(config, kind, self._clock, self._timers, self._scenario)
        return self._simulator

    def dependencies(self) -> SessionDependencies:
        """Return the sessions' dependencies."""
        return SessionDependencies(
            dispatcher=self.threads or self._loop,
            timers=self._timers,
            connector=self._connector or simulator_connector(self.simulator),
            target=partial(upstream_target, self._config),
            functions=self.functions,
            host_functions=self._host_functions,
            clock=self._clock,
            journal=self.journaling.journal,
            budget=ProcessBudget(self._config.limits.total_bytes, self._config.session.max_held_bytes),
        )

    def shut_down_simulator(self) -> None:
        """End all sessions of the simulator, if it was made."""
        if self._simulator is not None:
            self._simulator.shut_down()

    def stop(self, soon: float, deadline: float) -> None:
        """Stop all threads in order; abandon those that have not ended in time.

        Args:
            soon: The time of the clock for those whose work is of no use any more, since the sessions have ended, such
                as a look-up of a name that hangs.
            deadline: The same for a host's callbacks, which hear of the end.
        """
        stops: list[tuple[Callable[[float], object], float]] = [(self.threads.stop, soon)] if self.threads else []
        stops += [(self._connector.close, soon)] if self._connector else []
        stops += [(self.functions.close, soon), (self._host_functions.close, soon)]
        stops += [(self.callbacks.drain, deadline), (self.journaling.close, deadline), (self._timers.stop, deadline)]
        for stop, by in stops:
            stop(max(0.0, by - self._clock()))


def make_listener(
    config: Config,
    loop: IoLoop,
    accept: Accept,
    endpoints: Mapping[str, Endpoint],
    sock: socket.socket | None,
    slot: WorkerSlot,
    refusals: Refusals,
) -> Listener:
    """Return the listener for clients, on the given socket, or, if None, on the configured address.

    Raises:
        ConfigError: The address, the certificate or its key cannot be used.
    """
    server = config.server
    settings = handshake_settings(config)  # before the port is taken: it may not be usable
    sock = listening_socket(server.host, server.port) if sock is None else sock
    return Listener(loop, sock, settings, accept=accept, endpoints=endpoints, slot=slot, refusals=refusals)


def handshake_settings(config: Config) -> HandshakeSettings:
    """Return what clients' opening handshakes keep to.

    Raises:
        ConfigError: The certificate or its key cannot be used.
    """
    server = config.server
    at_most = server.max_handshakes or default_handshakes(open_files_limit())
    return HandshakeSettings(
        limits=client_limits(config.limits, "component"),
        tls=_tls_for_clients(config),
        timeout=server.handshake_timeout,
        at_most=at_most,
        of_one=server.max_handshakes_per_address or default_handshakes_of_one(at_most),
        answer_while_draining=server.answer_while_draining,
        proxies=TrustedProxies(server.trusted_proxies),
    )


def _tls_for_clients(config: Config) -> ssl.SSLContext | None:
    cert, key = config.server.tls_cert_file, config.server.tls_key_file
    return server_tls(str(cert), str(key)) if cert and key else None


def _make_connector(config: Config, loop: IoLoop, reach: Reach) -> WebSocketConnector:
    """Return the connector of upstream links.

    Raises:
        ConfigError: The file of trusted certificates cannot be used.
    """
    # Imported where it is used, for the handshake's library behind it; what conversions need before a session does.
    from turnstile.transports.connector import WebSocketConnector  # noqa: PLC0415

    load_conversions()
    upstream = config.upstream
    return WebSocketConnector(
        loop,
        upstream_limits(config),
        timeout=upstream.connect_timeout,
        ca_file=str(upstream.ca_file) if upstream.ca_file else None,
        max_connects=upstream.max_connects,
        reach=reach,
    )


def _make_function_caller(config: Config, clock: Clock) -> HttpFunctionCaller | NoFunctionCaller:
    """Return the caller of functions over HTTP."""
    section = config.functions
    if not section.allowed_hosts:
        return NoFunctionCaller()
    # Imported where it is used, for the HTTP client behind it.
    from turnstile.transports.http.caller import HttpFunctionCaller  # noqa: PLC0415

    return HttpFunctionCaller(
        allowed_hosts=section.allowed_hosts,
        allow_private=section.allow_private_addresses,
        timeout=section.timeout,
        max_result_bytes=section.max_result_bytes,
        threads=section.concurrent_calls,
        max_waiting=section.max_waiting_calls,
        clock=clock,
    )


def _make_host_functions(config: Config, timers: Timers) -> HostFunctionPool:
    """Return the pool that calls the host's functions."""
    section = config.functions
    return HostFunctionPool(
        section.concurrent_calls, section.max_waiting_calls, section.max_result_bytes, section.timeout, timers
    )
