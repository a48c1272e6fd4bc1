"""Opens the WebSocket of an admitted client."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from turnstile.transports.websocket import WebSocketConnection

if TYPE_CHECKING:
    import socket

    from websockets.server import ServerProtocol

    from turnstile.server.requests import Admission
    from turnstile.transports.limits import ConnectionLimits
    from turnstile.transports.loop import IoLoop

log = logging.getLogger(__name__)


def open_websocket(
    loop: IoLoop,
    sock: socket.socket,
    protocol: ServerProtocol,
    limits: ConnectionLimits,
    admission: Admission,
    behind: bytes,
) -> None:
    """Send the answer of the handshake, and have the session begin in the loop's next calls.

    Args:
        loop: Watches the socket from now on.
        sock: The client's, non-blocking; no other handler has it.
        protocol: From `open_protocol`.
        limits: Of the connection.
        admission: Begins the session.
        behind: What the client has sent behind its request.
    """
    connection = WebSocketConnection(loop, sock, protocol, limits, admission.budget)
    connection.flush()
    loop.call_soon(partial(_begin, admission, connection, behind))


def _begin(admission: Admission, connection: WebSocketConnection, behind: bytes) -> None:
    try:
        inbox = admission.open(connection)
    except BaseException as error:
        log.exception("a client was admitted, but its session could not be opened")
        connection.begin(None)
        connection.failed(error)
    else:
        connection.begin(inbox, behind)
