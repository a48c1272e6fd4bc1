"""The check of clients' credentials, made from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.auth.authenticator import NoAuthenticator
from turnstile.auth.client_keys import KnownKeys
from turnstile.auth.key_authenticator import KeyAuthenticator
from turnstile.auth.key_file import read_keys
from turnstile.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from actors.remote_authentication import RemoteChecks
    from turnstile.auth.authenticator import Authenticator
    from turnstile.config import Config


def make_authenticator(config: Config, remote: RemoteChecks) -> Authenticator:
    """Return what checks the credentials of the listener's clients; starts no thread.

    Args:
        config: All settings.
        remote: Makes those that others issue credentials for, or decide about.

    Raises:
        ConfigError: A setting or a file of ``auth`` cannot be used.
    """
    match config.auth.mode:
        case None | "none":
            return NoAuthenticator()
        case "keys":
            return KeyAuthenticator(_known_keys(config.auth.keys_file))
        case "jwt":
            return remote.by_tokens(config.auth)
        case mode:
            raise NotImplementedError(mode)


def _known_keys(file: Path | None) -> KnownKeys:
    if file is None:
        words = (
            'auth.keys_file: is not set, and auth.mode = "keys" needs it: name the file that `turnstile key` writes.'
        )
        raise ConfigError("invalid_config", words)
    try:
        return KnownKeys(read_keys(file))
    except ConfigError as error:
        raise ConfigError(error.problem.code, f"auth.keys_file: {error.problem.description}") from None
