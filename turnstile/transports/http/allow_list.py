"""Checks the addresses of functions against the operator's allow list and against private networks."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from turnstile.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ENTRY: Final = re.compile(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<star>\*\.)?(?P<name>[^:]+))(?::(?P<port>[0-9]{1,5}))?")
_MAX_PORT: Final = 65_535
_NO_URL: Final = re.compile(r"[\x00-\x20\x7f\\]")
_LEFT_AS_IT_IS: Final = "!$%&'()*+,/:;=?@[]~"

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
# Global by the registry, yet served by the cloud that a machine runs in: the protocol assignments (192.0.0.192 serves
# credentials in one), and the host platform of Azure.
_REFUSED: Final = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("168.63.129.16/32"))


@dataclass(frozen=True, slots=True)
class Address:
    """The parsed address of a function.

    Args:
        scheme: ``http`` or ``https``.
        host: A name in lower case and in ASCII, without a dot at its end, or an IP address without brackets.
        port: The port, the scheme's own if the URL names none.
        target: Path and query, as HTTP sends them. May hold secrets.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port, the port only if it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def parse_address(url: str) -> Address:
    """Parse a URL.

    Raises:
        ValueError: It is not of http or https, names a user, or is no URL; the message contains nothing of it.
    """
    try:
        return _parse(url)
    except ValueError:
        raise ValueError("no address of http or https") from None


class AllowList:
    """The hosts whose functions may be called.

    Args:
        entries: ``api.example.com`` at its scheme's own port, ``api.example.com:8443`` at this one, ``*.example.com``
            for every name below it but not itself; an IPv6 address in brackets.

    Raises:
        ConfigError: An entry is none of these.
    """

    def __init__(self, entries: Sequence[str]) -> None:
        self._hosts = {_parse_entry(entry) for entry in entries}

    def __contains__(self, address: Address) -> bool:
        port = None if address.port == DEFAULT_PORTS[address.scheme] else address.port
        names = [address.host, *_wildcards(address.host)]
        return any((name, number) in self._hosts for name in names for number in {port, address.port})


def is_public(address: IpAddress) -> bool:
    """Return whether an address is of the public internet, or stands for one that is (mapped, 6to4, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in net for net in _REFUSED)
    inner = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if inner is not None:
        return is_public(inner)
    return address in _GLOBAL_UNICAST and address.is_global


def _parse(url: str) -> Address:
    parts = urlsplit(url)
    if _NO_URL.search(url) or parts.scheme not in DEFAULT_PORTS or "@" in parts.netloc:
        raise ValueError("not a URL that can be called")
    host = parts.hostname or ""
    if parts.netloc.startswith("[") != (":" in host):  # brackets around what is not IPv6
        raise ValueError("not a host")
    port = DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, _normalised_host(host), port, quote(target, safe=_LEFT_AS_IT_IS))


def _normalised_host(host: str) -> str:
    """Return the normalised form of a host, in which it is compared, resolved and sent.

    Raises:
        ValueError: It is not a host.
    """
    if ":" in host:
        return _normalised_ipv6(host)
    name = host.encode("idna").decode("ascii").lower().removesuffix(".")
    if not _NAME.fullmatch(name):
        raise ValueError("no host")
    return name


def _normalised_ipv6(host: str) -> str:
    if "%" in host:  # a zone of this machine
        raise ValueError("no host")
    return ipaddress.IPv6Address(host).compressed


def _parse_entry(entry: str) -> tuple[str, int | None]:
    found = _ENTRY.fullmatch(entry.strip())
    try:
        if found is not None:
            port = None if found["port"] is None else _parse_port(found["port"])
            if found["ipv6"] is not None:
                return _normalised_ipv6(found["ipv6"]), port
            return (found["star"] or "") + _normalised_host(found["name"]), port
    except ValueError:
        pass
    words = f'functions.allowed_hosts: {entry!r} is not a host: write "name", "*.name", "name:port" or "[IPv6]:port"'
    raise ConfigError("functions_allowed_hosts", words)


def _parse_port(number: str) -> int:
    if not 0 < int(number) <= _MAX_PORT:
        raise ValueError("no port")
    return int(number)


def _wildcards(host: str) -> list[str]:
    """Return the wildcard entries that match a name."""
    labels = host.split(".")
    return ["*." + ".".join(labels[start:]) for start in range(1, len(labels))]
