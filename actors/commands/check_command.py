"""The command `turnstile check`: prints what the configuration means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.commands.config_options import add_config_options, configured
from turnstile.config import explain, require_key, require_mode
from turnstile.server.exit_codes import OK
from turnstile.terminal.standard_output import show

if TYPE_CHECKING:
    import argparse

    from turnstile.terminal.arguments import ArgumentParser


def define_check(parser: ArgumentParser) -> None:
    """Define its options and its help."""
    parser.describe(
        "Print what the configuration means, with each value and where it comes from.",
        "check --config mine.toml",
    )
    add_config_options(parser)
    parser.set_defaults(command=_check)


def _check(arguments: argparse.Namespace) -> int:
    config = configured(arguments)
    show(explain(config))
    require_key(config)
    require_mode(config)
    return OK
