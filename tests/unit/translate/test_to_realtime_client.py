from __future__ import annotations

import json

import pytest

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.realtime import MARK
from turnstile.translate.to_realtime_client import RealtimeTranslator, unnamed_prefix


def told(event, *, is_beta=False):
    return [json.loads(frame.data) for frame in RealtimeTranslator("ts_", is_beta=is_beta).translate(event, 0.0)]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_audio.delta", "delta": "AAAA", "obfuscation": "x"},
        {"type": "of.the.future", "anything": [1]},
        {"type": "error", "error": {"code": "x", "event_id": "mine"}},
        {"type": "error", "error": {"code": "x", "event_id": "passed_1"}},
        {"type": "response.created", "response": {"id": "r", "metadata": {"mine": "1"}}},
        {"type": "response.created", "response": {"id": "r", "metadata": {MARK: "the client's"}}},
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.done", "response": {"id": "r", "metadata": None}},
    ],
)
def test_an_event_passes_as_it_is(event):
    assert told(event) == [event]
    translator = RealtimeTranslator("ts_", is_beta=False)
    assert translator.audio(event, 0.0) == translator.translate(event, 0.0)


FULL = {f"name_{number}": "x" for number in range(15)}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (None, {MARK: "ts_1"}),
        ({}, {MARK: "ts_1"}),
        ({"client_event_id": "abc"}, {"client_event_id": "abc", MARK: "ts_1"}),
        ({MARK: "the client's"}, {MARK: "ts_1"}),
        ({"tags": "mine"}, {"tags": "mine", "team": "ours", MARK: "ts_1"}),
        (FULL, {**FULL, "tags": "ours"}),
        ({**FULL, "tags": "mine"}, {**FULL, "tags": "mine"}),
    ],
)
def test_a_response_is_told_with_the_metadata_that_the_client_gave(given, sent):
    translator = RealtimeTranslator("ts_", is_beta=False)
    translator.remember_metadata(sent, given)
    for kind in ("response.created", "response.done"):
        (frame,) = translator.translate({"type": kind, "response": {"id": "r", "metadata": sent}}, 0.0)
        assert json.loads(frame.data)["response"] == {"id": "r", "metadata": given}


def test_what_the_client_gave_is_forgotten_when_the_response_is_done():
    translator = RealtimeTranslator("ts_", is_beta=False)
    translator.remember_metadata({MARK: "ts_1"}, None)
    done = {"type": "response.done", "response": {"id": "r", "metadata": {MARK: "ts_1"}}}
    first, second = (json.loads(translator.translate(done, 0.0)[0].data)["response"]["metadata"] for _ in range(2))
    assert (first, second) == (None, {MARK: "ts_1"})


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_the_session_is_told_as_an_answer_and_not_as_an_event(kind):
    assert told({"type": kind, "session": {}}) == []


@pytest.mark.parametrize("event_id", [None, "ts_7"])
def test_an_error_that_is_no_event_of_the_clients_is_the_sessions_to_tell(event_id):
    assert told({"type": "error", "error": {"code": "x", "event_id": event_id}}) == []
    assert told({"type": "error", "error": "boom"}) == []


def test_an_error_about_an_event_without_a_name_names_none():
    (event,) = told({"type": "error", "error": {"code": "x", "event_id": f"{unnamed_prefix('ts_')}1"}})
    assert event["error"] == {"code": "x", "event_id": None}


def test_a_client_of_the_beta_hears_of_a_field_by_the_name_that_it_gave():
    error = {"event_id": "mine", "param": "session.audio.output.voice", "message": "No 'session.audio.output.voice'."}
    (event,) = told({"type": "error", "error": error}, is_beta=True)
    assert event["error"] == {"event_id": "mine", "param": "session.voice", "message": "No 'session.voice'."}


def test_a_client_of_the_beta_hears_its_own_words_and_nothing_that_it_does_not_know():
    assert told({"type": "response.output_text.delta"}, is_beta=True) == [{"type": "response.text.delta"}]
    assert told({"type": "conversation.item.done", "item": {}}, is_beta=True) == []


def test_an_event_is_passed_on_as_it_came_where_nothing_in_it_changes():
    event, came = (
        {"type": "response.done", "response": {"id": "r"}},
        b'{ "type":"response.done" ,"response":{"id":"r"}}',
    )
    translator = RealtimeTranslator("ts_", is_beta=False)
    assert [frame.data for frame in translator.translate(event, 0.0, came)] == [came]
    assert [frame.data for frame in translator.audio(event, 0.0, came)] == [came]


@pytest.mark.parametrize(
    ("event", "is_beta"),
    [
        ({"type": "response.done", "response": {"id": "r", "metadata": {MARK: "ts_1"}}}, False),
        ({"type": "error", "error": {"event_id": unnamed_prefix("ts_")}}, False),
        ({"type": "response.output_text.delta"}, True),
    ],
)
def test_an_event_is_written_anew_where_something_in_it_changes(event, is_beta):
    translator = RealtimeTranslator("ts_", is_beta=is_beta)
    translator.remember_metadata({MARK: "ts_1"}, None)
    (frame,) = translator.translate(event, 0.0, b"as it came")
    assert json.loads(frame.data)["type"].startswith(("response.", "error"))


@pytest.mark.parametrize("item", [None, {"id": 7, "status": "in_progress"}, {"id": "i", "status": "completed"}])
def test_an_item_that_an_older_upstream_tells_of_once_is_told_as_added_and_done(item):
    event = {"type": "conversation.item.created", "item": item}
    assert [(one["type"], one["item"]) for one in told(event)] == [
        ("conversation.item.added", item),
        ("conversation.item.done", item),
    ]


def test_an_item_that_is_not_finished_is_done_when_its_output_is():
    translator = RealtimeTranslator("ts_", is_beta=False)
    item = {"id": "i", "status": "in_progress"}
    frames = translator.translate({"type": "conversation.item.created", "item": item}, 0.0)
    for output in ({"id": "other"}, None, {"id": "i", "status": "completed"}, {"id": "i"}):
        frames += translator.translate({"type": "response.output_item.done", "item": output}, 0.0)
    assert [json.loads(frame.data)["type"] for frame in frames] == [
        "conversation.item.added",
        "response.output_item.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.output_item.done",
    ]


def test_an_event_that_is_nested_too_deeply_to_be_written_again_is_upstreams_fault():
    nested = json.loads("[" * 300 + "]" * 300)
    with pytest.raises(UpstreamProtocolError, match=r"response\.output_audio\.delta that is nested too deeply"):
        told({"type": "response.output_audio.delta", "x": nested})


def test_what_is_kept_of_very_many_events_is_bounded():
    translator = RealtimeTranslator("ts_", is_beta=False)
    for number in range(2_000):
        item = {"id": f"item_{number}", "status": "in_progress"}
        translator.translate({"type": "conversation.item.created", "item": item}, 0.0)
        translator.remember_metadata({MARK: f"ts_{number}"}, {"mine": "x" * 10_000})
    assert 256 * 200 < translator.kept_bytes < 512 * 1024
    translator.remember_metadata({MARK: "ts_large"}, {"mine": "x" * 1_000_000})
    assert translator.kept_bytes < 512 * 1024
