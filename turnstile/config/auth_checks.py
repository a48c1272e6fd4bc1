"""Checks of the settings of clients' credentials that depend on each other, and of their addresses."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from turnstile.config.upstream_section import KEY_PARAMETERS
from turnstile.transports.http.allow_list import Address, parse_address

if TYPE_CHECKING:
    from turnstile.config.auth_section import AuthSection

ANY_AUDIENCE: Final = "*"
"""The audience that stands for all."""

_SHORTEST_SECRET: Final = 32  # bytes: as long as the hash (RFC 7518, section 3.2)
# What the library refuses as a shared secret.
_OTHER_KEY: Final = re.compile(r"----[- ](?:BEGIN|END) |^(?:ssh|ecdsa)-|^\s*[\[{]")
_IS_OTHER_KEY: Final = "a key of another kind (PEM, SSH or JWK), which others may know"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_ADDRESS: Final = "is not an HTTP address; use https://host/path"
_BEARER: Final = re.compile(r"[!-~]+")


def is_address(text: str) -> bool:
    """Tell whether a setting is an address rather than a file."""
    return "://" in text


def is_this_machine(address: Address) -> bool:
    """Tell whether what is sent to an address does not leave this machine."""
    try:
        return ip_address(address.host).is_loopback
    except ValueError:
        return address.host == "localhost"


def check_http_address(url: str, secret: str) -> Address:
    """Return the parsed address of one of the operator's services.

    Args:
        url: The setting.
        secret: Where its credentials belong, for the words.

    Raises:
        ValueError: It is none, or contains credentials.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # whose words repeat a part of it, which may be of a password
        raise ValueError(_NO_ADDRESS) from None
    asked = {name.lower() for name, _ in parse_qsl(parts.query)}
    if parts.username or parts.password or asked & KEY_PARAMETERS:
        raise ValueError(f"contains credentials; {secret}")
    try:
        return parse_address(url)
    except ValueError:
        raise ValueError(_NO_ADDRESS) from None


def check_jwt_keys(value: str) -> str:
    """Return the address or file of keys.

    Raises:
        ValueError: What is fetched from the address could be replaced on its way.
    """
    if is_address(value):
        address = check_http_address(value, "keys are public: use an address that asks for none")
        if address.scheme != "https" and not is_this_machine(address):
            raise ValueError("use https://: over http:// anybody on the way could put keys of his own in their place")
    return value


def check_headers(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names of headers in lower case.

    Raises:
        ValueError: One is no such name.
    """
    for name in names:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a header")
    return tuple(dict.fromkeys(name.lower() for name in names))


def check_token_secret(secret: str) -> None:
    """Check the key that signs browser tokens.

    Raises:
        ValueError: It is too short, or a key of another kind.
    """
    if _OTHER_KEY.search(secret):
        raise ValueError(f"is {_IS_OTHER_KEY}: use random bytes, such as `openssl rand -base64 32` prints")
    size = len(secret.encode())
    if size < _SHORTEST_SECRET:
        raise ValueError(
            f"has {size} bytes, and who has a token could guess it: use at least {_SHORTEST_SECRET}, such as "
            "`openssl rand -base64 32` prints"
        )


def check_mode(auth: AuthSection) -> None:
    """Check that what a mode needs is there.

    Raises:
        ValueError: Something is missing, or does not fit; begins with the name of the setting.
    """
    if auth.mode == "jwt":
        _check_jwt(auth)
    if auth.mode == "ask" and not auth.ask_url:
        raise ValueError('ask_url: is needed for mode = "ask": the address of the service that decides about clients')
    if auth.ask_token is not None and not _BEARER.fullmatch(auth.ask_token.get_secret_value()):
        raise ValueError("ask_token: may have no spaces, and no characters beyond ASCII")


def _check_jwt(auth: AuthSection) -> None:
    if not auth.jwt_algorithms:
        raise ValueError("jwt_algorithms: names none; use RS256 or ES256 for keys, HS256 for a shared secret")
    if "HS256" in auth.jwt_algorithms:
        secret = auth.jwt_secret.get_secret_value() if auth.jwt_secret else ""
        size = len(secret.encode())
        if size < _SHORTEST_SECRET:
            raise ValueError(
                f"jwt_secret: HS256 needs at least {_SHORTEST_SECRET} bytes, not {size}: who has a token can guess a "
                "shorter one"
            )
        if _OTHER_KEY.search(secret):
            raise ValueError(f"jwt_secret: is {_IS_OTHER_KEY}; put public keys into jwt_keys")
    elif auth.jwt_secret is not None and not auth.jwt_keys:
        raise ValueError(
            'jwt_secret: is not used by jwt_algorithms; for a shared secret use jwt_algorithms = ["HS256"]'
        )
    by_keys = [name for name in auth.jwt_algorithms if name != "HS256"]
    if by_keys and not auth.jwt_keys:
        raise ValueError(f"jwt_keys: is needed for {' and '.join(by_keys)}: the issuer's JWKS, an address or a file")
    if not auth.jwt_audience:
        raise ValueError(
            "jwt_audience: is needed: without it tokens that were issued for other services would do; "
            f'"{ANY_AUDIENCE}" accepts them on purpose'
        )
