"""One step of the machine: the state after it, and what shall be done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.session.effects import Effect
    from turnstile.session.state import State


@record
class Step:
    """What a decision comes to.

    Args:
        state: The state after it.
        effects: What shall be done, in this order.
        postpone: The event is not welcome in this state: keep it and offer it again when the state has changed.
    """

    state: State
    effects: tuple[Effect, ...] = ()
    postpone: bool = False
