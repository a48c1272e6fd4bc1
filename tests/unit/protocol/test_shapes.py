from __future__ import annotations

import pytest

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.beta_events import current_server_event
from turnstile.protocol.shapes import IS_CANONICAL, valid_event


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "response.done"}, "response"),
        ({"type": "response.done", "response": []}, "response"),
        ({"type": "response.done", "response": {"id": 7}}, "response.id"),
        ({"type": "conversation.item.added", "item": {}}, "item.id"),
        ({"type": "response.output_text.delta", "response_id": "r", "item_id": "i", "delta": None}, "delta"),
    ],
)
def test_what_an_event_means_nothing_without_is_named(event, field):
    with pytest.raises(UpstreamProtocolError) as refused:
        valid_event(event)
    assert refused.value.problem.code == "invalid_event"
    assert f"a {event['type']} whose {field} is" in refused.value.problem.description


def test_what_is_optional_and_odd_is_left_out():
    response = {"id": "r", "status": 7, "output": [None, {"id": "x"}, {"content": []}, {"id": "y", "role": 3}]}
    details = {"status_details": {"error": "x", "reason": "turn_detected"}}
    event = {"type": "response.done", "response": {**response, **details}, "new": [None]}
    assert valid_event(event) == {
        "type": "response.done",
        "response": {
            "id": "r",
            "output": [{"id": "x"}, {"id": "y"}],
            "status_details": {"reason": "turn_detected"},
        },
        "new": [None],
    }
    assert event["response"] == {**response, **details}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "of.the.future", "response": 3},
        {"type": "response.created", "response": {"id": "r", "conversation_id": None, "usage": None}},
        {"type": "session.updated", "session": {"audio": {"input": {"turn_detection": None}}}},
        {"type": "session.updated", "session": None},
        {"type": "response.done", "response": {"id": "r", "status_details": None, "metadata": None, "output": []}},
        {"type": "response.done", "response": {"id": "r", "output": None, "status_details": {"error": None}}},
        {"type": "response.done", "response": {"id": "r", "output": [{"id": "i", "content": [{"text": None}]}]}},
    ],
)
def test_what_is_built_as_it_should_be_or_is_nobodys_to_read_stays(event):
    assert valid_event(event) is event  # uncopied: nearly every event is so


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.done", "response": {"id": "r", "output": ""}},
        {"type": "response.done", "response": {"id": "r", "status_details": 0}},
        {"type": "response.created", "response": {"id": "r", "output_modalities": False}},
        {"type": "conversation.item.added", "item": {"id": "i", "content": [{"type": "text"}, None]}},
        {"type": "conversation.item.added", "item": None},
    ],
)
def test_what_is_odd_is_not_taken_for_plain(event):
    assert not IS_CANONICAL[event["type"]](event)


OLD = {"id": "i", "content": [{"type": "input_text", "text": "Hi"}, {"type": "audio"}]}
RESPONSE = {"id": "r", "status": "completed", "output": [], "metadata": None}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.created", "session": {"voice": "ash"}},
        {"type": "session.updated", "session": {"turn_detection": None}},
        {"type": "response.created", "response": {**RESPONSE, "modalities": ["text"]}},
        {"type": "response.created", "response": {**RESPONSE, "output": [OLD]}},
        {"type": "response.done", "response": {**RESPONSE, "voice": "ash"}},
        {"type": "response.done", "response": {**RESPONSE, "output": [OLD]}},
        {"type": "response.output_item.added", "response_id": "r", "item": OLD},
        {"type": "response.output_item.done", "response_id": "r", "item": OLD},
        *({"type": f"conversation.item.{end}", "item": OLD} for end in ("added", "created", "done", "retrieved")),
    ],
)
def test_what_is_in_the_words_of_the_beta_is_not_taken_for_plain(event):
    assert current_server_event(event) is not event
    assert not IS_CANONICAL[event["type"]](event)


def test_a_number_that_is_a_boolean_to_json_is_a_number_as_before():
    event = {"type": "response.output_item.done", "response_id": "r", "item": {}, "output_index": True}
    assert valid_event(event) == event
