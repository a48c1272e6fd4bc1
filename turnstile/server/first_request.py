"""The request of an opening handshake, from its first byte to the decision about it (RFC 6455, section 4.2).

A connection has one: what follows it is the first frames of an open WebSocket, or is not read.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from turnstile.server.answers import FAILED, NO_WEBSOCKET, OTHER_METHOD, answer_of, websocket_answer
from turnstile.server.http_exchange import HttpExchange
from turnstile.server.request_head import head_size, header_lines, is_tls, method_and_path, parse_get
from turnstile.server.requests import Rejection, open_protocol, upgrade_request
from turnstile.server.websocket_opening import open_websocket

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    from websockets.http11 import Request, Response

    from turnstile.server.handshake_client import HandshakeClient
    from turnstile.server.handshake_settings import HandshakeSettings
    from turnstile.server.http_exchange import Endpoint
    from turnstile.server.requests import Accept, Admission, ClientGone
    from turnstile.transports.loop import IoLoop

_AHEAD_BYTES: Final = 16 * 1024  # of what clients send behind a request that is not decided


class RequestConnection(Protocol):
    """The connection that a request comes from; all on the I/O thread."""

    def send(self, data: bytes, *, is_last: bool) -> None:
        """Send a part of the answer, or its last, behind which the connection closes; raises nothing if it is lost."""

    def give_up(self, reason: str, words: str) -> None:
        """Close it without an answer, and log why: a word or two, and words for people."""

    def hand_over(self) -> socket.socket:
        """Return its socket, which is no longer its own."""

    def client_named(self) -> None:
        """Count it for the address that its request has named."""


class FirstRequest:
    """Reads the request, has it decided, and answers it.

    Args:
        loop: Watches the WebSocket, once it is open.
        connection: Where it comes from, until `end`.
        client: Whose it is; gets the path and the address that it names.
        settings: Those of the handshake.
        accept: Admits or rejects an upgrade request.
        endpoints: Decide about requests for no WebSocket, by path.
    """

    def __init__(
        self,
        loop: IoLoop,
        connection: RequestConnection,
        client: HandshakeClient,
        settings: HandshakeSettings,
        *,
        accept: Accept,
        endpoints: Mapping[str, Endpoint],
    ) -> None:
        self._loop = loop
        self._connection: RequestConnection | None = connection
        self._client = client
        self._settings = settings
        self._accept = accept
        self._endpoints = endpoints
        self._received = bytearray()
        self._exchange: HttpExchange | None = None
        self._client_gone: ClientGone | None = None
        self.is_undecided = False
        """Whether it is an upgrade request that was read, and whose decision is still to come."""

    @property
    def is_full(self) -> bool:
        """Whether what follows the request stays in the system's buffer until that is decided."""
        return self.is_undecided and len(self._received) > _AHEAD_BYTES

    def receive(self, data: bytes) -> None:
        """Take what the client has sent."""
        checked = len(self._received)
        self._received += data
        if self.is_undecided or self._connection is None:
            return
        if self._exchange is not None:
            self._continue_exchange(self._exchange)
            return
        if self._settings.tls is None and is_tls(self._received):
            words = "it speaks TLS, and this port does not: connect with ws:// instead of wss://"
            self._connection.give_up("tls_on_plain_port", words)
            return
        size = head_size(self._received, checked)
        if isinstance(size, Rejection):
            self.reject(size)
        elif size is not None:
            head = bytes(self._received[:size])
            del self._received[:size]
            rejection = self._begin(self._connection, head)
            if rejection is not None:
                self.reject(rejection)

    def reject(self, rejection: Rejection) -> None:
        """Answer with an error; a decision that is still to come counts no more."""
        connection = self._connection
        self.end()
        if connection is not None:
            self._client.note_rejection(rejection)
            connection.send(answer_of(rejection), is_last=True)

    def end(self) -> None:
        """Let go of the connection, and tell what decides that the client has gone."""
        self._connection = None
        self.is_undecided = False
        if self._client_gone is not None:
            self._client_gone()
            self._client_gone = None
        if self._exchange is not None:
            self._exchange.client_gone()
            self._exchange = None

    def _begin(self, connection: RequestConnection, head: bytes) -> Rejection | None:
        """Have the request decided; return a rejection if it need not be asked for."""
        method, self._client.path = method_and_path(head)
        self._client.named_in_request(partial(header_lines, head))
        connection.client_named()
        if method != "GET":
            return None if self._begin_exchange(head) else OTHER_METHOD
        request = parse_get(head)
        if isinstance(request, Rejection):
            return request
        if not any("websocket" in value.lower() for value in request.headers.get_all("Upgrade")):
            return None if self._begin_exchange(head) else NO_WEBSOCKET
        response = websocket_answer(request)
        if isinstance(response, Rejection):
            return response
        self.is_undecided = True
        decided = partial(self._decided, request=request, response=response)
        client_gone = self._accept(upgrade_request(request, self._client.peer), decided)
        if self.is_undecided:
            self._client_gone = client_gone
        return None

    def _begin_exchange(self, head: bytes) -> bool:
        """Hand the request over to the endpoint at its path; return whether there is one."""
        endpoint = self._endpoints.get(self._client.path)
        if endpoint is None:
            return False
        self._exchange = HttpExchange(self._client.peer, endpoint, self._send_part, self._client.note_rejection)
        self._received[:0] = head
        self._continue_exchange(self._exchange)
        return True

    def _continue_exchange(self, exchange: HttpExchange) -> None:
        data = bytes(self._received)
        self._received.clear()
        exchange.receive(data)

    def _send_part(self, data: bytes) -> None:
        if self._connection is not None and self._exchange is not None:
            self._connection.send(data, is_last=self._exchange.is_answered)

    def _decided(self, decision: Admission | Rejection, *, request: Request, response: Response) -> None:
        self._client_gone = None
        if isinstance(decision, Rejection):
            self.reject(decision)
        elif self._connection is None:
            decision.withdraw()
        else:
            try:
                self._admit(self._connection, decision, request, response)
            except BaseException:
                decision.withdraw()
                self.reject(FAILED)
                raise

    def _admit(self, connection: RequestConnection, admission: Admission, request: Request, response: Response) -> None:
        if admission.subprotocol in upgrade_request(request, self._client.peer).subprotocols:
            response.headers["Sec-WebSocket-Protocol"] = admission.subprotocol
        limits = admission.limits or self._settings.limits
        protocol = open_protocol(response, limits.max_message_bytes)
        sock = connection.hand_over()
        try:
            # Frames behind the request are for the open connection.
            open_websocket(self._loop, sock, protocol, limits, admission, bytes(self._received))
        except BaseException:
            sock.close()
            raise
