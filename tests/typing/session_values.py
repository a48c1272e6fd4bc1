"""What a session is told, holds and wants done never changes: the type checker refuses it; nothing does at run time."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_type

from turnstile.session.effects import Answered
from turnstile.session.events import LinkLost
from turnstile.session.in_flight import Item
from turnstile.session.policy import Policy
from turnstile.session.state import State, Step


def what_may_be_done(lost: LinkLost, state: State) -> Step:
    """Make a value, or another one like it."""
    assert_type(replace(lost, retryable=False), LinkLost)
    assert_type(state._replace(losses=1).losses, int)
    return Step(state._replace(items=(Item("item_1"),)), (Answered(1),))


def what_is_wrong(lost: LinkLost, item: Item, state: State, step: Step) -> None:
    """Be refused by the type checker."""
    lost.code = "other"  # type: ignore[misc]
    item.stage = "sent"  # type: ignore[misc]
    state.losses = 1  # type: ignore[misc]
    step.postpone = True  # type: ignore[misc]
    Policy().max_held = 1  # type: ignore[misc]
    replace(item, stage="gone")  # type: ignore[arg-type]
    state._replace(losses="one")  # type: ignore[arg-type]
    state._replace(lost=1)  # type: ignore[call-arg]
