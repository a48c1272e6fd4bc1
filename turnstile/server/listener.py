"""The listener: accepts clients, and opens WebSockets for those that are admitted."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from typing import TYPE_CHECKING, Final

from turnstile.errors import ConfigError
from turnstile.server.addresses import peer_of
from turnstile.server.handshake import Handshake
from turnstile.server.refusals import Refusals
from turnstile.server.trusted_proxies import TrustedProxies
from turnstile.server.worker_board import WorkerBoard
from turnstile.transports.poll import READ

if TYPE_CHECKING:
    from turnstile.server.requests import Accept
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop

log = logging.getLogger(__name__)

_ACCEPTS_A_ROUND: Final = 64
_ACCEPT_PAUSE: Final = 0.5  # seconds without accepting after the system had no socket left
_MOST_AHEAD: Final = 4  # clients more than another worker has, from which on that one is let go first
_LET_GO_FIRST: Final = 0.01  # seconds


class Listener:
    """A listening socket, whose clients are accepted on the I/O thread.

    Clients that connect before `start` was called wait in the system's queue. Several processes may have inherited one
    socket: each client is accepted by one of them.

    Args:
        loop: The I/O loop that watches all its sockets.
        sock: The listening socket, from `listening_socket`; closed with the listener.
        limits: Bounds of one client's connection.
        accept: Admits or rejects each client.
        tls: The certificate to use TLS with, from `server_tls`; None for no TLS.
        handshake_timeout: Seconds from the TCP connection to the last byte of the request, or, for a client that is
            rejected, to the last byte of the answer.
        max_handshakes: While this many are under way no more are accepted; they wait in the system's queue.
        proxies: Those in front of it whose word on a client's address is believed.
        slot: The slot of this worker process, if several accept from the socket: gets the number of handshakes. While
            another worker has fewer clients, that one is let go first.
        refusals: Counts and logs the clients that are refused; by default its own.
    """

    def __init__(
        self,
        loop: IoLoop,
        sock: socket.socket,
        *,
        limits: ConnectionLimits,
        accept: Accept,
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = 10.0,
        max_handshakes: int = 100,
        proxies: TrustedProxies | None = None,
        slot: WorkerSlot | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._accept = accept
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._max_handshakes = max_handshakes
        self._proxies = proxies or TrustedProxies()
        self._handshakes = 0
        self._refusals = refusals or Refusals(loop.call_later)
        self._slot = slot or WorkerBoard.of_one().slot(1)
        self._has_let_go_first = False
        self._is_last_resort = False
        self._sock = sock
        self.address: tuple[str, int] = sock.getsockname()[:2]
        """The host and port of the listening socket."""

    def start(self) -> None:
        """Start accepting clients; may be called from any thread."""
        self._loop.call_soon(self._start, self)

    def change(
        self,
        tls: ssl.SSLContext | None,
        limits: ConnectionLimits,
        handshake_timeout: float,
        max_handshakes: int,
        proxies: TrustedProxies,
    ) -> None:
        """Use these for handshakes from now on; may be called from any thread."""

        def change() -> None:
            self._tls, self._limits, self._proxies = tls, limits, proxies
            self._handshake_timeout, self._max_handshakes = handshake_timeout, max_handshakes
            self._listen_again()  # where it waited for the end of a handshake, more may be under way now

        self._loop.call_soon(change, self)

    def let_others_go_first(self) -> None:
        """Accept clients only if no other process that shares the socket does; may be called from any thread."""
        self._is_last_resort = True

    def close(self) -> None:
        """Stop accepting clients; open handshakes and connections stay. May be called from any thread; idempotent."""
        if not self._loop.call_soon(self.abort, self):
            self._sock.close()

    # On the I/O thread.

    def ready(self, events: int) -> None:  # noqa: ARG002 - a listening socket is only ever read
        """Accept the waiting clients, up to a limit for each round, so that open connections need not wait."""
        has_let_go_first, self._has_let_go_first = self._has_let_go_first, False
        for _ in range(_MOST_AHEAD if has_let_go_first else _ACCEPTS_A_ROUND):
            if self._handshakes >= self._max_handshakes:
                self._loop.watch(self._sock, 0, self)
                return
            if not has_let_go_first and (self._is_last_resort or self._slot.lead >= _MOST_AHEAD):
                self._has_let_go_first = True
                self._pause(_LET_GO_FIRST)
                return
            try:
                sock, address = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._pause_accepting(error)
                return
            self._start_handshake(sock, peer_of(*address[:2]))

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
        self._pause(_ACCEPT_PAUSE)

    def _pause(self, seconds: float) -> None:
        # The socket stays readable, and the loop would not rest.
        self._loop.watch(self._sock, 0, self)
        self._loop.call_later(seconds, self._listen_again, self)

    def _start_handshake(self, sock: socket.socket, peer: str) -> None:
        try:
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            log.debug("%s has disconnected already: %s", peer, error.strerror)
            sock.close()
            return
        self._note_handshakes(1)
        Handshake(
            self._loop,
            sock,
            peer,
            limits=self._limits,
            accept=self._accept,
            tls=self._tls,
            proxies=self._proxies,
            timeout=self._handshake_timeout,
            refusals=self._refusals,
            done=self._handshake_done,
        )

    def _note_handshakes(self, more: int) -> None:
        self._handshakes += more
        self._slot.note_handshakes(self._handshakes)

    def _handshake_done(self) -> None:
        self._note_handshakes(-1)
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
