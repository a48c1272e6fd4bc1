"""Listens for clients and lets in those that its owner admits."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from typing import TYPE_CHECKING, Final

from turnstile.errors import ConfigError
from turnstile.server.handshake import Handshake
from turnstile.transports.poll import READ

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.server.requests import Admission, PlainAnswer, Rejection, UpgradeRequest
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop

log = logging.getLogger(__name__)

BACKLOG: Final = 512
_ACCEPTS_A_ROUND: Final = 64
_BREATH: Final = 0.5  # seconds without accepting after the system had no socket left


def _no_plain_answer(path: str) -> PlainAnswer | None:  # noqa: ARG001 - the shape of the callback
    return None


class Listener:
    """Accepts clients on the I/O thread.

    Listens from the moment it is made; clients are accepted once `start` was called.

    Args:
        loop: Where all its sockets are watched.
        host: A name or an address.
        port: 0 takes any free one.
        limits: What one client's connection may cost.
        accept: Decides about each client, on the I/O thread: must not block.
        plain: Answers a plain HTTP GET of a path, on the I/O thread; None for what it does not know, which is answered
            with 426.
        tls: Speak TLS with this, from `server_tls`.
        handshake_timeout: Seconds that a client may take from the TCP connection to the last byte of its request, or to
            take the answer if it is not let in.
        max_handshakes: While this many are under way no more are accepted; they wait in the system's queue.
        shares_port: Other processes listen on the same port, and the system gives each client to one of them.

    Raises:
        ConfigError: The address cannot be listened on.
    """

    def __init__(
        self,
        loop: IoLoop,
        host: str,
        port: int,
        *,
        limits: ConnectionLimits,
        accept: Callable[[UpgradeRequest], Admission | Rejection],
        plain: Callable[[str], PlainAnswer | None] = _no_plain_answer,
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = 10.0,
        max_handshakes: int = 100,
        shares_port: bool = False,
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._accept = accept
        self._plain = plain
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._max_handshakes = max_handshakes
        self._handshakes = 0
        self._listening = False
        self._sock = _listen(host, port, shares_port=shares_port)
        self.address: tuple[str, int] = self._sock.getsockname()[:2]
        """Host and port, as the system gave them."""

    def start(self) -> None:
        """Accept clients from now on; from any thread."""
        self._loop.call_soon(self._start, self)

    def close(self) -> None:
        """Accept no more; those at the door and inside stay. From any thread; idempotent."""
        if not self._loop.call_soon(self.abort, self):
            self._sock.close()

    # The loop's side: on the I/O thread.

    def ready(self, events: int) -> None:  # noqa: ARG002 - a listening socket is only ever read
        """Accept who is there, a round at most: the open connections want their turn."""
        for _ in range(_ACCEPTS_A_ROUND):
            if self._handshakes >= self._max_handshakes:
                self._loop.watch(self._sock, 0, self)
                return
            try:
                sock, address = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._take_breath(error)
                return
            self._open_door(sock, f"{address[0]}:{address[1]}")

    def failed(self, error: Exception) -> None:
        """Go on: the loop has logged it, and one client's trouble must not end them all."""

    def shut_down(self) -> None:
        """Accept no more."""
        self.abort()

    def abort(self) -> None:
        """Close the socket."""
        if self._sock.fileno() != -1:
            self._loop.watch(self._sock, 0, self)
            self._loop.remove(self)
            self._sock.close()

    def _start(self) -> None:
        self._loop.add(self)
        self._listen_again()

    def _listen_again(self) -> None:
        if self._sock.fileno() != -1:
            self._loop.watch(self._sock, READ, self)

    def _take_breath(self, error: OSError) -> None:
        if error.errno == errno.ECONNABORTED:
            return  # that client has left already
        log.warning("no client can be accepted for a moment: %s", error.strerror)
        # The socket stays readable, and the loop would spin on it.
        self._loop.watch(self._sock, 0, self)
        self._loop.call_later(_BREATH, self._listen_again, self)

    def _open_door(self, sock: socket.socket, peer: str) -> None:
        try:
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:
            log.debug("%s has left already: %s", peer, error.strerror)
            sock.close()
            return
        self._handshakes += 1
        Handshake(
            self._loop,
            sock,
            peer,
            limits=self._limits,
            accept=self._accept,
            plain=self._plain,
            timeout=self._handshake_timeout,
            done=self._door_closed,
        )

    def _door_closed(self) -> None:
        self._handshakes -= 1
        if self._handshakes == self._max_handshakes - 1:
            self._listen_again()


def server_tls(cert_file: str, key_file: str) -> ssl.SSLContext:
    """Make what `Listener` needs to speak TLS.

    Args:
        cert_file: The certificate and those above it (PEM).
        key_file: Its private key (PEM), without a passphrase.

    Raises:
        ConfigError: One of the files cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_passphrase)
    except ssl.SSLError as error:
        words = f"the certificate {cert_file!r} and the key {key_file!r} cannot be used together, or one is no PEM file"
        raise ConfigError("server_tls", words) from error
    except OSError as error:
        words = f"the certificate {cert_file!r} or the key {key_file!r} cannot be read: {error.strerror}"
        raise ConfigError("server_tls", words) from error
    return context


def _no_passphrase() -> str:
    """Keep OpenSSL from asking for one on the terminal."""
    return ""


def reserve_port(host: str, port: int) -> socket.socket:
    """Take a port for processes that share it; held as long as the socket is open, which takes no client itself.

    Args:
        host: A name or an address.
        port: 0 takes any free one.

    Raises:
        ConfigError: The address cannot be listened on, or this system lets no processes share a port.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ConfigError("no_shared_port", "server.workers: this system lets no processes share a port; use 1.")
    family, address = _resolved(host, port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise ConfigError("listen_address", _why_not(error, host, port)) from error
    return sock


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        words = f"there is no address {host!r} to listen on: {error.strerror}"
        raise ConfigError("listen_address", words) from error
    return family, (str(address[0]), int(address[1]))


def _listen(host: str, port: int, *, shares_port: bool) -> socket.socket:
    family, address = _resolved(host, port)
    try:
        sock = socket.create_server(address, family=family, backlog=BACKLOG, reuse_port=shares_port)
    except OSError as error:
        raise ConfigError("listen_address", _why_not(error, host, port)) from error
    sock.settimeout(0)
    return sock


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
