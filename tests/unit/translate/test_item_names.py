"""The names of restored items, where upstream gives names of its own."""

from __future__ import annotations

import json

import pytest

from turnstile.translate.item_names import ItemNames

USER = {"id": "i1", "type": "message", "role": "user"}
AGENT = {"id": "i2", "type": "message", "role": "assistant"}
CALL = {"id": "i3", "type": "function_call", "call_id": "c1"}
OTHER_CALL = {"id": "i4", "type": "function_call", "call_id": "c2"}


def added(item, kind="added", **fields):
    return {"type": f"conversation.item.{kind}", **fields, "item": item}


def own(item, name):
    return {**item, "id": name}


@pytest.fixture
def names():
    """The user's item is `own_1` on the link, the agent's `own_2`."""
    names = ItemNames()
    for number, item in enumerate((USER, AGENT)):
        names.ask(f"e{number}", item)
    names.shown(added(own(USER, "own_1")))
    names.shown(added(own(AGENT, "own_2")))
    return names


def sent(names, event):
    return json.loads(names.sent(json.dumps(event).encode()))


def test_nothing_is_renamed_where_upstream_keeps_the_names():
    names = ItemNames()
    assert not names.is_used
    names.ask("e0", USER)
    assert names.is_used
    event = added(USER)
    assert names.shown(event) is event
    assert not names.is_used
    names.take_over()
    assert not names.renames


def test_the_end_of_an_item_that_keeps_its_name_is_not_taken_for_the_next_of_its_kind():
    names = ItemNames()
    for number, item in enumerate((USER, own(USER, "i9"))):
        names.ask(f"e{number}", item)
    names.shown(added(USER))
    names.shown(added(USER, "done"))
    event = added(own(USER, "i9"))
    assert names.shown(event) is event
    assert not names.renames


def test_a_restored_item_keeps_the_name_that_the_client_knows(names):
    event = added(own(USER, "own_1"), "done", previous_item_id="own_2")
    assert names.shown(event) == added(USER, "done", previous_item_id="i2")
    assert names.shown({"type": "conversation.item.truncated", "item_id": "own_2"})["item_id"] == "i2"


def test_items_of_one_kind_are_told_apart_by_their_order_and_calls_by_their_id():
    names = ItemNames()
    for number, item in enumerate((USER, own(USER, "i9"), CALL, OTHER_CALL)):
        names.ask(f"e{number}", item)
    answers = (own(OTHER_CALL, "own_4"), own(USER, "own_1"), own(USER, "own_9"), own(CALL, "own_3"))
    assert [names.shown(added(item))["item"]["id"] for item in answers] == ["i4", "i1", "i9", "i3"]


def test_an_item_that_is_refused_gets_no_name():
    names = ItemNames()
    names.ask("e0", USER)
    names.ask("e1", own(USER, "i9"))
    names.shown({"type": "error", "error": {"event_id": "e0"}})
    assert names.shown(added(own(USER, "own_9")))["item"]["id"] == "i9"


@pytest.mark.parametrize(
    ("event", "renamed"),
    [
        (
            {"type": "conversation.item.delete", "item_id": "i1"},
            {"type": "conversation.item.delete", "item_id": "own_1"},
        ),
        (
            {"type": "conversation.item.create", "previous_item_id": "i2", "item": USER},
            {"type": "conversation.item.create", "previous_item_id": "own_2", "item": USER},
        ),
        (
            {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "i1"}, 7]}},
            {"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "own_1"}, 7]}},
        ),
        (
            {"type": "conversation.item.retrieve", "item_id": "another"},
            {"type": "conversation.item.retrieve", "item_id": "another"},
        ),
        ({"type": "conversation.item.retrieve", "item_id": 7}, {"type": "conversation.item.retrieve", "item_id": 7}),
    ],
)
def test_what_goes_upstream_names_items_as_the_link_does(names, event, renamed):
    assert names.renames
    assert sent(names, event) == renamed


def test_an_event_that_names_no_item_goes_as_it_is(names):
    data = b'{ "type": "response.cancel" }'
    assert names.sent(data) is data


def test_an_item_that_is_deleted_and_put_in_again_has_its_new_name(names):
    names.take_over()
    names.ask("e7", USER)
    assert names.shown({"type": "conversation.item.deleted", "item_id": "own_1"})["item_id"] == "i1"
    assert names.shown(added(own(USER, "own_7")))["item"]["id"] == "i1"
    assert sent(names, {"item_id": "i1"}) == {"item_id": "own_7"}
    names.shown({"type": "conversation.item.deleted", "item_id": "own_7"})
    assert sent(names, {"item_id": "i1"}) == {"item_id": "i1"}


def test_the_end_of_an_item_before_it_takes_nothing_from_the_one_put_in_again(names):
    names.take_over()
    names.ask("e7", USER)
    names.shown(added(own(USER, "own_7")))
    names.shown({"type": "conversation.item.deleted", "item_id": "own_1"})
    assert sent(names, {"item_id": "i1"}) == {"item_id": "own_7"}


def test_no_item_of_a_response_is_taken_for_one_that_is_put_in_again(names):
    names.take_over()
    names.ask("e7", AGENT)
    assert names.shown(added({**own(AGENT, "own_9"), "status": "in_progress"}))["item"]["id"] == "own_9"
    assert names.shown(added({**own(AGENT, "own_7"), "status": "completed"}))["item"]["id"] == "i2"


def test_on_a_link_in_use_that_keeps_names_none_is_expected():
    names = ItemNames()
    names.ask("e0", USER)
    names.shown(added(USER))
    names.take_over()
    names.ask("e7", AGENT)
    assert not names.is_used


@pytest.mark.parametrize("before", [[], [USER]], ids=["nothing told", "names kept"])
def test_on_a_link_in_use_a_name_is_expected_for_an_item_whose_own_is_too_long_for_the_api(before):
    names = ItemNames()
    for item in before:
        names.ask("e0", item)
        names.shown(added(item))
    names.take_over()
    names.ask("e7", own(AGENT, "i" * 33))
    assert names.shown(added(own(AGENT, "own_7")))["item"]["id"] == "i" * 33
    assert sent(names, {"item_id": "i" * 33}) == {"item_id": "own_7"}


def test_on_a_link_in_use_that_was_told_nothing_before_a_name_is_expected():
    names = ItemNames()
    names.take_over()
    names.ask("e7", USER)
    assert names.shown(added(own(USER, "own_7")))["item"]["id"] == "i1"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "conversation.item.added", "item": None},
        {"type": "conversation.item.added", "item": {"id": 7}},
        {"type": "conversation.item.added", "item": {"id": "own_8", "type": "of_the_future"}},
        {"type": "conversation.item.deleted"},
        {"type": "error", "error": None},
    ],
)
def test_what_is_about_no_restored_item_is_as_it_was(names, event):
    names.ask("e7", CALL)
    assert names.shown(event) is event
