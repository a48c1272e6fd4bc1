"""The check of clients' credentials, made from the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.auth.authenticator import NoAuthenticator

if TYPE_CHECKING:
    from turnstile.auth.authenticator import Authenticator
    from turnstile.config import Config
    from turnstile.ports import Clock
    from turnstile.transports.loop import IoLoop


def make_authenticator(config: Config, loop: IoLoop, clock: Clock) -> Authenticator:  # noqa: ARG001 - of modes to come
    """Return what checks the credentials of the listener's clients; starts no thread.

    Args:
        config: All settings.
        loop: Runs what is decided later (`call_soon`).
        clock: A monotonic clock, in seconds.

    Raises:
        ConfigError: A setting or a file of ``auth`` cannot be used.
    """
    match config.auth.mode:
        case None | "none":
            return NoAuthenticator()
        case mode:
            raise NotImplementedError(mode)
