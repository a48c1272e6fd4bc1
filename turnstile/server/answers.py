"""The answers to requests that become no WebSocket."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from turnstile.server.requests import WEBSOCKET_ONLY, Rejection
from turnstile.transports.websocket_library import SILENT_LOGGER, release_parser

_SWITCHING_PROTOCOLS: Final = 101
OTHER_METHOD: Final = Rejection(HTTPStatus.METHOD_NOT_ALLOWED, WEBSOCKET_ONLY, {"Allow": "GET"}, "method")
NO_WEBSOCKET: Final = Rejection(HTTPStatus.UPGRADE_REQUIRED, WEBSOCKET_ONLY, {"Upgrade": "websocket"}, "not_websocket")
NO_TLS: Final = Rejection(
    HTTPStatus.BAD_REQUEST,
    "This port takes TLS connections only: connect with wss:// instead of ws://.\n",
    reason="plain_on_tls_port",
)
FAILED: Final = Rejection(HTTPStatus.INTERNAL_SERVER_ERROR, "The proxy has failed.\n", reason="failure")


def answer_of(rejection: Rejection) -> bytes:
    """Return the bytes of the answer to a client that is rejected; nothing may follow it."""
    body = f"{rejection.text.rstrip()}\n".encode(errors="backslashreplace")
    headers = Headers(
        {
            "Date": formatdate(usegmt=True),
            "Connection": "close",
            "Content-Length": str(len(body)),
            "Content-Type": "text/plain; charset=utf-8",
            **rejection.headers,
        }
    )
    return Response(rejection.status, HTTPStatus(rejection.status).phrase, headers, body).serialize()


def websocket_answer(request: Request) -> Response | Rejection:
    """Return the answer that opens a WebSocket, without a subprotocol; a rejection if the request is not right for it.

    Says which header is wrong, and not how: its value may be a credential.
    """
    protocol = ServerProtocol(logger=SILENT_LOGGER)
    response, error = protocol.accept(request), protocol.handshake_exc
    release_parser(protocol)
    if response.status_code == _SWITCHING_PROTOCOLS:
        return response
    name = error.name if isinstance(error, InvalidHeader) else "Upgrade"
    headers = {"Upgrade": "websocket"} if response.status_code == HTTPStatus.UPGRADE_REQUIRED else {}
    words = f"The header {name} is missing or not as RFC 6455 has it.\n"
    return Rejection(response.status_code, words, headers, "handshake")
