"""What a session is told, holds and wants done never changes: the type checker refuses it; nothing does at run time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_type

from turnstile.session.effects import Answered
from turnstile.session.in_flight import Item
from turnstile.session.link_events import LinkLost
from turnstile.session.policy import Policy
from turnstile.session.state import Now, State, Step

if TYPE_CHECKING:
    from turnstile.session.data import Data


def what_may_be_done(lost: LinkLost, state: State, data: Data) -> Step:
    """Make a value, or another one like it."""
    assert_type(replace(lost, retryable=False), LinkLost)
    assert_type(data._replace(losses=1).losses, int)
    return Step(Now(state._replace(items=(Item("item_1"),)), data), (Answered(1),))


def what_is_wrong(lost: LinkLost, item: Item, state: State, data: Data, step: Step) -> None:
    """Be refused by the type checker."""
    lost.code = "other"  # type: ignore[misc]
    item.stage = "sent"  # type: ignore[misc]
    data.losses = 1  # type: ignore[misc]
    step.waits = None  # type: ignore[misc]
    Policy().max_held = 1  # type: ignore[misc]
    replace(item, stage="gone")  # type: ignore[arg-type]
    data._replace(losses="one")  # type: ignore[arg-type]
    state._replace(lost=1)  # type: ignore[call-arg]
