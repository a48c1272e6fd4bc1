"""Opens upstream links: websocket-client does the handshake, the I/O loop the rest."""

from __future__ import annotations

import contextlib
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import websocket
from websockets.frames import CloseCode
from websockets.protocol import Protocol, Side

from turnstile.errors import ConfigError
from turnstile.ports import LinkFailed, LinkReady
from turnstile.transports.connect_errors import describe_failure, refused, unreachable
from turnstile.transports.framing import SILENT_LOGGER
from turnstile.transports.pool import WorkerPool
from turnstile.transports.websocket import WebSocketConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.ports import LinkInbox, UpstreamTarget
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.loop_timers import TimerHandle

_SWITCHING_PROTOCOLS: Final = 101


class WebSocketConnector:
    """The `Connector` port over websocket-client.

    Name resolution, TCP, TLS and the handshake block, so they run on a few daemon threads, started when needed. An HTTP
    proxy is taken from the environment (``http_proxy``, ``https_proxy``, ``no_proxy``). Redirects are not
    followed: they would carry the key elsewhere.

    Args:
        loop: Reads and writes the open links; running.
        limits: Bounds of one link.
        timeout: How long the host may take for the TCP connection, for TLS, and for the answer to the handshake, in
            seconds each. The time that an attempt waits for a free thread is not counted.
        ca_file: Certificates (PEM) to trust instead of the system's.
        verify: Whether to check the upstream's certificate at all.
        threads: How many links are opened at the same time.

    Raises:
        ConfigError: `ca_file` cannot be used.
    """

    def __init__(
        self,
        loop: IoLoop,
        limits: ConnectionLimits,
        *,
        timeout: float = 10.0,
        ca_file: str | None = None,
        verify: bool = True,
        threads: int = 4,
    ) -> None:
        self._loop = loop
        self._limits = limits
        self._timeout = timeout
        self._sslopt = _tls_options(ca_file, verify=verify)
        self._pool = WorkerPool("connect", threads)

    def connect(self, target: UpstreamTarget, inbox: LinkInbox) -> None:
        """Open a link without blocking; put `LinkReady` or `LinkFailed` into `inbox`, then frames, then `Closed`."""
        if not (self._loop.running and self._pool.submit(partial(self._try, target, inbox))):
            inbox.tell(unreachable("the proxy is shutting down", retry=False))

    def close(self, timeout: float) -> None:
        """Open no more links, and wait for the threads; attempts that still wait fail.

        Args:
            timeout: How many seconds to wait for attempts that are under way.
        """
        self._pool.close(timeout)

    def _try(self, target: UpstreamTarget, inbox: LinkInbox) -> None:
        if not inbox.is_wanted():
            return
        outcome = unreachable("the proxy is shutting down", retry=False) if self._pool.closed else self._open(target)
        if isinstance(outcome, LinkFailed):
            inbox.tell(outcome)
        elif not self._loop.call_soon(partial(self._hand_over, outcome, inbox)):
            outcome.close()
            inbox.tell(unreachable("the proxy is shutting down", retry=False))

    def _open(self, target: UpstreamTarget) -> socket.socket | LinkFailed:
        where = ""
        link: Any = websocket.WebSocket(sslopt=self._sslopt, enable_multithread=False)
        watchdog = _Watchdog(self._loop, link, 3 * self._timeout)
        try:
            where = _host_and_port(target.url)
            link.connect(
                target.url,
                header=_header_lines(target.headers),
                timeout=self._timeout,
                suppress_origin=True,
                redirect_limit=0,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the session must learn that there is no link
            status = link.getstatus()
            if status is not None and status != _SWITCHING_PROTOCOLS:  # a redirect raises without naming its status
                failure = refused(status)
            else:
                failure = describe_failure(error, where, self._timeout)
            # websocket-client's frames hold what they raise: a cycle, which would wait for a full collection.
            error.__traceback__ = error.__context__ = None
            return failure
        finally:
            watchdog.release()
            link.frame_buffer = None  # it holds the link in a cycle, which would wait for a full collection
        # websocket-client reads the answer byte by byte, so nothing of the frames behind it is left in its buffers.
        sock: socket.socket = link.sock
        link.sock = None
        sock.settimeout(0)
        return sock

    def _hand_over(self, sock: socket.socket, inbox: LinkInbox) -> None:
        protocol = Protocol(Side.CLIENT, max_size=self._limits.max_message_bytes, logger=SILENT_LOGGER)
        connection = WebSocketConnection(self._loop, sock, protocol, self._limits)
        if not inbox.is_wanted():
            connection.begin(None)
            connection.close(CloseCode.NORMAL_CLOSURE)
            return
        try:
            inbox.tell(LinkReady(connection))
        except BaseException:
            sock.close()
            raise
        connection.begin(inbox)


class _Watchdog:
    """End a handshake whose answer comes so slowly that no timeout of the socket applies."""

    def __init__(self, loop: IoLoop, link: websocket.WebSocket, seconds: float) -> None:
        self._loop = loop
        self._link = link
        self._seconds = seconds
        self._timer: TimerHandle | None = None
        loop.call_soon(self._start)

    def release(self) -> None:
        """Stop watching: the handshake is over. From any thread."""
        self._loop.call_soon(self._stop)

    def _start(self) -> None:
        self._timer = self._loop.call_later(self._seconds, self._end_handshake)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end_handshake(self) -> None:
        if self._link.sock is not None:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own method: the other thread is using the TLS state that it would drop.
                socket.socket.shutdown(self._link.sock, socket.SHUT_RDWR)


def _tls_options(ca_file: str | None, *, verify: bool) -> dict[str, Any]:
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no certificate (PEM) in it"
        words = f"the file of trusted certificates {ca_file!r} cannot be used: {reason}"
        raise ConfigError("upstream_ca_file", words) from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return {"context": context}


def _host_and_port(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError("no WebSocket address")
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'wss' else 80)}"


def _header_lines(headers: Mapping[str, str]) -> list[str]:
    """Return the handshake's headers.

    Raises:
        ValueError: One holds a line break, and would end as a header of its own.
    """
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a line break in a header")
    return lines
