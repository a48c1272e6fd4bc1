"""The command line as a whole: what the program is, its version, and its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from turnstile import __version__
from turnstile.terminal.arguments import ArgumentParser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WHAT_IT_IS: Final = (
    "Turnstile, a proxy between voice clients and OpenAI's Realtime API: it queues what would collide with a response "
    "in progress, and sends it when that response has ended. Clients speak Deepgram's Voice Agent messages or the "
    "Realtime API's own events."
)
_EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 failed while running, or interrupted; 2 misused or misconfigured, and nothing was begun."
)


class Command(NamedTuple):
    """One command of the program.

    Args:
        name: The first word of its command lines.
        summary: What it does, in the list of commands.
        define: Defines its options, its help, and, as the default of ``command``, what runs it: a function that takes
            the parsed arguments and returns the exit code. Called when the command is chosen: it imports the rest.
    """

    name: str
    summary: str
    define: Callable[[ArgumentParser], None]


def command_line(commands: Iterable[Command]) -> ArgumentParser:
    """Return the parser of the program's command lines."""
    parser = ArgumentParser(prog="turnstile")
    parser.describe(_WHAT_IT_IS, "demo", "serve --upstream simulator:", "talk", "COMMAND --help")
    parser.epilog = f"{parser.epilog}\n\n{_EXIT_CODES}"
    parser.add_argument(
        "--version", action="version", version=f"turnstile {__version__}", help="show the version and exit"
    )
    chosen = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands:
        chosen.add_parser(command.name, help=command.summary, define=command.define)
    return parser
