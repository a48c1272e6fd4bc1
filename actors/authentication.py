"""The check of clients' credentials, made from the configuration."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from turnstile.auth.authenticator import NoAuthenticator
from turnstile.auth.client_keys import KnownKeys
from turnstile.auth.key_authenticator import KeyAuthenticator
from turnstile.auth.key_file import read_keys
from turnstile.auth.no_client_secrets import no_client_secrets
from turnstile.errors import ConfigError
from turnstile.protocol.json_bounds import JsonBounds

if TYPE_CHECKING:
    from pathlib import Path

    from actors.remote_authentication import RemoteChecks
    from turnstile.auth.authenticator import Authenticator
    from turnstile.auth.browser_tokens import BrowserTokens
    from turnstile.auth.client_secrets import Identify
    from turnstile.config import Config
    from turnstile.server.http_exchange import Endpoint


def make_browser_tokens(config: Config) -> BrowserTokens | None:
    """Return what makes and checks browser tokens; None without ``auth.token_secret``."""
    secret = config.auth.token_secret
    if secret is None:
        return None
    # Imported where it is used, for the cryptography behind it.
    from turnstile.auth.browser_tokens import BrowserTokens  # noqa: PLC0415

    return BrowserTokens(secret.get_secret_value(), asks=config.auth.mode not in {None, "none"}, now=time.time)


def make_endpoints(config: Config, identify: Identify) -> dict[str, Endpoint]:
    """Return what decides about requests for no WebSocket, by path: those for browser tokens.

    Args:
        config: All settings.
        identify: Checks who sends a request.
    """
    endpoint = _token_endpoint(config, identify)
    return {f"{path.rstrip('/')}/client_secrets": endpoint for path in config.server.realtime_paths}


def _token_endpoint(config: Config, identify: Identify) -> Endpoint:
    tokens = make_browser_tokens(config)
    if tokens is None:
        return no_client_secrets
    from turnstile.auth.client_secrets import ClientSecrets  # noqa: PLC0415

    bounds = JsonBounds(config.limits.message_values, config.limits.message_depth)
    return ClientSecrets(tokens, identify, config.serves_model, bounds).decide


def make_authenticator(config: Config, remote: RemoteChecks) -> Authenticator:
    """Return what checks the credentials of the listener's clients; starts no thread.

    Args:
        config: All settings.
        remote: Makes those that others issue credentials for, or decide about.

    Raises:
        ConfigError: A setting or a file of ``auth`` cannot be used.
    """
    of_mode = _of_mode(config, remote)
    tokens = make_browser_tokens(config)
    if tokens is None:
        return of_mode
    from turnstile.auth.browser_tokens import TokenAuthenticator  # noqa: PLC0415

    return TokenAuthenticator(tokens, of_mode)


def _of_mode(config: Config, remote: RemoteChecks) -> Authenticator:
    match config.auth.mode:
        case None | "none":
            return NoAuthenticator()
        case "keys":
            return KeyAuthenticator(_known_keys(config.auth.keys_file))
        case "jwt":
            return remote.by_tokens(config.auth)
        case "ask":
            return remote.by_asking(config.auth)


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
