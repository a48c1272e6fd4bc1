"""The interface of what checks a client's credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from turnstile.auth.identity import Identity
from turnstile.server.requests import Rejection

if TYPE_CHECKING:
    from turnstile.server.requests import ClientGone, UpgradeRequest

Decided = Callable[[Identity | Rejection], None]
"""Takes the outcome, once, on the I/O thread."""


class Authenticator(Protocol):
    """Checks credentials, in one of the modes of ``auth.mode``."""

    def authenticate(self, request: UpgradeRequest, decided: Decided, /) -> ClientGone | None:
        """Check the credentials of a request, on the I/O thread, without blocking.

        Args:
            request: The client's.
            decided: Called once, on the I/O thread, in this call or later.

        Returns:
            What ends the check when the client goes before it is decided: `decided` need not be called any more.
        """

    def close(self, timeout: float, /) -> None:
        """Begin no more checks: they are rejected with 503. Those under way end as they would have.

        Args:
            timeout: Seconds to wait for those that are under way on its threads.
        """


class NoAuthenticator(Authenticator):
    """Admits everybody, without a name: the mode ``none``."""

    def authenticate(self, request: UpgradeRequest, decided: Decided, /) -> None:  # noqa: ARG002 - it asks nothing
        """Admit the client."""
        decided(Identity())

    def close(self, timeout: float, /) -> None:
        """Do nothing."""
