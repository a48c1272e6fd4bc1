"""The proxies in front of the listener whose word on a client's address is believed."""

from __future__ import annotations

import logging
from ipaddress import ip_network
from itertools import islice
from typing import TYPE_CHECKING, Final

from turnstile.server.addresses import address_of
from turnstile.server.forwarded import forwarded_nodes, x_forwarded_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_log = logging.getLogger(__name__)

_MOST_PROXIES: Final = 32  # one behind the other: more is what a client wrote, to be read on the I/O thread


class TrustedProxies:
    """The networks of the trusted proxies.

    Args:
        networks: Each a network or an address, as `ipaddress` reads them.
    """

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = [ip_network(network) for network in networks]
        self._has_warned = False

    def trusts(self, peer: str) -> bool:
        """Return whether what comes from an address, ``host:port``, is a trusted proxy's."""
        address = address_of(peer) if self._networks else None
        return address is not None and any(address in network for network in self._networks)

    def client_of(self, peer: str, header_lines: Callable[[str], Sequence[str]]) -> str:
        """Return the address of the client that a request is from, as ``host:port``.

        Each proxy adds whom it forwards for. So the last entry is the nearest proxy's; as long as an entry is itself a
        trusted proxy, the one before it is believed, too. What names no address ends this, and so
        does a chain of more proxies than there can be.

        A client may send the header that its proxy does not know, and proxies pass it on. So where both headers are
        there and name different clients, neither is believed.

        Args:
            peer: The address that the connection is from, or for which it is by the PROXY protocol.
            header_lines: Returns the values of a header's lines, in their order.
        """
        if not self.trusts(peer):
            return peer
        forwarded, x_forwarded = header_lines("Forwarded"), header_lines("X-Forwarded-For")
        client = self._walk(peer, forwarded_nodes(forwarded) if forwarded else x_forwarded_nodes(x_forwarded))
        if forwarded and x_forwarded:
            other = self._walk(peer, x_forwarded_nodes(x_forwarded))
            if address_of(other) != address_of(client):
                self._warn(peer)
                return peer
        return client

    def _walk(self, peer: str, nodes: Iterator[str | None]) -> str:
        for node in islice(nodes, _MOST_PROXIES):
            if node is None:
                break
            peer = node
            if not self.trusts(peer):
                break
        return peer

    def _warn(self, peer: str) -> None:
        """Log, once, that a proxy passes on what its clients write."""
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "Forwarded and X-Forwarded-For from %s name different clients, and neither is believed: have that "
                "proxy remove the one that it does not write itself",
                peer,
            )
