"""Where a client's key is in its request, and the answers to one without.

Sources: RFC 6750, for the scheme ``Bearer``, ``WWW-Authenticate``, and 400 for several keys; Deepgram's page "Using the
Sec-WebSocket-Protocol" and its SDKs for ``Token`` and the subprotocols ``token`` and ``bearer``; OpenAI's SDKs for the
subprotocol ``openai-insecure-api-key.KEY``, and for the header ``api-key`` of those that are made for Azure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from turnstile.server.requests import Rejection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.server.requests import UpgradeRequest

HOW_TO_SEND_ONE: Final = (
    'send it as "Authorization: Bearer KEY", as the subprotocols "token, KEY", or as the query "token=KEY"'
)
"""For the words to a client that sent no key."""

# Under which those refused are counted.
_REASON: Final = "credentials"
_SCHEMES: Final = frozenset({"bearer", "token"})
_QUERY_FIELD: Final = "token"
_AZURE_HEADER: Final = "api-key"
# A subprotocol is one word: the key is the word behind these, or behind this prefix in the same word.
_BEFORE_KEY: Final = frozenset({"token", "bearer"})
_KEY_PREFIX: Final = "openai-insecure-api-key."
# What the clients offer beside their key, since a browser closes the connection where nothing is chosen.
_CHOSEN: Final = frozenset({*_BEFORE_KEY, "realtime", "openai-beta.realtime-v1"})
# Visible characters of ASCII; a comma separates headers of the same name.
_KEY: Final = re.compile(r"[!-+\--~]+")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client proves who it is with.

    Args:
        secret: A key or a token, as sent. Never logged, and in no error.
    """

    secret: str = field(repr=False)


def credential_of(request: UpgradeRequest) -> Credential | Rejection | None:
    """Return the key of a request; None where there is none, a rejection where it cannot be told or is malformed."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    sent = {rest.strip()} if scheme.lower() in _SCHEMES else set()
    sent |= {request.headers.get(_AZURE_HEADER, ""), request.query.get(_QUERY_FIELD, "")}
    sent |= {key for _, key in _offers(request)}
    sent -= {""}
    if len(sent) > 1:
        return Rejection(400, "The request has several different keys: send one of them.\n", reason=_REASON)
    if not sent:
        if scheme and scheme.lower() not in _SCHEMES:
            return unauthorized('Authorization: write "Bearer KEY" or "Token KEY"; no other scheme is known here.')
        return None
    (key,) = sent
    if not _KEY.fullmatch(key):
        return unauthorized("The key is malformed: it may have no spaces, commas, or characters beyond ASCII.")
    return Credential(key)


def unauthorized(words: str) -> Rejection:
    """Return the answer to a client whose key is missing or does not count.

    Args:
        words: The reason, for people, in one sentence without the key.
    """
    # A realm, since at least one parameter is required.
    return Rejection(401, f"{words}\n", {"WWW-Authenticate": 'Bearer realm="turnstile"'}, _REASON)


def chosen_subprotocol(request: UpgradeRequest) -> str | None:
    """Return the first subprotocol of the offer that the proxy accepts, None without; never one that is a key."""
    return next((name for name, _ in _offers(request) if name in _CHOSEN), None)


def _offers(request: UpgradeRequest) -> Iterator[tuple[str, str]]:
    """Yield what the client's subprotocols say: each name, and the key that goes with it, if any."""
    words = iter(request.subprotocols)
    for word in words:
        if word in _BEFORE_KEY:
            yield word, next(words, "")
        elif word.startswith(_KEY_PREFIX):
            yield "", word.removeprefix(_KEY_PREFIX)
        else:
            yield word, ""
