"""The check of clients' credentials, made from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.auth.authenticator import NoAuthenticator

if TYPE_CHECKING:
    from turnstile.auth.authenticator import Authenticator
    from turnstile.config import Config


def make_authenticator(config: Config) -> Authenticator:
    """Return what checks the credentials of the listener's clients.

    Raises:
        ConfigError: A setting or a file of ``auth`` cannot be used.
    """
    match config.auth.mode:
        case None | "none":
            return NoAuthenticator()
        case mode:
            raise NotImplementedError(mode)
