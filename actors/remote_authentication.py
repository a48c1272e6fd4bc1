"""The check of credentials that others have issued, or decide about: made from the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnstile.config import ANY_AUDIENCE, is_address
from turnstile.errors import ConfigError
from turnstile.transports.http.allow_list import parse_address
from turnstile.transports.trust import tls_context

if TYPE_CHECKING:
    import ssl

    from turnstile.auth.authenticator import Authenticator
    from turnstile.auth.jwt_key_sources import FetchedKeys, KeySource
    from turnstile.config import AuthSection
    from turnstile.ports import Clock
    from turnstile.transports.loop import IoLoop

_FETCH_SECONDS = 5.0


class RemoteChecks:
    """Makes the checks of the modes ``jwt`` and ``ask``, anew at each reload: keys that were fetched stay known.

    Args:
        loop: Runs what is decided later.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, loop: IoLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._address = ""
        self._latest: FetchedKeys | None = None

    def by_tokens(self, auth: AuthSection) -> Authenticator:
        """Return the check of the mode ``jwt``.

        Raises:
            ConfigError: The extra is missing, or a file cannot be used.
        """
        # Imported where it is used: the cryptography behind it takes 22 MB and 0.15 s.
        from turnstile.auth.jwt_authenticator import JwtAuthenticator, JwtRules  # noqa: PLC0415
        from turnstile.auth.jwt_keys import can_verify  # noqa: PLC0415

        missing = [name for name in auth.jwt_algorithms if not can_verify(name)]
        if missing:
            words = f"auth.jwt_algorithms: {missing[0]} needs cryptography: pip install 'turnstile-realtime[jwt]'."
            raise ConfigError("missing_extra", words)
        rules = JwtRules(
            auth.jwt_algorithms,
            None if auth.jwt_audience == ANY_AUDIENCE else auth.jwt_audience,
            auth.jwt_issuer or None,
            auth.jwt_identity,
            auth.jwt_secret.get_secret_value().encode() if auth.jwt_secret else None,
        )
        return JwtAuthenticator(rules, self._key_source(auth))

    def by_asking(self, auth: AuthSection) -> Authenticator:
        """Return the check of the mode ``ask``.

        Raises:
            ConfigError: The file of trusted certificates cannot be used.
        """
        # Imported where it is used, for the HTTP client behind it.
        from turnstile.auth import ask_wire  # noqa: PLC0415
        from turnstile.auth.ask_authenticator import AskAuthenticator  # noqa: PLC0415
        from turnstile.transports.http.blocking_client import BlockingClient  # noqa: PLC0415

        client = BlockingClient(
            "ask",
            "The service",
            timeout=auth.ask_timeout,
            max_body_bytes=ask_wire.MOST_BYTES,
            threads=auth.ask_concurrent,
            max_waiting=0,
            clock=self._clock,
            ssl_context=_trust(auth),
        )
        token = auth.ask_token.get_secret_value() if auth.ask_token else None
        return AskAuthenticator(client, parse_address(auth.ask_url), auth.ask_headers, token, self._loop.call_soon)

    def _key_source(self, auth: AuthSection) -> KeySource:
        """Return where the public keys of tokens come from."""
        from turnstile.auth.jwt_key_sources import FixedKeys  # noqa: PLC0415
        from turnstile.auth.jwt_keys import MOST_BYTES, KeySet, parse_key_set  # noqa: PLC0415

        algorithms = {name for name in map(str, auth.jwt_algorithms) if name != "HS256"}
        if not algorithms:
            return FixedKeys(KeySet(()))
        if is_address(auth.jwt_keys):
            return self._fetched_keys(auth, algorithms)
        try:
            return FixedKeys(parse_key_set(_content(Path(auth.jwt_keys), MOST_BYTES), algorithms))
        except ValueError as error:
            raise ConfigError("invalid_jwt_keys", f"auth.jwt_keys: {auth.jwt_keys} {error}.") from None

    def _fetched_keys(self, auth: AuthSection, algorithms: set[str]) -> FetchedKeys:
        from turnstile.auth.jwt_key_sources import FetchedKeys  # noqa: PLC0415
        from turnstile.auth.jwt_keys import MOST_BYTES  # noqa: PLC0415
        from turnstile.transports.http.blocking_client import BlockingClient  # noqa: PLC0415

        client = BlockingClient(
            "jwt-keys",
            "The service",
            timeout=_FETCH_SECONDS,
            max_body_bytes=MOST_BYTES,
            threads=1,
            max_waiting=1,  # the fetch before has told its outcome, and its thread may not be free yet
            clock=self._clock,
            ssl_context=_trust(auth),
        )
        address = parse_address(auth.jwt_keys)
        known = self._latest.known if self._latest and self._address == auth.jwt_keys else None
        self._address = auth.jwt_keys
        self._latest = FetchedKeys(client, address, algorithms, self._loop.call_soon, self._clock, known)
        return self._latest


def _content(file: Path, most_bytes: int) -> bytes:
    """Return what a file has in it, of a larger one a byte more than that."""
    try:
        with file.open("rb") as stream:
            return stream.read(most_bytes + 1)
    except OSError as error:
        raise ConfigError("invalid_jwt_keys", f"auth.jwt_keys: {file} cannot be read: {error.strerror}.") from None


def _trust(auth: AuthSection) -> ssl.SSLContext | None:
    """Return whom the operator's services are trusted by; None for the system's certificates, which are read later."""
    return tls_context(str(auth.ca_file), "auth.ca_file") if auth.ca_file else None
