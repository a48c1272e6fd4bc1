"""What open sessions say of themselves: asked all at once, within one deadline."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pykka
from pykka import ActorDeadError

from actors.messages import Inspect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from actors.messages import Snapshot
    from actors.running_session import RunningSession
    from turnstile.ports import Clock


def snapshots(running: Mapping[str, RunningSession], timeout: float, clock: Clock) -> dict[str, Snapshot | None]:
    """Ask sessions where they stand; one that ends meanwhile is left out, None is for one that did not answer in time.

    Args:
        running: The sessions, by their ids.
        timeout: Seconds to wait for all of them together.
        clock: A monotonic clock, in seconds.
    """
    asked: dict[str, pykka.Future[Snapshot]] = {}
    for name, session in running.items():
        if session.coordinator is not None:
            with suppress(ActorDeadError):
                asked[name] = session.coordinator.ask(Inspect(), block=False)
    deadline = clock() + timeout
    answers: dict[str, Snapshot | None] = {}
    for name, answer in asked.items():
        with suppress(ActorDeadError):
            try:
                answers[name] = answer.get(timeout=max(0.0, deadline - clock()))
            except pykka.Timeout:
                answers[name] = None
    return answers
