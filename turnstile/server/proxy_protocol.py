"""Reads the header that a proxy writes in front of a connection to name its client: PROXY protocol, versions 1 and 2.

The source is https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from turnstile.server.addresses import parse_address, peer_of

SIGNATURE_1: Final = b"PROXY "
SIGNATURE_2: Final = b"\r\n\r\n\0\r\nQUIT\n"
_LINE_BYTES: Final = 107  # the longest of version 1, its end included
_FIXED_BYTES: Final = 16  # of version 2: signature, version and command, family and protocol, length of the rest
_REST_BYTES: Final = 1024  # addresses and extensions: some hundred bytes in practice
LONGEST_HEADER: Final = _FIXED_BYTES + _REST_BYTES
"""Bytes of the longest header that is accepted."""
_LAST_PORT: Final = 65_535
_PORT: Final = rb"(?:0|[1-9][0-9]{0,4})"
_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|TCP(?P<version>[46]) (?P<source>[0-9a-fA-F:.]+) (?P<target>[0-9a-fA-F:.]+) "
    rb"(?P<port>" + _PORT + rb") (?P<to>" + _PORT + rb"))\r\n"
)
_LOCAL, _PROXY = 0x20, 0x21  # version 2 with each of its commands
_FAMILIES: Final = frozenset({0x00, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32})
# Of a stream over IPv4 and IPv6: the bytes of an address.
_ADDRESS_BYTES: Final = {0x11: 4, 0x21: 16}


class ProxyHeaderError(ValueError):
    """The bytes begin like a header of the PROXY protocol, and are none."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What a proxy says of the connection.

    Args:
        size: The header's bytes; 0 if the connection begins without one.
        client: The client's address, as ``host:port``; None if the connection is the proxy's own, such as a health
            check, or of an address that is not on the internet.
    """

    size: int
    client: str | None = None


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """Read the header at the beginning of a connection.

    Args:
        data: The first bytes; more may be given than the header has.

    Returns:
        The header; None as long as it is not complete.

    Raises:
        ProxyHeaderError: It begins like one and is none.
    """
    if data.startswith(SIGNATURE_1):
        return _line(data)
    if data.startswith(SIGNATURE_2):
        return _binary(data)
    is_beginning = SIGNATURE_1.startswith(data) or SIGNATURE_2.startswith(data)
    return None if is_beginning else ProxyHeader(0)


def _line(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\n", 0, _LINE_BYTES)
    if end < 0:
        if len(data) >= _LINE_BYTES:
            raise ProxyHeaderError(f"its line does not end within {_LINE_BYTES} bytes")
        return None
    line = _LINE.fullmatch(data[: end + 1])
    if line is None:
        raise ProxyHeaderError("its line is not PROXY TCP4|TCP6 with two addresses and two ports, or PROXY UNKNOWN")
    if line["version"] is None:
        return ProxyHeader(end + 1)
    source, target = (_written_address(line[name], line["version"]) for name in ("source", "target"))
    port, to = int(line["port"]), int(line["to"])
    if source is None or target is None or max(port, to) > _LAST_PORT:
        raise ProxyHeaderError("its line has no addresses of that version, or a port past 65535")
    return ProxyHeader(end + 1, peer_of(source, port))


def _written_address(text: bytes, version: bytes) -> str | None:
    address = parse_address(text.decode("ascii"))
    return None if address is None or (b":" in text) != (version == b"6") else str(address)


def _binary(data: bytes) -> ProxyHeader | None:
    if len(data) < _FIXED_BYTES:
        return None
    command, family, length = data[12], data[13], int.from_bytes(data[14:_FIXED_BYTES], "big")
    if command != _LOCAL and (command != _PROXY or family not in _FAMILIES):
        raise ProxyHeaderError(f"its command, 0x{command:02x}, or its family, 0x{family:02x}, is unknown")
    if length > _REST_BYTES:
        raise ProxyHeaderError(f"it announces {length} bytes, more than {_REST_BYTES}")
    size = _FIXED_BYTES + length
    width = _ADDRESS_BYTES.get(family, 0) if command == _PROXY else 0
    if length < 2 * width + (4 if width else 0):
        raise ProxyHeaderError(f"it announces {length} bytes, which cannot hold its addresses")
    if len(data) < size:
        return None
    if not width:
        return ProxyHeader(size)
    # Two addresses, then two ports, the client's first; extensions behind them are skipped.
    source = ip_address(data[_FIXED_BYTES : _FIXED_BYTES + width])
    ports = _FIXED_BYTES + 2 * width
    host = parse_address(str(source)) or source
    return ProxyHeader(size, peer_of(str(host), int.from_bytes(data[ports : ports + 2], "big")))


class ProxyHeaderReader:
    """Reads the header off a socket: its bytes, and none of what follows.

    Args:
        sock: The accepted socket, non-blocking, before TLS.
        is_believed: Whether a header may be there.
    """

    def __init__(self, sock: socket.socket, *, is_believed: bool) -> None:
        self._sock = sock
        self._is_believed = is_believed
        self.received = b""
        """The bytes read so far; they are the client's own if there is no header."""

    def read(self) -> ProxyHeader | None:
        """Return the header once it is complete, None until then.

        Raises:
            ProxyHeaderError: It begins like a header and is none, or there may be none.
            OSError: The connection has ended.
        """
        try:
            seen = self._sock.recv(LONGEST_HEADER, socket.MSG_PEEK)
        except BlockingIOError:
            return None
        if not seen:
            raise ConnectionResetError("the connection ended before its first request")
        header = parse_proxy_header(self.received + seen)
        if header is not None and not header.size:
            return header
        if header is not None and not self._is_believed:
            raise ProxyHeaderError("only networks in server.trusted_proxies are believed")
        # Bytes of a header that is not complete are taken, too: left there, they would wake the loop again and again.
        more = len(seen) if header is None else header.size - len(self.received)
        self.received += self._sock.recv(more)
        return header if header is not None and len(self.received) == header.size else None
