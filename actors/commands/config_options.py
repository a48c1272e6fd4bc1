"""The options that choose a configuration, and the configuration that they choose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnstile.config import load_config
from turnstile.errors import ConfigError
from turnstile.protocol.safe_text import without_secrets
from turnstile.terminal.arguments import ArgumentParser

if TYPE_CHECKING:
    import argparse

    from turnstile.config import Config


def config_options() -> ArgumentParser:
    """Return a parser of the options that each command with a configuration has, to be the parent of its own.

    An option that sets one setting only has its path as `dest`, such as ``server.port``.
    """
    parser = ArgumentParser(add_help=False)
    add_config_options(parser)
    return parser


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add these options to the parser of a command."""
    parser.add_argument("--config", action="append", default=[], type=Path, metavar="FILE", help="TOML; repeatable")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.NAME=VALUE", help="any setting")
    parser.add_argument("--log-level", dest="log.level", metavar="LEVEL", help="debug, info, warning or error")


def configured(arguments: argparse.Namespace, **overrides: str) -> Config:
    """Return the configuration that a command line chooses.

    Args:
        arguments: Parsed with the options above.
        overrides: What the command sets, whatever is configured.

    Raises:
        ConfigError: It cannot be used.
    """
    return load_config(arguments.config, {**flags(arguments), **overrides})


def flags(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the settings that a command line gives.

    Raises:
        ConfigError: A ``--set`` is none.
    """
    given = {path: value for path, value in vars(arguments).items() if "." in path and value}
    for assignment in arguments.set:
        path, equals, value = assignment.partition("=")
        if not equals or "." not in path:
            shown = without_secrets(path)
            raise ConfigError("invalid_config", f"--set {shown}: write SECTION.NAME=VALUE, such as server.port=9000.")
        given[path] = value
    return given
