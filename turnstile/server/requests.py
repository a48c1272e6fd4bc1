"""WebSocket upgrade requests, and the decisions about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from websockets.server import ServerProtocol

from turnstile.transports.websocket_library import SILENT_LOGGER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.http11 import Request, Response

    from turnstile.byte_budget import SessionBudget
    from turnstile.ports import Connection, Inbox
    from turnstile.server.refusals import Refusals
    from turnstile.transports.limits import ConnectionLimits

WEBSOCKET_ONLY: Final = "This address takes WebSocket connections only: connect with a WebSocket client.\n"
"""The answer to a request that is no WebSocket upgrade."""
# For the library, which must have read one before frames: the client's may hold what the library cannot write.
_ANY_REQUEST: Final = b"GET / HTTP/1.1\r\n\r\n"


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """A client's request for a WebSocket.

    Args:
        path: Decoded, without the query.
        query: The query's parameters; the last one of a name counts. May hold keys: never logged.
        headers: By lower-case name; several of a name are joined with commas. May hold keys: never logged.
        peer: The client's address, as ``host:port``.
        subprotocols: Those that the client offered, in its order. May hold keys (browsers have no other place): never
            logged.
    """

    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    peer: str
    subprotocols: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Admission:
    """The decision to admit the client.

    Args:
        open: Called on the I/O thread when the handshake is answered; returns the inbox for the client's frames, None
            to drop them.
        subprotocol: Named in the answer if the client offered it.
        limits: Bounds of the connection; the listener's where None.
        budget: Counts what the connection holds; nothing bounds that where None.
        withdraw: Called instead of `open`, on the I/O thread, if the client has gone before its request was decided.
    """

    open: Callable[[Connection], Inbox | None]
    subprotocol: str | None = None
    limits: ConnectionLimits | None = None
    budget: SessionBudget | None = None
    withdraw: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Rejection:
    """The decision to reject the client, with an HTTP error.

    Args:
        status: The HTTP status.
        text: The words for people, which the log shows too: never a credential.
        headers: More headers for the answer, such as ``Retry-After``.
        reason: One of a few words, such as ``origin``: rejections are counted and gathered in the log by it. By default
            the name of the status.
        logged: What the log shows instead of the words, where those say less than the operator needs.
    """

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    logged: str = ""

    def note(self, refusals: Refusals, peer: str, path: str) -> None:
        """Count and log it for a client at an address that asked for a path."""
        reason = self.reason or HTTPStatus(self.status).name.lower()
        refusals.note(peer, path, reason, f"{self.status}, {self.logged or self.text}")


Answer = Callable[[Admission | Rejection], None]
"""Takes the decision about a request, once, on the I/O thread."""
ClientGone = Callable[[], object]
"""Is called on the I/O thread when a client has gone before its request was decided: no decision is needed any more."""
Accept = Callable[[UpgradeRequest, Answer], ClientGone | None]
"""Decides about a request, on the I/O thread, without blocking: the answer may be given in the call, or later."""


def at_once(decide: Callable[[UpgradeRequest], Admission | Rejection]) -> Accept:
    """Return the `Accept` of a decision that needs no time."""
    return lambda request, answer: answer(decide(request))


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """Return the decoded path and the query's parameters of a request target."""
    path, _, query = target.partition("?")
    return unquote(path), dict(parse_qsl(query, keep_blank_values=True))


def open_protocol(response: Response, max_message_bytes: int) -> ServerProtocol:
    """Return the framing library's protocol for an open WebSocket, with the answer still to send.

    Args:
        response: The answer that accepts the client's request.
        max_message_bytes: The largest message that the client may send.
    """
    # No permessage-deflate: audio and its base64 hardly compress, while a compressor costs memory for each connection
    # and time for each frame.
    protocol = ServerProtocol(max_size=max_message_bytes, logger=SILENT_LOGGER)
    protocol.receive_data(_ANY_REQUEST)
    protocol.events_received()
    protocol.send_response(response)
    return protocol


def upgrade_request(request: Request, peer: str) -> UpgradeRequest:
    """Convert the framing library's request to an `UpgradeRequest`."""
    path, query = split_target(request.path)
    headers: dict[str, str] = {}
    for name, value in request.headers.raw_items():
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    offered = headers.get("sec-websocket-protocol", "").split(",")
    return UpgradeRequest(path, query, headers, peer, tuple(part.strip() for part in offered if part.strip()))
