"""Service until a signal: by one process, by the parent of several workers, or as one of them.

Each function returns the process's exit code.
"""

from __future__ import annotations

import logging
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

from actors.ops_listener import start_ops
from actors.system import ProxySystem
from turnstile.config import SIMULATOR, notices
from turnstile.errors import ConfigError
from turnstile.inspector.view_server import ViewServer
from turnstile.inspector.worker_peers import WorkerPeers
from turnstile.inspector.workers_view import WorkersView
from turnstile.observability.process_figures import process_figures
from turnstile.server.addresses import peer_of
from turnstile.server.exit_codes import FAILED, OK
from turnstile.server.listening import listening_socket
from turnstile.server.notify_socket import NotifySocket
from turnstile.server.open_files import (
    default_handshakes,
    open_files_limit,
    raise_open_files_limit,
    sessions_notice,
)
from turnstile.server.parent_link import READY_LINE, RELOADED_LINE
from turnstile.server.shutdown import end_process, stop_in_time
from turnstile.server.signals import ProcessSignals
from turnstile.server.worker_process import Inheritance, require_workers
from turnstile.server.workers import Workers
from turnstile.terminal.standard_output import announce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from actors.ops_listener import OpsListener
    from turnstile.config import Config
    from turnstile.server.parent_link import ParentLink
    from turnstile.server.worker_process import WorkerOption

    ReadConfig = Callable[[], Config]

_log = logging.getLogger(__name__)


def serve_alone(config: Config, read_config: ReadConfig, trace: str | None = None) -> int:
    """Serve in this process, until a signal.

    Args:
        config: All settings.
        read_config: Reads them anew.
        trace: The sessions whose timeline is shown (`LiveTimeline`); None: none.
    """
    raise_open_files_limit()
    service = NotifySocket.of_environment(os.environ)
    system = ProxySystem(config)
    with ProcessSignals(reloads=True) as signals, start_ops(config, system.view, system.is_alive) as ops:
        end_trace = _show_trace(system, trace)
        system.start()
        if service.watchdog:
            system.give_signs_of_life(service.beat, service.watchdog)
        _reload_at_signals(read_config, system, signals, service.reloading, service.reloaded)
        _introduce(config, system.address, ops)
        service.ready(_status(system.address))
        signals.drain.wait()
        ending = f"Ending {system.drain()} open sessions."
        service.stopping(ending)
        announce(ending)
        return _stop(system, signals, end_trace, ops.stop)


def serve_by_workers(config: Config, command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the configured number of worker processes on one listening socket.

    Args:
        config: All settings.
        command: Runs this program with the configuration of this process.
        environment: More of its configuration: what must not be on a command line.

    Raises:
        ConfigError: This system has no such workers, or something cannot be used that `ProxySystem` needs.
    """
    server = config.server
    require_workers(server.workers)
    raise_open_files_limit()  # which the workers inherit
    service = NotifySocket.of_environment(os.environ)
    peers = WorkerPeers()
    shown = WorkersView(peers, own_figures=partial(process_figures, "parent"))
    with (
        listening_socket(server.host, server.port) as sock,
        ProcessSignals(reloads=True) as signals,
        start_ops(config, shown, peers.are_alive) as ops,
    ):
        ProxySystem(config, sock=sock.dup()).stop(0)  # reports a configuration that no worker could use once
        # The workers keep to these two as long as this process does, whatever becomes of the configuration file.
        agreed = (f"server.{name}={getattr(server, name)}" for name in ("heartbeat_timeout", "drain_timeout"))
        sets = [argument for setting in agreed for argument in ("--set", setting)]
        workers = Workers(
            server.workers,
            [*command, *sets],
            sock,
            environment=environment,
            heartbeat_timeout=server.heartbeat_timeout,
            drain_timeout=server.drain_timeout,
            watch=peers if ops.address else None,
            service=service,
        )

        def ready() -> None:
            _introduce(config, sock.getsockname()[:2], ops)
            service.ready(_status(sock.getsockname()[:2], f"{server.workers} processes serve."))

        code = workers.run(signals, ready)
        signals.ignore()
        return code


def serve_as_worker(config: Config, read_config: ReadConfig, option: WorkerOption, trace: str | None = None) -> int:
    """Serve as one of several workers, until a signal, or the end of the parent process.

    Args:
        config: All settings.
        read_config: Reads them anew.
        option: What the parent process has given.
        trace: The sessions whose timeline is shown (`LiveTimeline`); None: none.
    """
    inherited = Inheritance(option)
    system = ProxySystem(config, sock=inherited.listener, slot=inherited.slot, parent=inherited.parent)
    shown = ViewServer(system.view, inherited.ops)
    with ProcessSignals(reloads=True) as signals:
        threading.Thread(
            target=_drain_with_parent, args=(inherited.parent, signals), name="turnstile-parent", daemon=True
        ).start()
        end_trace = _show_trace(system, trace)
        system.start()
        shown.start()
        _reload_at_signals(read_config, system, signals, lambda: None, lambda _: inherited.parent.send(RELOADED_LINE))
        inherited.parent.send(READY_LINE)
        signals.drain.wait()
        return _stop(system, signals, end_trace, shown.close)


def _drain_with_parent(parent: ParentLink, signals: ProcessSignals) -> None:
    """Take what the parent process answers; drain when it has ended."""
    parent.wait_for_end()
    signals.drain.set()


def _reload_at_signals(
    read_config: ReadConfig,
    system: ProxySystem,
    signals: ProcessSignals,
    begun: Callable[[], object],
    done: Callable[[str], object],
) -> None:
    """Read the configuration anew at each SIGHUP, on a thread of its own; one that cannot be used changes nothing.

    Args:
        read_config: Reads it.
        system: Takes it over.
        signals: Say when.
        begun: Called before each time.
        done: Called after each time, with the fault that has kept the configuration as it was, or nothing.
    """

    def reload_each() -> None:
        while signals.reload.wait():
            signals.reload.clear()
            begun()
            done(_reloaded(read_config, system))

    threading.Thread(target=reload_each, name="turnstile-reload", daemon=True).start()


def _reloaded(read_config: ReadConfig, system: ProxySystem) -> str:
    """Read the configuration anew; return the fault that has kept it as it was, in words."""
    try:
        system.reload(read_config())
    except ConfigError as error:
        fault = f"The configuration stays as it is: {error.problem.description}"
        _log.warning("%s", fault)
        return fault
    except Exception:
        _log.exception("The configuration stays as it is")  # the next signal is heard all the same
        return "The configuration stays as it is; the log says why."
    return ""


def _status(address: tuple[str, int], more: str = "") -> str:
    """Return what the service does, for systemd."""
    return f"Accepts clients at {peer_of(*address)}. {more}".strip()


def _introduce(config: Config, address: tuple[str, int], ops: OpsListener) -> None:
    scheme = "wss" if config.server.tls_cert_file else "ws"
    server = config.server
    paths = ", ".join((server.voice_agent_path, server.component_path, *server.realtime_paths))
    announce(f"Turnstile listens on {scheme}://{peer_of(*address)}{paths}")
    workers = f"{server.workers} processes serve. " if server.workers > 1 else ""
    announce(f"{workers}Upstream is {config.upstream_url}. Ctrl-C ends it in order, twice at once.")
    for line in ops.introduction():
        announce(line)
    for notice in (*notices(config), *_files_notices(config)):
        announce(f"Warning: {notice}")


def _files_notices(config: Config) -> Iterator[str]:
    """Yield a warning if the sessions that are allowed do not fit under the limit of open files."""
    limit, server = open_files_limit(), config.server
    handshakes = server.max_handshakes or default_handshakes(limit)
    of_session = 1 if config.upstream_url == SIMULATOR else 2
    notice = sessions_notice(limit, server.max_sessions, server.workers, handshakes, of_session)
    if notice is not None:
        yield notice


def _show_trace(system: ProxySystem, trace: str | None) -> Callable[[], None]:
    """Begin to show the timeline of the sessions that were asked for; return what ends that."""
    stream = None if trace is None else system.watch()
    if stream is None:
        return lambda: None
    from turnstile.terminal.live_timeline import LiveTimeline  # noqa: PLC0415 - only where somebody watches

    shown = LiveTimeline(stream, trace or "")
    shown.start()
    return shown.close


def _stop(system: ProxySystem, signals: ProcessSignals, *stop_showing: Callable[[], None]) -> int:
    """Stop in order, or at once on a second signal, last what operators see of the end; return the exit code."""
    left = stop_in_time(system.stop, signals, system.config.server.drain_timeout)
    signals.ignore()
    if left is None:
        announce("Cut off.")
    elif left:
        announce(f"{left} sessions did not end in time and were cut off.")
    for stop in stop_showing:
        stop()
    code = OK if left == 0 else FAILED
    end_process(code)
    return code
