"""Sessions of clients whose host is code in this process, over a memory pair or a socket that the host hands over."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from actors.connection_limits import client_limits
from actors.handle import SessionHandle
from turnstile.auth.credentials import chosen_subprotocol
from turnstile.embed.feed import EventFeed
from turnstile.embed.function_pool import SerialCallback
from turnstile.errors import SessionError
from turnstile.observability.session_facts import Client
from turnstile.protocol import jsontext
from turnstile.server.addresses import host_of
from turnstile.server.requests import Rejection
from turnstile.transports.memory import memory_pair
from turnstile.transports.websocket import WebSocketConnection

if TYPE_CHECKING:
    from actors.admission import ClientAdmission
    from actors.dialects.registry import DialectName, PartsFactory
    from actors.sessions import Sessions
    from turnstile.config import LimitsSection
    from turnstile.embed.upgrade import Upgrade
    from turnstile.ports import Connection, Inbox
    from turnstile.server.refusals import Refusals
    from turnstile.server.requests import UpgradeRequest
    from turnstile.translate.host_overrides import HostOverrides
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.pool import WorkerPool

OnEvent = Callable[[SessionHandle, dict[str, Any]], object]

# The number of a client's events that are kept for its host.
_EVENTS_KEPT = 1_000


class HostedSessions:
    """The sessions of hosts in this process (`ProxySystem.connect`, `ProxySystem.adopt`).

    Args:
        limits: The limits of client connections.
        loop: Reads and writes the sockets.
        sessions: The open sessions, to which these are added.
        admission: Admits or rejects clients.
        callbacks: The threads for hosts' callbacks, which may block.
        start: Starts the proxy if it is not running.
        refusals: Counts and logs the clients that are refused.
    """

    def __init__(
        self,
        limits: LimitsSection,
        loop: IoLoop,
        sessions: Sessions,
        admission: ClientAdmission,
        callbacks: WorkerPool,
        start: Callable[[], object],
        refusals: Refusals,
    ) -> None:
        self._limits = limits
        self._loop = loop
        self._sessions = sessions
        self._admission = admission
        self._callbacks = callbacks
        self._start = start
        self._refusals = refusals

    def change(self, limits: LimitsSection) -> None:
        """Give connections these limits from now on."""
        self._limits = limits

    def connect(
        self, inbox: Inbox, dialect: DialectName, overrides: HostOverrides | None, on_event: OnEvent | None
    ) -> tuple[Connection, SessionHandle]:
        """Begin a session whose client is code in this process.

        Raises:
            SessionError: The limit of open sessions is reached, or the proxy is shutting down.
        """
        make_parts = self._admit(dialect, None, overrides)
        if isinstance(make_parts, Rejection):
            self._note(make_parts, "this process:-", "")
            raise SessionError("no_place", make_parts.text.strip())
        theirs, ours = memory_pair(inbox, limits=client_limits(self._limits, dialect))
        handle = self._make_handle(on_event)
        begun = self._sessions.begin(ours, make_parts, handle, self._admission.budget_of(None))
        if begun is None:
            raise SessionError("no_place", "The proxy is shutting down.")
        ours.begin(begun)
        return theirs, handle

    def adopt(
        self, upgrade: Upgrade, dialect: DialectName, overrides: HostOverrides | None, on_event: OnEvent | None
    ) -> SessionHandle | Rejection:
        """Begin a session for a client whose request a host has received."""
        make_parts = upgrade.rejection or self._admit(dialect, upgrade.request, overrides)
        if isinstance(make_parts, Rejection):
            self._note(make_parts, upgrade.request.peer, upgrade.request.path)
            return make_parts
        limits = client_limits(self._limits, dialect)
        sock, protocol = upgrade.accept(chosen_subprotocol(upgrade.request), limits.max_message_bytes)
        budget = self._admission.budget_of(upgrade.request)
        connection = WebSocketConnection(self._loop, sock, protocol, limits, budget)
        handle = self._make_handle(on_event)
        try:
            client = Client("", host_of(upgrade.request.peer), upgrade.request.path)
            inbox = self._sessions.begin(connection, make_parts, handle, budget, client)
        except BaseException:
            sock.close()
            raise
        if not self._loop.call_soon(lambda: connection.begin(inbox)):
            sock.close()  # stopped meanwhile: the session has ended, and the I/O thread cannot close the socket
        return handle

    def _admit(
        self, dialect: DialectName, request: UpgradeRequest | None, overrides: HostOverrides | None
    ) -> PartsFactory | Rejection:
        make_parts = self._admission.admit(dialect, request, overrides)
        if not isinstance(make_parts, Rejection):
            self._start()
        return make_parts

    def _note(self, rejection: Rejection, peer: str, path: str) -> None:
        self._loop.call_soon(partial(rejection.note, self._refusals, peer, path))

    def _make_handle(self, on_event: OnEvent | None) -> SessionHandle:
        feed = EventFeed(_EVENTS_KEPT)
        handle = SessionHandle(feed, self._callbacks.submit)
        if on_event is not None:
            feed.on_event = SerialCallback(self._callbacks, lambda data: on_event(handle, jsontext.loads(data))).put
        return handle
