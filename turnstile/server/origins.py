"""Checks which web sites' pages may connect, by the header ``Origin`` (RFC 6455, section 10.2; RFC 6454, section 7).

The same-origin policy does not apply to WebSockets: a browser lets any page open one, and sends the host's cookies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TYPE_CHECKING, Final

from turnstile.errors import ConfigError
from turnstile.server.requests import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

Setting = Callable[[Sequence[str]], str]
"""Returns, in the words of a rejection, what lists these origins: ``origins=[...]`` of a route, or a flag."""

_ANY: Final = "*"
# Bounded, since a rejection repeats them; the name of a host has at most 253 characters.
_AUTHORITY: Final = r"(?P<host>[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY, re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]{{0,31}})://{_AUTHORITY}", re.ASCII | re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# No page has one of these, however its script connects.
_NEVER_SENT: Final = ("ws", "wss")
_LOCALHOST: Final = "localhost"
_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1"))


def _route_setting(origins: Sequence[str]) -> str:
    return f"origins={list(origins)!r}"


class Origins:
    """The origins that may connect: the request's own host, and those that are listed.

    A page of evil.example whose name resolves to this machine is of "the request's own host" too (DNS rebinding). It
    has no credentials; where none are asked, only an address or ``localhost`` is the listener's own.

    Args:
        listed: Full origins, such as ``https://app.example.com``, or ``*`` for any.
        setting: What lists them, for the words of a rejection; by default a route's argument.
        trusts_names: Whether a host of any name is the listener's own.
        admits_local: Whether pages from this machine may connect from any port.

    Raises:
        ConfigError: An entry is no origin.
    """

    def __init__(
        self,
        listed: Sequence[str] | None = None,
        *,
        setting: Setting = _route_setting,
        trusts_names: bool = True,
        admits_local: bool = False,
    ) -> None:
        entries = _entries(listed)
        self._are_any = _ANY in entries
        self._listed = {_listed_origin(entry): str(entry) for entry in entries if entry != _ANY}
        self._setting = setting
        self._trusts_names = trusts_names
        self._admits_local = admits_local

    def rejection(self, headers: Mapping[str, str]) -> Rejection | None:
        """Return why a request may not be answered; None if it may, or comes from no page.

        The words repeat of the header only what is an origin: they are logged, and part of them is meant for a shell.

        Args:
            headers: The request's, by lower-case name; several of a name are joined with commas.
        """
        origin = headers.get("origin")
        if origin is None or self._are_any:
            return None
        parts = _ORIGIN.fullmatch(origin)
        if parts is None:
            # Such as null, which any page can send, and two origins.
            fix = f"connect from a page of this host, or allow any with {self._setting([_ANY])}"
            return Rejection(403, f"The header Origin is not the origin of one web site: {fix}\n", reason="origin")
        if _with_port(parts) in self._listed or (self._admits_local and _is_local(parts)):
            return None
        host = _HOST.fullmatch(headers.get("host", ""))
        if _site(parts) != _site(host):
            why = f"is not of this host, {host[0]!r}" if host else "is not of this host"
        elif self._trusts_names or _is_address(parts["host"]):
            return None
        else:
            why = "is of this host by name only, which proves nothing where no credentials are asked"
        fix = self._setting([*self._listed.values(), origin])
        words = f"The header Origin, {origin!r}, {why}: if its pages may connect, list it with {fix}\n"
        return Rejection(403, words, reason="origin")


def _entries(listed: Sequence[str] | None) -> Collection[object]:
    if listed is None:
        return ()
    if listed != _ANY and (isinstance(listed, str) or not isinstance(listed, Collection)):
        raise _no_origin(listed, 'must be a list of origins, such as ["https://app.example.com"], or "*" for any')
    return listed


def _listed_origin(entry: object) -> tuple[str, str, int | None]:
    parts = _ORIGIN.fullmatch(entry) if isinstance(entry, str) else None
    if parts is None or parts["scheme"].lower() in _NEVER_SENT:
        ascii_only = "" if str(entry).isascii() else ", and a name in ASCII, as browsers send it (xn--...)"
        fix = f'write scheme and host, and nothing behind them, such as "https://app.example.com"{ascii_only}'
        raise _no_origin(entry, fix)
    return _with_port(parts)


def _no_origin(value: object, fix: str) -> ConfigError:
    # Without a user and a password, which may stand before the host.
    shown = value.rpartition("@")[2] if isinstance(value, str) else value
    return ConfigError("invalid_origins", f"origins: {shown!r} is not an origin: {fix}.")


def _with_port(parts: re.Match[str]) -> tuple[str, str, int | None]:
    scheme = parts["scheme"].lower()
    return scheme, _canonical(parts["host"]), int(parts["port"]) if parts["port"] else _DEFAULT_PORTS.get(scheme)


def _site(parts: re.Match[str] | None) -> tuple[str, int | None] | None:
    """Return host and port without the scheme, which a host behind a TLS-terminating proxy does not see."""
    if parts is None:
        return None
    port = int(parts["port"]) if parts["port"] else None
    return _canonical(parts["host"]), None if port in _DEFAULT_PORTS.values() else port


def _is_address(host: str) -> bool:
    """Return whether a host's name is one that no other machine can be given: an IP address, or ``localhost``."""
    return host.lower() == _LOCALHOST or _address(host) is not None


def _is_local(parts: re.Match[str]) -> bool:
    address = _address(parts["host"])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    is_loopback = address is not None and any(address in network for network in _LOOPBACK)
    return parts["scheme"].lower() in _DEFAULT_PORTS and (is_loopback or parts["host"].lower() == _LOCALHOST)


def _canonical(host: str) -> str:
    """Return a host's name in lower case, of an address of IPv6 the shortest form: browsers write them so."""
    address = _address(host)
    return f"[{address}]" if isinstance(address, IPv6Address) else host.lower()


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
    except ValueError:
        return None
