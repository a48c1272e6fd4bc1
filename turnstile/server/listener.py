"""The listener: accepts clients, and opens WebSockets for those that are admitted."""

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

    from turnstile.server.requests import Admission, Rejection, UpgradeRequest
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop

log = logging.getLogger(__name__)

BACKLOG: Final = 512
_ACCEPTS_A_ROUND: Final = 64
_ACCEPT_PAUSE: Final = 0.5  # seconds without accepting after the system had no socket left


class Listener:
    """A listening socket, whose clients are accepted on the I/O thread.

    It listens from its creation; clients are accepted once `start` was called.

    Args:
        loop: The I/O loop that watches all its sockets.
        host: A name or an address.
        port: 0 takes any free one.
        limits: Bounds of one client's connection.
        accept: Admits or rejects each client, on the I/O thread: must not block.
        tls: The certificate to use TLS with, from `server_tls`; None for no TLS.
        handshake_timeout: Seconds from the TCP connection to the last byte of the request, or, for a client that is
            rejected, to the last byte of the answer.
        max_handshakes: While this many are under way no more are accepted; they wait in the system's queue.
        shares_port: Whether other processes listen on the same port; the system gives each client to one of them.

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
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = 10.0,
        max_handshakes: int = 100,
        shares_port: bool = False,
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._accept = accept
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._max_handshakes = max_handshakes
        self._handshakes = 0
        self._sock = _listen(host, port, shares_port=shares_port)
        self.address: tuple[str, int] = self._sock.getsockname()[:2]
        """The host and port of the listening socket."""

    def start(self) -> None:
        """Start accepting clients; may be called from any thread."""
        self._loop.call_soon(self._start, self)

    def close(self) -> None:
        """Stop accepting clients; open handshakes and connections stay. May be called from any thread; idempotent."""
        if not self._loop.call_soon(self.abort, self):
            self._sock.close()

    # On the I/O thread.

    def ready(self, events: int) -> None:  # noqa: ARG002 - a listening socket is only ever read
        """Accept the waiting clients, up to a limit for each round, so that open connections need not wait."""
        for _ in range(_ACCEPTS_A_ROUND):
            if self._handshakes >= self._max_handshakes:
                self._loop.watch(self._sock, 0, self)
                return
            try:
                sock, address = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._pause_accepting(error)
                return
            self._start_handshake(sock, f"{address[0]}:{address[1]}")

    def failed(self, error: BaseException) -> None:
        """Go on: the loop has logged it, and an error with one client must not end all."""

    def shut_down(self) -> None:
        """Stop accepting clients."""
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

    def _pause_accepting(self, error: OSError) -> None:
        if error.errno == errno.ECONNABORTED:
            return  # that client has disconnected already
        log.warning("no client can be accepted for a moment: %s", error.strerror)
        # The socket stays readable, and the loop would not rest.
        self._loop.watch(self._sock, 0, self)
        self._loop.call_later(_ACCEPT_PAUSE, self._listen_again, self)

    def _start_handshake(self, sock: socket.socket, peer: str) -> None:
        try:
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        except OSError as error:
            log.debug("%s has disconnected already: %s", peer, error.strerror)
            sock.close()
            return
        self._handshakes += 1
        Handshake(
            self._loop,
            sock,
            peer,
            limits=self._limits,
            accept=self._accept,
            timeout=self._handshake_timeout,
            done=self._handshake_done,
        )

    def _handshake_done(self) -> None:
        self._handshakes -= 1
        if self._handshakes == self._max_handshakes - 1:
            self._listen_again()


def server_tls(cert_file: str, key_file: str) -> ssl.SSLContext:
    """Load the certificate for `Listener` into a TLS context.

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
    """Stop OpenSSL from asking for one on the terminal."""
    return ""


def reserve_port(host: str, port: int) -> socket.socket:
    """Reserve a port for processes that share it, as long as the returned socket is open; it accepts no client.

    Args:
        host: A name or an address.
        port: 0 takes any free one.

    Raises:
        ConfigError: The address cannot be listened on, or this system does not let processes share a port.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ConfigError("no_shared_port", "server.workers: this system does not let processes share a port; use 1.")
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
