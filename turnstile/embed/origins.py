"""Checks which web sites' pages may open a WebSocket of a host, by the header ``Origin`` (RFC 6455, section 10.2).

The same-origin policy does not apply to WebSockets: a browser lets any page open one, and sends the host's cookies.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from turnstile.errors import ConfigError
from turnstile.server.requests import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ANY: Final = "*"
_AUTHORITY: Final = r"(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY, re.ASCII | re.IGNORECASE)
_ORIGIN = re.compile(rf"(?P<scheme>[a-z][a-z0-9+.-]*)://{_AUTHORITY}", re.ASCII | re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# No page has one of these, however its script connects.
_NEVER_SENT: Final = ("ws", "wss")


class Origins:
    """The origins that may connect: the request's own host, and those that the host lists.

    Args:
        listed: Full origins, such as ``https://app.example.com``, or ``*`` for any.

    Raises:
        ConfigError: An entry is no origin.
    """

    def __init__(self, listed: Sequence[str] | None = None) -> None:
        entries = _entries(listed)
        self._are_any = _ANY in entries
        self._listed = {_listed_origin(entry) for entry in entries if entry != _ANY}

    def rejection(self, headers: Mapping[str, str]) -> Rejection | None:
        """Return why a request may not become a WebSocket; None if it may, or comes from no page.

        Args:
            headers: The request's, by lower-case name; several of a name are joined with commas.
        """
        origin = headers.get("origin")
        if origin is None or self._are_any:
            return None
        parts = _ORIGIN.fullmatch(origin)
        if parts is None:
            # Such as null, which any page can send, and two origins.
            words = "is not the origin of one web site: connect from a page of this host, or allow any with origins='*'"
        elif _with_port(parts) in self._listed or _site(parts) == _site(_HOST.fullmatch(headers.get("host", ""))):
            return None
        else:
            host = headers.get("host", "")
            words = f"is not of this host, {host!r}: if its pages may connect, name it in the route's origins=[...]"
        return Rejection(403, f"The header Origin, {origin!r}, {words}.\n")


def _entries(listed: Sequence[str] | None) -> Collection[object]:
    if listed is None:
        return ()
    if listed != _ANY and (isinstance(listed, str) or not isinstance(listed, Collection)):
        raise _no_origin(listed, 'must be a list of origins, such as ["https://app.example.com"], or "*" for any')
    return listed


def _listed_origin(entry: object) -> tuple[str, str, int | None]:
    parts = _ORIGIN.fullmatch(entry) if isinstance(entry, str) else None
    if parts is None or parts["scheme"].lower() in _NEVER_SENT:
        raise _no_origin(entry, 'write scheme and host, and nothing behind them, such as "https://app.example.com"')
    return _with_port(parts)


def _no_origin(value: object, fix: str) -> ConfigError:
    # Without a user and a password, which may stand before the host.
    shown = value.rpartition("@")[2] if isinstance(value, str) else value
    return ConfigError("invalid_origins", f"origins: {shown!r} is not an origin: {fix}.")


def _with_port(parts: re.Match[str]) -> tuple[str, str, int | None]:
    scheme = parts["scheme"].lower()
    return scheme, parts["host"].lower(), int(parts["port"]) if parts["port"] else _DEFAULT_PORTS.get(scheme)


def _site(parts: re.Match[str] | None) -> tuple[str, int | None] | None:
    """Return host and port without the scheme, which a host behind a TLS-terminating proxy does not see."""
    if parts is None:
        return None
    port = int(parts["port"]) if parts["port"] else None
    return parts["host"].lower(), None if port in _DEFAULT_PORTS.values() else port
