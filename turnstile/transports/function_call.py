"""One function call that waits for a thread or runs on one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.ports import FunctionReturned, Inbox
from turnstile.transports.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.ports import Timer, Timers
    from turnstile.transports.network_operation import NetworkOperation


class PendingCall(Attempt[Inbox]):
    """The `FunctionCall` port: sends one result to its inbox, the function's or that of the timeout, or none.

    Args:
        call_id: The call's id.
        inbox: Receives the `FunctionReturned`.
    """

    def __init__(self, call_id: str, inbox: Inbox) -> None:
        super().__init__(inbox)
        self._call_id = call_id
        self._timer: Timer | None = None

    def limit(self, timers: Timers, timeout: float, time_out: Callable[[], None]) -> None:
        """Call `time_out` in `timeout` seconds, unless the call is over by then."""
        timer = timers.start(timeout, time_out)
        with self._lock:
            self._timer = timer
        if self.is_over:
            timer.cancel()

    def returns(self, output: str) -> bool:
        """Send the result to the inbox; return False if the call is over already."""
        return self.end(FunctionReturned(self._call_id, output))

    def _finish(self) -> tuple[Inbox | None, NetworkOperation | None]:
        """Be over, and stop the timer."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        return super()._finish()
