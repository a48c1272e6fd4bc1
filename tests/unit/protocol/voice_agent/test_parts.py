from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from turnstile.protocol.voice_agent.parts import Agent, Audio, Speaks, Think, Thinks


def test_null_is_not_given():
    given_null = {"think": None, "listen": {"provider": None}, "idleTimeoutMs": None, "greeting": None}
    assert Agent.model_validate(given_null) == Agent.model_validate({"listen": {}})
    assert Audio.model_validate({"input": None}) == Audio()


@pytest.mark.parametrize("kind", [Thinks, Speaks])
def test_one_thing_and_a_list_of_fallbacks_are_read_alike(kind):
    read = TypeAdapter(kind).validate_python
    assert read({}) == read([{}]) == (read([{}, {}])[0],)


@pytest.mark.parametrize("kind", [Thinks, Speaks])
def test_no_fallback_at_all_is_refused(kind):
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python([])


def test_unknown_fields_are_named_with_their_paths():
    functions = [{"name": "f"}, {"name": "g", "x" * 100: 1}]
    agent = Agent.model_validate({"colour": 1, "think": {"mood": 1, "functions": functions}, "listen": {"tone": 1}})
    assert list(agent.unserved_fields()) == [
        "colour",
        "listen.tone",
        "think.mood",
        f"think.functions[1].{'x' * 64}",
    ]
    assert next(agent.unserved_fields("agent")) == "agent.colour"


def test_a_fallback_is_named_by_its_place_and_a_field_as_the_client_writes_it():
    agent = Agent.model_validate({"think": [{}, {"managedPrompt": {"id": "p", "mood": 1}}]})
    assert list(agent.unserved_fields()) == ["think[1].managedPrompt.mood"]


def test_a_part_that_is_known_names_no_fields():
    think = {"outputModalities": ["text"], "toolChoice": {"name": "f"}, "managedPrompt": {"id": "p", "variables": {}}}
    assert list(Think.model_validate(think).unserved_fields()) == []


@pytest.mark.parametrize("timeout", [-1, 5_000, 30_000])
def test_an_idle_timeout_within_its_bounds_is_taken(timeout):
    assert Agent.model_validate({"idleTimeoutMs": timeout}).idle_timeout_ms == timeout


@pytest.mark.parametrize("timeout", [0, 4_999, 30_001])
def test_an_idle_timeout_out_of_its_bounds_is_refused(timeout):
    with pytest.raises(ValidationError, match="from 5000 to 30000"):
        Agent.model_validate({"idleTimeoutMs": timeout})


def test_a_part_is_no_text():
    with pytest.raises(ValidationError):
        Agent.model_validate({"listen": "nova-3"})
