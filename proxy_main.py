"""The process: arguments, the command that they choose, its exit code."""

from __future__ import annotations

import os
import signal

if os.getpid() == 1 and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
    # A container's first process never sees a signal that it has no handler for: it would be killed after a while.
    signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until a command runs, Ctrl-C ends the process without a traceback of the imports below.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from turnstile.errors import ConfigError
from turnstile.server.exit_codes import FAILED, USAGE_ERROR
from turnstile.terminal.command_line import Command, command_line
from turnstile.terminal.standard_output import OutputError, complain, prepare_standard_streams, writing_results

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from turnstile.terminal.arguments import ArgumentParser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code: 0 success, 1 failed while running, 2 misused or misconfigured."""
    prepare_standard_streams()
    try:
        with writing_results():
            arguments = command_line(COMMANDS).parse(argv)
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
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


# Each imports its command only when that is chosen: a process starts in a fraction of the time.


def _serve(parser: ArgumentParser) -> None:
    from actors.commands.serve_command import define_serve

    define_serve(parser, Path(__file__))


def _demo(parser: ArgumentParser) -> None:
    from actors.commands.demo_command import define_demo

    define_demo(parser)


def _simulate(parser: ArgumentParser) -> None:
    from actors.commands.simulate_command import define_simulate

    define_simulate(parser)


def _talk(parser: ArgumentParser) -> None:
    from turnstile.terminal.talk_command import define_talk

    define_talk(parser)


def _key(parser: ArgumentParser) -> None:
    from actors.commands.config_options import config_options, configured
    from turnstile.terminal.key_command import add_key_commands

    add_key_commands(parser, [config_options()], lambda arguments: configured(arguments).auth.keys_file)


def _sessions(parser: ArgumentParser) -> None:
    from actors.commands.ops_options import define_sessions_of_listener

    define_sessions_of_listener(parser)


def _send(parser: ArgumentParser) -> None:
    from actors.commands.ops_options import define_send_to_listener

    define_send_to_listener(parser)


def _example(parser: ArgumentParser) -> None:
    from turnstile.terminal.example_command import define_example

    define_example(parser)


def _check(parser: ArgumentParser) -> None:
    from actors.commands.check_command import define_check

    define_check(parser)


def _replay(parser: ArgumentParser) -> None:
    from turnstile.terminal.replay_command import define_replay

    define_replay(parser)


COMMANDS = (
    Command("serve", "run the proxy", _serve),
    Command("demo", "play a conversation through the proxy, and show both connections", _demo),
    Command("simulate", "run the simulated Realtime API alone", _simulate),
    Command("talk", "talk to a proxy, in writing or aloud", _talk),
    Command("key", "make, list and revoke the keys of clients", _key),
    Command("sessions", "list the open sessions of a running proxy, and what waits in each", _sessions),
    Command("send", "give a session of a running proxy a message, and say what came of it", _send),
    Command("replay", "show a recording of a session, verify it, and tell why a request waited", _replay),
    Command("example", "print an example configuration", _example),
    Command("check", "say what the configuration means, and whether it can be used", _check),
)
"""All commands, in the order of the help."""


if __name__ == "__main__":
    sys.exit(main())
