"""The composed proxy, as a whole: started, asked for sessions, reloaded, drained and stopped."""

from __future__ import annotations

import atexit
import logging
import time
from typing import TYPE_CHECKING, Any, Self

from actors.proxy_parts import ProxyParts
from turnstile.config import replaced_notices, taken_over, upstream_notices
from turnstile.errors import ConfigError, InternalError
from turnstile.session.machine import Session

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from actors.dialects.registry import DialectName
    from actors.handle import SessionHandle
    from actors.hosted_sessions import OnEvent
    from actors.local_view import LocalView
    from actors.messages import Snapshot
    from turnstile.config import Config
    from turnstile.embed.upgrade import Upgrade
    from turnstile.observability.journal import Journal
    from turnstile.observability.watching import Watch
    from turnstile.ports import Clock, Connection, Inbox
    from turnstile.server.parent_link import ParentLink
    from turnstile.server.requests import Rejection
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.session.policy import Policy
    from turnstile.simulator.scenario import Scenario
    from turnstile.simulator.simulator import Simulator
    from turnstile.translate.host_overrides import HostOverrides

_log = logging.getLogger(__name__)


class ProxySystem:
    """A proxy that listens, admits clients, runs their sessions, and ends them in order.

    A context manager: `start` on entering, `stop` on leaving. Creating one starts no thread and opens only the
    listening socket, so a process may fork between that and `start`.

    Args:
        config: All settings.
        listens: False opens no port: sessions begin by `connect` and `adopt` only.
        sock: The listening socket, instead of one on the configured address; closed with the proxy.
        slot: The slot of this worker process, if it is one of several: gets its number of sessions and the I/O thread's
            signs of life; the sessions of all workers together are bounded.
        parent: Joins this worker process to its parent, which counts for the quotas of all workers.
        journal: Sees every session; by default one that the log reads at debug level, and that is recorded where
            `journal.directory` is set.
        simulator: The Realtime API behind ``simulator:``; by default one made from the configuration.
        scenario: The scenario that the simulator plays, instead of the configured one.
        make_session: Makes the session of a Voice Agent client; the demo passes one without a gate.
        clock: A monotonic clock, in seconds.

    Raises:
        ConfigError: A file or address of the configuration cannot be used.
    """

    def __init__(
        self,
        config: Config,
        *,
        listens: bool = True,
        sock: socket.socket | None = None,
        slot: WorkerSlot | None = None,
        parent: ParentLink | None = None,
        journal: Journal | None = None,
        simulator: Simulator | None = None,
        scenario: Scenario | None = None,
        make_session: Callable[[Policy], Session] = Session,
        clock: Clock = time.monotonic,
    ) -> None:
        self.config = config
        self._parts = ProxyParts(
            config,
            self._start_for_host,
            listens=listens,
            sock=sock,
            slot=slot,
            parent=parent,
            journal=journal,
            simulator=simulator,
            scenario=scenario,
            make_session=make_session,
            clock=clock,
        )

    @property
    def simulator(self) -> Simulator:
        """The Realtime API behind ``simulator:``."""
        return self._parts.adapters.simulator

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that clients connect to.

        Raises:
            ConfigError: The proxy does not listen, since `listens` is false.
        """
        if self._parts.listener is None:
            raise ConfigError("no_address", "This proxy listens on no port: make it without listens=False.")
        return self._parts.listener.address

    @property
    def sessions(self) -> int:
        """The number of open sessions."""
        return len(self._parts.sessions)

    @property
    def refusals(self) -> Mapping[str, int]:
        """How many clients were refused so far, by reason, such as ``origin``."""
        return self._parts.refusals.counts

    def counts(self) -> dict[str, Any]:
        """Return what is counted since the start, and measured now, as plain values that JSON can carry.

        `turnstile.observability.figures` says what each is; no counter ever goes back.
        """
        return self._parts.view.counts()

    @property
    def held_bytes(self) -> int:
        """The number of bytes held or unsent for all sessions, by our own count; 0 once all have ended."""
        return self._parts.sessions.held_bytes

    def is_alive(self, timeout: float = 2.0) -> bool:
        """Return whether the I/O thread goes round, which every session needs, within `timeout` seconds."""
        return self._parts.threads.go_round(timeout)

    def wait_until_empty(self, timeout: float, but: int = 0) -> bool:
        """Wait until at most `but` sessions are open; return False if more are after `timeout` seconds."""
        return self._parts.sessions.wait_until_empty(timeout, but)

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop, with the configured time for open sessions."""
        self.stop()

    def start(self) -> None:
        """Start admitting clients; a second call does nothing.

        Raises:
            InternalError: The proxy was started before this process was forked off, or has been stopped.
        """
        if self._parts.sessions.are_draining:
            raise InternalError("stopped", "The proxy was stopped and cannot start again: create another one.")
        self._parts.threads.start()

    def _start_for_host(self) -> None:
        """Start unless the host did; a proxy started here stops when the process exits, without the host."""
        if self._parts.threads.start():
            atexit.register(self.stop)
            for notice in upstream_notices(self.config):
                _log.warning("%s", notice)

    def connect(
        self,
        inbox: Inbox,
        dialect: DialectName = "component",
        *,
        overrides: HostOverrides | None = None,
        on_event: OnEvent | None = None,
    ) -> tuple[Connection, SessionHandle]:
        """Begin a session whose client is code in this process; start the proxy if it is not running.

        Args:
            inbox: Receives the frames sent to the client, then `Closed`.
            dialect: The name of the client's dialect.
            overrides: The settings that the host decides for the client.
            on_event: Called with the session and each message sent to the client, one at a time, on a thread that may
                block.

        Returns:
            The client's end of the connection, and the host's handle of the session.

        Raises:
            SessionError: The limit of open sessions is reached, or the proxy is shutting down.
        """
        return self._parts.hosted.connect(inbox, dialect, overrides, on_event)

    def adopt(
        self,
        upgrade: Upgrade,
        dialect: DialectName = "component",
        *,
        overrides: HostOverrides | None = None,
        on_event: OnEvent | None = None,
    ) -> SessionHandle | Rejection:
        """Begin a session for a client whose request a host has received; start the proxy if it is not running.

        Args:
            upgrade: The request; its socket is taken from the host if the client is admitted.
            dialect: The name of the client's dialect.
            overrides: The settings that the host decides for the client.
            on_event: As for `connect`.
        """
        return self._parts.hosted.adopt(upgrade, dialect, overrides, on_event)

    def inspect(self, timeout: float) -> dict[str, Snapshot]:
        """Return a snapshot of every session; one that ends meanwhile, or does not answer in time, is left out.

        Args:
            timeout: Seconds to wait for all of them together.
        """
        return self._parts.view.snapshots(timeout)

    @property
    def view(self) -> LocalView:
        """What operators see of the sessions, as JSON; it may be asked before `start` and after `stop`."""
        return self._parts.view

    def watch(self, session_id: str | None = None) -> Watch | None:
        """Return the journal of a session from now on, as lines of JSON: what is said, where `journal.level` says so.

        Args:
            session_id: The session's id; None for all sessions, also those that begin later.

        Returns:
            The stream; None where no such session is open.

        Raises:
            SessionError: As many streams are open as may be.
        """
        return self._parts.adapters.journaling.watch(session_id)

    def reload(self, config: Config) -> None:
        """Take over what may change while the proxy runs; open sessions keep what they have.

        New handshakes use the certificate, new sessions the limits (``limits.*``, ``session.*``, those of ``server``).
        Any other setting that differs needs a restart, which is logged with its name.

        Args:
            config: All settings, read anew.

        Raises:
            ConfigError: A file, such as the certificate or its key, cannot be used; nothing has changed.
        """
        running, fixed = taken_over(self.config, config)
        self._parts.change(running)
        self.config = running
        _log.info("The configuration was read anew: new handshakes and sessions use it")
        for notice in replaced_notices(config):
            _log.warning("%s", notice)
        if fixed:
            _log.warning("These settings have changed, and need a restart: %s", ", ".join(fixed))

    def drain(self) -> int:
        """Begin to stop, without waiting: admit no more clients, and end each session at its next moment of rest.

        Returns:
            The number of open sessions.
        """
        return self._parts.threads.drain()

    def stop(self, timeout: float | None = None) -> int:
        """Drain: admit no more clients, let each session end what it has begun, and release all threads and sockets.

        New clients are answered 503. An idle session ends at once (1001, ``shutting down``). In any other the response
        in progress goes on to its end, what the gate held goes out and is answered, open function calls are awaited;
        then it ends likewise. What is left at the deadline is cut off, with the same close, and logged by its id.

        A second call, from another thread, shortens the time of the first. Does nothing in a process that was forked
        off after `start`: the sessions are those of the process before it.

        Args:
            timeout: Seconds for the sessions to end; by default the configured drain timeout. Threads that are not
                frozen have ended soon after; the others are abandoned.

        Returns:
            The number of sessions that had not ended by then, and were cut off.
        """
        atexit.unregister(self.stop)
        return self._parts.threads.stop(self.config.server.drain_timeout if timeout is None else timeout)
