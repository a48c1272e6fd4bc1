"""The address that the listener listens on, and its socket."""

from __future__ import annotations

import errno
import socket
from typing import Final

from turnstile.errors import ConfigError

# Clients that wait to be accepted; the system may have a lower bound. Who finds no place tries again after a second.
BACKLOG: Final = 4_096


def listening_socket(host: str, port: int) -> socket.socket:
    """Listen on an address; return the socket, non-blocking.

    Args:
        host: A name or an address.
        port: 0 takes any free one.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    family, address = listening_address(host, port)
    try:
        sock = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError("listen_address", _why_not(error, host, port)) from error
    sock.settimeout(0)
    return sock


def listening_address(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """Return the family and the address that `listening_socket` listens on.

    Raises:
        ConfigError: There is none of this name.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        words = f"there is no address {host!r} to listen on: {error.strerror}"
        raise ConfigError("listen_address", words) from error
    return family, (str(address[0]), int(address[1]))


def _why_not(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken: end what listens there, or choose another port"
        case errno.EACCES:
            return f"port {port} on {host} needs more rights than this process has: choose a port above 1023"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine: choose one that is, or 0.0.0.0 for all"
        case _:
            return f"port {port} on {host} cannot be listened on: {error.strerror}"
