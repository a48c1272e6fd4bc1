"""Laying partial configurations over each other."""

from __future__ import annotations

import pytest

from turnstile.session.config_patch import ENDPOINTS, at, difference, merged, without


def test_only_the_fields_named_change():
    base = {"audio": {"input": {"format": 1, "turn_detection": {"type": "server_vad", "threshold": 0.5}}}}
    patch = {"audio": {"input": {"turn_detection": {"create_response": False}}}}
    detection = merged(base, patch)["audio"]["input"]["turn_detection"]
    assert detection == {"type": "server_vad", "threshold": 0.5, "create_response": False}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"turn_detection": {"type": "server_vad", "threshold": 0.5}}, {"turn_detection": {"type": "semantic_vad"}}),
        ({"format": {"type": "audio/pcm", "rate": 24000}}, {"format": {"type": "audio/pcmu"}}),
        ({"tools": [1, 2]}, {"tools": [3]}),
        ({"turn_detection": {"type": "server_vad"}}, {"turn_detection": None}),
    ],
)
def test_what_is_one_thing_is_replaced_as_one(old, new):
    assert merged(old, new) == new


def test_the_difference_holds_what_is_not_in_force_and_no_more():
    in_force = {"instructions": "a", "audio": {"output": {"voice": "marin", "speed": 1.0}}}
    wanted = {"instructions": "a", "audio": {"output": {"voice": "marin", "speed": 1.2}}}
    assert difference(wanted, in_force) == {"audio": {"output": {"speed": 1.2}}}
    assert difference(in_force, in_force) == {}


def test_turn_detection_is_sent_whole():
    in_force = {"turn_detection": {"type": "server_vad", "threshold": 0.5}}
    wanted = {"turn_detection": {"type": "server_vad", "threshold": 0.7}}
    assert difference(wanted, in_force) == wanted


def test_a_nested_difference_of_nothing_is_nothing():
    assert difference({"audio": {"output": {}}}, {"audio": {"output": {"voice": "marin"}}}) == {}


def test_what_a_new_transcription_does_not_name_is_cleared():
    in_force = {"transcription": {"model": "a", "language": "de"}}
    assert difference({"transcription": {"model": "b"}}, in_force) == {
        "transcription": {"model": "b", "language": None}
    }


def test_a_transcription_that_was_cleared_is_not_cleared_again():
    in_force = {"transcription": {"model": "b", "language": None}}
    assert difference({"transcription": {"model": "b"}}, in_force) == {}


def test_endpoints_are_replaced_as_one():
    assert merged({ENDPOINTS: {"get": "here"}}, {ENDPOINTS: {"set": "there"}}) == {ENDPOINTS: {"set": "there"}}


def test_a_path_that_ends_early_gives_the_default():
    assert at({"a": {"b": 1}}, "a", "b") == 1
    assert at({"a": 1}, "a", "b", default="none") == "none"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}),
        ({"a": {"b": 1}, "d": 3}, {"d": 3}),
        ({"a": 5}, {"a": 5}),
        ({"d": 3}, {"d": 3}),
    ],
)
def test_taking_a_field_out_leaves_no_empty_object(config, expected):
    assert without(config, "a", "b") == expected
