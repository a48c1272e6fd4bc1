"""A client's WebSocket, read by an I/O loop of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import websocket
from websockets.protocol import Protocol, Side

from turnstile.transports.limits import MIB, ConnectionLimits
from turnstile.transports.loop import IoLoop
from turnstile.transports.websocket import WebSocketConnection
from turnstile.transports.websocket_library import SILENT_LOGGER

if TYPE_CHECKING:
    import socket

    from turnstile.ports import Inbox

_LARGEST_MESSAGE: Final = 64 * MIB


class ClientSocket:
    """One WebSocket to a proxy, and the I/O loop that reads it.

    Args:
        url: Of the proxy, such as ``ws://127.0.0.1:8080/openai``.
        timeout: Seconds for the TCP connection, for TLS, and for the answer to the handshake.
        close_timeout: Seconds for the answer to a close.

    Raises:
        OSError: The proxy cannot be reached, or refuses the handshake; its text is one line.
    """

    def __init__(self, url: str, timeout: float, close_timeout: float) -> None:
        sock = _opened(url, timeout)
        self._loop = IoLoop()
        self._loop.start()
        limits = ConnectionLimits(max_message_bytes=_LARGEST_MESSAGE, close_timeout=close_timeout)
        protocol = Protocol(Side.CLIENT, max_size=limits.max_message_bytes, logger=SILENT_LOGGER)
        self.connection = WebSocketConnection(self._loop, sock, protocol, limits)

    def begin(self, inbox: Inbox) -> None:
        """Deliver the proxy's messages, and the end, to `inbox`."""
        self._loop.call_soon(lambda: self.connection.begin(inbox))

    def close(self, timeout: float) -> None:
        """Stop the loop; `timeout` seconds are left for what it is doing."""
        self._loop.stop(timeout)


def _opened(url: str, timeout: float) -> socket.socket:
    link: Any = websocket.WebSocket(enable_multithread=False)
    try:
        link.connect(url, timeout=timeout, suppress_origin=True)
    except websocket.WebSocketBadStatusException as error:
        raise ConnectionRefusedError(f"it answered {error.status_code}") from None
    except (websocket.WebSocketException, ValueError) as error:
        raise ConnectionError(" ".join(str(error).split())) from None
    # websocket-client reads the answer byte by byte, so that no frame is left in its buffers.
    sock: socket.socket = link.sock
    link.sock = None
    sock.settimeout(0)
    return sock
