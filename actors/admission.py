"""Admission of clients: those of the listener, and those of a host in this process."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actors.connection_limits import client_limits
from turnstile.server.requests import Admission, Rejection

if TYPE_CHECKING:
    from actors.dialects.registry import DialectName, Dialects, PartsFactory
    from actors.sessions import Sessions
    from turnstile.config import Config
    from turnstile.ports import Connection, Inbox
    from turnstile.server.requests import UpgradeRequest
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.translate.host_overrides import HostOverrides

_log = logging.getLogger(__name__)

# The subprotocols that OpenAI's and Deepgram's clients offer in browsers, which can send a key only there.
_SUBPROTOCOLS = frozenset({"realtime", "token", "bearer"})


class ClientAdmission:
    """The admission of clients, up to the configured number of sessions of all processes that serve.

    Args:
        config: All settings.
        dialects: The dialects that clients may speak.
        sessions: The open sessions.
        counts: Knows the number of open sessions of all processes that serve.
    """

    def __init__(self, config: Config, dialects: Dialects, sessions: Sessions, counts: WorkerSlot) -> None:
        self._config = config
        self._dialects = dialects
        self._sessions = sessions
        self._counts = counts
        # Admitted by `accept` and not yet begun; on the I/O thread only. Hosts begin their sessions at once, so the
        # limit may be exceeded by the number of host threads, and of processes, that check it at the same moment.
        self._arriving = 0
        self._is_full = False

    def accept(self, request: UpgradeRequest) -> Admission | Rejection:
        """Admit or reject a client of the listener, by the path of its request."""
        make_parts = self._dialects.of_request(request)
        if isinstance(make_parts, Rejection):
            return make_parts
        rejection = self._no_place()
        if rejection is not None:
            return rejection
        self._arriving += 1

        def begin(connection: Connection) -> Inbox | None:
            self._arriving -= 1
            return self._sessions.begin(connection, make_parts)

        limits = client_limits(self._config.limits, self._dialects.by_path[request.path])
        return Admission(begin, chosen_subprotocol(request), limits)

    def admit(
        self, dialect: DialectName, request: UpgradeRequest | None, overrides: HostOverrides | None
    ) -> PartsFactory | Rejection:
        """Admit or reject a host's client; return the factory of its session's parts if it is admitted."""
        return self._no_place() or self._dialects.named(dialect, request, overrides)

    def _no_place(self) -> Rejection | None:
        """Return the rejection when no more sessions may begin; log when the limit is reached and when it is left."""
        if self._sessions.are_draining:
            return Rejection(503, "The proxy is shutting down.\n", {"Retry-After": "5"})
        is_open = self._counts.sessions
        is_full = is_open + self._arriving >= self._config.server.max_sessions
        if is_full and not self._is_full:
            _log.warning("Clients are rejected: %s sessions are open, which is server.max_sessions", is_open)
        elif self._is_full and not is_full:
            _log.warning("Clients are admitted again")
        self._is_full = is_full
        if is_full:
            return Rejection(503, "Too many sessions are open; try again later.\n", {"Retry-After": "5"})
        return None


def chosen_subprotocol(request: UpgradeRequest) -> str | None:
    """Return the first subprotocol of the client's offer that the proxy accepts, or None."""
    return next((name for name in request.subprotocols if name in _SUBPROTOCOLS), None)
