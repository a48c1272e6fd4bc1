"""The opening handshake on an accepted socket: a proxy's header, TLS, one HTTP request, one answer.

Each has a module of its own; here is what they share: the socket, and its end.
"""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING

from turnstile.server.answers import FAILED, NO_TLS
from turnstile.server.connection_opening import ConnectionOpening, OpeningRefused, PlainHttpError
from turnstile.server.first_request import FirstRequest
from turnstile.server.handshake_client import HandshakeClient
from turnstile.transports.poll import READ, WRITE
from turnstile.transports.write_buffer import WriteBuffer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.server.handshake_settings import HandshakeSettings
    from turnstile.server.http_exchange import Endpoint
    from turnstile.server.pending_handshakes import PendingHandshakes
    from turnstile.server.refusals import Refusals
    from turnstile.server.requests import Accept
    from turnstile.transports.loop import IoLoop

log = logging.getLogger(__name__)


class Handshake:
    """The opening handshake, which ends in an open WebSocket or an HTTP answer.

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
        self._pending = pending
        self._client = HandshakeClient(peer, settings.proxies, refusals)
        self._opening = ConnectionOpening(loop, sock, settings.tls, self._client)
        self._is_opening = True
        self._request = FirstRequest(loop, self, self._client, settings, accept=accept, endpoints=endpoints)
        self._write_buffer = WriteBuffer()
        self._answered = False
        self._is_over = False
        loop.add(self)
        loop.watch(sock, READ, self)
        pending.add(self, self._client.owner, settings.timeout)

    def ready(self, events: int) -> None:  # noqa: ARG002 - what TLS waits for is not what the socket is ready for
        """Continue the proxy's header, the TLS handshake, the request or the answer, whichever is under way."""
        try:
            if self._is_opening and not self._continue_opening():
                return
            if self._answered:
                self._write()
            if not self._is_over:
                self._read()
        except BlockingIOError:
            pass
        except OSError as error:
            self._lost(error)

    def failed(self, error: BaseException) -> None:  # noqa: ARG002 - the loop has logged it, and the client must not see it
        """Answer 500."""
        if self._answered:
            self.abort()
        else:
            self._request.reject(FAILED)

    def shut_down(self) -> None:
        """Close the socket: no WebSocket is open yet that could be closed in order."""
        self.abort()

    def abort(self) -> None:
        """Close the socket now."""
        if not self._is_over:
            self.hand_over().close()

    # For `PendingHandshakes`.

    def has_unread(self) -> bool:
        """Return whether the client waits for us: it has sent what was not read yet."""
        try:
            # Of the system, below TLS.
            peeked = socket.socket.recv(self._opening.socket.sock, 1, socket.MSG_PEEK)
        except OSError:
            return False
        return bool(peeked) and not self._request.is_undecided

    def give_up(self, reason: str, words: str) -> None:
        """Close the socket now, and log why; a rejection that is not read by its client was logged before."""
        if not self._answered:
            self._client.note_end(reason, words)
        self.abort()

    # For `FirstRequest`.

    def send(self, data: bytes, *, is_last: bool) -> None:
        """Send a part of the answer; behind the last one wait for the client to close, within the handshake's time."""
        self._answered = self._answered or is_last
        self._write_buffer.add([data, b""] if is_last else [data])
        self._write()

    def client_named(self) -> None:
        """Count the handshake for the address of its client."""
        self._pending.move(self, self._client.owner)

    def hand_over(self) -> socket.socket:
        """Leave the loop; return the socket."""
        self._is_over = True
        self._request.end()
        sock = self._opening.socket.sock
        self._loop.watch(sock, 0, self)
        self._loop.remove(self)
        self._pending.remove(self)
        return sock

    def _continue_opening(self) -> bool:
        """Continue what comes before the request; return whether that is done."""
        opening = self._opening
        try:
            self._is_opening = not opening.proceed(self)
        except OpeningRefused as refused:
            self.give_up(refused.reason, refused.words)
        except PlainHttpError:
            self._is_opening = False
            self._request.reject(NO_TLS)
            return False
        self.client_named()
        if not self._is_opening and opening.received:
            self._request.receive(opening.received)
        return not self._is_opening

    def _read(self) -> None:
        data = self._opening.socket.receive()
        if not data:
            self.abort()
        elif (
            not self._answered
        ):  # what follows the request is dropped: closing on unread bytes would discard the answer
            self._request.receive(data)
            if self._request.is_full:
                self._loop.watch(self._opening.socket.sock, 0, self)

    def _write(self) -> None:
        """Write what the socket takes; that the client has gone is no fault of who answers it."""
        try:
            self._write_buffer.write_to(self._opening.socket)
        except OSError as error:
            self._lost(error)
        else:
            waits = self._answered and self._write_buffer.size
            self._loop.watch(self._opening.socket.sock, READ | WRITE if waits else READ, self)

    def _lost(self, error: OSError) -> None:
        log.debug("a handshake with %s ended: %s", self._client.peer, error.strerror or type(error).__name__)
        self.abort()
