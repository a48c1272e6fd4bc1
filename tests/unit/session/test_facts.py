"""From the API's events to facts."""

from __future__ import annotations

import pytest

from turnstile.protocol.realtime import MARK
from turnstile.session import events
from turnstile.session.facts import FactReader

RESPONSE = {"id": "resp_1", "status": "in_progress", "conversation_id": "conv_1", "metadata": None}


def created(**changes):
    return {"type": "response.created", "response": {**RESPONSE, **changes}}


def done(**changes):
    return {"type": "response.done", "response": {**RESPONSE, "status": "completed", **changes}}


CALL = {"type": "function_call", "status": "completed", "call_id": "call_1", "name": "get"}


@pytest.mark.parametrize(
    ("event", "fact"),
    [
        (created(), events.ResponseStarted("resp_1")),
        (created(metadata={MARK: "ts_1"}), events.ResponseStarted("resp_1", "ts_1")),
        (done(), events.ResponseFinished("resp_1")),
        (done(status="cancelled"), events.ResponseFinished("resp_1", "cancelled")),
        (done(status="unheard of"), events.ResponseFinished("resp_1", "completed")),
        ({"type": "session.updated", "session": {"a": 1}}, events.ConfigAnswered({"a": 1})),
        ({"type": "conversation.item.added", "item": {"id": "i"}}, events.ItemConfirmed("i")),
        ({"type": "conversation.item.created", "item": {"id": "i"}}, events.ItemConfirmed("i")),
        ({"type": "conversation.item.done", "item": {"id": "i"}}, events.ItemConfirmed("i")),
        ({"type": "input_audio_buffer.speech_started", "item_id": "i"}, events.SpeechStarted()),
        ({"type": "input_audio_buffer.speech_stopped", "item_id": "i"}, events.SpeechStopped("i")),
        ({"type": "input_audio_buffer.committed", "item_id": "i"}, events.TurnCommitted("i")),
        (
            {
                "type": "response.function_call_arguments.done",
                "response_id": "resp_1",
                "output_index": 2,
                "call_id": "call_1",
                "name": "get",
            },
            events.FunctionCalled("resp_1", 2, "call_1", "get"),
        ),
        (
            {
                "type": "response.function_call_arguments.done",
                "response_id": "resp_1",
                "output_index": 0,
                "call_id": "call_1",
                "name": "get",
                "arguments": '{"city": "Paris"}',
            },
            events.FunctionCalled("resp_1", 0, "call_1", "get", '{"city": "Paris"}'),
        ),
        (
            {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 1, "item": CALL},
            events.FunctionCalled("resp_1", 1, "call_1", "get"),
        ),
        (
            {"type": "response.content_part.added", "response_id": "resp_1", "part": {"type": "audio"}},
            events.AgentSpoke(),
        ),
        (
            {"type": "error", "error": {"type": "t", "code": "c", "message": "m", "param": "p", "event_id": "e"}},
            events.Refused("e", "c", "m", "p"),
        ),
        (
            {"type": "error", "error": {"type": "t", "code": None, "message": "", "event_id": None}},
            events.Refused(None, "t", "t"),
        ),
        ({"type": "error", "error": {}}, events.Refused(None, "error", "error")),
    ],
)
def test_an_event_is_read_as_its_fact(event, fact):
    assert FactReader().fact(event) == fact


@pytest.mark.parametrize(
    "event",
    [
        {"type": "response.output_text.done", "response_id": "resp_1", "text": "So."},
        {"type": "response.output_audio.done", "response_id": "resp_1"},
        {"type": "rate_limits.updated"},
        {"type": "never.heard.of"},
        {"type": "response.content_part.added", "response_id": "resp_1", "part": {"type": "text"}},
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": {"type": "message"},
        },
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": {**CALL, "status": "incomplete"},
        },
        {
            "type": "response.output_item.done",
            "response_id": "resp_1",
            "output_index": 0,
            "item": {**CALL, "arguments": '{"city": '},
        },
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "output_index": 0,
            "call_id": "call_1",
            "name": "get",
            "arguments": '{"city": ',
        },
        {  # older servers name the function in the item only
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "output_index": 0,
            "call_id": "call_1",
            "arguments": "{}",
        },
    ],
)
def test_anything_else_is_no_business_of_the_gate(event):
    assert FactReader().fact(event) is None


def test_a_response_out_of_band_is_followed_to_its_end_and_tells_nothing():
    reader = FactReader()
    assert reader.fact(created(conversation_id=None)) is None
    part = {"type": "response.content_part.added", "response_id": "resp_1", "part": {"type": "audio"}}
    call = {
        "type": "response.function_call_arguments.done",
        "response_id": "resp_1",
        "output_index": 0,
        "call_id": "c",
        "name": "get",
    }
    assert (reader.fact(part), reader.fact(call), reader.fact(done(conversation_id=None))) == (None, None, None)
    assert reader.fact(done()) == events.ResponseFinished("resp_1")


def test_a_response_without_the_field_is_taken_for_an_ordinary_one():
    response = {"id": "resp_1", "status": "in_progress"}
    assert FactReader().fact({"type": "response.created", "response": response}) == events.ResponseStarted("resp_1")


def test_a_response_is_known_as_out_of_band_until_it_is_done():
    reader = FactReader()
    reader.fact(created(conversation_id=None))
    assert reader.is_out_of_band("resp_1")
    reader.fact(done(conversation_id=None))
    assert not reader.is_out_of_band("resp_1")


@pytest.mark.parametrize(
    "event",
    [
        created(id={}),
        created(id=None),
        done(id=7),
        {"type": "session.updated", "session": "x"},
        {"type": "conversation.item.added", "item": {"id": []}},
        {"type": "input_audio_buffer.speech_stopped", "item_id": None},
        {"type": "input_audio_buffer.committed", "item_id": 7},
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "output_index": {},
            "call_id": "call_1",
            "name": "get",
            "arguments": "{}",
        },
        {
            "type": "response.function_call_arguments.done",
            "response_id": "resp_1",
            "output_index": 0,
            "call_id": None,
            "name": "get",
            "arguments": "{}",
        },
    ],
)
def test_an_event_whose_names_are_none_is_no_fact(event):
    with pytest.raises(TypeError):
        FactReader().fact(event)


def test_what_is_no_text_in_an_error_counts_as_missing():
    error = {"code": 7, "type": "server_error", "message": {}, "event_id": [], "param": 3}
    assert FactReader().fact({"type": "error", "error": error}) == events.Refused(None, "server_error", "server_error")
