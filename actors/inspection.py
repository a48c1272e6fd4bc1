"""What open sessions say of themselves: all are asked within one deadline."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

import pykka
from pykka import ActorDeadError

from actors.messages import Inspect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.messages import Snapshot
    from actors.running_session import RunningSession
    from turnstile.ports import Clock


# How many are asked at a time: their answers are made on the thread that serves all sessions.
_AT_ONCE = 50


def snapshots(running: Mapping[str, RunningSession], timeout: float, clock: Clock) -> dict[str, Snapshot | None]:
    """Ask sessions where they stand; one that ends meanwhile is left out, None is for one that did not answer in time.

    Args:
        running: The sessions, by their ids.
        timeout: Seconds to wait for all of them together.
        clock: A monotonic clock, in seconds.
    """
    deadline, names = clock() + timeout, iter(running)
    answers: dict[str, Snapshot | None] = {}
    while some := list(islice(names, _AT_ONCE)):
        if answers and clock() >= deadline:
            answers |= dict.fromkeys([*some, *names])
            break
        asked = {}
        for name in some:
            with suppress(ActorDeadError):
                asked[name] = _ask(running[name])
        for name, answer in asked.items():
            with suppress(ActorDeadError):
                answers[name] = _answer(answer, deadline - clock())
    return answers


def _ask(session: RunningSession) -> pykka.Future[Snapshot]:
    """Ask a session that has begun; raise ActorDeadError if it has ended."""
    coordinator = session.coordinator
    if coordinator is None:
        raise ActorDeadError
    return coordinator.ask(Inspect(), block=False)


def _answer(answer: pykka.Future[Snapshot], timeout: float) -> Snapshot | None:
    try:
        return answer.get(timeout=max(0.0, timeout))
    except pykka.Timeout:
        return None
