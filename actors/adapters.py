"""The adapters behind a system's ports, as the configuration asks for them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from actors.connection_limits import client_limits, upstream_limits
from turnstile.embed.function_pool import HostFunctionPool
from turnstile.observability.journal import LoggingJournal, NullJournal
from turnstile.server.listener import Listener, server_tls
from turnstile.simulator.scenario_files import bundled_scenario, load_scenario
from turnstile.simulator.simulator import Simulator
from turnstile.transports.connector import WebSocketConnector
from turnstile.transports.http.caller import HttpFunctionCaller

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.config import Config
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock, Timers
    from turnstile.protocol.upstreams import KindName
    from turnstile.server.requests import Admission, Rejection, UpgradeRequest
    from turnstile.simulator.scenario import Scenario
    from turnstile.transports.loop import IoLoop

_log = logging.getLogger(__name__)

_CONNECTING_THREADS = 8


def make_listener(
    config: Config, loop: IoLoop, accept: Callable[[UpgradeRequest], Admission | Rejection], *, shares_port: bool
) -> Listener:
    """Return what listens for clients.

    Raises:
        ConfigError: The address, the certificate or its key cannot be used.
    """
    server = config.server
    tls = None
    if server.tls_cert_file and server.tls_key_file:
        tls = server_tls(str(server.tls_cert_file), str(server.tls_key_file))
    return Listener(
        loop,
        server.host,
        server.port,
        limits=client_limits(config.limits, "component"),
        accept=accept,
        tls=tls,
        handshake_timeout=server.handshake_timeout,
        max_handshakes=server.max_handshakes,
        shares_port=shares_port,
    )


def make_connector(config: Config, loop: IoLoop) -> WebSocketConnector:
    """Return what opens upstream links.

    Raises:
        ConfigError: The file of trusted certificates cannot be used.
    """
    upstream = config.upstream
    return WebSocketConnector(
        loop,
        upstream_limits(config),
        timeout=upstream.connect_timeout,
        ca_file=str(upstream.ca_file) if upstream.ca_file else None,
        threads=_CONNECTING_THREADS,
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


def make_function_caller(config: Config, clock: Clock) -> HttpFunctionCaller:
    """Return what calls functions over HTTP."""
    section = config.functions
    return HttpFunctionCaller(
        allowed_hosts=section.allowed_hosts,
        allow_private=section.allow_private_addresses,
        timeout=section.timeout,
        max_result_bytes=section.max_result_bytes,
        threads=section.concurrent_calls,
        max_waiting=section.max_waiting_calls,
        clock=clock,
    )


def make_host_functions(config: Config, timers: Timers) -> HostFunctionPool:
    """Return what calls a host's own functions."""
    section = config.functions
    return HostFunctionPool(
        section.concurrent_calls, section.max_waiting_calls, section.max_result_bytes, section.timeout, timers
    )


def default_journal() -> Journal:
    """Return the log as the journal at debug level, or else one that keeps nothing."""
    return LoggingJournal(_log.debug) if _log.isEnabledFor(logging.DEBUG) else NullJournal()
