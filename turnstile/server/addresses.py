"""The addresses of clients: how they are written, read, and counted."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

IPAddress = IPv4Address | IPv6Address


def peer_of(host: str, port: int | str) -> str:
    """Return an address as ``host:port``, of IPv6 as ``[host]:port``.

    Args:
        host: The address; a zone (``%eth0``) is left out.
        port: ``?`` where it is not known.
    """
    host = host.partition("%")[0]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def host_of(peer: str) -> str:
    """Return what is before the port in ``host:port``, of IPv6 without brackets; a text without a port as it is."""
    return peer.rpartition(":")[0].strip("[]") or peer


def address_of(peer: str) -> IPAddress | None:
    """Return the address in ``host:port``; None if there is none."""
    return parse_address(peer.rpartition(":")[0].strip("[]").partition("%")[0])


def parse_address(text: str) -> IPAddress | None:
    """Return the address that is written without a port and a zone, of IPv4 in IPv6 the former; None if it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return None if address.scope_id is not None else address.ipv4_mapped or address


def owner_of(peer: str) -> str:
    """Return what a client's sessions are counted by: its address, of IPv6 the /64, which is one client's to choose in.

    Args:
        peer: The client's address and port; another text is its own owner.
    """
    address = address_of(peer)
    if address is None:
        return host_of(peer)
    return str(ip_network((address, 64), strict=False) if isinstance(address, IPv6Address) else address)
