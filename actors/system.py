"""The whole proxy, put together: the one place where ports meet sockets."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pykka import ActorDeadError

from actors.audio_uplink import AudioUplink
from actors.client import ClientActor
from actors.coordinator import SessionCoordinatorActor
from actors.dispatch import Dispatcher, inbox_of
from actors.messages import End, Inspect, Introduction
from actors.realtime import RealtimeDialect
from actors.timers import TimerThread
from actors.upstream import UpstreamActor
from actors.voice_agent import VoiceAgentDialect
from turnstile.audio.uplink import InputAudio
from turnstile.config import SIMULATOR, upstream_target
from turnstile.observability.journal import LoggingJournal, NullJournal
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.server.listener import Listener, server_tls
from turnstile.server.requests import Admission, Rejection
from turnstile.session.machine import Session
from turnstile.session.state import Policy
from turnstile.session.ungated import UngatedSession
from turnstile.simulator.scenario_files import bundled_scenario, load_scenario
from turnstile.simulator.server import Simulator, SimulatorConnector
from turnstile.translate.to_realtime import Serves
from turnstile.translate.to_realtime_client import RealtimeTranslator
from turnstile.translate.to_voice_agent import VoiceAgentTranslator
from turnstile.transports.functions import HttpFunctionCaller
from turnstile.transports.limits import ConnectionLimits
from turnstile.transports.loop import IoLoop
from turnstile.transports.upstream import WebSocketConnector

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pykka import ActorRef

    from actors.client import Dialect
    from actors.messages import Snapshot
    from turnstile.config import Config, FunctionsSection, LimitsSection, SessionSection
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock, Connection, Connector, Inbox, Timers
    from turnstile.protocol.voice_agent.profile import Profile
    from turnstile.server.requests import UpgradeRequest
    from turnstile.translate.translator import Translator

_log = logging.getLogger(__name__)

_SHUTTING_DOWN = End(1001, "shutting down")
_ACTORS = 3
# How long, in seconds, what was asked to end may take beyond the deadline for sessions.
_GRACE = 2.0
_CONNECTING_THREADS = 8
_REALTIME = "realtime"
# What browsers offer beside a key, which they have no other place for: OpenAI's clients, Deepgram's.
_SUBPROTOCOLS = frozenset({_REALTIME, "token", "bearer"})
_REALTIME_PATHS = frozenset({"/v1/realtime", "/realtime", "/openai/v1/realtime", "/openai/realtime"})


@dataclass(frozen=True, slots=True)
class _Language:
    """What a session speaks with its client: its name, and the parts that know it."""

    name: str
    dialect: Dialect
    translator: Translator
    session: Session | UngatedSession


class _Live:
    """One session that has not ended: who is asked about it, who is told things, how many of the three are left."""

    def __init__(self, coordinator: ActorRef[SessionCoordinatorActor], inboxes: Introduction) -> None:
        self.coordinator = coordinator
        self.inboxes = inboxes
        self.left = _ACTORS

    def tell(self, message: object) -> None:
        """Tell all three."""
        for inbox in (self.inboxes.upstream, self.inboxes.coordinator, self.inboxes.client):
            inbox.tell(message)


class ProxySystem:
    """The proxy: listens, admits clients, runs their sessions, and ends them in order.

    A context manager: `start` on entering, `stop` on leaving. Threads begin with `start`, never before a fork.

    Args:
        config: All settings.
        journal: Who is shown both wires of every session; by default the log, if it is at debug level.
        simulator: The Realtime API behind ``simulator:``; by default one by the configuration.
        is_gated: False sends everything at once, to show what then happens.
        clock: Seconds that only go forward.

    Raises:
        ConfigError: A file or address of the configuration cannot be used.
    """

    def __init__(
        self,
        config: Config,
        *,
        journal: Journal | None = None,
        simulator: Simulator | None = None,
        is_gated: bool = True,
        clock: Clock = time.monotonic,
    ) -> None:
        self.config = config
        self._clock = clock
        self._is_gated = is_gated
        self._journal = journal or _default_journal()
        self._loop = IoLoop(clock)
        self._timers = TimerThread(clock)
        self._dispatcher = Dispatcher(config.dispatcher.workers)
        self.simulator = simulator or make_simulator(config, clock, self._timers)
        self._connector, self._close_connector = self._make_connector()
        self._functions = _function_caller(config.functions, clock)
        self._listener = self._make_listener()
        self._live: dict[str, _Live] = {}
        self._ended = threading.Condition()
        self._draining = False
        # Admitted, and not yet opened; like the next only touched on the I/O thread.
        self._arriving = 0
        self._is_full = False

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that clients connect to."""
        return self._listener.address

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return len(self._live)

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
        """Begin to admit clients."""
        self._loop.start()
        self._listener.start()

    def inspect(self, timeout: float) -> dict[str, Snapshot]:
        """Return where every session stands; one that ends meanwhile is left out.

        Args:
            timeout: Seconds to wait for each.
        """
        with self._ended:
            running = {name: live.coordinator for name, live in self._live.items()}
        snapshots = {}
        for name, coordinator in running.items():
            with suppress(ActorDeadError):
                snapshot: Snapshot = coordinator.ask(Inspect(), block=True, timeout=timeout)
                snapshots[name] = snapshot
        return snapshots

    def stop(self, timeout: float | None = None) -> int:
        """Admit nobody any more, end every session (1001), and let go of threads and sockets.

        Args:
            timeout: Seconds for the sessions to end; the configured time by default.

        Returns:
            How many sessions had not ended by then, and were cut off.
        """
        deadline = self._clock() + (self.config.server.drain_timeout if timeout is None else timeout)
        self._listener.close()
        left = self._end_sessions(deadline)
        self.simulator.shut_down()
        self._loop.stop(max(0.0, deadline - self._clock()))
        self._close_connector(_GRACE)
        self._functions.close(_GRACE)
        self._dispatcher.stop(_GRACE)
        self._timers.stop(_GRACE)
        return left

    def _end_sessions(self, deadline: float) -> int:
        with self._ended:
            self._draining = True
            for live in self._live.values():
                # All three: past the deadline nobody is sure to have the time to tell the others.
                live.tell(_SHUTTING_DOWN)
            self._ended.wait_for(lambda: not self._live, max(0.0, deadline - self._clock()))
            return len(self._live)

    def _make_connector(self) -> tuple[Connector, Callable[[float], object]]:
        if self.config.upstream_url == SIMULATOR:
            return SimulatorConnector(self.simulator), lambda _: None
        upstream = self.config.upstream
        connector = WebSocketConnector(
            self._loop,
            _upstream_limits(self.config.limits),
            timeout=upstream.connect_timeout,
            ca_file=str(upstream.ca_file) if upstream.ca_file else None,
            threads=_CONNECTING_THREADS,
        )
        return connector, connector.close

    def _make_listener(self) -> Listener:
        server = self.config.server
        tls = None
        if server.tls_cert_file and server.tls_key_file:
            tls = server_tls(str(server.tls_cert_file), str(server.tls_key_file))
        return Listener(
            self._loop,
            server.host,
            server.port,
            limits=_client_limits(self.config.limits),
            accept=self._accept,
            tls=tls,
            handshake_timeout=server.handshake_timeout,
            max_handshakes=server.max_handshakes,
        )

    def _accept(self, request: UpgradeRequest) -> Admission | Rejection:
        speak = self._language(request)
        if isinstance(speak, Rejection):
            return speak
        if self._draining:
            return Rejection(503, "The proxy is shutting down.\n")
        if self._has_no_place():
            return Rejection(503, "Too many sessions are open; try again later.\n", {"Retry-After": "5"})
        self._arriving += 1
        chosen = next((name for name in request.subprotocols if name in _SUBPROTOCOLS), None)
        return Admission(lambda connection: self._open(connection, speak), chosen)

    def _language(self, request: UpgradeRequest) -> Callable[[str], _Language] | Rejection:
        """Return what makes a client's language for a session of the given id, by the path that it came to."""
        server = self.config.server
        profile = {server.voice_agent_path: DEEPGRAM, server.component_path: COMPONENT}.get(request.path)
        if profile is not None:
            return lambda session_id: self._voice_agent(profile, session_id)
        if request.path not in server.realtime_paths:
            known = ", ".join((server.voice_agent_path, server.component_path, *server.realtime_paths))
            return Rejection(404, f"There is nothing at this path; clients connect to one of {known}.\n")
        model = request.query.get("model") or None
        if model is not None and not self.config.serves_model(model):
            return Rejection(400, f"model: {model[:64]!r} is not served here.\n")
        is_beta = "realtime=v1" in request.headers.get("openai-beta", "")
        return lambda session_id: self._realtime(model, session_id, is_beta=is_beta)

    def _voice_agent(self, profile: Profile, session_id: str) -> _Language:
        policy = _policy(self.config.session, self.config.upstream.reconnects, session_id)
        return _Language(
            profile.name,
            VoiceAgentDialect(profile, session_id, Serves(self.config.serves_model, self._functions.may_call)),
            VoiceAgentTranslator(profile),
            Session(policy) if self._is_gated else UngatedSession(policy),
        )

    def _realtime(self, model: str | None, session_id: str, *, is_beta: bool) -> _Language:
        # A new link would have another conversation, which such a client could not know of.
        policy = replace(_policy(self.config.session, 0, session_id), is_transparent=True, turns="server")
        return _Language(
            _REALTIME,
            RealtimeDialect(model, is_beta=is_beta),
            RealtimeTranslator(policy.id_prefix, is_beta=is_beta),
            Session(policy),
        )

    def _has_no_place(self) -> bool:
        """Tell whether as many sessions are open as may be; said in the log when that begins and ends."""
        is_full = self.sessions + self._arriving >= self.config.server.max_sessions
        if is_full and not self._is_full:
            _log.warning("Clients are turned away: %s sessions are open, which is the most", self.sessions)
        elif self._is_full and not is_full:
            _log.warning("Clients are let in again")
        self._is_full = is_full
        return is_full

    def _open(self, connection: Connection, speak: Callable[[str], _Language]) -> Inbox:
        """Begin a session for a client that has just connected; returns the inbox for its frames."""
        self._arriving -= 1
        session_id = secrets.token_hex(6)
        language = speak(session_id)
        client, coordinator, upstream = self._start_actors(session_id, connection, language)
        others = Introduction(inbox_of(client), inbox_of(coordinator), inbox_of(upstream))
        live = _Live(coordinator, others)
        with self._ended:
            self._live[session_id] = live
            live.tell(others)
            if self._draining:
                live.tell(_SHUTTING_DOWN)
        _log.info("Session %s began (%s)", session_id, language.name)
        return others.client

    def _start_actors(
        self, session_id: str, connection: Connection, language: _Language
    ) -> tuple[ActorRef[ClientActor], ActorRef[SessionCoordinatorActor], ActorRef[UpstreamActor]]:
        """Start a session's three actors, or none of them."""
        held = self.config.limits.held_audio_bytes
        ended = lambda: self._actor_ended(session_id)  # noqa: E731 - shared by the three below
        with ExitStack() as undo:
            client = ClientActor.start(
                session_id,
                self._dispatcher,
                ended,
                connection=connection,
                dialect=language.dialect,
                journal=self._journal,
            )
            undo.callback(client.stop, block=False)
            coordinator = SessionCoordinatorActor.start(
                session_id,
                self._dispatcher,
                ended,
                session=language.session,
                timers=self._timers,
                journal=self._journal,
            )
            undo.callback(coordinator.stop, block=False)
            upstream = UpstreamActor.start(
                session_id,
                self._dispatcher,
                ended,
                connector=self._connector,
                target=lambda model: upstream_target(self.config, model),
                audio=AudioUplink(InputAudio(held), held),
                translator=language.translator,
                functions=self._functions,
                source=connection,
                clock=self._clock,
                journal=self._journal,
            )
            undo.pop_all()
        return client, coordinator, upstream

    def _actor_ended(self, session_id: str) -> None:
        with self._ended:
            live = self._live[session_id]
            live.left -= 1
            if live.left:
                return
            del self._live[session_id]
            self._ended.notify_all()
        _log.info("Session %s ended", session_id)


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
        self.simulator = simulator or make_simulator(config, clock, self._timers)
        self._listener = Listener(
            self._loop,
            config.simulator.host,
            config.simulator.port,
            limits=_upstream_limits(config.limits),
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
        if request.path not in _REALTIME_PATHS:
            return Rejection(404, "There is nothing at this path; clients connect to /v1/realtime.\n")
        model = request.query.get("model") or request.query.get("deployment")
        return Admission(lambda connection: self.simulator.accept(connection, model=model, headers=request.headers))


def make_simulator(config: Config, clock: Clock, timers: Timers) -> Simulator:
    """Return the simulator that the configuration describes.

    Raises:
        ConfigError: There is no such scenario, or its file cannot be used.
    """
    name = config.simulator.scenario
    scenario = load_scenario(Path(name)) if name.endswith(".toml") else bundled_scenario(name)
    return Simulator(scenario, clock=clock, timers=timers, seed=config.simulator.seed)


def _default_journal() -> Journal:
    return LoggingJournal(_log.debug) if _log.isEnabledFor(logging.DEBUG) else NullJournal()


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


def _policy(section: SessionSection, reconnects: int, session_id: str) -> Policy:
    # Ids of ours are known by their beginning; the API takes 32 characters.
    return Policy(id_prefix=f"ts{session_id[:8]}_", reconnects=reconnects, **section.model_dump())


def _client_limits(limits: LimitsSection) -> ConnectionLimits:
    return _connection_limits(limits, limits.client_message_bytes, limits.client_unread_bytes)


def _upstream_limits(limits: LimitsSection) -> ConnectionLimits:
    return _connection_limits(limits, limits.upstream_message_bytes, limits.upstream_unread_bytes)


def _connection_limits(limits: LimitsSection, message: int, unread: int) -> ConnectionLimits:
    return ConnectionLimits(
        max_message_bytes=message,
        write_high_water=limits.high_water_bytes,
        write_low_water=limits.low_water_bytes,
        write_ceiling=unread,
        close_timeout=limits.close_timeout,
        ping_interval=limits.ping_interval,
        ping_timeout=limits.ping_timeout,
    )
