"""The items of a restored conversation, which a Realtime client has seen on an earlier link."""

from __future__ import annotations

import json

import pytest

from turnstile.translate.to_realtime_client import RealtimeTranslator


def item(kind, item_id="i"):
    return {"type": f"conversation.item.{kind}", "item": {"id": item_id}}


def deleted(item_id="i"):
    return {"type": "conversation.item.deleted", "item_id": item_id}


@pytest.fixture
def shows():
    translator = RealtimeTranslator("ts_", is_beta=False)

    def shows(*events):
        return [bool(translator.translate(event, 0.0)) for event in events]

    shows.translator = translator
    return shows


@pytest.mark.parametrize("kinds", [("added", "done"), ("created",)])
def test_an_item_that_is_restored_is_not_shown_again(shows, kinds):
    shows.translator.restored(["i", "j"])
    assert shows(*(item(kind) for kind in kinds)) == [False] * len(kinds)
    assert shows(item("added", "k"), item("done", "k")) == [True, True]


def test_an_item_that_a_client_creates_anew_is_shown(shows):
    shows.translator.restored(["i"])
    shows(item("added"), item("done"))
    assert shows(deleted(), item("added"), item("done")) == [True, True, True]


def test_an_item_that_is_put_in_again_is_not_shown_to_go_and_come(shows):
    shows.translator.removed(["i"])
    shows.translator.restored(["i"])
    assert shows(deleted(), item("added"), item("done")) == [False, False, False]
    assert shows(deleted()) == [True]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "conversation.item.added", "item": None},
        {"type": "conversation.item.deleted"},
        {"type": "conversation.item.truncated", "item_id": "i"},
    ],
)
def test_other_events_are_shown(shows, event):
    shows.translator.restored(["i"])
    shows.translator.removed(["i"])
    assert shows(event) == [True]


def test_nothing_is_kept_when_all_have_come(shows):
    shows.translator.restored(["i"])
    assert shows.translator.kept_bytes > 0
    shows(item("added"), item("done"))
    assert shows.translator.kept_bytes == 0


def test_no_item_is_shown_behind_the_note_that_the_client_does_not_know(shows):
    note = {"type": "conversation.item.added", "previous_item_id": "i", "item": {"id": "ts_5", "role": "system"}}
    shows.translator.restored(["ts_5"])
    assert shows(note) == [False]
    for kind in ("conversation.item.added", "input_audio_buffer.committed"):
        event = {"type": kind, "previous_item_id": "ts_5"}
        (frame,) = shows.translator.translate(event, 0.0, json.dumps(event).encode())
        assert json.loads(frame.data) == {**event, "previous_item_id": "i"}


@pytest.mark.parametrize("item", [{"id": "ts_5", "role": "user"}, {"id": "i", "role": "system"}])
def test_other_items_are_shown_as_those_before(shows, item):
    shows.translator.restored([item["id"]])
    shows({"type": "conversation.item.added", "previous_item_id": "h", "item": item})
    event = {"type": "conversation.item.added", "previous_item_id": item["id"]}
    (frame,) = shows.translator.translate(event, 0.0)
    assert json.loads(frame.data) == event
