from __future__ import annotations

import pytest
from beta_sessions import FLAT, NESTED

from turnstile.protocol import beta


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


@pytest.mark.parametrize(("timeout", "told"), [(None, {}), (5_000, {"idle_timeout_ms": 5_000})])
def test_a_timeout_that_the_beta_did_not_have_goes_only_where_one_is_wanted(timeout, told):
    detection = {"type": "server_vad", "idle_timeout_ms": timeout}
    assert beta.beta_config({"audio": {"input": {"turn_detection": detection}}}) == {
        "turn_detection": {"type": "server_vad", **told}
    }


def test_a_field_whose_place_is_taken_stays_where_it_is():
    assert beta.current_config({"audio": "x", "voice": "ash"}) == {"audio": "x", "voice": "ash"}
    odd = {"audio": {"output": 3}, "voice": "ash", "speed": None}
    assert beta.current_config(odd) == odd


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
