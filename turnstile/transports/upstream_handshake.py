"""Opens one upstream link, blocking: name, TCP, an HTTP proxy's tunnel, TLS and the WebSocket handshake."""

from __future__ import annotations

import base64
import re
import socket
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import websocket
from websocket._url import get_proxy_info

from turnstile.transports.connect_errors import OUT_OF_QUOTA, TOO_MANY_REQUESTS, AnswerError, Refused, TunnelRefused

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping, Sequence

    from turnstile.ports import UpstreamTarget
    from turnstile.transports.network_operation import NetworkOperation
    from turnstile.transports.pool import WorkerPool

    Resolve = Callable[[str, int], Sequence[tuple[Any, ...]]]

_SWITCHING_PROTOCOLS: Final = 101
_HEAD_BYTES: Final = 32 * 1024
_READ_BYTES: Final = 4 * 1024
_BODY_BYTES: Final = 16 * 1024
# How long each part of a body may take: it mostly comes with the head.
_BODY_SECONDS: Final = 1.0
_LENGTH: Final = re.compile(rb"^content-length:[ \t]*(\d{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_NEEDED: Final = re.compile(rb"(?:upgrade|connection|sec-websocket-[a-z]+):", re.IGNORECASE)
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)\b")
_DEFAULT_PORTS: Final = {"ws": 80, "wss": 443}


def resolve_place(host: str, port: int) -> list[tuple[Any, ...]]:
    """Look up the socket addresses of a name, the preferred first.

    Raises:
        OSError: It has none.
    """
    return [place for *_, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def place_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an upstream's address.

    Raises:
        ValueError: It is no WebSocket address.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("no WebSocket address")
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]


class UpstreamHandshake:
    """Opens links; what an upstream may answer is bounded in time, by the operation, and in bytes.

    An HTTP proxy is taken from the environment (``http_proxy``, ``https_proxy``, ``no_proxy``). Redirects are not
    followed: they would carry the key elsewhere.

    Args:
        context: For TLS.
        resolving: The threads that look up names: no timeout ends a resolver.
        resolve: Returns the socket addresses of a name; may block.
    """

    def __init__(self, context: ssl.SSLContext, resolving: WorkerPool, resolve: Resolve) -> None:
        self._context = context
        self._resolving = resolving
        self._resolve = resolve

    def open(self, target: UpstreamTarget, operation: NetworkOperation) -> tuple[socket.socket, bytes]:
        """Return a non-blocking socket behind its handshake, and the bytes that came behind the answer.

        Raises:
            ValueError: Address or headers cannot be used.
            OSError: The upstream or the proxy cannot be reached; a `TimeoutError` at the deadline.
            Refused: The upstream has answered with another status.
            TunnelRefused: The proxy opened no tunnel.
            AnswerError: The answer is no HTTP, or too long.
            websocket.WebSocketException: It is not the answer of a WebSocket server.
        """
        scheme, host, port = place_of(target.url)
        header = _header_lines(target.headers)
        sock = self._reach(host, port, operation, is_secure=scheme == "wss")
        if scheme == "wss":
            sock = operation.start_tls(sock, self._context, host)
        stream = _HandshakeSocket(sock, operation)
        link: Any = websocket.WebSocket(enable_multithread=False)
        try:
            link.connect(target.url, socket=stream, header=header, suppress_origin=True, redirect_limit=0)
        except BaseException:
            stream.close()
            raise
        finally:
            link.frame_buffer = None  # it holds the link in a cycle, which would wait for a full collection
            link.sock = None
        operation.let_go()
        sock.settimeout(0)
        return sock, stream.behind

    def _reach(self, host: str, port: int, operation: NetworkOperation, *, is_secure: bool) -> socket.socket:
        """Return a connection to the upstream, through the environment's proxy where there is one."""
        proxy_host, proxy_port, credentials = get_proxy_info(host, is_secure)
        place = (proxy_host, proxy_port or 80) if proxy_host else (host, port)
        sock = operation.connect(operation.run_on(self._resolving, partial(self._resolve, *place)))
        try:
            for option in websocket.DEFAULT_SOCKET_OPTION:
                sock.setsockopt(*option)
            if proxy_host:
                _open_tunnel(sock, f"[{host}]:{port}" if ":" in host else f"{host}:{port}", credentials, operation)
        except BaseException:
            operation.let_go()
            sock.close()
            raise
        return sock


class _HandshakeSocket:
    """The socket that websocket-client does its handshake on: it gets of an answer 101 what the handshake needs.

    It reads byte by byte; here the whole head is read at once, up to a limit, and another status's body never, but for
    429, whose body tells a quota that is used up from a rate limit. It would
    keep cookies for the whole process: those of one session would go out with the next one's handshake.
    """

    def __init__(self, sock: socket.socket, operation: NetworkOperation) -> None:
        self._sock = sock
        self._operation = operation
        self._head: memoryview | None = None
        self.behind = b""
        """What came behind the head."""

    def send(self, data: bytes) -> int:
        self._sock.settimeout(self._operation.left())
        self._sock.sendall(data)
        return len(data)

    def recv(self, size: int) -> bytes:
        if self._head is None:
            status, head, self.behind = _read_head(self._sock, self._operation)
            if status != _SWITCHING_PROTOCOLS:
                raise Refused(status, head, self._body(head) if status == TOO_MANY_REQUESTS else b"")
            self._head = memoryview(_of_the_handshake(head))
        data, self._head = bytes(self._head[:size]), self._head[size:]
        return data

    def _body(self, head: bytes) -> bytes:
        """Return the body of a refusal, or what comes of it in time, up to a limit or to the code that is sought."""
        length = _LENGTH.search(head)
        size = min(int(length[1]), _BODY_BYTES) if length else _BODY_BYTES
        body = bytearray(self.behind)
        with suppress(OSError):
            while len(body) < size and OUT_OF_QUOTA not in body and not body.endswith(_LAST_CHUNK):
                self._sock.settimeout(min(self._operation.left(), _BODY_SECONDS))
                data = self._sock.recv(_READ_BYTES)
                if not data:
                    break
                body += data
        return bytes(body)

    def gettimeout(self) -> float:
        return self._operation.left()

    def close(self) -> None:
        self._operation.let_go()
        self._sock.close()


def _open_tunnel(
    sock: socket.socket, where: str, credentials: tuple[str, str] | None, operation: NetworkOperation
) -> None:
    """Let an HTTP proxy connect to the upstream (RFC 9110, section 9.3.6)."""
    request = f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n"
    if credentials is not None:
        encoded = base64.b64encode(":".join(credentials).encode()).decode()
        request += f"Proxy-Authorization: Basic {encoded}\r\n"
    try:
        sock.settimeout(operation.left())
        sock.sendall(f"{request}\r\n".encode())
        status, _, behind = _read_head(sock, operation)
    except (OSError, AnswerError, websocket.WebSocketException) as error:
        raise TunnelRefused(None) from error
    if not 200 <= status < 300 or behind:  # noqa: PLR2004 - success, in HTTP; then the upstream waits for us
        raise TunnelRefused(status)


def _read_head(sock: socket.socket, operation: NetworkOperation) -> tuple[int, bytes, bytes]:
    """Read the head of an HTTP answer; return its status, the head itself, and what came behind it.

    Raises:
        AnswerError: It is longer than 32 KB, or no HTTP.
        websocket.WebSocketConnectionClosedException: The connection ends in it.
        OSError: The connection is broken; a `TimeoutError` at the deadline.
    """
    received, searched = bytearray(), 0
    while (end := _END_OF_HEAD.search(received, searched)) is None:
        if len(received) > _HEAD_BYTES:
            raise AnswerError(f"its head is longer than {_HEAD_BYTES} bytes")
        searched = max(0, len(received) - 3)  # a part of the end may have come
        sock.settimeout(operation.left())
        data = sock.recv(_READ_BYTES)
        if not data:
            raise websocket.WebSocketConnectionClosedException("the connection ended within the answer")
        received += data
    status = _STATUS.match(received)
    if status is None:
        raise AnswerError("it does not begin with a status of HTTP")
    return int(status[1]), bytes(received[: end.end()]), bytes(received[end.end() :])


def _of_the_handshake(head: bytes) -> bytes:
    """Return the head of an answer with those of its headers that the handshake needs (RFC 6455, section 4.1)."""
    status, *headers = head.split(b"\n")
    return b"\n".join((status, *filter(_NEEDED.match, headers), b"\r\n"))


def _header_lines(headers: Mapping[str, str]) -> list[str]:
    """Return the handshake's headers.

    Raises:
        ValueError: One holds a line break, and would end as a header of its own.
    """
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in a header")
    return lines
