"""A client's WebSocket, read by an I/O loop of its own."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any, Final

import websocket
from websockets.protocol import Protocol, Side

from turnstile.protocol.safe_text import on_one_line
from turnstile.transports.limits import MIB, ConnectionLimits
from turnstile.transports.loop import IoLoop
from turnstile.transports.websocket import WebSocketConnection
from turnstile.transports.websocket_library import SILENT_LOGGER

if TYPE_CHECKING:
    from turnstile.ports import Inbox

_LARGEST_MESSAGE: Final = 64 * MIB
# Characters of a refusal's words that are of use.
_LONGEST_WORDS: Final = 500


class HandshakeRefusedError(ConnectionRefusedError):
    """The proxy refuses the handshake; its text is one line, with the proxy's words.

    Args:
        status: The HTTP status.
        body: The answer's.
    """

    def __init__(self, status: int, body: bytes) -> None:
        words = "" if body.lstrip().startswith(b"<") else body.decode(errors="replace")  # a page for a browser is none
        words = on_one_line(" ".join(words.split())[:_LONGEST_WORDS])
        super().__init__(f"it answered {status}{': ' if words else ''}{words}")
        self.status = status


class NoWebSocketError(ConnectionError):
    """Whoever answers is no WebSocket server; its text is one line."""


class ClientSocket:
    """One WebSocket to a proxy, and the I/O loop that reads it.

    Args:
        url: Of the proxy, such as ``ws://127.0.0.1:8080/openai``.
        timeout: Seconds for the TCP connection, for TLS, and for the answer to the handshake.
        close_timeout: Seconds for the answer to a close.
        key: The client's key, if the proxy asks for one.

    Raises:
        HandshakeRefusedError: The proxy refuses the handshake.
        NoWebSocketError: Whoever answers is no WebSocket server.
        OSError: The proxy cannot be reached; its text is one line.
    """

    def __init__(self, url: str, timeout: float, close_timeout: float, key: str | None = None) -> None:
        sock = _opened(url, timeout, key)
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


def _opened(url: str, timeout: float, key: str | None) -> socket.socket:
    link: Any = websocket.WebSocket(enable_multithread=False)
    if key is not None and not (key.isascii() and key.isprintable()):
        raise ConnectionError("the key has characters that no header may have")
    header = {"Authorization": f"Bearer {key}"} if key else None
    try:
        link.connect(url, timeout=timeout, suppress_origin=True, header=header)
    except websocket.WebSocketBadStatusException as error:
        raise HandshakeRefusedError(error.status_code, error.resp_body or b"") from None
    except websocket.WebSocketTimeoutException:
        raise TimeoutError(f"no answer within {timeout:g} seconds") from None
    except ssl.SSLError:
        raise  # that of a certificate is a ValueError, too
    except (websocket.WebSocketAddressException, websocket.WebSocketProxyException, ValueError) as error:
        if error.args and isinstance(error.args[0], socket.gaierror):
            raise error.args[0] from None
        raise ConnectionError(" ".join(str(error).split())) from None
    except websocket.WebSocketException as error:
        raise NoWebSocketError(on_one_line(" ".join(str(error).split()))) from None
    # websocket-client reads the answer byte by byte, so that no frame is left in its buffers.
    sock: socket.socket = link.sock
    link.sock = None
    sock.settimeout(0)
    return sock
