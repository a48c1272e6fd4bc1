"""The client of an opening handshake: its address, as far as that is known, and the path that it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.server.addresses import owner_of
from turnstile.server.pending_handshakes import UNKNOWN_OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.server.refusals import Refusals
    from turnstile.server.requests import Rejection
    from turnstile.server.trusted_proxies import TrustedProxies


class HandshakeClient:
    """The client of one connection.

    Args:
        peer: The address that the socket is connected to, as ``host:port``: the client's, or a proxy's.
        proxies: Those whose word on a client's address is believed.
        refusals: Counts and logs it, if it is refused.
    """

    def __init__(self, peer: str, proxies: TrustedProxies, refusals: Refusals) -> None:
        self._proxies = proxies
        self._refusals = refusals
        self.peer = peer
        """Its address, ``host:port``; the proxy's as long as that has not named it."""
        self.path = ""
        """What it asks for, without the query; "" until that is known."""
        self.is_proxy = proxies.trusts(peer)
        """Whether it is a trusted proxy, which may still name another."""

    @property
    def owner(self) -> str:
        """Whom its handshake is counted for."""
        return UNKNOWN_OWNER if self.is_proxy else owner_of(self.peer)

    def named_before_request(self, peer: str) -> None:
        """Note the address that a trusted proxy's header of the PROXY protocol names."""
        self.peer, self.is_proxy = peer, self._proxies.trusts(peer)

    def named_in_request(self, headers: Callable[[str], Sequence[str]]) -> None:
        """Note the address that trusted proxies name in a request's headers, if it comes from one.

        Args:
            headers: Returns the values of all headers of a name.
        """
        self.peer, self.is_proxy = self._proxies.client_of(self.peer, headers), False

    def note_rejection(self, rejection: Rejection) -> None:
        """Count and log the answer that it gets."""
        rejection.note(self._refusals, self.peer, self.path)

    def note_end(self, reason: str, words: str) -> None:
        """Count and log that its connection is closed without an answer: a word or two, and words for people."""
        self._refusals.note(self.peer, self.path, reason, words)
