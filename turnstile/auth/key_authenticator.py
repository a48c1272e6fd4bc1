"""The check of keys that the operator has made: the mode ``keys``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.auth.authenticator import Authenticator
from turnstile.auth.credentials import HOW_TO_SEND_ONE, credential_of, unauthorized
from turnstile.auth.identity import Identity
from turnstile.server.requests import Rejection

if TYPE_CHECKING:
    from turnstile.auth.authenticator import Decided
    from turnstile.auth.client_keys import KnownKeys
    from turnstile.server.requests import UpgradeRequest


class KeyAuthenticator(Authenticator):
    """Admits whose key is known, by the name that it is known under.

    Args:
        known: The keys.
    """

    def __init__(self, known: KnownKeys) -> None:
        self._known = known

    def authenticate(self, request: UpgradeRequest, decided: Decided, /) -> None:
        """Look the client's key up."""
        decided(self._checked(request))

    def close(self, timeout: float, /) -> None:
        """Do nothing: no check is under way."""

    def _checked(self, request: UpgradeRequest) -> Identity | Rejection:
        credential = credential_of(request)
        if credential is None:
            return unauthorized(f"This proxy asks for a key: {HOW_TO_SEND_ONE}.")
        if isinstance(credential, Rejection):
            return credential
        name = self._known.name_of(credential.secret)
        if name is None:
            return unauthorized("The key is not known here, or is not valid any more.")
        return Identity(name)
