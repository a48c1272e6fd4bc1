from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from turnstile.protocol.voice_agent.faults import describe, field_path


class Inner(BaseModel):
    words: list[str] = []
    mood: Literal["calm"] | int = "calm"
    headers: dict[str, int] = {}


class Outer(BaseModel):
    inner: Inner | None = None
    inners: tuple[Inner, ...] = ()


def _described(given, kind=Outer):
    with pytest.raises(ValidationError) as invalid:
        TypeAdapter(kind).validate_python(given)
    return describe("Message", given, invalid.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inner": 1}, "Message: inner: must be an object, not 1."),
        ({"inner": []}, "Message: inner: must be an object, not a list."),
        ({"inners": {}}, "Message: inners: must be a list, not an object."),
        ({"inners": [{}, {"words": ["a", 2]}]}, "Message: inners[1].words[1]: must be text, not 2."),
        ({"inner": {"words": [1, 2]}}, "Message: inner.words[0]: must be text, not 1. (1 more)"),
        ({"inner": {"mood": "x"}}, "Message: inner.mood: must be 'calm', not 'x'. (1 more)"),
    ],
)
def test_the_first_thing_wrong_is_told_with_its_path_and_what_was_given(given, words):
    assert _described(given) == words


def test_a_long_value_is_shortened():
    assert _described({"inner": "x" * 1_000}) == f"Message: inner: must be an object, not '{'x' * 39}…."


def test_a_long_name_is_shortened():
    path = field_path({"a": {"x" * 1_000: {"b": 1}}}, ("a", "x" * 1_000, "b"))
    assert path == f"a.{'x' * 64}.b"


def test_a_value_that_may_be_secret_is_not_repeated():
    assert "hunter2" not in _described({"inner": {"headers": {"a": "hunter2"}}})


def test_no_path_is_told_when_the_whole_is_wrong():
    assert _described(3) == "Message: must be an object, not 3."


@pytest.mark.parametrize(
    ("given", "location", "path"),
    [
        ({"a": {"b": [{"c": 1}]}}, ("a", "b", 0, "c"), "a.b[0].c"),
        ({"a": {"c": 1}}, ("a", 0, "c"), "a.c"),
        ({"a": "x"}, ("a", "literal['y']"), "a"),
        ({"a": {}}, ("a", "Union", "c"), "a"),
        ({}, (), ""),
    ],
)
def test_a_path_holds_what_is_in_the_message(given, location, path):
    assert field_path(given, location) == path


def test_a_missing_field_ends_its_path():
    assert field_path({"a": {}}, ("a", "b"), is_missing=True) == "a.b"
