"""The listener: accepts clients, and opens WebSockets for those that are admitted."""

from __future__ import annotations

import errno
import logging
import socket
from typing import TYPE_CHECKING, Final

from turnstile.server.addresses import peer_of
from turnstile.server.handshake import Handshake
from turnstile.server.pending_handshakes import PendingHandshakes
from turnstile.server.refusals import Refusals
from turnstile.server.worker_board import WorkerBoard
from turnstile.transports.poll import READ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.server.handshake_settings import HandshakeSettings
    from turnstile.server.http_exchange import Endpoint
    from turnstile.server.requests import Accept
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.transports.loop import IoLoop

log = logging.getLogger(__name__)

_ACCEPTS_A_ROUND: Final = 16
_ACCEPT_PAUSE: Final = 0.5  # seconds without accepting after the system had no socket left
_NO_FILE: Final = (errno.EMFILE, errno.ENFILE)
_MORE_FILES: Final = "; raise the limit of open files (ulimit -n), or lower server.max_sessions"
_MOST_AHEAD: Final = 4  # clients more than another worker has, from which on that one is let go first
_LET_GO_FIRST: Final = 0.01  # seconds


class Listener:
    """A listening socket, whose clients are accepted on the I/O thread.

    Clients that connect before `start` was called wait in the system's queue. Several processes may have inherited one
    socket: each client is accepted by one of them.

    Args:
        loop: The I/O loop that watches all its sockets.
        sock: The listening socket, from `listening_socket`; closed with the listener.
        settings: Those of the handshakes.
        accept: Admits or rejects each client.
        endpoints: Decide about requests for no WebSocket, by path; there are none by default.
        slot: The slot of this worker process, if several accept from the socket: gets the number of handshakes. While
            another worker has fewer clients, that one is let go first.
        refusals: Counts and logs the clients that are refused; by default its own.
    """

    def __init__(
        self,
        loop: IoLoop,
        sock: socket.socket,
        settings: HandshakeSettings,
        *,
        accept: Accept,
        endpoints: Mapping[str, Endpoint] | None = None,
        slot: WorkerSlot | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._accept = accept
        self._endpoints = endpoints or {}
        self._refusals = refusals or Refusals(loop.call_later)
        self._slot = slot or WorkerBoard.in_memory().slot(1)
        self._pending = PendingHandshakes(loop, settings.at_most, settings.of_one, self._slot.note_handshakes)
        self._makes_room = True
        self._has_let_go_first = False
        self._is_last_resort = False
        self._sock = sock
        self.address: tuple[str, int] = sock.getsockname()[:2]
        """The host and port of the listening socket."""

    def start(self) -> None:
        """Start accepting clients; may be called from any thread."""
        self._loop.call_soon(self._start, self)

    def change(self, settings: HandshakeSettings) -> None:
        """Use these settings for handshakes from now on; may be called from any thread."""
        # At once: by a call on the loop, a client that connects behind this one could come before it.
        self._settings = settings
        self._pending.at_most, self._pending.of_one = settings.at_most, settings.of_one

    def drain(self, *, has_others: bool = False) -> None:
        """Stop accepting clients, unless the settings have those that come answered; may be called from any thread.

        Args:
            has_others: Whether other processes share the socket: they are let go first then.
        """
        if self._settings.answer_while_draining:
            self._is_last_resort = has_others
        else:
            self.close()

    def close(self) -> None:
        """Stop accepting clients; open handshakes and connections stay. May be called from any thread; idempotent."""
        if not self._loop.call_soon(self.abort, self):
            self._sock.close()

    # On the I/O thread.

    def ready(self, events: int) -> None:  # noqa: ARG002 - a listening socket is only ever read
        """Accept the waiting clients, up to a limit for each round, so that open connections need not wait."""
        has_let_go_first, self._has_let_go_first = self._has_let_go_first, False
        for _ in range(_MOST_AHEAD if has_let_go_first else _ACCEPTS_A_ROUND):
            if not has_let_go_first and (self._is_last_resort or self._slot.lead >= _MOST_AHEAD):
                self._has_let_go_first = True
                self._pause(_LET_GO_FIRST)
                return
            try:
                sock, address = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if not self._can_accept_after(error):
                    return
                continue
            self._makes_room = True
            self._start_handshake(sock, peer_of(*address[:2]))

    def failed(self, error: BaseException) -> None:
        """Go on: the loop has logged it, and an error with one client must not end all."""

    def shut_down(self) -> None:
        """Stop accepting clients."""
        self.abort()

    def abort(self) -> None:
        """Close the socket."""
        if self._sock.fileno() != -1:
            self._loop.watch(self._sock, 0, self)
            self._loop.remove(self)
            self._sock.close()

    def _start(self) -> None:
        self._loop.add(self)
        self._listen_again()

    def _listen_again(self) -> None:
        if self._sock.fileno() != -1:
            self._loop.watch(self._sock, READ, self)

    def _can_accept_after(self, error: OSError) -> bool:
        """Return whether the next client can be accepted after an error with one."""
        if error.errno == errno.ECONNABORTED:
            return True  # that client has disconnected already
        if error.errno in _NO_FILE and self._makes_room and self._pending.evict("open_files"):
            self._makes_room = False  # where that does not help, the whole system has no file left
            return True
        words = f"no client can be accepted for a moment: {error.strerror}"
        self._refusals.note("", "", "not_accepted", words + (_MORE_FILES if error.errno in _NO_FILE else ""))
        self._pause(_ACCEPT_PAUSE)
        return False

    def _pause(self, seconds: float) -> None:
        # The socket stays readable, and the loop would not rest.
        self._loop.watch(self._sock, 0, self)
        self._loop.call_later(seconds, self._listen_again, self)

    def _start_handshake(self, sock: socket.socket, peer: str) -> None:
        try:
            sock.settimeout(0)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            log.debug("%s has disconnected already: %s", peer, error.strerror)
            sock.close()
            return
        Handshake(
            self._loop,
            sock,
            peer,
            self._settings,
            accept=self._accept,
            endpoints=self._endpoints,
            refusals=self._refusals,
            pending=self._pending,
        )
