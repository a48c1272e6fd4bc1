"""What a Realtime client is shown of another link: nothing but the end of what died with the one before."""

from __future__ import annotations

import base64
import json

import pytest

from tests.actors.test_standby import SAID, Stage, added
from turnstile.protocol.frames import Closed
from turnstile.session import effects
from turnstile.session.conversation_events import ItemTruncated
from turnstile.session.events import ItemConfirmed
from turnstile.session.link_effects import RemoveItem, RestoreItem, TruncateRestored
from turnstile.session.link_events import LinkLost, OfStandby, TookOver
from turnstile.translate.to_realtime_client import RealtimeTranslator

RESPONSE = {"id": "r", "conversation_id": "c", "status": "in_progress", "output": []}
CREATED = {"type": "response.created", "response": RESPONSE}
DONE_ITEM = {**added(SAID), "type": "conversation.item.done"}
DELETED = {"type": "conversation.item.deleted", "item_id": "i1"}


@pytest.fixture
def upstream(bench):
    stage = Stage(bench, takes_events=True, translator=RealtimeTranslator("ts_", is_beta=False)).ready()
    stage.seen = 0
    return stage


def shown(upstream):
    """The types of the events that the client was shown since the last time."""
    events = upstream.shown()
    upstream.seen, seen = len(events), upstream.seen
    return [event["type"] for event in events[seen:]]


@pytest.fixture(params=["before the other link takes over", "after it"])
def late(request):
    return request.param == "after it"


def test_no_item_that_is_restored_is_shown(upstream, late):
    upstream.prepare()
    upstream.on_standby(RestoreItem("e1", SAID))
    upstream.hears(added(SAID))
    if late:
        upstream.takes_over().hears(DONE_ITEM)
    else:
        upstream.hears(DONE_ITEM)
        upstream.takes_over()
    assert shown(upstream) == []


def test_no_item_that_is_put_in_again_is_shown_to_go(upstream, late):
    upstream.prepare()
    upstream.on_standby(RestoreItem("e1", SAID))
    upstream.hears(added(SAID), DONE_ITEM)
    upstream.on_standby(RemoveItem("e2", "i1"))
    if late:
        upstream.takes_over().hears(DELETED)
    else:
        upstream.hears(DELETED)
        upstream.takes_over()
    assert shown(upstream) == []


def test_what_the_client_does_to_a_restored_item_is_shown(upstream):
    upstream.prepare()
    upstream.on_standby(RemoveItem("e1", "i1"))
    upstream.on_standby(RestoreItem("e2", SAID))
    upstream.hears(DELETED, added(SAID), DONE_ITEM)
    upstream.takes_over().hears(DELETED, added(SAID))
    assert shown(upstream) == ["conversation.item.deleted", "conversation.item.added"]


def test_what_is_no_event_about_an_item_is_passed_over(upstream):
    upstream.prepare().hears({"type": "conversation.item.done"}, {"type": "conversation.item.deleted"})
    upstream.takes_over()
    assert shown(upstream) == []


def test_an_item_that_is_put_in_again_on_the_link_in_use_is_not_shown(upstream):
    upstream.tell(RemoveItem("e1", "i1"), RestoreItem("e2", SAID))
    upstream.hears(DELETED, added(SAID), DONE_ITEM)
    assert shown(upstream) == []


def test_a_response_that_dies_with_its_link_is_ended_before_the_loss_is_told(upstream):
    upstream.hears(CREATED)
    upstream.links(Closed(1006, ""))
    assert shown(upstream) == ["response.created", "response.done"]
    assert upstream.shown()[-1]["response"] == {
        **RESPONSE,
        "status": "cancelled",
        "status_details": {"type": "cancelled", "reason": "client_cancelled"},
        "usage": None,
    }
    assert isinstance(upstream.facts()[-1], LinkLost)


def test_a_response_that_runs_when_another_link_must_take_over_is_ended(upstream):
    upstream.prepare().old(CREATED)
    upstream.takes_over(epoch=None)
    assert shown(upstream) == ["response.created", "response.done"]
    assert upstream.facts()[-1] == TookOver(1)


def test_a_client_of_the_beta_is_shown_the_end_too(bench):
    upstream = Stage(bench, takes_events=True, translator=RealtimeTranslator("ts_", is_beta=True)).ready()
    item = {"id": "i2", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "So."}]}
    upstream.hears(CREATED, {"type": "response.output_item.done", "response_id": "r", "output_index": 0, "item": item})
    upstream.links(Closed(1006, ""))
    (output,) = upstream.shown()[-1]["response"]["output"]
    assert output["content"] == [{"type": "text", "text": "So."}]


# Where upstream gives items names of its own.


def named(upstream):
    """Restore the item `i1` to a link that calls it `own_1`."""
    upstream.prepare()
    upstream.on_standby(RestoreItem("e1", SAID))
    upstream.hears(added({**SAID, "id": "own_1"}))
    upstream.takes_over()
    upstream.link = upstream.standby
    return upstream


def test_a_restored_item_is_confirmed_under_the_name_that_the_client_knows(upstream):
    named(upstream)
    assert OfStandby(1, ItemConfirmed("i1", "message", "user")) in upstream.facts()
    upstream.hears({**DONE_ITEM, "item": {**SAID, "id": "own_1"}})
    assert shown(upstream) == []


@pytest.mark.parametrize("kind", ["delete", "retrieve", "truncate"])
def test_what_the_client_asks_of_a_restored_item_is_asked_and_answered_under_both_names(upstream, kind):
    named(upstream)
    asked = {"type": f"conversation.item.{kind}", "item_id": "i1"}
    upstream.tell(effects.PassOn(json.dumps(asked).encode()))
    assert upstream.sent()[-1] == {**asked, "item_id": "own_1"}
    upstream.hears({"type": f"conversation.item.{kind}d", "item_id": "own_1"})
    assert upstream.shown()[-1] == {"type": f"conversation.item.{kind}d", "item_id": "i1"}


def test_another_item_goes_behind_a_restored_one(upstream):
    named(upstream)
    asked = {"type": "conversation.item.create", "previous_item_id": "i1", "item": {"id": "mine"}}
    upstream.tell(effects.PassOn(json.dumps(asked).encode()))
    assert upstream.sent()[-1] == {**asked, "previous_item_id": "own_1"}
    upstream.hears(added({"id": "own_2"}, previous_item_id="own_1"))
    assert upstream.shown()[-1] == added({"id": "own_2"}, previous_item_id="i1")


def test_an_item_that_is_put_in_again_has_its_new_name_from_then_on(upstream):
    named(upstream).tell(RemoveItem("e2", "i1"), RestoreItem("e3", SAID))
    assert upstream.sent()[-2]["item_id"] == "own_1"
    upstream.hears({**DELETED, "item_id": "own_1"}, added({**SAID, "id": "own_7"}))
    upstream.tell(RemoveItem("e4", "i1"))
    assert upstream.sent()[-1]["item_id"] == "own_7"
    assert shown(upstream) == []


def test_the_names_of_a_link_are_its_own(upstream):
    named(upstream).prepare(2).takes_over(2)
    upstream.link = upstream.standby
    upstream.tell(RemoveItem("e4", "i1"))
    assert upstream.sent()[-1]["item_id"] == "i1"


# The truncation of an item that another link has as text.

AUDIO = base64.b64encode(bytes(48_000)).decode()
PLACE = {"response_id": "r", "item_id": "i2", "output_index": 0, "content_index": 0}
TRUNCATE = {"type": "conversation.item.truncate", "event_id": "mine", "item_id": "i2", "content_index": 0}


def spoken(upstream):
    """The agent says two words, a second each, and another link takes over."""
    item = {"id": "i2", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    upstream.hears(CREATED, {"type": "response.output_item.added", **PLACE, "item": item})
    for word in ("One", " two"):
        upstream.hears({"type": "response.output_audio_transcript.delta", **PLACE, "delta": word})
        upstream.hears({"type": "response.output_audio.delta", **PLACE, "delta": AUDIO})
    upstream.hears({"type": "response.done", "response": {**RESPONSE, "status": "completed"}})
    upstream.prepare().takes_over(epoch=1)
    assert upstream.facts()[-1] == TookOver(1)
    upstream.link = upstream.standby
    shown(upstream)


def truncate(upstream, **fields):
    upstream.tell(TruncateRestored(json.dumps({**TRUNCATE, **fields}).encode()))


def test_a_truncation_is_answered_with_what_was_heard_and_goes_nowhere(upstream):
    spoken(upstream)
    truncate(upstream, audio_end_ms=1000)
    answer = {"event_id": "event_mine", "item_id": "i2", "content_index": 0, "audio_end_ms": 1000}
    assert upstream.shown()[-1] == {"type": "conversation.item.truncated", **answer}
    assert upstream.facts()[-1] == ItemTruncated("i2", "One")
    assert upstream.sent() == []


def test_a_truncation_of_an_item_of_long_ago_is_answered_and_leaves_it_whole(upstream):
    spoken(upstream)
    truncate(upstream, item_id="i0", audio_end_ms=1000)
    assert shown(upstream) == ["conversation.item.truncated"]
    assert not any(isinstance(fact, ItemTruncated) for fact in upstream.facts())


@pytest.mark.parametrize("fields", [{}, {"audio_end_ms": "1"}, {"audio_end_ms": True}, {"audio_end_ms": -1}])
def test_a_truncation_of_another_form_is_upstreams_to_refuse(upstream, fields):
    spoken(upstream)
    truncate(upstream, **fields)
    assert upstream.sent() == [{**TRUNCATE, **fields}]
    assert shown(upstream) == []
