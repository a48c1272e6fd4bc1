"""The whole proxy, put together: the one place where ports meet sockets."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from actors.connection_limits import client_limits, upstream_limits
from actors.dialects.registry import Dialects
from actors.dispatch import Dispatcher
from actors.handle import SessionHandle
from actors.sessions import SessionDependencies, Sessions
from actors.timers import TimerThread
from turnstile.config import SIMULATOR, upstream_target
from turnstile.embed.feed import EventFeed
from turnstile.embed.function_pool import HostFunctionPool, SerialCallback
from turnstile.errors import ConfigError, InternalError, SessionError
from turnstile.observability.journal import LoggingJournal, NullJournal
from turnstile.protocol import jsontext
from turnstile.server.listener import Listener, server_tls
from turnstile.server.requests import Admission, Rejection
from turnstile.simulator.scenario_files import bundled_scenario, load_scenario
from turnstile.simulator.simulator import Simulator, SimulatorConnector
from turnstile.transports.connector import WebSocketConnector
from turnstile.transports.http.caller import HttpFunctionCaller
from turnstile.transports.loop import IoLoop
from turnstile.transports.memory import memory_pair
from turnstile.transports.pool import WorkerPool
from turnstile.transports.websocket import WebSocketConnection

if TYPE_CHECKING:
    from types import TracebackType

    from actors.dialects.registry import DialectName, PartsFactory
    from actors.messages import Snapshot
    from turnstile.config import Config, FunctionsSection
    from turnstile.embed.upgrade import Upgrade
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock, Connection, Connector, Inbox, Timers
    from turnstile.protocol.upstreams import KindName
    from turnstile.server.requests import UpgradeRequest
    from turnstile.simulator.scenario import Scenario
    from turnstile.translate.host_overrides import HostOverrides

OnEvent = Callable[[SessionHandle, dict[str, Any]], object]

_log = logging.getLogger(__name__)

# How long, in seconds, what was asked to end may take beyond the deadline for sessions.
_GRACE = 2.0
_CONNECTING_THREADS = 8
# How many of the things that a client is told are kept for its host.
_EVENTS_KEPT = 1_000
# What browsers offer beside a key, which they have no other place for: OpenAI's clients, Deepgram's.
_SUBPROTOCOLS = frozenset({"realtime", "token", "bearer"})


class ProxySystem:
    """The proxy: listens, admits clients, runs their sessions, and ends them in order.

    A context manager: `start` on entering, `stop` on leaving. Making one starts no thread and opens nothing but the
    listening socket, so a process may fork between that and `start`.

    Args:
        config: All settings.
        listens: False opens no port: sessions begin by `connect` and `adopt` only.
        shares_port: Other processes listen on the same port.
        journal: Who is shown both wires of every session; by default the log, if it is at debug level.
        simulator: The Realtime API behind ``simulator:``; by default one by the configuration.
        scenario: What that one answers, instead of the configuration's scenario.
        is_gated: False sends everything at once, to show what then happens.
        clock: Seconds that only go forward.

    Raises:
        ConfigError: A file or address of the configuration cannot be used.
    """

    def __init__(
        self,
        config: Config,
        *,
        listens: bool = True,
        shares_port: bool = False,
        journal: Journal | None = None,
        simulator: Simulator | None = None,
        scenario: Scenario | None = None,
        is_gated: bool = True,
        clock: Clock = time.monotonic,
    ) -> None:
        self.config = config
        self._clock = clock
        self._loop = IoLoop(clock)
        self._timers = TimerThread(clock)
        self._dispatcher = Dispatcher(config.dispatcher.workers, self._loop.waker)
        self.simulator = simulator or make_simulator(config, config.upstream.kind, clock, self._timers, scenario)
        self._connector, self._close_connector = self._make_connector()
        self._functions = _function_caller(config.functions, clock)
        self._host_functions, self._host_events = _host_threads(config.functions, self._timers)
        self._dialects = Dialects(config, self._functions.may_call, is_gated=is_gated)
        self._sessions = Sessions(
            SessionDependencies(
                dispatcher=self._dispatcher,
                timers=self._timers,
                connector=self._connector,
                target=partial(upstream_target, config),
                functions=self._functions,
                host_functions=self._host_functions,
                clock=clock,
                journal=journal or _default_journal(),
            )
        )
        self._listener = self._make_listener(shares_port=shares_port) if listens else None
        self._starting = threading.Lock()
        self._started_in: int | None = None
        # Admitted at the door, and not yet begun; on the I/O thread only. Hosts begin their sessions at once, so that
        # as many more may come in as threads of theirs look at the same moment.
        self._arriving = 0
        self._is_full = False

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that clients connect to.

        Raises:
            ConfigError: There is none, since `listens` is false.
        """
        if self._listener is None:
            raise ConfigError("no_address", "This proxy listens on no port: make it without listens=False.")
        return self._listener.address

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return len(self._sessions)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop, with the configured time for open sessions."""
        self.stop()

    def start(self) -> None:
        """Begin to admit clients; a second call does nothing.

        Raises:
            InternalError: It was started before this process was forked off, or has been stopped.
        """
        if self._sessions.are_draining:
            raise InternalError("stopped", "The proxy was stopped, and does not start again: make another one.")
        self._start_once()

    def _start_once(self) -> bool:
        """Start if nobody has; tells whether it was this call."""
        with self._starting:
            if self._started_in is None and not self._sessions.are_draining:
                self._started_in = os.getpid()
                self._loop.start()
                if self._listener is not None:
                    self._listener.start()
                return True
            if self._started_in not in {None, os.getpid()}:
                words = "The proxy was started before this process was forked off, and its threads stayed behind."
                raise InternalError("started_before_fork", words)
            return False

    def connect(
        self,
        inbox: Inbox,
        dialect: DialectName = "component",
        *,
        overrides: HostOverrides | None = None,
        on_event: OnEvent | None = None,
    ) -> tuple[Connection, SessionHandle]:
        """Begin a session whose client is code in this process; starts the proxy if need be.

        Args:
            inbox: Is told the client's frames, then `Closed`.
            dialect: The client's, by its name.
            overrides: What is decided for the client.
            on_event: Called with the session and each thing that the client is told, one after the other, on a thread
                that may block.

        Returns:
            What the client sends with, and what its host knows the session by.

        Raises:
            SessionError: There is no place for another session.
        """
        make_parts = self._admit(dialect, None, overrides)
        if isinstance(make_parts, Rejection):
            raise SessionError("no_place", make_parts.text.strip())
        limits = client_limits(self.config.limits, dialect)
        theirs, ours = memory_pair(inbox, limits=limits)
        handle = self._make_handle(on_event)
        ours.begin(self._sessions.begin(ours, make_parts, handle))
        return theirs, handle

    def adopt(
        self,
        upgrade: Upgrade,
        dialect: DialectName = "component",
        *,
        overrides: HostOverrides | None = None,
        on_event: OnEvent | None = None,
    ) -> SessionHandle | Rejection:
        """Begin a session for a client whose request a host has received; starts the proxy if need be.

        Args:
            upgrade: The request; its socket is taken from the host if the client is admitted.
            dialect: The client's, by its name.
            overrides: What the host decides for the client.
            on_event: As for `connect`.
        """
        make_parts = upgrade.rejection or self._admit(dialect, upgrade.request, overrides)
        if isinstance(make_parts, Rejection):
            return make_parts
        limits = client_limits(self.config.limits, dialect)
        sock, protocol = upgrade.accept(_chosen_subprotocol(upgrade.request), limits.max_message_bytes)
        connection = WebSocketConnection(self._loop, sock, protocol, limits)
        handle = self._make_handle(on_event)
        try:
            inbox = self._sessions.begin(connection, make_parts, handle)
        except BaseException:
            sock.close()
            raise
        if not self._loop.call_soon(lambda: connection.begin(inbox)):
            sock.close()  # stopped meanwhile: the session has been told, and nobody is left to close it
        return handle

    def inspect(self, timeout: float) -> dict[str, Snapshot]:
        """Return where every session stands; one that ends meanwhile is left out.

        Args:
            timeout: Seconds to wait for each.
        """
        return self._sessions.inspect(timeout)

    def stop(self, timeout: float | None = None) -> int:
        """Admit nobody any more, end every session (1001), and let go of threads and sockets.

        Does nothing in a process that was forked off after `start`: the sessions are those of the process before it.

        Args:
            timeout: Seconds for the sessions to end; the configured time by default.

        Returns:
            How many sessions had not ended by then, and were cut off.
        """
        atexit.unregister(self.stop)
        if self._started_in not in {None, os.getpid()}:
            return 0  # its threads stayed behind, and would be waited for in vain
        deadline = self._clock() + (self.config.server.drain_timeout if timeout is None else timeout)
        if self._listener is not None:
            self._listener.close()
        left = self._sessions.end(max(0.0, deadline - self._clock()))
        self.simulator.shut_down()
        self._loop.stop(max(0.0, deadline - self._clock()))
        self._close_connector(_GRACE)
        for pool in (self._functions, self._host_functions, self._host_events):
            pool.close(_GRACE)
        self._dispatcher.stop(_GRACE)
        self._timers.stop(_GRACE)
        return left

    def _make_connector(self) -> tuple[Connector, Callable[[float], object]]:
        if self.config.upstream_url == SIMULATOR:
            return SimulatorConnector(self.simulator), lambda _: None
        upstream = self.config.upstream
        connector = WebSocketConnector(
            self._loop,
            upstream_limits(self.config),
            timeout=upstream.connect_timeout,
            ca_file=str(upstream.ca_file) if upstream.ca_file else None,
            threads=_CONNECTING_THREADS,
        )
        return connector, connector.close

    def _make_listener(self, *, shares_port: bool) -> Listener:
        server = self.config.server
        tls = None
        if server.tls_cert_file and server.tls_key_file:
            tls = server_tls(str(server.tls_cert_file), str(server.tls_key_file))
        return Listener(
            self._loop,
            server.host,
            server.port,
            limits=client_limits(self.config.limits, "component"),
            accept=self._accept,
            tls=tls,
            handshake_timeout=server.handshake_timeout,
            max_handshakes=server.max_handshakes,
            shares_port=shares_port,
        )

    def _accept(self, request: UpgradeRequest) -> Admission | Rejection:
        make_parts = self._dialects.of_request(request)
        if isinstance(make_parts, Rejection):
            return make_parts
        rejection = self._no_place()
        if rejection is not None:
            return rejection
        self._arriving += 1

        def begin(connection: Connection) -> Inbox:
            self._arriving -= 1
            return self._sessions.begin(connection, make_parts)

        limits = client_limits(self.config.limits, self._dialects.by_path[request.path])
        return Admission(begin, _chosen_subprotocol(request), limits)

    def _admit(
        self, dialect: DialectName, request: UpgradeRequest | None, overrides: HostOverrides | None
    ) -> PartsFactory | Rejection:
        """Let in a client of a host in this process, or say why not."""
        make_parts = self._no_place() or self._dialects.named(dialect, request, overrides)
        if not isinstance(make_parts, Rejection) and self._start_once():
            # Nobody else ends what nobody has started.
            atexit.register(self.stop)
        return make_parts

    def _make_handle(self, on_event: OnEvent | None) -> SessionHandle:
        feed = EventFeed(_EVENTS_KEPT)
        handle = SessionHandle(feed, self._host_events.submit)
        if on_event is not None:
            feed.on_event = SerialCallback(self._host_events, lambda data: on_event(handle, jsontext.loads(data))).put
        return handle

    def _no_place(self) -> Rejection | None:
        """Say so if no more sessions may begin; in the log when that begins and ends."""
        if self._sessions.are_draining:
            return Rejection(503, "The proxy is shutting down.\n")
        is_full = self.sessions + self._arriving >= self.config.server.max_sessions
        if is_full and not self._is_full:
            _log.warning("Clients are turned away: %s sessions are open, which is the most", self.sessions)
        elif self._is_full and not is_full:
            _log.warning("Clients are let in again")
        self._is_full = is_full
        if is_full:
            return Rejection(503, "Too many sessions are open; try again later.\n", {"Retry-After": "5"})
        return None


class SimulatorSystem:
    """The simulated Realtime API as a process of its own.

    Args:
        config: All settings; of them those of the simulator.
        simulator: Instead of one by the configuration.
        clock: Seconds that only go forward.

    Raises:
        ConfigError: The scenario or the address cannot be used.
    """

    def __init__(self, config: Config, *, simulator: Simulator | None = None, clock: Clock = time.monotonic) -> None:
        self._loop = IoLoop(clock)
        self._timers = TimerThread(clock)
        self.simulator = simulator or make_simulator(config, config.simulator.kind, clock, self._timers)
        self._listener = Listener(
            self._loop,
            config.simulator.host,
            config.simulator.port,
            limits=upstream_limits(config),
            accept=self._accept,
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that clients connect to."""
        return self._listener.address

    def start(self) -> None:
        """Begin to admit clients."""
        self._loop.start()
        self._listener.start()

    def stop(self, timeout: float = _GRACE) -> None:
        """End all sessions, and let go of threads and sockets."""
        self._listener.close()
        self.simulator.shut_down()
        self._loop.stop(timeout)
        self._timers.stop(timeout)

    def _accept(self, request: UpgradeRequest) -> Admission | Rejection:
        kind = self.simulator.kind
        if request.path not in kind.paths:
            return Rejection(404, f"There is nothing at this path; clients connect to {kind.paths[0]}.\n")
        if self.simulator.turns_away(request.headers):
            return Rejection(401, "Access denied due to invalid subscription key.\n")
        query = request.query
        model = query.get(kind.model_parameter)
        intent = query.get("intent") or ("call" if query.get("call_id") else None)
        return Admission(
            lambda connection: self.simulator.accept(connection, model=model, headers=request.headers, intent=intent)
        )


def make_simulator(
    config: Config, kind: KindName, clock: Clock, timers: Timers, scenario: Scenario | None = None
) -> Simulator:
    """Return the simulator that the configuration describes, or one that plays another scenario.

    Raises:
        ConfigError: There is no such scenario, or its file cannot be used.
    """
    name = config.simulator.scenario
    if scenario is None:
        scenario = load_scenario(Path(name)) if name.endswith(".toml") else bundled_scenario(name)
    return Simulator(scenario, kind=kind, clock=clock, timers=timers, seed=config.simulator.seed)


def _default_journal() -> Journal:
    return LoggingJournal(_log.debug) if _log.isEnabledFor(logging.DEBUG) else NullJournal()


def _chosen_subprotocol(request: UpgradeRequest) -> str | None:
    return next((name for name in request.subprotocols if name in _SUBPROTOCOLS), None)


def _host_threads(section: FunctionsSection, timers: Timers) -> tuple[HostFunctionPool, WorkerPool]:
    """Return the threads for a host's functions, and those for its callbacks: one must not wait for the other."""
    functions = HostFunctionPool(
        section.concurrent_calls, section.max_waiting_calls, section.max_result_bytes, section.timeout, timers
    )
    return functions, WorkerPool("host-events", section.concurrent_calls)


def _function_caller(section: FunctionsSection, clock: Clock) -> HttpFunctionCaller:
    return HttpFunctionCaller(
        allowed_hosts=section.allowed_hosts,
        allow_private=section.allow_private_addresses,
        timeout=section.timeout,
        max_result_bytes=section.max_result_bytes,
        threads=section.concurrent_calls,
        max_waiting=section.max_waiting_calls,
        clock=clock,
    )
