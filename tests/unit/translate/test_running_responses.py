"""The end of a response that dies with its link, as a Realtime client is shown it."""

from __future__ import annotations

import json

import pytest

from turnstile.protocol.realtime import MARK
from turnstile.translate.to_realtime_client import RealtimeTranslator

RESPONSE = {"id": "r", "object": "realtime.response", "status": "in_progress", "output": [], "usage": None}
CANCELLED = {"status": "cancelled", "status_details": {"type": "cancelled", "reason": "client_cancelled"}}


def created(response_id="r", **fields):
    return {"type": "response.created", "response": {**RESPONSE, "id": response_id, **fields}}


def item_event(kind, index=0, **item):
    item = {"id": f"i{index}", "type": "message", **item}
    return {"type": f"response.output_item.{kind}", "response_id": "r", "output_index": index, "item": item}


ARGUMENTS = '{"city":"Paris"}'
CALL = {"type": "function_call", "name": "get_weather", "call_id": "c"}
CALLED = {**CALL, "id": "i0", "status": "completed", "arguments": ARGUMENTS}


def arguments_done(index=0, **fields):
    named = {"item_id": f"i{index}", "call_id": "c", "name": "get_weather", "arguments": ARGUMENTS, **fields}
    kind = "response.function_call_arguments.done"
    return {"type": kind, "response_id": "r", "output_index": index, **named}


def told(translator, *events):
    """Show the client these events, as they came."""
    frames = []
    for event in events:
        frames += translator.translate(event, 0.0, json.dumps(event).encode())
    return [json.loads(frame.data) for frame in frames]


def ends(translator):
    return [json.loads(frame.data) for frame in translator.link_lost()]


@pytest.fixture
def translator():
    return RealtimeTranslator("ts_", is_beta=False)


@pytest.fixture
def beta():
    return RealtimeTranslator("ts_", is_beta=True)


def test_a_response_that_was_seen_to_begin_is_ended_when_its_link_is_lost(translator):
    told(translator, created(conversation_id="c", max_output_tokens="inf"))
    (end,) = ends(translator)
    assert (end["type"], end["event_id"]) == ("response.done", "event_r_end")
    assert end["response"] == {**RESPONSE, **CANCELLED, "conversation_id": "c", "max_output_tokens": "inf"}
    assert ends(translator) == []


def test_what_is_known_of_its_output_is_shown(translator):
    begun, call = {"status": "in_progress", "content": []}, {"type": "function_call", "call_id": "c"}
    told(
        translator,
        created(),
        item_event("added", 1, status="in_progress"),
        item_event("added", 0, **begun),
        item_event("done", 1, status="completed", **call),
    )
    (end,) = ends(translator)
    assert end["response"]["output"] == [
        {"id": "i0", "type": "message", "status": "incomplete", "content": []},
        {"id": "i1", "status": "completed", **call},
    ]


def test_a_response_is_ended_with_the_clients_own_metadata(translator):
    translator.remember_metadata({MARK: "ts_1", "mine": "1"}, {"mine": "1"})
    told(translator, created(metadata={MARK: "ts_1", "mine": "1"}))
    assert ends(translator)[0]["response"]["metadata"] == {"mine": "1"}


def test_a_call_whose_arguments_were_complete_is_ended_before_its_response(translator):
    told(translator, created(), item_event("added", status="in_progress", arguments="", **CALL), arguments_done())
    called, end = ends(translator)
    place = {"type": "response.output_item.done", "response_id": "r", "output_index": 0}
    assert called == {**place, "event_id": "event_r_0_end", "item": CALLED}
    assert end["response"] == {**RESPONSE, "status": "completed", "status_details": None, "output": [CALLED]}
    assert translator.kept_bytes == 0


def test_a_call_is_ended_whose_beginning_was_not_shown(translator):
    told(translator, created(), arguments_done())
    assert ends(translator)[0]["item"] == {**CALLED, "object": "realtime.item"}


def test_a_call_that_was_seen_to_end_is_not_ended_again(translator):
    told(translator, created(), arguments_done(), item_event("done", status="completed", arguments=ARGUMENTS, **CALL))
    (end,) = ends(translator)
    assert (end["response"]["status"], end["response"]["output"]) == ("completed", [CALLED])


def test_a_call_does_not_complete_a_response_in_which_something_else_is_unfinished(translator):
    told(translator, created(), item_event("added", 1, status="in_progress"), arguments_done())
    called, end = ends(translator)
    assert called["output_index"] == 0
    assert {name: end["response"][name] for name in CANCELLED} == CANCELLED
    assert [item["status"] for item in end["response"]["output"]] == ["completed", "incomplete"]


@pytest.mark.parametrize("fields", [{"name": None}, {"arguments": '{"city":'}, {"response_id": "another"}])
def test_a_call_that_the_session_asks_for_again_is_not_ended(translator, fields):
    told(translator, created(), item_event("added", status="in_progress", **CALL), arguments_done(**fields))
    (end,) = ends(translator)
    assert {name: end["response"][name] for name in CANCELLED} == CANCELLED
    assert [item["status"] for item in end["response"]["output"]] == ["incomplete"]


def test_each_that_runs_is_ended_out_of_band_too_but_none_that_is_done(translator):
    told(translator, created("a", conversation_id=None), created("b"), created("c"), item_event("added"))
    told(translator, {"type": "response.done", "response": {**RESPONSE, "id": "b"}})
    assert [end["response"]["id"] for end in ends(translator)] == ["a", "c"]


def test_the_beta_is_shown_the_end_in_its_names(beta):
    part = {"type": "output_text", "text": "So."}
    told(beta, created(max_output_tokens="inf"), item_event("done", status="completed", content=[part]))
    (end,) = ends(beta)
    assert end["response"]["output"][0]["content"] == [{"type": "text", "text": "So."}]
    assert {name: end["response"][name] for name in CANCELLED} == CANCELLED


def test_a_response_too_large_to_be_kept_is_ended_by_its_id(translator):
    told(translator, created(metadata={"mine": "x" * 300_000}))
    (end,) = ends(translator)
    assert end["response"] == {"object": "realtime.response", "id": "r", **CANCELLED, "output": [], "usage": None}


def test_nothing_is_kept_of_a_response_that_has_ended(translator):
    told(translator, created(), item_event("added"), item_event("done"))
    assert translator.kept_bytes > 0
    told(translator, {"type": "response.done", "response": RESPONSE})
    assert translator.kept_bytes == 0


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.created", "response": None},
        {"type": "response.created", "response": {"id": 7}},
        {"type": "response.done", "response": None},
        {"type": "response.done", "response": {"id": 7}},
        {"type": "response.done", "response": {"id": "another"}},
        {"type": "response.output_item.added", "item": None},
        {**item_event("added"), "response_id": 7},
        {**item_event("added"), "output_index": None},
    ],
)
def test_events_of_another_form_pass_and_are_no_responses(translator, event):
    assert told(translator, event) == [event]
    assert translator.link_lost() == []


def test_an_item_whose_end_upstream_does_not_show_is_not_waited_for_on_another_link(translator):
    item = {"id": "i0", "status": "in_progress"}
    told(translator, created(), {"type": "conversation.item.created", "item": item})
    translator.link_lost()
    assert [event["type"] for event in told(translator, item_event("done"))] == ["response.output_item.done"]
