"""The state and its values."""

from __future__ import annotations

from given import configured

from turnstile.session.events import AgentSpoke, LinkConnected
from turnstile.session.in_flight import Item
from turnstile.session.state import State


def test_a_changed_state_differs_in_what_is_named_only():
    state = configured(items=(Item("item_1"),))
    changed = state._replace(serial=7, losses=1)
    assert type(changed) is State
    assert {name for name in State._fields if getattr(changed, name) != getattr(state, name)} == {"serial", "losses"}
    assert (changed.serial, changed.losses) == (7, 1)


def test_values_are_compared_and_hashed_by_what_they_hold():
    assert Item("item_1", 3) == Item("item_1", 3) != Item("item_1", 4)
    assert len({Item("item_1"), Item("item_1"), Item("item_2")}) == 2
    assert LinkConnected() != AgentSpoke()
