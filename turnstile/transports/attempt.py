"""Work of one session that waits for a pool's thread or runs on one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from turnstile.ports import Inbox

if TYPE_CHECKING:
    from turnstile.transports.network_operation import NetworkOperation
    from turnstile.transports.pool import PoolJob

InboxT = TypeVar("InboxT", bound=Inbox)


class Attempt(Generic[InboxT]):
    """An attempt whose inbox receives one outcome, or none once it was cancelled.

    All methods may be called from any thread.

    Args:
        inbox: Receives the outcome.
    """

    def __init__(self, inbox: InboxT) -> None:
        self._lock = threading.Lock()  # guards the four below
        self._inbox: InboxT | None = inbox
        self._job: PoolJob | None = None
        self._operation: NetworkOperation | None = None
        self.has_begun = False
        """Whether a thread has begun it."""

    @property
    def is_over(self) -> bool:
        """Whether the outcome is sent, or not needed any more."""
        return self._inbox is None

    def waits_as(self, job: PoolJob) -> None:
        """Keep the job, which leaves its queue when the outcome is not needed any more."""
        with self._lock:
            self._job = job
            is_over = self.is_over
        if is_over:
            job.withdraw()

    def begin(self, operation: NetworkOperation | None = None) -> bool:
        """Begin, with what the thread does on the network; return False if the outcome is not needed any more."""
        with self._lock:
            if self.is_over:
                return False
            self.has_begun = True
            self._operation = operation
            return True

    def take_inbox(self) -> InboxT | None:
        """Return the inbox for the outcome, once; None if it was cancelled or has its outcome."""
        return self._finish()[0]

    def end(self, outcome: object) -> bool:
        """Send the outcome to the inbox; return False if it was cancelled or has its outcome."""
        inbox = self.take_inbox()
        if inbox is None:
            return False
        inbox.tell(outcome)
        return True

    def cancel(self) -> None:
        """Drop the outcome. What has not begun leaves the queue; the socket of what has begun is shut down."""
        operation = self._finish()[1]
        if operation is not None:
            operation.cancel()

    def _finish(self) -> tuple[InboxT | None, NetworkOperation | None]:
        """Be over; return the inbox, once, and what the thread does on the network, if it has begun."""
        with self._lock:
            inbox, self._inbox = self._inbox, None
            job, self._job = self._job, None
            operation, self._operation = self._operation, None
        if job is not None and not self.has_begun:
            job.withdraw()
        return inbox, operation
