"""Takes a WebSocket request, with its socket, from a synchronous server (WSGI)."""

from __future__ import annotations

import http
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

from websockets.datastructures import Headers
from websockets.http11 import Request

from turnstile.errors import ConfigError
from turnstile.server.addresses import peer_of
from turnstile.server.answers import websocket_answer
from turnstile.server.origins import Origins
from turnstile.server.requests import WEBSOCKET_ONLY, Rejection, open_protocol, upgrade_request
from turnstile.system_features import can_hand_sockets_over

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from websockets.server import ServerProtocol

Environ = dict[str, Any]

# Where servers leave the socket of a request.
_SOCKET_KEYS: Final = ("gunicorn.socket", "werkzeug.socket")
# The way from ``wsgi.input`` to the socket under it: Django's limited stream and wsgiref's buffered one.
_UNDER_THE_INPUT: Final = ("_read", "__self__", "stream", "raw", "_sock")


class Upgrade:
    """A WebSocket upgrade request in a WSGI environment.

    Args:
        environ: The request's environment, from a server that exposes its sockets: gunicorn with its ``gthread``
            worker, the threaded development servers of Flask and Django, and wsgiref.
        origins: The web sites whose pages may connect besides the host's own, such as ``https://app.example.com``, or
            ``*`` for any. A request without the header ``Origin`` comes from no page, and may connect.

    Raises:
        ConfigError: The server does not expose its sockets, the request came over TLS, an origin is malformed, or this
            is Windows.
    """

    def __init__(self, environ: Environ, origins: Sequence[str] | None = None) -> None:
        allowed = Origins(origins)
        request = Request(_target(environ), _headers(environ))
        # Whom to believe on that is for the server: gunicorn's proxy_protocol, werkzeug's ProxyFix.
        peer = peer_of(environ.get("REMOTE_ADDR", "?"), environ.get("REMOTE_PORT", "?"))
        self.request = upgrade_request(request, peer)
        """The client's request."""
        self.rejection: Rejection | None
        """Why it cannot or may not become a WebSocket; None if it may."""
        answer = websocket_answer(request)
        if isinstance(answer, Rejection):
            self.rejection = _as_of_host(answer)
        else:
            self.rejection = allowed.rejection(self.request.headers)
            self._response = answer
        self._environ = environ
        if self.rejection is None:
            _socket_of(environ)

    def accept(self, subprotocol: str | None, max_message_bytes: int) -> tuple[socket.socket, ServerProtocol]:
        """Take the socket from the server, once; the server's own is connected to nothing from then on.

        Only of a request that is not rejected.

        Args:
            subprotocol: The one in use, of those that the client offered.
            max_message_bytes: The largest message that the client may send.

        Returns:
            The socket, non-blocking, and the open WebSocket on it, which has the handshake's answer to send.
        """
        if subprotocol is not None:
            self._response.headers["Sec-WebSocket-Protocol"] = subprotocol
        protocol = open_protocol(self._response, max_message_bytes)
        return _taken(_socket_of(self._environ)), protocol


def _target(environ: Mapping[str, Any]) -> str:
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}" or "/"
    query = environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path


def _headers(environ: Mapping[str, Any]) -> Headers:
    return Headers(
        (name[len("HTTP_") :].replace("_", "-").title(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    )


def _as_of_host(rejection: Rejection) -> Rejection:
    """Return a rejection as a host may answer it."""
    if rejection.status == http.HTTPStatus.UPGRADE_REQUIRED:
        # Without the header Upgrade, which is the server's alone (PEP 3333).
        return Rejection(rejection.status, WEBSOCKET_ONLY, reason="not_websocket")
    return rejection


def _taken(theirs: socket.socket) -> socket.socket:
    ours = theirs.dup()
    # The server still has its file descriptor, and would write an answer to it and shut it down.
    nowhere, peer = socket.socketpair()
    os.dup2(nowhere.fileno(), theirs.fileno(), inheritable=False)
    nowhere.close()
    peer.close()
    ours.settimeout(0)
    ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ours


def _socket_of(environ: Mapping[str, Any]) -> socket.socket:
    if not can_hand_sockets_over():
        words = "On this system no server can hand a WebSocket over: run `turnstile serve` beside the host."
        raise ConfigError("no_socket", words)
    found = next((environ[key] for key in _SOCKET_KEYS if key in environ), None)
    if found is None:
        found = environ.get("wsgi.input")
        for name in _UNDER_THE_INPUT:
            found = getattr(found, name, found)
    if isinstance(found, ssl.SSLSocket):
        words = "The WebSocket came over TLS, which this server cannot hand over: terminate TLS in front of it."
        raise ConfigError("tls_not_handed_over", words)
    if not isinstance(found, socket.socket):
        server = environ.get("SERVER_SOFTWARE", "This server")
        words = f"{server} does not expose its sockets: use gunicorn's gthread worker, or a development server."
        raise ConfigError("no_socket", words)
    return found
