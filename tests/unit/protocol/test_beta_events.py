from __future__ import annotations

import copy
import json

import pytest
from beta_sessions import FLAT, NESTED
from hypothesis import given
from hypothesis import strategies as st
from openai.types import realtime as openai

from turnstile.protocol import beta, realtime
from turnstile.protocol.beta_events import (
    beta_client_data,
    beta_client_event,
    beta_error_event,
    beta_server_event,
    current_client_event,
    current_server_event,
)


def test_a_clients_events_have_their_current_words_and_back():
    item = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello."}, 7]}
    event = {"type": "conversation.item.create", "item": item}
    current = current_client_event(event)
    assert current["item"]["content"] == [{"type": "output_text", "text": "Hello."}, 7]
    assert beta_client_event(current) == event
    update = current_client_event({"type": "session.update", "session": {"modalities": ["text"]}})
    assert update["session"] == {"type": "realtime", "output_modalities": ["text"]}
    create = current_client_event({"type": "response.create", "response": {"modalities": ["text"]}})
    assert create["response"] == {"output_modalities": ["text"]}
    assert beta_client_event(update)["session"] == beta_client_event(create)["response"]


@pytest.mark.parametrize("event", [{"type": "response.create"}, {"type": "session.update", "session": 7}])
def test_an_event_without_such_parts_stays_as_it_is(event):
    assert current_client_event(event) == beta_client_event(event) == event


def test_a_servers_events_have_their_old_names():
    for old, current in beta.EVENTS.items():
        assert beta_server_event({"type": current})["type"] == old
    assert beta_server_event({"type": "conversation.item.added", "item": {"id": "i"}}) == {
        "type": "conversation.item.created",
        "item": {"object": "realtime.item", "id": "i"},
    }
    assert beta_server_event({"type": "conversation.item.done", "item": {}}) is None


def test_a_servers_session_and_response_are_flat():
    session = beta_server_event({"type": "session.updated", "session": {"type": "realtime", **NESTED}})
    assert session["session"] == FLAT
    part = {"type": "output_audio", "transcript": "Hello."}
    output = [{"id": "i", "type": "message", "content": [part]}]
    response = {"id": "r", "output": output, "output_modalities": ["audio"], "audio": {"output": {"voice": "marin"}}}
    assert beta_server_event({"type": "response.done", "response": response})["response"] == {
        "id": "r",
        "modalities": ["audio", "text"],
        "voice": "marin",
        "output": [
            {"object": "realtime.item", "id": "i", "type": "message", "content": [{**part, "type": "audio"}]},
        ],
    }


def test_items_to_begin_a_response_from_are_in_the_same_words():
    old = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello."}]}
    new = {**old, "content": [{"type": "output_text", "text": "Hello."}]}
    event = {"type": "response.create", "response": {"input": [old, 7, {"type": "item_reference", "id": "i"}]}}
    current = current_client_event(event)
    assert current["response"]["input"] == [new, 7, {"type": "item_reference", "id": "i"}]
    assert beta_client_event(current) == event


@pytest.mark.parametrize("name", sorted(beta.NEW_FIELDS))
def test_a_field_that_the_beta_did_not_have_goes_only_where_it_asks_for_something(name):
    for part in ("session", "response"):
        assert beta_client_event({"type": "x", part: {name: None, "voice": None}})[part] == {"voice": None}
        assert beta_client_event({"type": "x", part: {name: "auto"}})[part] == {name: "auto"}
        assert beta_server_event({"type": "x", part: {name: "auto"}})[part].get(name) is None


@pytest.mark.parametrize(
    ("session", "told"),
    [
        ({"audio": "x"}, {"audio": "x"}),
        ({"audio": {"input": "format"}}, {"audio": {"input": "format"}}),
        ({"audio": {"input": {"new": 1, "format": []}}}, {"audio": {"input": {"new": 1}}, "input_audio_format": []}),
        ({"audio": {"input": {"format": {"type": []}}}}, {"input_audio_format": {"type": []}}),
        ({"audio": {"input": {}, "output": None}}, {}),
    ],
)
def test_what_the_beta_has_no_field_for_is_left_to_upstream_to_refuse(session, told):
    assert beta_client_event({"type": "session.update", "session": session})["session"] == told


def test_a_response_is_shown_with_another_name_for_its_most_tokens_than_it_is_asked_for():
    asked = beta_client_event({"type": "response.create", "response": {"max_output_tokens": 9}})
    assert asked["response"] == {"max_response_output_tokens": 9}
    shown = beta_server_event({"type": "response.done", "response": {"max_output_tokens": 9}})
    assert shown["response"] == {"max_output_tokens": 9, "output": []}


_NAMES = st.sampled_from(
    [*beta.FIELDS, *(name for path in beta.FIELDS.values() for name in path), *beta.NEW_FIELDS, "type", "content"]
)
_JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["pcm16", "audio/pcm", "text", "output_text", "input", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(_JSON, st.sampled_from(["session", "response", "item"]))
def test_whatever_a_client_sends_can_be_put_into_other_words_and_is_not_changed_itself(value, name):
    event = {"type": "x", name: value}
    before = copy.deepcopy(event)
    beta_client_event(current_client_event(event))
    current_client_event(beta_client_event(event))
    assert event == before


@pytest.mark.parametrize(
    ("param", "message", "told"),
    [
        (
            "session.audio.output.voice",
            "Invalid 'session.audio.output.voice'.",
            ("session.voice", "Invalid 'session.voice'."),
        ),
        ("session.audio.output.voice", None, ("session.voice", None)),
        ("session.instructions", "No.", ("session.instructions", "No.")),
        (None, "No.", (None, "No.")),
    ],
)
def test_an_error_names_the_field_as_the_beta_has_it(param, message, told):
    error = beta_error_event({"type": "error", "error": {"param": param, "message": message}})["error"]
    assert (error["param"], error["message"]) == told


def test_a_transcription_session_is_configured_by_an_event_of_its_own_in_the_beta():
    event = {"type": "transcription_session.update", "session": {"input_audio_format": "g711_ulaw", "include": []}}
    assert current_client_event(event) == {
        "type": "session.update",
        "session": {"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcmu"}}}, "include": []},
    }


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_a_transcription_session_is_told_of_by_events_of_its_own_in_the_beta(kind):
    hears = {"format": {"type": "audio/pcmu"}, "turn_detection": None}
    session = {"type": "transcription", "id": "sess_1", "audio": {"input": hears}, "include": ["x"]}
    assert beta_server_event({"type": kind, "session": session}) == {
        "type": f"transcription_{kind}",
        "session": {"id": "sess_1", "input_audio_format": "g711_ulaw", "turn_detection": None, "include": ["x"]},
    }


def test_a_transcription_session_that_shows_less_is_told_with_less():
    event = {"type": "session.created", "session": {"type": "transcription"}}
    assert beta_server_event(event) == {"type": "transcription_session.created", "session": {}}


@pytest.mark.parametrize("words", ["{}: 'echo' cannot replace one.", "Invalid value for '{}'."])
def test_an_error_names_its_field_in_the_betas_words_wherever_it_does(words):
    current, beta_name = "session.audio.output.voice", "session.voice"
    event = {"type": "error", "error": {"param": current, "message": words.format(current)}}
    assert beta_error_event(event)["error"] == {"param": beta_name, "message": words.format(beta_name)}


def test_an_error_about_a_longer_name_keeps_it():
    error = {"param": "session.audio.output.speed", "message": "session.audio.output.speediest: none such"}
    assert beta_error_event({"type": "error", "error": error})["error"]["message"] == error["message"]


@pytest.mark.parametrize("kind", ["text", "audio", "audio_transcript"])
@pytest.mark.parametrize("end", ["delta", "done"])
def test_an_event_of_the_beta_has_its_current_name(kind, end):
    assert current_server_event({"type": f"response.{kind}.{end}"}) == {"type": f"response.output_{kind}.{end}"}


def test_the_flat_session_of_the_beta_is_the_nested_one():
    beta = {
        "modalities": ["audio", "text"],
        "max_response_output_tokens": "inf",
        "instructions": "Be kind.",
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1"},
        "input_audio_noise_reduction": None,
        "turn_detection": {"type": "server_vad"},
        "output_audio_format": "g711_ulaw",
        "voice": "alloy",
        "speed": 1.0,
    }
    event = current_server_event({"type": "session.updated", "session": beta})
    assert event["session"] == {
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "instructions": "Be kind.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {"model": "whisper-1"},
                "noise_reduction": None,
                "turn_detection": {"type": "server_vad"},
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy", "speed": 1.0},
        },
    }
    openai.RealtimeSessionCreateRequest.model_validate({"type": "realtime", **event["session"]})


@pytest.mark.parametrize(
    ("field", "value", "current"),
    [
        ("modalities", ["text"], {"output_modalities": ["text"]}),
        ("modalities", "text", {"output_modalities": "text"}),
        ("input_audio_format", "g711_alaw", {"audio": {"input": {"format": {"type": "audio/pcma"}}}}),
        ("input_audio_format", "opus", {"audio": {"input": {"format": "opus"}}}),
        ("output_audio_format", None, {"audio": {"output": {"format": None}}}),
    ],
)
def test_a_value_of_the_beta_is_the_current_one_where_there_is_one(field, value, current):
    event = {"type": "session.created", "session": {field: value}}
    assert current_server_event(event)["session"] == current


@pytest.mark.parametrize(("part", "current"), [("text", "output_text"), ("audio", "output_audio")])
def test_a_content_part_of_the_beta_has_its_current_name_in_items(part, current):
    item = {"id": "item_1", "content": [{"type": part}, {"type": "input_text"}]}
    created = current_server_event({"type": "conversation.item.created", "item": json.loads(json.dumps(item))})
    done = current_server_event({"type": "response.done", "response": {"output": [item], "modalities": ["text"]}})
    assert [part["type"] for part in created["item"]["content"]] == [current, "input_text"]
    assert done["response"]["output"][0]["content"] == created["item"]["content"]
    assert done["response"]["output_modalities"] == ["text"]


def test_an_event_in_current_words_stays_as_it_is():
    session = {"type": "realtime", "output_modalities": ["audio"], "audio": {"output": {"voice": "alloy"}}}
    part = {"type": "response.content_part.added", "part": {"type": "audio"}}
    assert current_server_event({"type": "session.updated", "session": dict(session)})["session"] == session
    assert current_server_event(dict(part)) == part


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.updated", "session": 3},
        {"type": "response.done", "response": []},
        {"type": "response.done", "response": {"output": 3}},
        {"type": "response.done", "response": {"output": [None, {"content": [None, {"type": []}]}]}},
        {"type": "conversation.item.done", "item": {"content": "text"}},
        {"type": "conversation.item.done", "item": {"content": [{"type": "output_text"}]}},
    ],
)
def test_what_is_not_built_as_it_should_be_keeps_its_names(event):
    assert current_server_event(event) is event


def test_an_event_is_put_into_the_words_of_the_beta():
    event = beta_client_data(realtime.session_update("e", {"output_modalities": ["text"]}))
    assert json.loads(event) == {"type": "session.update", "event_id": "e", "session": {"modalities": ["text"]}}
