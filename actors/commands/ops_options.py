"""The options by which commands find the ops listener of a running proxy: those of its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.commands.config_options import add_config_options, configured
from turnstile.errors import ConfigError
from turnstile.inspector.token_file import read_token, token_path
from turnstile.terminal.ops_client import OpsClient
from turnstile.terminal.ops_commands import define_send, define_sessions

if TYPE_CHECKING:
    import argparse

    from turnstile.terminal.arguments import ArgumentParser


def define_sessions_of_listener(parser: ArgumentParser) -> None:
    """Define the options of `turnstile sessions`, and its help."""
    add_config_options(parser)
    define_sessions(parser, _client)


def define_send_to_listener(parser: ArgumentParser) -> None:
    """Define the options of `turnstile send`, and its help."""
    add_config_options(parser)
    define_send(parser, _client)


def _client(arguments: argparse.Namespace) -> OpsClient:
    ops = configured(arguments).ops
    if not ops.port:
        raise ConfigError("no_ops_listener", "ops.port: is 0, so there is no ops listener to ask; set its port.")

    def token() -> str:
        return ops.token.get_secret_value() if ops.token else read_token(token_path(ops.token_file, ops.port))

    return OpsClient(ops.host, ops.port, token)
