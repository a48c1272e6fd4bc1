from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from turnstile.protocol.voice_agent.functions import NamedTool
from turnstile.protocol.voice_agent.parts import (
    Agent,
    Audio,
    ListenProvider,
    ManagedPrompt,
    SpeakProvider,
    Speaks,
    Think,
    Thinks,
)


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
    assert list(agent.unsupported_fields()) == [
        "colour",
        "listen.tone",
        "think.mood",
        f"think.functions[1].{'x' * 64}",
    ]
    assert next(agent.unsupported_fields("agent")) == "agent.colour"


def test_a_fallback_is_named_by_its_place_and_a_field_as_the_client_writes_it():
    agent = Agent.model_validate({"think": [{}, {"managedPrompt": {"id": "p", "mood": 1}}]})
    assert list(agent.unsupported_fields()) == ["think[1].managedPrompt.mood"]


def test_a_part_that_is_known_names_no_fields():
    think = {"outputModalities": ["text"], "toolChoice": {"name": "f"}, "managedPrompt": {"id": "p", "variables": {}}}
    assert list(Think.model_validate(think).unsupported_fields()) == []


@pytest.mark.parametrize(
    ("kind", "field"), [(Agent, "idleTimeoutMs"), (Think, "maxOutputTokens"), (SpeakProvider, "speed")]
)
@pytest.mark.parametrize("number", ["nan", "-inf", "Infinity"])
def test_a_number_that_is_none_is_refused(kind, field, number):
    with pytest.raises(ValidationError):
        kind.model_validate({field: float(number)})


@pytest.mark.parametrize("choice", [{"name": "f"}, {"type": "function", "function": {"name": "f"}}])
def test_one_function_is_named_in_either_of_its_forms(choice):
    assert Think.model_validate({"toolChoice": choice}).tool_choice == NamedTool(name="f")


@pytest.mark.parametrize("choice", [{"function": {}}, {"function": "f"}, {"type": "mcp", "name": "f"}])
def test_a_choice_that_names_no_function_is_refused(choice):
    with pytest.raises(ValidationError):
        Think.model_validate({"toolChoice": choice})


def test_one_text_is_read_where_several_may_stand():
    think = Think.model_validate({"outputModalities": "text"})
    assert think.output_modalities == ("text",)
    listen = ListenProvider.model_validate({"language_hints": "de", "keyterms": "gate"})
    assert (listen.language_hints, listen.keyterms) == (("de",), ("gate",))


def test_the_version_of_a_prompt_may_be_a_number():
    assert ManagedPrompt.model_validate({"id": "p", "version": 2}).version == "2"


def test_a_part_is_no_text():
    with pytest.raises(ValidationError):
        Agent.model_validate({"listen": "nova-3"})
