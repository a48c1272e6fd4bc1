"""The command line of Turnstile: serve, demo, simulate, talk, key, check."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Up to `main`, Ctrl-C ends the process without a traceback of the imports below.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from actors.serving import FAILED, OK, serve_alone, serve_as_worker, serve_by_workers
from actors.simulator_system import SimulatorSystem
from actors.system import ProxySystem
from turnstile.config import SIMULATOR, explain, hand_on, load_config, replaced_notices, require_mode
from turnstile.errors import ConfigError
from turnstile.observability.logs import log_uncaught_errors, set_up_logging
from turnstile.observability.memory_journal import MemoryJournal
from turnstile.protocol.safe_text import without_secrets
from turnstile.server.freed_memory import give_back_large_blocks
from turnstile.server.shutdown import end_process, stop_in_time
from turnstile.server.signals import ProcessSignals
from turnstile.server.worker_process import WorkerOption
from turnstile.server.workers import USAGE_ERROR
from turnstile.session.machine import Session
from turnstile.terminal.arguments import ArgumentParser
from turnstile.terminal.audio_io import open_audio
from turnstile.terminal.demo import hold_conversation
from turnstile.terminal.demo_summary import summary
from turnstile.terminal.key_command import add_key_commands
from turnstile.terminal.standard_output import (
    OutputError,
    announce,
    complain,
    prepare_standard_streams,
    show,
    writing_results,
)
from turnstile.terminal.talk import KEY_VARIABLE, talk
from turnstile.terminal.timeline import render
from turnstile.terminal.ungated_session import UngatedSession

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.config import Config

# Seconds that the simulator has to close its connections.
_SIMULATOR_STOP = 2.0

_TALK_KEY = f"The key for a proxy that asks for one is read from the environment: {KEY_VARIABLE}."

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
    prepare_standard_streams()
    try:
        with writing_results():
            arguments = _parser().parse(argv)
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


def _parser() -> ArgumentParser:
    common = ArgumentParser(add_help=False)
    common.add_argument("--config", action="append", default=[], type=Path, metavar="FILE", help="TOML; repeatable")
    common.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE", help="any setting")
    common.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error")
    parser = ArgumentParser(prog="turnstile", description=f"{__doc__.splitlines()[0]}" if __doc__ else None)
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

    talk = commands.add_parser("talk", help="talk to a proxy, in writing or aloud", epilog=_TALK_KEY)
    talk.add_argument("url", nargs="?", default="ws://127.0.0.1:8080/openai", help="default: %(default)s")
    talk.add_argument("--prompt", default="You are a helpful assistant.", help="the agent's instructions")
    aloud = talk.add_mutually_exclusive_group()
    aloud.add_argument("--audio", action="store_true", help='microphone and speaker; needs the extra "audio"')
    aloud.add_argument("--wav", type=Path, metavar="FILE", help="send this file as speech, and end when it is answered")
    talk.add_argument("--save", type=Path, metavar="FILE", help="write the agent's speech to this file, as WAV")
    talk.set_defaults(command=_talk)

    key = commands.add_parser("key", help="make, list and revoke the keys of clients")
    add_key_commands(key, [common], lambda arguments: _configured(arguments).auth.keys_file)

    check = commands.add_parser("check", parents=[common], help="print what the configuration means")
    check.set_defaults(command=_check)
    return parser


def _configured(arguments: argparse.Namespace, **overrides: str) -> Config:
    return load_config(arguments.config, {**_flags(arguments), **overrides})


def _flags(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the settings that the command line gives."""
    flags = {path: getattr(arguments, name) for name, path in _SHORT.items() if getattr(arguments, name, None)}
    for assignment in arguments.set:
        path, equals, value = assignment.partition("=")
        if not equals or "." not in path:
            given = without_secrets(path)
            raise ConfigError("invalid_config", f"--set {given}: write SECTION.NAME=VALUE, such as server.port=9000.")
        flags[path] = value
    return flags


def _serve(arguments: argparse.Namespace) -> int:
    config = _configured(arguments)
    _require_key(config)
    require_mode(config)
    option: WorkerOption | None = arguments.worker
    set_up_logging(config.log.level, config.log.format, worker=option and option.number)
    log_uncaught_errors()
    give_back_large_blocks()
    read_config = partial(_configured, arguments)
    if option is not None:
        return serve_as_worker(config, read_config, option)
    if config.server.workers > 1:
        sets, secrets = hand_on(_flags(arguments))
        files = [word for file in arguments.config for word in ("--config", str(file))]
        return serve_by_workers(config, [sys.executable, str(Path(__file__)), "serve", *files, *sets], secrets)
    return serve_alone(config, read_config)


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
    "auth.mode": "none",
}


def _demo(arguments: argparse.Namespace) -> int:
    """Play a conversation against the simulator, and show what the gate did, or what is lost without it."""
    config = _configured(arguments, **_DEMO)
    set_up_logging("error", config.log.format)
    for notice in replaced_notices(config):
        announce(f"Warning: {notice}")
    journal = MemoryJournal(time.monotonic)
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
    for line in ("", *summary(outcome, entries, log)):
        show(line)
    went_well = outcome.acknowledged == outcome.asked and outcome.answers == outcome.questions and not log.broken
    return OK if went_well or not is_gated else FAILED


def _check(arguments: argparse.Namespace) -> int:
    config = _configured(arguments)
    show(explain(config))
    _require_key(config)
    require_mode(config)
    return OK


def _talk(arguments: argparse.Namespace) -> int:
    with open_audio(audio=arguments.audio, wav=arguments.wav, save=arguments.save) as audio:
        lines = None if arguments.wav else sys.stdin
        return OK if talk(arguments.url, arguments.prompt, lines, sys.stdout, audio=audio) else FAILED


if __name__ == "__main__":
    sys.exit(main())
