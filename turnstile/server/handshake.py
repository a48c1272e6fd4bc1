"""The opening handshake of one client: a proxy's header, TLS, one HTTP request, one answer (RFC 6455, section 4.2)."""

from __future__ import annotations

import logging
import socket
from functools import partial
from typing import TYPE_CHECKING, Final

from turnstile.server.addresses import owner_of
from turnstile.server.answers import FAILED, NO_TLS, NO_WEBSOCKET, OTHER_METHOD, answer_of, websocket_answer
from turnstile.server.connection_opening import ConnectionOpening, OpeningRefused, PlainHttpError
from turnstile.server.http_exchange import HttpExchange
from turnstile.server.pending_handshakes import UNKNOWN_OWNER
from turnstile.server.request_head import head_size, header_lines, is_tls, method_and_path, parse_get
from turnstile.server.requests import Rejection, open_protocol, upgrade_request
from turnstile.server.websocket_opening import open_websocket
from turnstile.transports.poll import READ, WRITE
from turnstile.transports.write_buffer import WriteBuffer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.http11 import Request, Response

    from turnstile.server.handshake_settings import HandshakeSettings
    from turnstile.server.http_exchange import Endpoint
    from turnstile.server.pending_handshakes import PendingHandshakes
    from turnstile.server.refusals import Refusals
    from turnstile.server.requests import Accept, Admission, ClientGone
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.nonblocking_socket import NonBlockingSocket

log = logging.getLogger(__name__)

_AHEAD_BYTES: Final = 16 * 1024  # of what clients send behind a request that is not decided


class Handshake:
    """The opening handshake on an accepted socket, which ends in an open WebSocket or an HTTP error.

    Args:
        loop: The I/O loop that watches the socket.
        sock: The accepted socket, non-blocking.
        peer: The address that it is connected to, as ``host:port``: the client's, or a proxy's.
        settings: Its own; they may change for later ones.
        accept: Admits or rejects an upgrade request.
        endpoints: Decide about requests for no WebSocket, by path.
        refusals: Counts and logs it, if it is refused.
        pending: Those under way, to which it adds itself; they may end it.
    """

    def __init__(
        self,
        loop: IoLoop,
        sock: socket.socket,
        peer: str,
        settings: HandshakeSettings,
        *,
        accept: Accept,
        endpoints: Mapping[str, Endpoint],
        refusals: Refusals,
        pending: PendingHandshakes,
    ) -> None:
        self._loop = loop
        self._peer = peer
        self._path = ""  # as far as it is known
        self._settings = settings
        self._accept = accept
        self._endpoints = endpoints
        self._exchange: HttpExchange | None = None
        self._refusals = refusals
        self._pending = pending
        self._write_buffer = WriteBuffer()
        self._received = bytearray()
        self._deciding = False
        self._client_gone: ClientGone | None = None
        is_proxy = settings.proxies.trusts(peer)
        self._opening = ConnectionOpening(loop, sock, settings.tls, is_believed=is_proxy)
        self._is_opening = True
        self._answered = False
        self._is_over = False
        loop.add(self)
        loop.watch(sock, READ, self)
        pending.add(self, UNKNOWN_OWNER if is_proxy else owner_of(peer), settings.timeout)

    def ready(self, events: int) -> None:  # noqa: ARG002 - what TLS waits for is not what the socket is ready for
        """Continue the proxy's header, the TLS handshake, the request or the answer, whichever is under way."""
        try:
            if self._is_opening and not self._continue_opening():
                return
            if self._answered:
                self._linger()
            elif self._deciding:
                self._read_ahead()
            else:
                self._read()
        except OSError as error:
            self._lost(error)

    def failed(self, error: BaseException) -> None:  # noqa: ARG002 - the loop has logged it, and the client must not see it
        """Answer 500."""
        if self._answered:
            self.abort()
        else:
            self._refuse(FAILED)

    def shut_down(self) -> None:
        """Close the socket: no WebSocket is open yet that could be closed in order."""
        self.abort()

    def abort(self) -> None:
        """Close the socket now."""
        if self._leave_loop():
            self._socket.close()

    def has_unread(self) -> bool:
        """Return whether the client waits for us: it has sent what was not read yet."""
        try:
            # Of the system, below TLS.
            return not self._deciding and bool(socket.socket.recv(self._socket.sock, 1, socket.MSG_PEEK))
        except OSError:
            return False

    def give_up(self, reason: str, words: str) -> None:
        """Close the socket now, and log why; a rejection that is not read by its client was logged before."""
        if not self._answered:
            self._refusals.note(self._peer, self._path, reason, words)
        self.abort()

    @property
    def _socket(self) -> NonBlockingSocket:
        return self._opening.socket

    def _leave_loop(self) -> bool:
        """Remove the socket from the loop; return False if that is done already."""
        if self._is_over:
            return False
        self._is_over = True
        if self._client_gone is not None and not self._answered:
            self._client_gone()
        if self._exchange is not None:
            self._exchange.client_gone()
            self._exchange = None  # they hold each other
        self._loop.watch(self._socket.sock, 0, self)
        self._loop.remove(self)
        self._pending.remove(self)
        return True

    def _continue_opening(self) -> bool:
        """Continue what comes before the request; return whether that is done."""
        opening = self._opening
        try:
            self._is_opening = not opening.proceed(self)
        except OpeningRefused as refused:
            self.give_up(refused.reason, refused.words)
        except PlainHttpError:
            self._is_opening = False
            self._refuse(NO_TLS)
            return False
        if opening.client is not None:
            self._peer, opening.client = opening.client, None
            if not self._settings.proxies.trusts(self._peer):
                self._pending.move(self, owner_of(self._peer))
        if self._is_opening:
            return False
        self._received += opening.received
        return True

    def _receive(self) -> bool:
        """Read what is there; return whether that was anything."""
        try:
            data = self._socket.receive()
        except BlockingIOError:
            return False
        if not data:
            self.abort()
        self._received += data
        return bool(data)

    def _read(self) -> None:
        checked = len(self._received)
        if not self._receive():
            return
        if self._exchange is not None:
            self._continue_exchange(self._exchange)
            return
        if self._settings.tls is None and is_tls(self._received):
            words = "it speaks TLS, and this port does not: connect with ws:// instead of wss://"
            self.give_up("tls_on_plain_port", words)
            return
        size = head_size(self._received, checked)
        if isinstance(size, Rejection):
            self._refuse(size)
        elif size is not None:
            self._decide(size)

    def _decide(self, size: int) -> None:
        # Frames behind the request are for the open connection.
        head = bytes(self._received[:size])
        del self._received[:size]
        method, self._path = method_and_path(head)
        self._peer = self._settings.proxies.client_of(self._peer, partial(header_lines, head))
        self._pending.move(self, owner_of(self._peer))
        if method != "GET":
            if not self._begin_exchange(head):
                self._refuse(OTHER_METHOD)
            return
        request = parse_get(head)
        if isinstance(request, Rejection):
            self._refuse(request)
            return
        if not _asks_for_websocket(request):
            if not self._begin_exchange(head):
                self._refuse(NO_WEBSOCKET)
            return
        response = websocket_answer(request)
        if isinstance(response, Rejection):
            self._refuse(response)
            return
        self._deciding = True
        self._client_gone = self._accept(
            upgrade_request(request, self._peer), partial(self._decided, request=request, response=response)
        )

    def _begin_exchange(self, headers: bytes) -> bool:
        """Hand the request over to the endpoint at its path; return whether there is one."""
        endpoint = self._endpoints.get(self._path)
        if endpoint is None:
            return False
        self._exchange = HttpExchange(self._peer, endpoint, self._send_part, self._note)
        self._received[:0] = headers
        self._continue_exchange(self._exchange)
        return True

    def _continue_exchange(self, exchange: HttpExchange) -> None:
        data = bytes(self._received)
        self._received.clear()
        exchange.receive(data)

    def _send_part(self, data: bytes) -> None:
        if self._is_over or self._exchange is None:
            return
        if self._exchange.is_answered:
            self._send([data])
        else:
            self._write_buffer.add([data])
            self._write()  # the rest goes with the answer

    def _read_ahead(self) -> None:
        """Notice the end of a client whose request is not decided yet; keep what it sends already."""
        if self._receive() and len(self._received) > _AHEAD_BYTES:  # the rest stays in the system's buffer
            self._loop.watch(self._socket.sock, 0, self)

    def _decided(self, decision: Admission | Rejection, *, request: Request, response: Response) -> None:
        if self._is_over:
            if not isinstance(decision, Rejection):
                decision.withdraw()
        elif isinstance(decision, Rejection):
            self._refuse(decision)
        else:
            try:
                self._admit(decision, request, response)
            except BaseException:
                decision.withdraw()
                self._socket.close()
                raise

    def _admit(self, admission: Admission, request: Request, response: Response) -> None:
        if admission.subprotocol in upgrade_request(request, self._peer).subprotocols:
            response.headers["Sec-WebSocket-Protocol"] = admission.subprotocol
        self._answered = True
        self._leave_loop()
        limits = admission.limits or self._settings.limits
        protocol = open_protocol(response, limits.max_message_bytes)
        open_websocket(self._loop, self._socket.sock, protocol, limits, admission, bytes(self._received))

    def _refuse(self, rejection: Rejection) -> None:
        self._note(rejection)
        self._send([answer_of(rejection), b""])

    def _note(self, rejection: Rejection) -> None:
        rejection.note(self._refusals, self._peer, self._path)

    def _send(self, answer: list[bytes]) -> None:
        self._answered = True
        self._write_buffer.add(answer)
        self._linger()

    def _linger(self) -> None:
        """Write the rest of the answer, and wait for the client to close: closing on unread bytes would discard it."""
        self._write()
        if self._is_over:
            return
        self._loop.watch(self._socket.sock, READ | WRITE if self._write_buffer.size else READ, self)
        try:
            is_open = bool(self._socket.receive())
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        if not is_open:
            self.abort()

    def _write(self) -> None:
        """Write what the socket takes; that the client has gone is no fault of who answers it."""
        try:
            self._write_buffer.write_to(self._socket)
        except OSError as error:
            self._lost(error)

    def _lost(self, error: OSError) -> None:
        log.debug("a handshake with %s ended: %s", self._peer, error.strerror or type(error).__name__)
        self.abort()


def _asks_for_websocket(request: Request) -> bool:
    return any("websocket" in value.lower() for value in request.headers.get_all("Upgrade"))
