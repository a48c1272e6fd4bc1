"""The composed proxy, as a whole: started, asked for sessions, reloaded, drained and stopped."""

from __future__ import annotations

import atexit
import logging
import time
from typing import TYPE_CHECKING, Self

from actors.proxy_parts import ProxyParts
from actors.proxy_state import ProxyState
from turnstile.config import replaced_notices, taken_over, upstream_notices
from turnstile.errors import InternalError
from turnstile.session.machine import Session

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from actors.dialects.registry import DialectName
    from actors.handle import SessionHandle
    from actors.hosted_sessions import OnEvent
    from turnstile.config import Config
    from turnstile.embed.upgrade import Upgrade
    from turnstile.observability.journal import Journal
    from turnstile.ports import Clock, Connection, Inbox
    from turnstile.server.parent_link import ParentLink
    from turnstile.server.requests import Rejection
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.session.policy import Policy
    from turnstile.simulator.scenario import Scenario
    from turnstile.simulator.simulator import Simulator
    from turnstile.translate.host_overrides import HostOverrides

_log = logging.getLogger(__name__)


class ProxySystem(ProxyState):
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
        parts = ProxyParts(
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
        super().__init__(parts)

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

    def give_signs_of_life(self, beat: Callable[[], object], timeout: float) -> None:
        """Give signs of life until the stop, for as long as the threads that sessions need do their work.

        Args:
            beat: Gives one, without blocking.
            timeout: Within how many seconds one is expected.
        """
        self._parts.threads.give_signs_of_life(beat, timeout)

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
