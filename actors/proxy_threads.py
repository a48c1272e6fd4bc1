"""What a proxy runs on: started once, in one process, and ended in order, with its sessions first."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from turnstile.errors import InternalError
from turnstile.server.heartbeats import start_heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.adapters import Adapters
    from actors.admission import ClientAdmission
    from actors.sessions import Sessions
    from turnstile.ports import Clock
    from turnstile.server.listener import Listener
    from turnstile.server.worker_board import WorkerSlot
    from turnstile.transports.loop import IoLoop

_log = logging.getLogger(__name__)

# How long, in seconds, the threads together may take beyond the deadline for sessions.
_GRACE = 2.0
# How long the clients of sessions that are cut off have to answer the close.
_CLOSING = 0.5
# The number of such sessions that are named in the log.
_NAMED = 20


class ProxyThreads:
    """Starts and ends the threads of one proxy; may be used from any thread.

    Args:
        loop: Reads and writes all sockets.
        adapters: Have the other threads, and the simulator.
        sessions: Those that end before the threads do.
        admission: Has the threads of the check of credentials, if there are any.
        listener: Accepts clients; None where the proxy listens on no port.
        slot: Gets this worker process's signs of life, if it is one of several.
        heartbeat_timeout: Within how many seconds such a process must give one.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        loop: IoLoop,
        adapters: Adapters,
        sessions: Sessions,
        admission: ClientAdmission,
        listener: Listener | None,
        slot: WorkerSlot | None,
        heartbeat_timeout: float,
        clock: Clock,
    ) -> None:
        self._loop = loop
        self._adapters = adapters
        self._sessions = sessions
        self._admission = admission
        self._listener = listener
        self._slot = slot
        self._heartbeat_timeout = heartbeat_timeout
        self._clock = clock
        self._starting = threading.Lock()
        self._started_in: int | None = None

    def start(self) -> bool:
        """Start them unless that is done already, or the proxy was stopped; return whether this call did.

        Raises:
            InternalError: They are in another process.
        """
        with self._starting:
            if self._started_in is None and not self._sessions.are_draining:
                self._started_in = os.getpid()
                self._loop.start()
                self._adapters.journaling.start()
                if self._slot is not None:
                    self.give_signs_of_life(self._slot.beat, self._heartbeat_timeout)
                if self._listener is not None:
                    self._listener.start()
                return True
            if self._are_elsewhere():
                words = "The proxy was started before this process was forked off, without the proxy's threads."
                raise InternalError("started_before_fork", words)
            return False

    def give_signs_of_life(self, beat: Callable[[], object], timeout: float) -> None:
        """Give signs of life from now on, for as long as the threads do their work.

        With threads for the actors, one of these gives it: all of them may hang while the I/O goes on.

        Args:
            beat: Gives one, without blocking.
            timeout: Within how many seconds one is expected.
        """
        threads = self._adapters.threads
        start_heartbeat(self._loop, threads.waker(beat) if threads else beat, timeout)

    def go_round(self, timeout: float) -> bool:
        """Return whether the I/O thread makes a call within `timeout` seconds, or need not, before and after its time.

        Must not be called on that thread.
        """
        if self._started_in is None:
            return True
        called = threading.Event()
        is_taken = self._loop.call_soon(called.set)
        return called.wait(timeout) if is_taken else self._sessions.are_draining

    def drain(self) -> int:
        """Let no more clients in, and end each session at its next moment of rest; return the number of sessions."""
        if self._listener is not None:
            self._listener.drain(has_others=self._slot is not None)
        return self._sessions.drain()

    def stop(self, timeout: float) -> int:
        """Drain, cut off the sessions that are left after `timeout` seconds, and end all threads.

        Does nothing where they are in another process: joining them would never return.

        Returns:
            How many were cut off.
        """
        if self._are_elsewhere():
            return 0
        deadline = self._clock() + timeout
        self.drain()
        self._sessions.wait_until_empty(max(0.0, deadline - self._clock()))
        left = self._sessions.cut_off()
        if left:
            _log.warning("%s sessions did not end in time and are cut off: %s", len(left), _named(left))
            deadline = max(deadline, self._clock() + _CLOSING)
        # In the reverse order of the start. The listener has answered 503 up to here; those being checked get it.
        self._admission.close(_GRACE)
        if self._listener is not None:
            self._listener.close()
        self._adapters.shut_down_simulator()
        self._loop.stop(max(0.0, deadline - self._clock()), _GRACE)
        self._sessions.abandon()
        self._adapters.stop(self._clock() + _GRACE, deadline + _GRACE)
        return len(left)

    def _are_elsewhere(self) -> bool:
        """Return whether they were started before this process was forked off."""
        return self._started_in not in {None, os.getpid()}


def _named(session_ids: list[str]) -> str:
    """Return the ids for a log line, as many as are of use there."""
    more = len(session_ids) - _NAMED
    return ", ".join(session_ids[:_NAMED]) + (f" and {more} more" if more > 0 else "")
