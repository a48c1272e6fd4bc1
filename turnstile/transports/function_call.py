"""One function call that waits for a thread or runs on one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from turnstile.ports import FunctionReturned

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Inbox, Timer, Timers
    from turnstile.transports.network_operation import NetworkOperation
    from turnstile.transports.pool import PoolJob


class PendingCall:
    """The `FunctionCall` port: sends one result to its inbox, the function's or that of the timeout, or none.

    Args:
        call_id: The call's id.
        inbox: Receives the `FunctionReturned`.
    """

    def __init__(self, call_id: str, inbox: Inbox) -> None:
        self._call_id = call_id
        self._lock = threading.Lock()  # guards the three below
        self._inbox: Inbox | None = inbox
        self._timer: Timer | None = None
        self._job: PoolJob | None = None
        self.has_begun = False
        """Whether a thread has begun the call."""
        self.operation: NetworkOperation | None = None
        """What the thread does on the network, once it has begun."""

    @property
    def is_over(self) -> bool:
        """Whether the result is sent, or not needed any more."""
        return self._inbox is None

    def waits_as(self, job: PoolJob) -> None:
        """Keep the job that makes the call, which is withdrawn when the result is not needed any more."""
        with self._lock:
            self._job = job
        if self.is_over:
            job.withdraw()

    def limit(self, timers: Timers, timeout: float, time_out: Callable[[], None]) -> None:
        """Call `time_out` in `timeout` seconds, unless the call is over by then."""
        timer = timers.start(timeout, time_out)
        with self._lock:
            self._timer = timer
        if self.is_over:
            timer.cancel()

    def end(self, output: str) -> bool:
        """Send the result to the inbox; return False if the call is over already."""
        inbox = self._leave()
        if inbox is None:
            return False
        inbox.tell(FunctionReturned(self._call_id, output))
        return True

    def cancel(self) -> None:
        """Drop the result; a call that has not begun leaves the queue."""
        self._leave()

    def abort(self) -> None:
        """Drop the result, and end the call where it can be ended: the socket of one over HTTP is shut down."""
        self._leave()
        operation = self.operation
        if operation is not None:
            operation.cancel()

    def _leave(self) -> Inbox | None:
        with self._lock:
            inbox, self._inbox = self._inbox, None
            timer, self._timer = self._timer, None
            job, self._job = self._job, None
        if timer is not None:
            timer.cancel()
        if job is not None and not self.has_begun:
            job.withdraw()
        return inbox
