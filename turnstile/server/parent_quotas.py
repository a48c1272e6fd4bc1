"""The counting of a worker's sessions for quotas by its parent, for all workers."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from turnstile.server.quota_counting import UNANSWERED, QuotaCounting
from turnstile.server.quota_messages import Add, GiveBack, Take, line_of, read_answer

if TYPE_CHECKING:
    from turnstile.server.parent_link import ParentLink
    from turnstile.server.quota_counting import Counted
    from turnstile.server.quota_messages import Taken
    from turnstile.server.quotas import Claimant, QuotaLimits
    from turnstile.transports.loop import IoLoop
    from turnstile.transports.loop_timers import TimerHandle

log = logging.getLogger(__name__)

ANSWER_TIMEOUT: Final = 2.0
"""Seconds that the parent has for an answer."""
_MOST_UNSENT: Final = 64 * 1024  # bytes from which nothing is asked: a parent that is stopped reads none of it


class CountedByParent(QuotaCounting):
    """Has the parent count. A parent that is stopped costs clients an answer, and nothing else.

    Args:
        link: Joins this worker to its parent.
        loop: On whose thread the outcomes are told.
    """

    def __init__(self, link: ParentLink, loop: IoLoop) -> None:
        self._link = link
        self._loop = loop
        self._waiting: dict[int, tuple[Counted, TimerHandle]] = {}
        self._is_late = False
        link.receive = self._receive

    def take(self, number: int, claimant: Claimant, limits: QuotaLimits, counted: Counted, /) -> None:
        """Ask the parent to count one more session."""
        if self._link.unsent > _MOST_UNSENT:
            counted(UNANSWERED)
            return
        timer = self._loop.call_later(ANSWER_TIMEOUT, partial(self._give_up, number))
        self._waiting[number] = counted, timer
        self._link.send(line_of(Take(number, claimant, limits)))

    def add(self, number: int, claimant: Claimant, /) -> None:
        """Have the parent count one more session."""
        self._link.send(line_of(Add(number, claimant)))

    def give_back(self, number: int, claimant: Claimant, /) -> None:  # noqa: ARG002 - the parent knows whose it is
        """Have the parent count one session less."""
        self._link.send(line_of(GiveBack(number)))

    def _receive(self, line: bytes) -> None:
        self._loop.call_soon(partial(self._answered, read_answer(line)))

    def _answered(self, taken: Taken) -> None:
        waiting = self._waiting.pop(taken.number, None)
        if waiting is not None:  # otherwise it was given up, and is given back
            self._note_late(late=False)
            counted, timer = waiting
            timer.cancel()
            counted(taken.excess)

    def _give_up(self, number: int) -> None:
        self._note_late(late=True)
        counted, _ = self._waiting.pop(number)
        self._link.send(line_of(GiveBack(number)))
        counted(UNANSWERED)

    def _note_late(self, *, late: bool) -> None:
        if late and not self._is_late:
            log.warning("Clients are rejected: the parent process, which counts for quotas, does not answer")
        elif self._is_late and not late:
            log.warning("Clients are admitted again: the parent process answers")
        self._is_late = late
