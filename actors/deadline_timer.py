"""When what a session waits for is over: many waits, most of them over long before, on one timer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from turnstile.session.events import TimerFired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from turnstile.ports import Clock, Timer, Timers
    from turnstile.session.effects import Deadline

# From so many seconds on a wait may last up to one more: all that end in the same second are looked at together.
_TO_THE_SECOND = 5.0


class DueTimes:
    """Keeps when each wait of a session is over; one that ends before costs an entry of a dict, and no timer.

    The timer runs to the earliest due time there was. It is left running when that wait ends before: at worst it is
    looked in vain.

    Args:
        timers: Who start it.
        clock: Seconds.
        look: Called on the timers' thread when a wait may be over; `over` tells which are.
    """

    __slots__ = ("_clock", "_look", "_look_at", "_timer", "_timers", "_waits")

    def __init__(self, timers: Timers, clock: Clock, look: Callable[[], None]) -> None:
        self._timers = timers
        self._clock = clock
        self._look = look
        self._waits: dict[Deadline, float] = {}
        self._timer: Timer | None = None
        self._look_at = math.inf

    def wait_for(self, waits: tuple[Deadline, ...]) -> None:
        """Wait for these and for nothing else; those of them that run already go on."""
        running, self._waits = self._waits, {}
        for wait in waits:
            self._waits[wait] = running[wait] if wait in running else self._begun(wait.delay)

    def _begun(self, delay: float) -> float:
        """Return when a wait is over that begins now, and see to it that somebody looks then."""
        now = self._clock()
        due = now + delay
        if delay >= _TO_THE_SECOND:
            due = float(math.ceil(due))
        if due < self._look_at:
            self._arm(due, now)
        return due

    def over(self) -> Iterator[TimerFired]:
        """Return the waits that are over, in the order of their due times, and look again when the next one may be.

        Each is looked at when it is asked for: what is done about one may end or begin another.
        """
        now = self._clock()
        for due, wait in sorted((due, wait) for wait, due in self._waits.items() if due <= now):
            if self._waits.get(wait) == due:
                del self._waits[wait]
                yield TimerFired(wait.name, wait.token)
        self._disarm()
        if self._waits:
            self._arm(min(self._waits.values()), now)

    def end(self) -> None:
        """End all waits."""
        self._waits.clear()
        self._disarm()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._look_at = None, math.inf

    def _arm(self, look_at: float, now: float) -> None:
        self._disarm()
        self._look_at = look_at
        self._timer = self._timers.start(look_at - now, self._look)
