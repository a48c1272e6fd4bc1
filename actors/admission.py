"""Who is let in: a client of the listener's, or of a host in this process."""

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
    from turnstile.translate.host_overrides import HostOverrides

_log = logging.getLogger(__name__)

# What browsers offer beside a key, which they have no other place for: OpenAI's clients, Deepgram's.
_SUBPROTOCOLS = frozenset({"realtime", "token", "bearer"})


class ClientAdmission:
    """Admits clients as long as there is a place for their sessions.

    Args:
        config: All settings.
        dialects: Those of the clients.
        sessions: Begins those of admitted clients.
    """

    def __init__(self, config: Config, dialects: Dialects, sessions: Sessions) -> None:
        self._config = config
        self._dialects = dialects
        self._sessions = sessions
        # Admitted by `accept`, and not yet begun; on the I/O thread only. Hosts begin their sessions at once, so that
        # as many more may come in as threads of theirs look at the same moment.
        self._arriving = 0
        self._is_full = False

    def accept(self, request: UpgradeRequest) -> Admission | Rejection:
        """Decide about a client of the listener's, by the path that it came to."""
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
        """Decide about a client of a host in this process; return what makes the parts of its session."""
        return self._no_place() or self._dialects.named(dialect, request, overrides)

    def _no_place(self) -> Rejection | None:
        """Return why no more sessions may begin, if so; log when that begins and ends."""
        if self._sessions.are_draining:
            return Rejection(503, "The proxy is shutting down.\n")
        is_full = len(self._sessions) + self._arriving >= self._config.server.max_sessions
        if is_full and not self._is_full:
            _log.warning("Clients are turned away: %s sessions are open, which is the most", len(self._sessions))
        elif self._is_full and not is_full:
            _log.warning("Clients are let in again")
        self._is_full = is_full
        if is_full:
            return Rejection(503, "Too many sessions are open; try again later.\n", {"Retry-After": "5"})
        return None


def chosen_subprotocol(request: UpgradeRequest) -> str | None:
    """Return the subprotocol to answer with, of those that the client offers."""
    return next((name for name in request.subprotocols if name in _SUBPROTOCOLS), None)
