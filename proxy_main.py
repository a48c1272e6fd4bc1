"""The command line of Turnstile: serve, demo, simulate, talk, check."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Up to `main`, Ctrl-C ends the process without a traceback of the imports below.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from actors.simulator_system import SimulatorSystem
from actors.system import ProxySystem
from turnstile.config import SIMULATOR, explain, load_config, notices
from turnstile.errors import ConfigError
from turnstile.observability.journal import RecordingJournal
from turnstile.observability.logs import log_uncaught_errors, set_up_logging
from turnstile.server.freed_memory import give_back_large_blocks
from turnstile.server.listener import listening_socket
from turnstile.server.shutdown import end_process, stop_in_time
from turnstile.server.signals import ProcessSignals
from turnstile.server.worker_process import Inheritance, WorkerOption
from turnstile.server.workers import USAGE_ERROR, Workers
from turnstile.session.machine import Session
from turnstile.session.waits import Waits
from turnstile.terminal.audio_io import open_audio
from turnstile.terminal.demo import hold_conversation
from turnstile.terminal.standard_output import (
    OutputError,
    announce,
    complain,
    prepare_standard_streams,
    show,
    writing_results,
)
from turnstile.terminal.talk import talk
from turnstile.terminal.timeline import held, render
from turnstile.terminal.ungated_session import UngatedSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.config import Config
    from turnstile.observability.journal import Entry
    from turnstile.simulator.log import SimulatorLog
    from turnstile.terminal.demo import Outcome

_log = logging.getLogger("proxy_main")

OK, FAILED = 0, 1
# Seconds that the simulator has to close its connections.
_SIMULATOR_STOP = 2.0

# The options that set one setting each.
_SHORT = {
    "host": "server.host",
    "port": "server.port",
    "workers": "server.workers",
    "upstream": "upstream.url",
    "model": "upstream.model",
    "log_level": "log.level",
    "scenario": "simulator.scenario",
    "seed": "simulator.seed",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0 success, 1 failed while running, 2 misused or misconfigured."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    given = sys.argv[1:] if argv is None else list(argv)
    prepare_standard_streams()
    try:
        with writing_results():
            arguments = _parser().parse_args(given)
        arguments.given = given
        command: Callable[[argparse.Namespace], int] = arguments.command
        return command(arguments)
    except ConfigError as error:
        complain(error.problem.description)
        return USAGE_ERROR
    except OutputError as error:
        if str(error):
            complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", action="append", default=[], type=Path, metavar="FILE", help="TOML; repeatable")
    common.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE", help="any setting")
    common.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    parser = argparse.ArgumentParser(prog="turnstile", description=f"{__doc__.splitlines()[0]}" if __doc__ else None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", parents=[common], help="run the proxy")
    serve.add_argument("--host", help="name or address to listen on")
    serve.add_argument("--port", help="TCP port; 0 takes any free one")
    serve.add_argument("--upstream", metavar="URL", help='wss://..., or "simulator:"')
    serve.add_argument("--model", help="model, where a client names none")
    serve.add_argument("--workers", metavar="N", help="processes that serve on the port")
    # Given by the parent process to each of its workers.
    serve.add_argument("--worker", type=WorkerOption.parse, help=argparse.SUPPRESS)
    serve.set_defaults(command=_serve)

    demo = commands.add_parser(
        "demo", parents=[common], help="play a conversation through the proxy, and show both connections"
    )
    demo.add_argument("--without-gate", action="store_true", help="send everything at once, to compare")
    demo.set_defaults(command=_demo)

    simulate = commands.add_parser("simulate", parents=[common], help="run the simulated Realtime API alone")
    simulate.add_argument("--scenario", help="name, or path of a TOML file")
    simulate.add_argument("--seed", help="of the jitter")
    simulate.set_defaults(command=_simulate)

    talk = commands.add_parser("talk", help="talk to a proxy, in writing or aloud")
    talk.add_argument("url", nargs="?", default="ws://127.0.0.1:8080/openai", help="default: %(default)s")
    talk.add_argument("--prompt", default="You are a helpful assistant.", help="the agent's instructions")
    aloud = talk.add_mutually_exclusive_group()
    aloud.add_argument("--audio", action="store_true", help='microphone and speaker; needs the extra "audio"')
    aloud.add_argument("--wav", type=Path, metavar="FILE", help="send this file as speech, and end when it is answered")
    talk.add_argument("--save", type=Path, metavar="FILE", help="write the agent's speech to this file, as WAV")
    talk.set_defaults(command=_talk)

    check = commands.add_parser("check", parents=[common], help="print what the configuration means")
    check.set_defaults(command=_check)
    return parser


def _configured(arguments: argparse.Namespace, **overrides: str) -> Config:
    flags = {path: getattr(arguments, name) for name, path in _SHORT.items() if getattr(arguments, name, None)}
    for assignment in arguments.set:
        path, equals, value = assignment.partition("=")
        if not equals or "." not in path:
            raise ConfigError(
                "invalid_config", f"--set {assignment}: write SECTION.NAME=VALUE, such as server.port=9000."
            )
        flags[path] = value
    return load_config(arguments.config, {**flags, **overrides})


def _serve(arguments: argparse.Namespace) -> int:
    config = _configured(arguments)
    _require_key(config)
    option: WorkerOption | None = arguments.worker
    set_up_logging(config.log.level, config.log.format, worker=option and option.number)
    log_uncaught_errors()
    give_back_large_blocks()
    if option is not None:
        return _work(arguments, config, Inheritance(option))
    if config.server.workers > 1:
        return _run_workers(config, arguments.given)
    system = ProxySystem(config)
    with ProcessSignals(reloads=True) as signals:
        system.start()
        _reload_at_signals(arguments, system, signals)
        _introduce(config, system.address)
        signals.drain.wait()
        announce(f"Ending {system.drain()} open sessions.")
        return _stop(system, signals)


def _introduce(config: Config, address: tuple[str, int]) -> None:
    host, port = address
    scheme = "wss" if config.server.tls_cert_file else "ws"
    server = config.server
    paths = ", ".join((server.voice_agent_path, server.component_path, *server.realtime_paths))
    announce(f"Turnstile listens on {scheme}://{host}:{port}{paths}")
    workers = f"{server.workers} processes serve. " if server.workers > 1 else ""
    announce(f"{workers}Upstream is {config.upstream_url}. Ctrl-C ends it in order, twice at once.")
    for notice in notices(config):
        announce(f"Warning: {notice}")


def _run_workers(config: Config, given: Sequence[str]) -> int:
    """Run the configured number of worker processes on one listening socket."""
    server = config.server
    with listening_socket(server.host, server.port) as sock, ProcessSignals(reloads=True) as signals:
        ProxySystem(config, sock=sock.dup()).stop(0)  # reports a configuration that no worker could use once
        # The workers keep to these two as long as this process does, whatever becomes of the configuration file.
        agreed = (f"server.{name}={getattr(server, name)}" for name in ("heartbeat_timeout", "drain_timeout"))
        sets = [argument for setting in agreed for argument in ("--set", setting)]
        workers = Workers(
            server.workers,
            [sys.executable, str(Path(__file__)), *given, *sets],
            sock,
            heartbeat_timeout=server.heartbeat_timeout,
            drain_timeout=server.drain_timeout,
        )
        code = workers.run(signals, lambda: _introduce(config, sock.getsockname()[:2]))
        signals.ignore()
        return code


def _work(arguments: argparse.Namespace, config: Config, inherited: Inheritance) -> int:
    """Serve as one of several workers, until a signal, or the end of the parent process."""
    system = ProxySystem(config, sock=inherited.listener, slot=inherited.slot)
    with ProcessSignals(reloads=True) as signals:
        threading.Thread(
            target=_drain_with_parent, args=(inherited, signals), name="turnstile-parent", daemon=True
        ).start()
        system.start()
        _reload_at_signals(arguments, system, signals)
        inherited.report_ready()
        signals.drain.wait()
        return _stop(system, signals)


def _drain_with_parent(inherited: Inheritance, signals: ProcessSignals) -> None:
    """Drain when the parent process has ended."""
    inherited.wait_for_end_of_parent()
    signals.drain.set()


def _reload_at_signals(arguments: argparse.Namespace, system: ProxySystem, signals: ProcessSignals) -> None:
    """Read the configuration anew at each SIGHUP, on a thread of its own; one that cannot be used changes nothing."""

    def reload_each() -> None:
        while signals.reload.wait():
            signals.reload.clear()
            try:
                system.reload(_configured(arguments))
            except ConfigError as error:
                _log.warning("The configuration stays as it is: %s", error.problem.description)
            except Exception:  # noqa: BLE001 - logged
                _log.exception("The configuration stays as it is")  # the next signal is heard all the same

    threading.Thread(target=reload_each, name="turnstile-reload", daemon=True).start()


def _stop(system: ProxySystem, signals: ProcessSignals) -> int:
    """Stop in order, or at once on a second signal; return the exit code."""
    left = stop_in_time(system.stop, signals, system.config.server.drain_timeout)
    signals.ignore()
    if left is None:
        announce("Cut off.")
    elif left:
        announce(f"{left} sessions did not end in time and were cut off.")
    code = OK if left == 0 else FAILED
    end_process(code)
    return code


def _require_key(config: Config) -> None:
    if config.upstream_url != SIMULATOR and config.upstream.api_key is None and config.upstream.kind != "compatible":
        text = (
            f"upstream.api_key: is not set, and {config.upstream_url} requires one; set OPENAI_API_KEY, "
            'or upstream.kind = "compatible" if it requires none.'
        )
        raise ConfigError("missing_key", text)


def _simulate(arguments: argparse.Namespace) -> int:
    config = _configured(arguments)
    set_up_logging(config.log.level, config.log.format)
    log_uncaught_errors()
    system = SimulatorSystem(config)
    with ProcessSignals() as signals:
        system.start()
        host, port = system.address
        announce(f"The simulated Realtime API listens on ws://{host}:{port}/v1/realtime. Ctrl-C ends it.")
        signals.drain.wait()
        stop_in_time(system.stop, signals, _SIMULATOR_STOP)
        signals.ignore()
    end_process(OK)
    return OK


# The demo uses none of the settings for a real upstream or real clients.
_DEMO = {
    "server.host": "127.0.0.1",
    "server.port": "0",
    "server.tls_cert_file": "",
    "server.tls_key_file": "",
    "upstream.url": SIMULATOR,
    "upstream.kind": "openai",
    "upstream.model": "gpt-realtime",
    "upstream.api_key": "",
}


def _demo(arguments: argparse.Namespace) -> int:
    """Play a conversation against the simulator, and show what the gate did, or what is lost without it."""
    config = _configured(arguments, **_DEMO)
    set_up_logging("error", config.log.format)
    journal = RecordingJournal(time.monotonic)
    is_gated = not arguments.without_gate
    with ProxySystem(config, journal=journal, make_session=Session if is_gated else UngatedSession) as system:
        host, port = system.address
        # Without the gate answers are lost, and waiting long for them is of no use.
        outcome = hold_conversation(f"ws://{host}:{port}{config.server.component_path}", 10.0 if is_gated else 1.0)
        entries = journal.entries()
        log = system.simulator.logs[0]
    for line in render(entries):
        show(line)
    for fault in outcome.faults if is_gated else ():
        show(f"The client was told: {fault}")
    _conclude(outcome, entries, log)
    went_well = outcome.acknowledged == outcome.asked and outcome.answers == outcome.questions and not log.broken
    return OK if went_well or not is_gated else FAILED


def _conclude(outcome: Outcome, entries: list[Entry], log: SimulatorLog) -> None:
    """Print a summary of the demo; its last line has the counts."""
    upstream = sum(entry.wire == "upstream" and entry.direction == "out" for entry in entries)
    updates = {ref for entry in entries if entry.kind == "merged" for ref in entry.detail.split()[1:]}
    notes = [held(entry) for entry in entries if entry.kind == "held"]
    # An update held only because the link was not open was held by no response.
    waited = {ref for refs, reason in notes for ref in refs if reason != Waits.LINK}
    released = {entry.detail for entry in entries if entry.kind == "released"}
    lost = sum(rule.event_type == "session.update" for rule in log.broken)
    show("")
    for rule in log.broken:
        show(f"Upstream refused: {rule.code}: {rule.message}")
    show(f"The client was told that {outcome.acknowledged} of its {outcome.asked} updates are in force.")
    show(f"The agent answered {outcome.answers} of {outcome.questions} questions.")
    show(f"Updates that landed under a running response: {log.updates_under_way}.")
    counts = (
        f"{upstream} events upstream",
        f"{len(updates & waited)} updates held",
        f"{len(updates & waited & released)} replayed",
        f"{log.collisions} collisions",
        f"{lost} settings lost",
    )
    show(", ".join(counts))


def _check(arguments: argparse.Namespace) -> int:
    config = _configured(arguments)
    show(explain(config))
    _require_key(config)
    return OK


def _talk(arguments: argparse.Namespace) -> int:
    with open_audio(audio=arguments.audio, wav=arguments.wav, save=arguments.save) as audio:
        lines = None if arguments.wav else sys.stdin
        return OK if talk(arguments.url, arguments.prompt, lines, sys.stdout, audio=audio) else FAILED


if __name__ == "__main__":
    sys.exit(main())
