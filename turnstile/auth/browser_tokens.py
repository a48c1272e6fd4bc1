"""Short-lived tokens by which browsers connect, and which a backend with a key of its own makes for them.

Source of their shape and life: OpenAI's reference of client secrets. Each is a signed JWT (RFC 7519, HS256) that any
process with the same secret takes; its holder can read it.
"""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt
import orjson

from turnstile.auth.authenticator import Authenticator
from turnstile.auth.credentials import Credential, credential_of, unauthorized
from turnstile.auth.identity import Identity
from turnstile.errors import ConfigError
from turnstile.translate.host_overrides import HostOverrides

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.auth.authenticator import Decided
    from turnstile.server.requests import ClientGone, Rejection, UpgradeRequest

Json = dict[str, Any]

PREFIX: Final = "ek_"
"""Begins each token, as OpenAI's do."""
LONGEST_TOKEN: Final = 7_000
"""Most characters of a token: with names around it, it fits the 8 KB of a header's line."""

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "turnstile"
# One that everybody could make is none where credentials are asked.
_AUDIENCES: Final = {True: "turnstile browser", False: "turnstile browser of anybody"}
_CLAIMS: Final = ("iss", "aud", "iat", "exp", "jti")
_MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BrowserToken:
    """A token that was made.

    Args:
        value: The token itself, a credential.
        expires_at: When it ceases to be valid, in seconds since 1970.
        id: Its own name, in no way secret.
    """

    value: str
    expires_at: int
    id: str

    def __repr__(self) -> str:
        return f"<BrowserToken {self.id}>"


class BrowserTokens:
    """Makes tokens, and takes those of every process that has the same secret.

    Args:
        secret: Signs them.
        asks: Whether credentials were asked of whoever makes them.
        now: The time, in seconds since 1970.
    """

    def __init__(self, secret: str, *, asks: bool, now: Callable[[], float]) -> None:
        self._secret = secret
        self._audience = _AUDIENCES[asks]
        self._now = now
        self._jwt = _CompressedJwt()

    def make(self, identity: Identity, seconds: int) -> BrowserToken:
        """Make a token for sessions of an identity, with all its overrides but functions; it may be too long.

        Args:
            identity: Whose sessions they are.
            seconds: How long it is valid.
        """
        issued = int(self._now())
        token_id = secrets.token_urlsafe(12)
        claims = {
            "iss": _ISSUER,
            "aud": self._audience,
            "sub": identity.name,
            "iat": issued,
            "exp": issued + seconds,
            "jti": token_id,
            "session": identity.overrides.enforced,
            "labels": identity.overrides.labels,
        }
        value = self._jwt.encode(claims, self._secret, _ALGORITHM)
        return BrowserToken(PREFIX + value, issued + seconds, token_id)

    def check(self, token: str) -> Identity | Rejection:
        """Return whose sessions a token is for, and what it enforces on them; a rejection where it is not valid.

        Args:
            token: As sent, with its prefix.
        """
        try:
            claims = self._jwt.decode(
                token.removeprefix(PREFIX),
                self._secret,
                [_ALGORITHM],
                {"require": [*_CLAIMS], "verify_exp": False, "verify_iat": False},
                audience=self._audience,
                issuer=_ISSUER,
            )
            expires = claims["exp"]
            identity = Identity(claims["sub"], HostOverrides(session=claims["session"], labels=claims["labels"]))
        except (jwt.InvalidTokenError, ConfigError, KeyError):
            return unauthorized("The browser token is not one of this proxy's, or its secret has changed since.")
        if self._now() >= expires:
            return unauthorized("The browser token has expired; make a new one for each page.")
        return identity


class TokenAuthenticator(Authenticator):
    """Admits clients with a browser token, and asks another authenticator about the rest.

    Args:
        tokens: Checks the tokens.
        others: Checks the other clients' credentials.
    """

    def __init__(self, tokens: BrowserTokens, others: Authenticator) -> None:
        self._tokens = tokens
        self._others = others

    def authenticate(self, request: UpgradeRequest, decided: Decided, /) -> ClientGone | None:
        """Check the client's token, if it has sent one."""
        token = browser_token_of(request)
        if token is None:
            return self._others.authenticate(request, decided)
        decided(self._tokens.check(token))
        return None

    def close(self, timeout: float, /) -> None:
        """End the check of the others."""
        self._others.close(timeout)


def browser_token_of(request: UpgradeRequest) -> str | None:
    """Return the browser token that a client has sent; None without one."""
    credential = credential_of(request)
    is_token = isinstance(credential, Credential) and credential.secret.startswith(PREFIX)
    return credential.secret if isinstance(credential, Credential) and is_token else None


class _CompressedJwt(jwt.PyJWT):
    """JWTs whose claims are compressed, which the library leaves to a subclass: a prompt must fit a header."""

    def _encode_payload(self, payload: Json, headers: Json | None = None, json_encoder: Any = None) -> bytes:
        del headers, json_encoder
        # At the default level: the highest gains nothing on a prompt, and takes 160 ms for 64 KB of two letters.
        return zlib.compress(orjson.dumps(payload))

    def _decode_payload(self, decoded: Json) -> Json:
        reader = zlib.decompressobj()
        try:
            claims = orjson.loads(reader.decompress(decoded["payload"], _MOST_BYTES))
        except (zlib.error, orjson.JSONDecodeError):
            raise jwt.DecodeError("it has no claims of ours") from None
        if not isinstance(claims, dict):
            raise jwt.DecodeError("it has no claims of ours")
        return claims
