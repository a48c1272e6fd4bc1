"""The state and its values."""

from __future__ import annotations

import pytest
from given import configured, running

from turnstile.session.changes import Changes
from turnstile.session.data import Data
from turnstile.session.events import AgentSpoke, ResponseFinished, ResponseProgressed
from turnstile.session.in_flight import Item
from turnstile.session.link_events import LinkConnected
from turnstile.session.state import Now, State
from turnstile.session.turn_events import AudioHeard


def differing(one, other):
    return {name for name in one._fields if getattr(one, name) != getattr(other, name)}


def test_a_change_differs_in_what_is_named_only():
    now = configured(items=(Item("item_1"),))
    changed = now.change(serial=7, losses=1, link="ended")
    assert (type(changed), type(changed.state), type(changed.data)) == (Now, State, Data)
    assert differing(changed.state, now.state) == {"link"}
    assert differing(changed.data, now.data) == {"serial", "losses"}
    assert (changed.data.serial, changed.data.losses, changed.state.link) == (7, 1, "ended")


def test_what_does_not_gate_leaves_the_state_as_it_is():
    now = configured()
    assert now.change(serial=7).state is now.state
    assert now.change(link="ended").data is now.data


def test_nothing_counts_twice():
    assert not {*State._fields} & {*Data._fields}


@pytest.mark.parametrize(
    "event", [ResponseProgressed("resp_1"), AudioHeard(20.0), AgentSpoke(), ResponseFinished("resp_9")]
)
def test_what_is_only_counted_or_remembered_is_no_change_of_state(event):
    session = running()
    before = session.state
    session.handle(event)
    assert session.state is before


def test_values_are_compared_and_hashed_by_what_they_hold():
    assert Item("item_1", 3) == Item("item_1", 3) != Item("item_1", 4)
    assert len({Item("item_1"), Item("item_1"), Item("item_2")}) == 2
    assert LinkConnected() != AgentSpoke()


def test_the_type_checker_knows_each_field_that_a_rule_may_change():
    parts = State.__mro__[1].__annotations__ | Data.__annotations__
    assert [*map(_words, Changes.__annotations__.items())] == [*map(_words, parts.items())]


def _words(field):
    name, annotation = field
    return name, annotation.__forward_arg__
