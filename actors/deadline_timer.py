"""The deadlines of a session on one timer: most of them end long before they are due."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from turnstile.session.events import TimerFired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.ports import Clock, Timer, Timers
    from turnstile.session.deadlines import Deadline

# From so many seconds on a deadline is due at the next whole second, so that all of one second need one timer.
_TO_THE_SECOND = 5.0


class DeadlineTimer:
    """Keeps when each deadline of a session is due; one that ends before costs an entry of a dict, and no timer.

    The timer runs to the earliest due time that was set. It is left running when that deadline ends before: at worst
    one check finds nothing.

    Args:
        timers: Run the timer.
        clock: Seconds.
        check: Called on the timers' thread when a deadline may have passed; `expired` returns which have.
    """

    __slots__ = ("_check", "_check_at", "_clock", "_due", "_timer", "_timers")

    def __init__(self, timers: Timers, clock: Clock, check: Callable[[], None]) -> None:
        self._timers = timers
        self._clock = clock
        self._check = check
        self._due: dict[Deadline, float] = {}
        self._timer: Timer | None = None
        self._check_at = math.inf

    def set(self, deadlines: tuple[Deadline, ...]) -> None:
        """Keep these deadlines and no others; those that are kept already go on."""
        kept, self._due = self._due, {}
        for deadline in deadlines:
            self._due[deadline] = kept[deadline] if deadline in kept else self._due_in(deadline.delay)

    def _due_in(self, delay: float) -> float:
        """Return when a deadline is due that begins now, and let the timer run to it."""
        now = self._clock()
        due = now + delay
        if delay >= _TO_THE_SECOND:
            due = float(math.ceil(due))
        if due < self._check_at:
            self._arm(due, now)
        return due

    def expired(self) -> Iterator[TimerFired]:
        """Yield the deadlines that have passed, in their order, and start the timer for the next one.

        Each is checked as it is asked for, as the session may end or begin another by what it does about one.
        """
        now = self._clock()
        for due, deadline in sorted((due, deadline) for deadline, due in self._due.items() if due <= now):
            if self._due.get(deadline) == due:
                del self._due[deadline]
                yield TimerFired(deadline.name, deadline.token)
        self._disarm()
        if self._due:
            self._arm(min(self._due.values()), now)

    def end(self) -> None:
        """Keep no deadline, and stop the timer."""
        self._due.clear()
        self._disarm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._check_at = None, math.inf

    def _arm(self, check_at: float, now: float) -> None:
        self._disarm()
        self._check_at = check_at
        self._timer = self._timers.start(check_at - now, self._check)
