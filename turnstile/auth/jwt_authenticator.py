"""The mode ``jwt``: clients prove who they are with JSON web tokens (RFC 7519; RFC 8725 for what is checked)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import jwt
from jwt import exceptions

from turnstile.auth.authenticator import Authenticator
from turnstile.auth.credentials import HOW_TO_SEND_ONE, credential_of, unauthorized
from turnstile.auth.identity import LONGEST_NAME, Identity, is_claimable
from turnstile.auth.jwt_key_sources import NoKey
from turnstile.auth.jwt_keys import VerificationKey
from turnstile.server.requests import Rejection

if TYPE_CHECKING:
    from collections.abc import Collection

    from turnstile.auth.authenticator import Decided
    from turnstile.auth.jwt_key_sources import KeySource
    from turnstile.server.requests import ClientGone, UpgradeRequest

_LONGEST_TOKEN: Final = 8 * 1024
_LEEWAY: Final = 30
"""Seconds that the clocks of the issuer and of this machine may differ by."""
_MALFORMED: Final = "The token is malformed: it is no signed JSON web token."
_UNREADABLE: Final = (
    "The token is malformed: it is no signed JSON web token, or one of its times (exp, nbf, iat) is no number."
)
# The first that fits; the library checks the signature before it reads a claim.
_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (exceptions.ExpiredSignatureError, "The token has expired (exp)."),
    (exceptions.ImmatureSignatureError, "The token is not valid yet (nbf, iat)."),
    (exceptions.InvalidAudienceError, "The token is for another audience (aud)."),
    (exceptions.InvalidIssuerError, "The token is of another issuer (iss)."),
    (exceptions.InvalidSignatureError, "The token's signature is not valid."),
)


@dataclass(frozen=True, slots=True)
class JwtRules:
    """What a token must be like.

    Args:
        algorithms: Signatures that are accepted.
        audience: What must be in its ``aud``; None for anything.
        issuer: What its ``iss`` must be; None for anything.
        identity: The claim that names the client.
        secret: The key of HS256; None where it is not accepted.
    """

    algorithms: Collection[str]
    audience: str | None
    issuer: str | None
    identity: str
    secret: bytes | None = field(default=None, repr=False)


class JwtAuthenticator(Authenticator):
    """Admits the clients whose tokens are signed with a known key, and are what the rules say.

    Args:
        rules: What a token must be like.
        keys: Where the public keys are.
    """

    def __init__(self, rules: JwtRules, keys: KeySource) -> None:
        self._rules = rules
        self._keys = keys
        self._options: Any = {
            "require": ["exp"],
            "verify_aud": rules.audience is not None,
            "verify_iss": rules.issuer is not None,
            # Of what type these are concerns nobody here but who is named by one, which is checked below.
            "verify_sub": False,
            "verify_jti": False,
        }

    def authenticate(self, request: UpgradeRequest, decided: Decided, /) -> ClientGone | None:
        """Check the token of a request: at once, unless its key has to be fetched."""
        credential = credential_of(request)
        if isinstance(credential, Rejection):
            decided(credential)
            return None
        if credential is None:
            decided(unauthorized(f"The request has no token: {HOW_TO_SEND_ONE}."))
            return None
        token = credential.secret
        header = _header_of(token)
        if isinstance(header, Rejection):
            decided(header)
            return None
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._rules.algorithms:
            decided(unauthorized("The token's algorithm (alg) is not accepted here."))
            return None
        if algorithm == "HS256":
            decided(self._checked(token, algorithm, self._rules.secret))
            return None
        return self._keys.find(algorithm, kid, partial(self._check_with, token, decided))

    def close(self, timeout: float, /) -> None:
        """Fetch no more keys."""
        self._keys.close(timeout)

    def _check_with(self, token: str, decided: Decided, key: VerificationKey | NoKey) -> None:
        match key:
            case VerificationKey():
                decided(self._checked(token, key.algorithm, key.key))
            case NoKey.UNKNOWN:
                decided(unauthorized("The token is signed with a key (kid, alg) that is not known here."))
            case NoKey.UNREACHABLE:
                words = "The keys that verify tokens are not there; try again later.\n"
                decided(Rejection(503, words, {"Retry-After": "10"}, reason="token_keys"))

    def _checked(self, token: str, algorithm: str, key: Any) -> Identity | Rejection:
        """Return whom a token names, or why it does not count."""
        rules = self._rules
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                options=self._options,
                audience=rules.audience,
                issuer=rules.issuer,
                leeway=_LEEWAY,
            )
        except exceptions.MissingRequiredClaimError as error:
            return unauthorized(f"The token has no {error.claim}.")
        except (exceptions.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            return unauthorized(next((words for kind, words in _WORDS if isinstance(error, kind)), _UNREADABLE))
        name = claims.get(rules.identity)
        if not is_claimable(name):
            words = f"The token names no client: its {rules.identity} is no text of 1 to {LONGEST_NAME} characters."
            return unauthorized(words)
        return Identity(name)


def _header_of(token: str) -> dict[str, Any] | Rejection:
    if len(token) > _LONGEST_TOKEN:
        return unauthorized(f"The token is longer than {_LONGEST_TOKEN} bytes.")
    try:
        header = jwt.get_unverified_header(token)
    except (exceptions.PyJWTError, ValueError, RecursionError):
        return unauthorized(_MALFORMED)
    if "crit" in header or not isinstance(header.get("kid"), str | None):  # a receiver must know what is critical
        return unauthorized(_MALFORMED)
    return header
