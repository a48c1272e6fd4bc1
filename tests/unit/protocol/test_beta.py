from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.protocol import beta

FLAT = {
    "modalities": ["audio", "text"],
    "instructions": "Be brief.",
    "voice": "marin",
    "speed": 1.1,
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "input_audio_noise_reduction": None,
    "turn_detection": {"type": "server_vad"},
    "max_response_output_tokens": 100,
}
NESTED = {
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "max_output_tokens": 100,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": "whisper-1"},
            "noise_reduction": None,
            "turn_detection": {"type": "server_vad"},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.1},
    },
}


def test_a_flat_session_has_its_current_shape_and_back():
    assert beta.current_config({**FLAT, "temperature": 0.8}) == NESTED
    assert beta.beta_config({"type": "realtime", **NESTED}) == FLAT


@pytest.mark.parametrize(("flat", "nested"), [(["text"], ["text"]), (["text", "audio"], ["audio"])])
def test_the_modalities_are_one_of_two(flat, nested):
    assert beta.current_config({"modalities": flat}) == {"output_modalities": nested}


def test_text_alone_is_text_alone_in_the_beta():
    assert beta.beta_config({"output_modalities": ["text"]}) == {"modalities": ["text"]}


@pytest.mark.parametrize(
    "odd", [{"modalities": 7}, {"input_audio_format": 7}, {"output_audio_format": "unheard_of"}, {"voice": None}]
)
def test_what_is_not_understood_is_left_to_upstream_to_refuse(odd):
    (value,) = odd.values()
    assert value in [beta.current_config(odd).get("output_modalities"), *_leaves(beta.current_config(odd))]


def _leaves(config):
    for value in config.values():
        yield from _leaves(value) if isinstance(value, dict) else [value]


@pytest.mark.parametrize("odd", [{"output_modalities": 7}, {"audio": {"input": {"format": 7}}}, {"audio": None}])
def test_what_upstream_says_oddly_is_told_as_it_is(odd):
    assert set(beta.beta_config(odd).values()) <= {7}


def test_a_partial_audio_keeps_what_was_nested_already():
    given = {"audio": {"output": {"speed": 1.0}}, "voice": "marin"}
    assert beta.current_config(given) == {"audio": {"output": {"speed": 1.0, "voice": "marin"}}}
    assert given == {"audio": {"output": {"speed": 1.0}}, "voice": "marin"}


def test_a_clients_events_have_their_current_words_and_back():
    item = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello."}, 7]}
    event = {"type": "conversation.item.create", "item": item}
    current = beta.current_client_event(event)
    assert current["item"]["content"] == [{"type": "output_text", "text": "Hello."}, 7]
    assert beta.beta_client_event(current) == event
    update = beta.current_client_event({"type": "session.update", "session": {"modalities": ["text"]}})
    assert update["session"] == {"type": "realtime", "output_modalities": ["text"]}
    create = beta.current_client_event({"type": "response.create", "response": {"modalities": ["text"]}})
    assert create["response"] == {"output_modalities": ["text"]}
    assert beta.beta_client_event(update)["session"] == beta.beta_client_event(create)["response"]


@pytest.mark.parametrize("event", [{"type": "response.create"}, {"type": "session.update", "session": 7}])
def test_an_event_without_such_parts_stays_as_it_is(event):
    assert beta.current_client_event(event) == beta.beta_client_event(event) == event


def test_a_servers_events_have_their_old_names():
    for old, current in beta.EVENTS.items():
        assert beta.beta_server_event({"type": current})["type"] == old
    assert beta.beta_server_event({"type": "conversation.item.added", "item": {"id": "i"}}) == {
        "type": "conversation.item.created",
        "item": {"object": "realtime.item", "id": "i"},
    }
    assert beta.beta_server_event({"type": "conversation.item.done", "item": {}}) is None


def test_a_servers_session_and_response_are_flat():
    session = beta.beta_server_event({"type": "session.updated", "session": {"type": "realtime", **NESTED}})
    assert session["session"] == FLAT
    part = {"type": "output_audio", "transcript": "Hello."}
    output = [{"id": "i", "type": "message", "content": [part]}]
    response = {"id": "r", "output": output, "output_modalities": ["audio"], "audio": {"output": {"voice": "marin"}}}
    assert beta.beta_server_event({"type": "response.done", "response": response})["response"] == {
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
    current = beta.current_client_event(event)
    assert current["response"]["input"] == [new, 7, {"type": "item_reference", "id": "i"}]
    assert beta.beta_client_event(current) == event


@pytest.mark.parametrize("name", sorted(beta.NEW_FIELDS))
def test_a_field_that_the_beta_did_not_have_goes_only_where_it_asks_for_something(name):
    for part in ("session", "response"):
        assert beta.beta_client_event({"type": "x", part: {name: None, "voice": None}})[part] == {"voice": None}
        assert beta.beta_client_event({"type": "x", part: {name: "auto"}})[part] == {name: "auto"}
        assert beta.beta_server_event({"type": "x", part: {name: "auto"}})[part].get(name) is None


@pytest.mark.parametrize(("timeout", "told"), [(None, {}), (5_000, {"idle_timeout_ms": 5_000})])
def test_a_timeout_that_the_beta_did_not_have_goes_only_where_one_is_wanted(timeout, told):
    detection = {"type": "server_vad", "idle_timeout_ms": timeout}
    assert beta.beta_config({"audio": {"input": {"turn_detection": detection}}}) == {
        "turn_detection": {"type": "server_vad", **told}
    }


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
    assert beta.beta_client_event({"type": "session.update", "session": session})["session"] == told


def test_a_field_whose_place_is_taken_stays_where_it_is():
    assert beta.current_config({"audio": "x", "voice": "ash"}) == {"audio": "x", "voice": "ash"}
    odd = {"audio": {"output": 3}, "voice": "ash", "speed": None}
    assert beta.current_config(odd) == odd


def test_a_response_is_shown_with_another_name_for_its_most_tokens_than_it_is_asked_for():
    asked = beta.beta_client_event({"type": "response.create", "response": {"max_output_tokens": 9}})
    assert asked["response"] == {"max_response_output_tokens": 9}
    shown = beta.beta_server_event({"type": "response.done", "response": {"max_output_tokens": 9}})
    assert shown["response"] == {"max_output_tokens": 9, "output": []}


@pytest.mark.parametrize(
    ("current", "old"),
    [
        ("session.audio.output.voice", "session.voice"),
        ("session.audio.input.turn_detection.threshold", "session.turn_detection.threshold"),
        ("session.output_modalities[0]", "session.modalities[0]"),
        ("response.max_output_tokens", "response.max_response_output_tokens"),
        ("session.audio.output.voices", "session.audio.output.voices"),
        ("session.tools[0].name", "session.tools[0].name"),
        ("audio.output.voice", "audio.output.voice"),
        ("item", "item"),
    ],
)
def test_a_path_names_the_field_as_the_beta_does(current, old):
    assert beta.beta_path(current) == old


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
    beta.beta_client_event(beta.current_client_event(event))
    beta.current_client_event(beta.beta_client_event(event))
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
    error = beta.beta_error_event({"type": "error", "error": {"param": param, "message": message}})["error"]
    assert (error["param"], error["message"]) == told


def test_a_transcription_session_is_configured_by_an_event_of_its_own_in_the_beta():
    event = {"type": "transcription_session.update", "session": {"input_audio_format": "g711_ulaw", "include": []}}
    assert beta.current_client_event(event) == {
        "type": "session.update",
        "session": {"type": "transcription", "audio": {"input": {"format": {"type": "audio/pcmu"}}}, "include": []},
    }


@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_a_transcription_session_is_told_of_by_events_of_its_own_in_the_beta(kind):
    hears = {"format": {"type": "audio/pcmu"}, "turn_detection": None}
    session = {"type": "transcription", "id": "sess_1", "audio": {"input": hears}, "include": ["x"]}
    assert beta.beta_server_event({"type": kind, "session": session}) == {
        "type": f"transcription_{kind}",
        "session": {"id": "sess_1", "input_audio_format": "g711_ulaw", "turn_detection": None, "include": ["x"]},
    }


def test_a_transcription_session_that_shows_less_is_told_with_less():
    event = {"type": "session.created", "session": {"type": "transcription"}}
    assert beta.beta_server_event(event) == {"type": "transcription_session.created", "session": {}}


@pytest.mark.parametrize("words", ["{}: 'echo' cannot replace one.", "Invalid value for '{}'."])
def test_an_error_names_its_field_in_the_betas_words_wherever_it_does(words):
    current, beta_name = "session.audio.output.voice", "session.voice"
    event = {"type": "error", "error": {"param": current, "message": words.format(current)}}
    assert beta.beta_error_event(event)["error"] == {"param": beta_name, "message": words.format(beta_name)}


def test_an_error_about_a_longer_name_keeps_it():
    error = {"param": "session.audio.output.speed", "message": "session.audio.output.speediest: none such"}
    assert beta.beta_error_event({"type": "error", "error": error})["error"]["message"] == error["message"]
