"""Events of a Realtime client that are not built as one."""

from __future__ import annotations

import orjson
import pytest

from turnstile.errors import ClientProtocolError, Problem
from turnstile.protocol.client_shapes import name_of, shape_fault

UPDATE, CREATE = "session.update", "response.create"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "of.the.future", "session": "x"},
        {"type": "conversation.item.create", "item": "x"},
        {"type": CREATE},
        {"type": CREATE, "response": None},
        {"type": CREATE, "response": {"metadata": None, "audio": None}},
        {"type": CREATE, "response": {"metadata": {"a": "b"}, "audio": {"output": {}}}},
        {"type": UPDATE, "session": {}},
        {"type": UPDATE, "session": {"audio": None}},
        {"type": UPDATE, "session": {"audio": {"input": {"turn_detection": None}, "output": None}}},
        {"type": UPDATE, "session": {"tools": "x", "instructions": 7}},
    ],
)
def test_what_is_built_as_one_or_is_upstreams_to_judge_has_no_fault(event):
    assert shape_fault(event) is None


@pytest.mark.parametrize(
    ("kind", "fields", "param", "given"),
    [
        (UPDATE, {"session": "x"}, "session", "a string"),
        (UPDATE, {"session": None}, "session", "null"),
        (UPDATE, {"session": 1}, "session", "an integer"),
        (UPDATE, {"session": 1.5}, "session", "a decimal number"),
        (UPDATE, {"session": True}, "session", "a boolean"),
        (UPDATE, {"session": []}, "session", "an array"),
        (UPDATE, {"session": {"audio": "x"}}, "session.audio", "a string"),
        (UPDATE, {"session": {"audio": {"input": "x"}}}, "session.audio.input", "a string"),
        (UPDATE, {"session": {"audio": {"output": []}}}, "session.audio.output", "an array"),
        (
            UPDATE,
            {"session": {"audio": {"input": {"turn_detection": "x"}}}},
            "session.audio.input.turn_detection",
            "a string",
        ),
        (CREATE, {"response": "x"}, "response", "a string"),
        (CREATE, {"response": []}, "response", "an array"),
        (CREATE, {"response": 0}, "response", "an integer"),
        (CREATE, {"response": {"metadata": "x"}}, "response.metadata", "a string"),
        (CREATE, {"response": {"audio": {"output": 1}}}, "response.audio.output", "an integer"),
    ],
)
def test_what_must_be_an_object_and_is_none_is_refused_in_the_apis_words(kind, fields, param, given):
    words = f"Invalid type for '{param}': expected an object, but got {given} instead."
    assert shape_fault({"type": kind, **fields}) == Problem("invalid_type", words, param)


def test_an_update_without_a_session_lacks_a_parameter():
    words = "Missing required parameter: 'session'."
    assert shape_fault({"type": UPDATE}) == Problem("missing_required_parameter", words, "session")


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [({}, "invalid_event", None), ({"type": None}, "invalid_type", "type"), ({"type": {}}, "invalid_type", "type")],
)
def test_an_event_without_a_type_is_refused(event, code, param):
    fault = shape_fault(event)
    assert (fault.code, fault.param) == (code, param)


@pytest.mark.parametrize(
    "kind", ["Response.Create", " response.create", "SESSION.UPDATE\n", "transcription_session.update"]
)
def test_a_type_that_another_server_might_take_for_a_gated_one_is_refused(kind):
    fault = shape_fault({"type": kind})
    assert (fault.code, fault.param) == ("invalid_value", "type")


@pytest.mark.parametrize("kind", [CREATE, "input_audio_buffer.clear"])
@pytest.mark.parametrize("name", ["Type", "SESSION", "re\u017fponse"])
def test_a_name_that_another_server_might_take_for_one_that_the_gate_reads_is_refused(kind, name):
    problem = Problem("unknown_parameter", f"Unknown parameter: '{name}'.", name)
    assert shape_fault({"type": kind, "session": {}, name: UPDATE}) == problem


def test_a_second_conversation_of_a_response_is_refused():
    response = {"conversation": "none", "Conversation": "auto"}
    path = "response.Conversation"
    problem = Problem("unknown_parameter", f"Unknown parameter: '{path}'.", path)
    assert shape_fault({"type": CREATE, "response": response}) == problem
    assert shape_fault({"type": "of.the.future", "response": response}) is None


def test_a_client_of_the_beta_is_named_the_field_as_it_knows_it():
    event = {"type": UPDATE, "session": {"audio": {"input": {"turn_detection": "x"}}}}
    fault = shape_fault(event, is_beta=True)
    assert fault.param == "session.turn_detection"
    assert "'session.turn_detection'" in fault.description


@pytest.mark.parametrize(("event", "name"), [({}, None), ({"event_id": 5}, None), ({"event_id": "e" * 512}, "e" * 512)])
def test_an_event_has_the_name_that_its_client_gives(event, name):
    assert name_of(event) == name


@pytest.mark.parametrize("name", ["e" * 513, orjson.Fragment(b'"e"')])
def test_a_name_that_is_too_long_is_refused_and_not_repeated(name):
    with pytest.raises(ClientProtocolError, match="maximum length 512") as refused:
        name_of({"event_id": name})
    assert len(refused.value.problem.description) < 100
