"""The command `turnstile check`: says what the configuration means, and opens what `serve` would open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.commands.config_options import add_config_options, configured
from actors.commands.startup_checks import startup_faults
from actors.commands.upstream_check import ask_upstream
from turnstile.config import explain
from turnstile.server.exit_codes import FAILED, OK, USAGE_ERROR
from turnstile.terminal.standard_output import complain, show

if TYPE_CHECKING:
    import argparse

    from turnstile.terminal.arguments import ArgumentParser


def define_check(parser: ArgumentParser) -> None:
    """Define its options and its help."""
    parser.describe(
        "Say what the configuration means, and open what `serve` would open: certificates, addresses, the files of "
        "clients' keys, the directory of recordings. Each fault is a line of its own. While a proxy runs, its address "
        "is taken: check the rest with --set server.port=0 --set ops.port=0.\n"
        "The exit code is 2 if the configuration has a fault, and 1 if upstream does not take it (--connect).",
        "check --config mine.toml",
        "check --config mine.toml --connect",
    )
    add_config_options(parser)
    parser.add_argument(
        "--connect", action="store_true", help="connect to upstream with the configured key, and say what it answers"
    )
    parser.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    config = configured(arguments)
    show(explain(config))
    faults = list(startup_faults(config))
    for fault in faults:
        complain(fault)
    if faults:
        return USAGE_ERROR
    show("Nothing hinders `turnstile serve` from starting")
    if not arguments.connect:
        return OK
    answer = ask_upstream(config)
    show(answer.words)
    return OK if answer.is_usable else FAILED
