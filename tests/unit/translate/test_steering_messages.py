"""What an operator gives a running session: read, or refused with the field and the fix."""

from __future__ import annotations

import pytest

from turnstile.errors import ClientProtocolError
from turnstile.translate.host_overrides import AddedFunction, HostOverrides
from turnstile.translate.steering_messages import (
    AgentTextGiven,
    EndGiven,
    OverridesGiven,
    PromptGiven,
    UserTextGiven,
    read_steering,
)

TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}}
ENDPOINT = {"url": "https://here.example/look"}


def read(kind, **fields):
    return read_steering({"type": kind, **fields}, lambda url: "here" in url)


def fault(message):
    with pytest.raises(ClientProtocolError) as caught:
        read_steering(message, lambda url: "here" in url)
    return caught.value.problem


def test_a_prompt_is_added():
    assert read("UpdatePrompt", prompt="Be brief.") == PromptGiven("Be brief.")


def test_the_prompt_and_the_functions_of_think_are_decided():
    given = read("UpdateThink", think={"prompt": "Rhyme.", "functions": [{"name": "look_up"}]})
    assert given == OverridesGiven(HostOverrides(prompt="Rhyme.", added=(AddedFunction(TOOL),)))


def test_what_think_does_not_name_stays():
    assert read("UpdateThink", think={"prompt": "Rhyme."}) == OverridesGiven(HostOverrides(prompt="Rhyme."))
    assert read("UpdateThink", think={"functions": []}) == OverridesGiven(HostOverrides(added=()))


def test_a_function_may_have_an_endpoint_that_the_proxy_may_call():
    given = read("UpdateThink", think={"functions": [{"name": "look_up", "endpoint": ENDPOINT}]})
    (added,) = given.overrides.added
    assert added.endpoint.url == ENDPOINT["url"]


def test_a_voice_and_a_speed_are_decided():
    given = read("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "ash", "speed": 1.2}})
    assert given == OverridesGiven(HostOverrides(voice="ash", session={"audio": {"output": {"speed": 1.2}}}))
    assert read("UpdateSpeak", speak={"provider": {"voice": "ash"}}) == OverridesGiven(HostOverrides(voice="ash"))


def test_messages_of_the_user_and_of_the_agent_are_given():
    assert read("InjectUserMessage", content="Hello") == UserTextGiven("Hello")
    given = read("InjectAgentMessage", message="We close.", behavior="interrupt")
    assert isinstance(given, AgentTextGiven)
    assert (given.response["instructions"], given.behavior) == ('Say exactly: "We close."', "interrupt")
    assert read("InjectAgentMessage", message="We close.").behavior == "default"


def test_an_end_has_a_code_and_a_reason():
    assert read("End") == EndGiven(1000, "")
    assert read("End", code=4001, reason="moved") == EndGiven(4001, "moved")


KNOWN = "UpdatePrompt, UpdateThink, UpdateSpeak, InjectUserMessage, InjectAgentMessage, End"
NOT_CALLED = (
    "UpdateThink: think.functions[0].endpoint: 'a.example' is no host that this proxy may call, the client is"
    " asked for the result; nothing of the message is taken."
)
FAULTS = [
    ([], "invalid_message", 'The message is not a JSON object; give {"type": ...}.'),
    ({}, "unknown_message_type", f"type: is missing or not text; give one of {KNOWN}."),
    ({"type": "Settings"}, "unknown_message_type", f"type: 'Settings' is not known; give one of {KNOWN}."),
    (
        {"type": "UpdatePrompt", "prompt": {1}},
        "invalid_message",
        "UpdatePrompt: cannot be sent as JSON: Type is not JSON serializable: set.",
    ),
    ({"type": "UpdatePrompt", "prompt": ""}, "invalid_message", "UpdatePrompt: prompt: must not be empty."),
    (
        {"type": "UpdatePrompt", "prompt": "x", "voice": "ash"},
        "invalid_message",
        "UpdatePrompt: voice: has no counterpart upstream; nothing of the message is taken.",
    ),
    (
        {"type": "UpdateThink", "think": [{"prompt": "a"}, {"prompt": "b"}]},
        "invalid_message",
        "UpdateThink: think: give one object, without alternatives.",
    ),
    (
        {"type": "UpdateThink", "think": {"provider": {"model": "m"}, "prompt": "a"}},
        "invalid_message",
        "UpdateThink: think.provider: is the client's alone; give prompt or functions.",
    ),
    (
        {"type": "UpdateThink", "think": {}},
        "invalid_message",
        "UpdateThink: think: is empty; give prompt or functions.",
    ),
    (
        {"type": "UpdateThink", "think": {"functions": [{"name": "f", "endpoint": {"url": "https://a.example/"}}]}},
        "invalid_message",
        NOT_CALLED,
    ),
    (
        {"type": "UpdateSpeak", "speak": [{"provider": {"voice": "ash"}}, {"provider": {"voice": "alloy"}}]},
        "invalid_message",
        "UpdateSpeak: speak: give one object, without alternatives.",
    ),
    (
        {"type": "UpdateSpeak", "speak": {"provider": {}}},
        "invalid_message",
        "UpdateSpeak: speak.provider.voice: give the name of a voice, or a speed.",
    ),
    (
        {"type": "UpdateSpeak", "speak": {"provider": {"voice": {"id": "voice_1"}}}},
        "invalid_message",
        "UpdateSpeak: speak.provider.voice: give the name of a voice, or a speed.",
    ),
    ({"type": "InjectUserMessage"}, "invalid_message", "InjectUserMessage: content: is missing."),
    (
        {"type": "InjectAgentMessage", "is_dynamic": True},
        "invalid_message",
        "InjectAgentMessage: is_dynamic: is the client's alone; give the words to say as message.",
    ),
    (
        {"type": "InjectAgentMessage", "message": "x", "is_dynamic": True},
        "invalid_message",
        "InjectAgentMessage: is_dynamic: is the client's alone; give the words to say as message.",
    ),
    (
        {"type": "End", "code": 1006},
        "invalid_message",
        "End: code: must be a close code that may be sent: 1000, or one from 3000 to 4999.",
    ),
    ({"type": "End", "code": "1000"}, "invalid_message", "End: code: must be a whole number, not '1000'."),
    ({"type": "End", "reason": "é" * 62}, "invalid_message", "End: reason: must be text of at most 123 bytes."),
]


@pytest.mark.parametrize(
    ("message", "code", "words"), FAULTS, ids=lambda given: given[:40] if isinstance(given, str) else ""
)
def test_what_is_no_message_for_a_running_session_names_the_field(message, code, words):
    problem = fault(message)
    assert (problem.code, problem.description) == (code, words)


def test_an_unknown_type_is_not_repeated_at_length():
    assert len(fault({"type": "x" * 100_000}).description) < 300


def test_an_unknown_voice_is_refused_with_those_that_there_are():
    problem = fault({"type": "UpdateSpeak", "speak": {"provider": {"voice": "nobody"}}})
    assert problem.description.startswith("UpdateSpeak: speak.provider: no voice 'nobody' upstream (there are alloy,")


def test_a_message_of_too_many_values_is_not_parsed():
    problem = fault({"type": "UpdateThink", "think": {"functions": [[]] * 30_000}})
    assert problem.code == "invalid_message"
    assert problem.description.startswith("UpdateThink: ")
