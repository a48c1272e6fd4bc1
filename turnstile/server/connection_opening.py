"""What comes before the first request of a connection: a proxy's header, and the TLS handshake."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Final

from turnstile.server.proxy_protocol import ProxyHeaderError, ProxyHeaderReader
from turnstile.transports.nonblocking_socket import NonBlockingSocket, nonblocking
from turnstile.transports.poll import READ, WRITE

if TYPE_CHECKING:
    from turnstile.server.handshake_client import HandshakeClient
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.socket_handler import SocketHandler

_PLAIN_HTTP: Final = ("HTTP_REQUEST", "HTTPS_PROXY_REQUEST")  # how OpenSSL names what it has got instead of TLS


class OpeningRefused(Exception):  # noqa: N818 - the connection is refused, and nothing has failed
    """The connection is refused before its first request.

    Args:
        reason: A word or two, for counts and the log.
        words: For people.
    """

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


class PlainHttpError(Exception):
    """The client speaks HTTP without TLS on a port of TLS; the socket is plain now, for the answer."""


class ConnectionOpening:
    """The beginning of one accepted connection.

    Args:
        loop: Watches the socket.
        sock: The accepted socket, non-blocking.
        tls: The certificate to use TLS with; None for no TLS.
        client: Whom the socket is connected to; gets the address that a proxy's header names.
    """

    def __init__(self, loop: IoLoop, sock: socket.socket, tls: ssl.SSLContext | None, client: HandshakeClient) -> None:
        self._loop = loop
        self._tls = tls
        self._client = client
        self._proxy_header: ProxyHeaderReader | None = ProxyHeaderReader(sock, is_believed=client.is_proxy)
        self.socket: NonBlockingSocket = nonblocking(sock)
        """The socket, of TLS as soon as that has begun."""
        self.received = b""
        """The first bytes behind the header, as far as they were read."""

    def proceed(self, owner: SocketHandler) -> bool:
        """Continue; return whether it is done.

        Args:
            owner: Whom the loop calls for the socket; not kept, since it keeps this.

        Raises:
            OpeningRefused: It is over.
            PlainHttpError: It is over, and the client can be answered.
            OSError: The client has gone.
        """
        return (self._proxy_header is None or self._read_header(self._proxy_header)) and self._shake_hands(owner)

    def _read_header(self, reader: ProxyHeaderReader) -> bool:
        try:
            header = reader.read()
        except ProxyHeaderError as error:
            raise OpeningRefused("proxy_header", f"its header of the PROXY protocol: {error}") from error
        if header is None:
            return False
        self._proxy_header = None
        if header.client is not None:
            self._client.named_before_request(header.client)
        if not header.size:
            self.received = reader.received
        return True

    def _shake_hands(self, owner: SocketHandler) -> bool:
        """Begin or continue the TLS handshake; return whether it is done, or there is none."""
        if self._tls is None:
            return True
        sock = self.socket.sock
        if not isinstance(sock, ssl.SSLSocket):
            sock.getpeername()  # fails where the client has left, and then wrapping would leave a socket open
            self._loop.watch(sock, 0, owner)  # the wrapped socket is another, and the only one if this fails
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            self.socket = nonblocking(sock)
        try:
            sock.do_handshake()
        except ssl.SSLWantReadError:
            self._loop.watch(sock, READ, owner)
            return False
        except ssl.SSLWantWriteError:
            self._loop.watch(sock, WRITE, owner)
            return False
        except ssl.SSLEOFError:
            raise
        except ssl.SSLError as error:
            self._refuse(sock, error, owner)
        self._loop.watch(sock, READ, owner)
        return True

    def _refuse(self, sock: ssl.SSLSocket, error: ssl.SSLError, owner: SocketHandler) -> None:
        if error.reason not in _PLAIN_HTTP:
            raise OpeningRefused("tls", f"its TLS handshake failed: {error.reason or 'SSLError'}") from error
        self._loop.watch(sock, 0, owner)
        self.socket = nonblocking(socket.socket(fileno=sock.detach()))
        raise PlainHttpError from error
