from __future__ import annotations

import pytest

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
