"""Admission of clients: those of the listener, and those of a host in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.connection_limits import client_limits
from actors.session_quotas import counted_name
from turnstile.auth.credentials import chosen_subprotocol
from turnstile.config import allowed_origins
from turnstile.observability.session_facts import Client
from turnstile.server.addresses import host_of, owner_of
from turnstile.server.requests import Admission, Rejection

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.dialects.registry import DialectName, Dialects, PartsFactory
    from actors.session_quotas import GiveBack, SessionQuotas
    from actors.sessions import Sessions
    from turnstile.auth.authenticator import Authenticator, Decided
    from turnstile.auth.identity import Identity
    from turnstile.byte_budget import ProcessBudget, SessionBudget
    from turnstile.config import Config
    from turnstile.ports import Connection, Inbox
    from turnstile.server.requests import Answer, ClientGone, UpgradeRequest
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.translate.host_overrides import HostOverrides

_LATER = {"Retry-After": "5"}


class ClientAdmission:
    """The admission of clients, up to the configured number of sessions of all processes that serve.

    Args:
        config: All settings.
        dialects: The dialects that clients may speak.
        sessions: The open sessions.
        counts: Knows the number of open sessions of all processes that serve.
        budget: Counts what the sessions of this process hold.
        quotas: Counts the sessions of the listener's clients; a host counts those of its own.
        make_authenticator: Makes what checks the credentials of the listener's clients; a host checks those of its own.

    Raises:
        ConfigError: A setting or a file of ``auth`` cannot be used.
    """

    def __init__(
        self,
        config: Config,
        dialects: Dialects,
        sessions: Sessions,
        counts: WorkerSlot,
        budget: ProcessBudget,
        quotas: SessionQuotas,
        make_authenticator: Callable[[Config], Authenticator],
    ) -> None:
        self._config = config
        self._origins = allowed_origins(config)
        self._dialects = dialects
        self._sessions = sessions
        self._counts = counts
        self._budget = budget
        self._quotas = quotas
        self._make_authenticator = make_authenticator
        self._authenticator = make_authenticator(config)
        # Admitted by `accept` and not yet begun; on the I/O thread only. Hosts begin their sessions at once, so the
        # limit may be exceeded by the number of host threads, and of processes, that check it at the same moment.
        self._arriving = 0

    def change(self, config: Config) -> None:
        """Admit clients by these settings from now on; open sessions keep theirs.

        Raises:
            ConfigError: A file of ``auth`` cannot be used; nothing has changed.
        """
        before, self._authenticator = self._authenticator, self._make_authenticator(config)
        before.close(0.0)
        self._config = config
        self._origins = allowed_origins(config)
        self._dialects.change(config)
        self._quotas.change(config.quotas)

    def close(self, timeout: float) -> None:
        """End the check of credentials, with the threads that it runs on.

        Args:
            timeout: Seconds to wait for them.
        """
        self._authenticator.close(timeout)

    def identify(self, request: UpgradeRequest, decided: Decided) -> ClientGone | None:
        """Check who sends a request that asks for no session, by its origin and credentials."""
        foreign = self._origins.rejection(request.headers)
        if foreign is not None:
            decided(foreign)
            return None
        return self._authenticator.authenticate(request, decided)

    def accept(self, request: UpgradeRequest, answer: Answer) -> ClientGone | None:
        """Admit or reject a client of the listener, by its origin, path, credentials, and the place there is.

        What costs least is asked first: a stranger must not be dear.
        """
        foreign = self._origins.rejection(request.headers)
        if foreign is not None:
            answer(foreign)
            return None
        dialect = self._dialects.of_path(request.path)
        if isinstance(dialect, Rejection):
            answer(dialect)
            return None
        rejection = self._no_place()
        if rejection is not None:
            answer(rejection)
            return None

        def authenticated(outcome: Identity | Rejection) -> None:
            if isinstance(outcome, Rejection):
                answer(outcome)
            else:
                self._admit(request, dialect, outcome, answer)

        return self._authenticator.authenticate(request, authenticated)

    def _admit(self, request: UpgradeRequest, dialect: DialectName, identity: Identity, answer: Answer) -> None:
        """Admit a client that has proved who it is, if there is still a place, and its quotas leave it one."""
        minutes = self._config.quotas.session_minutes
        make_parts = self.admit(dialect, request, identity.overrides, max_duration=minutes * 60)
        if isinstance(make_parts, Rejection):
            answer(make_parts)
            return
        self._arriving += 1

        def taken(place: GiveBack | Rejection) -> None:
            if isinstance(place, Rejection):
                self._arriving -= 1
                answer(place)
            else:
                answer(self._admission(request, dialect, identity, make_parts, place))

        self._quotas.take(identity.name, owner_of(request.peer), taken)

    def _admission(
        self,
        request: UpgradeRequest,
        dialect: DialectName,
        identity: Identity,
        make_parts: PartsFactory,
        give_back: GiveBack,
    ) -> Admission:
        budget = self.budget_of(request, identity.name, give_back)
        client = Client(identity.name, host_of(request.peer), request.path)

        def begin(connection: Connection) -> Inbox | None:
            self._arriving -= 1
            return self._sessions.begin(connection, make_parts, budget=budget, client=client)

        def withdraw() -> None:
            self._arriving -= 1
            budget.close()

        limits = client_limits(self._config.limits, dialect)
        return Admission(begin, chosen_subprotocol(request), limits, budget, withdraw)

    def admit(
        self,
        dialect: DialectName,
        request: UpgradeRequest | None,
        overrides: HostOverrides | None,
        *,
        max_duration: float = 0.0,
    ) -> PartsFactory | Rejection:
        """Admit or reject a host's client; return the factory of its session's parts if it is admitted.

        Its session lasts for `max_duration` seconds at most, where that is less than the setting.
        """
        return self._no_place() or self._dialects.named(dialect, request, overrides, max_duration=max_duration)

    def budget_of(
        self, request: UpgradeRequest | None, identity: str = "", on_close: Callable[[], object] = lambda: None
    ) -> SessionBudget:
        """Open the budget of a session: it counts for its client's identity or address, or for a host in this process.

        Args:
            request: The client's, if it came over a socket.
            identity: The name that its credentials prove; "" for none.
            on_close: Called once, on any thread, when the session has ended, or does not begin.
        """
        name = counted_name(identity)
        owner = f"identity {name}" if name else owner_of(request.peer) if request else "host"
        budget = self._budget.session(owner)
        budget.identity, budget.on_close = name, on_close
        return budget

    @property
    def max_sessions(self) -> int:
        """How many sessions all processes that serve may have open."""
        return self._config.server.max_sessions

    @property
    def is_full(self) -> bool:
        """Whether no client would be admitted now, whoever it is, for want of room."""
        rejection = self._no_place()
        return rejection is not None and rejection.reason != "draining"

    def _no_place(self) -> Rejection | None:
        """Return the rejection when no more sessions may begin."""
        if self._sessions.are_draining:
            return Rejection(503, "The proxy is shutting down.\n", _LATER, "draining")
        if self._counts.sessions + self._arriving >= self._config.server.max_sessions:
            return Rejection(503, "Too many sessions are open; try again later.\n", _LATER, "max_sessions")
        if self._budget.is_high:
            return Rejection(503, "The proxy holds too much for its clients; try again later.\n", _LATER, "total_bytes")
        return None
