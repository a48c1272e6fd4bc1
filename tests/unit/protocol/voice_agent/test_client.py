from __future__ import annotations

import json
from contextlib import suppress
from typing import get_args, get_type_hints

import pytest
from deepgram.agent.v1 import types as sdk
from deepgram.agent.v1.socket_client import V1SocketClient
from hypothesis import given, settings
from hypothesis import strategies as st

from turnstile.errors import ClientProtocolError
from turnstile.protocol.voice_agent import client
from turnstile.protocol.voice_agent.client import MESSAGE_TYPES, parse_client_message


def _read(message):
    return parse_client_message(json.dumps(message).encode())


def _refused(message):
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    with pytest.raises(ClientProtocolError) as refused:
        parse_client_message(data)
    return refused.value.problem


SETTINGS = sdk.AgentV1Settings.model_validate(
    {
        "tags": ["a"],
        "experimental": False,
        "flags": {"history": True},
        "mip_opt_out": False,
        "audio": {
            "input": {"encoding": "linear16", "sample_rate": 48000},
            "output": {"encoding": "mulaw", "sample_rate": 8000, "container": "wav"},
        },
        "agent": {
            "language": "en",
            "context": {"messages": [{"type": "History", "role": "user", "content": "Hello."}]},
            "listen": {"provider": {"type": "deepgram", "version": "v1", "model": "nova-3", "keyterms": ["a"]}},
            "think": {
                "provider": {"type": "open_ai", "model": "gpt-4o"},
                "functions": [{"name": "f", "description": "d", "parameters": {}, "endpoint": {"url": "https://x"}}],
                "prompt": "Be kind.",
            },
            "speak": [{"provider": {"type": "deepgram", "model": "aura-2-thalia-en", "speed": 1.1}}],
            "greeting": "Hello.",
        },
    }
)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (SETTINGS, client.Settings),
        (sdk.AgentV1UpdatePrompt(prompt="Be brief."), client.UpdatePrompt),
        (
            sdk.AgentV1UpdateThink.model_validate({"think": {"provider": {"type": "open_ai", "model": "gpt-4o"}}}),
            client.UpdateThink,
        ),
        (
            sdk.AgentV1UpdateSpeak.model_validate(
                {"speak": {"provider": {"type": "open_ai", "model": "tts-1", "voice": "alloy"}}}
            ),
            client.UpdateSpeak,
        ),
        (
            sdk.AgentV1UpdateListen.model_validate({"listen": {"provider": {"version": "v2", "model": "flux"}}}),
            client.UpdateListen,
        ),
        (
            sdk.AgentV1UpdateThinkLive.model_validate({"think_live": {"provider": {"type": "deepgram", "model": "x"}}}),
            client.UpdateThinkLive,
        ),
        (sdk.AgentV1InjectUserMessage(content="Hello."), client.InjectUserMessage),
        (sdk.AgentV1InjectAgentMessage(message="Hello.", behavior="queue"), client.InjectAgentMessage),
        (sdk.AgentV1InjectDynamicAgentMessage(behavior="interrupt", is_dynamic=True), client.InjectAgentMessage),
        (sdk.AgentV1SendFunctionCallResponse(id="c", name="f", content="sunny"), client.FunctionCallResponse),
        (sdk.AgentV1ForceEndTurn(), client.ForceEndTurn),
        (sdk.AgentV1KeepAlive(), client.KeepAlive),
    ],
)
def test_a_message_is_read_as_the_sdk_sends_it(sent, kind):
    message = parse_client_message(sent.json().encode())
    assert type(message) is kind
    assert message.type == sent.type


def test_every_message_that_the_sdk_sends_is_known():
    hints = [get_type_hints(method) for name, method in vars(V1SocketClient).items() if name.startswith("send_")]
    kinds = [kind for hint in hints for kind in (hint["message"], *get_args(hint["message"]))]
    types = {kind.model_fields["type"].default for kind in kinds if hasattr(kind, "model_fields")}
    assert types == set(MESSAGE_TYPES)


def test_settings_are_read_with_all_that_matters():
    message = parse_client_message(SETTINGS.json().encode())
    agent = message.agent
    assert (message.audio.input.sample_rate, message.audio.output.container) == (48_000, "wav")
    assert message.flags.history
    assert agent.context.messages[0]["content"] == "Hello."
    assert agent.listen.provider.keyterms == ("a",)
    assert (agent.think[0].prompt, agent.think[0].functions[0].endpoint.url) == ("Be kind.", "https://x")
    assert agent.speak[0].provider.speed == 1.1
    assert list(message.unsupported_fields()) == []


@pytest.mark.parametrize("url", ["https://user:made-up@x/", "https://", "http://[", "x"])
def test_an_address_that_cannot_be_called_is_not_repeated(url):
    endpoint = {"url": url}
    problem = _refused({"type": "UpdateThink", "think": {"functions": [{"name": "f", "endpoint": endpoint}]}})
    assert "without credentials" in problem.description
    assert "made-up" not in problem.description


def test_an_endpoint_does_not_show_its_headers():
    endpoint = {"url": "https://x", "method": "get", "headers": {"x-key": "made-up"}}
    message = _read({"type": "UpdateThink", "think": {"functions": [{"name": "f", "endpoint": endpoint}]}})
    (function,) = message.think[0].functions
    assert (function.endpoint.method, function.endpoint.headers) == ("GET", {"x-key": "made-up"})
    assert "made-up" not in repr(message)


def test_the_conversation_of_older_clients_is_the_contexts():
    message = _read({"type": "Settings", "agent": {"messages": [{"role": "user", "content": "Hello."}]}})
    assert message.agent.context.messages[0]["content"] == "Hello."
    assert list(message.unsupported_fields()) == []


def test_a_conversation_may_be_given_as_its_messages_alone():
    message = _read({"type": "Settings", "agent": {"context": [{"role": "user", "content": "Hello."}]}})
    assert message.agent.context.messages[0]["content"] == "Hello."


def test_the_words_of_an_agent_message_may_be_called_content():
    message = _read({"type": "InjectAgentMessage", "content": "One moment."})
    assert message.message == "One moment."
    assert list(message.unsupported_fields()) == []


def test_the_extras_of_the_component_are_read_by_their_names():
    think = {
        "toolChoice": {"type": "function", "name": "f"},
        "outputModalities": ["text"],
        "maxOutputTokens": 100,
        "managedPrompt": {"id": "pmpt_1", "version": "2", "variables": {"city": "Paris"}},
    }
    agent = {
        "think": think,
        "idleTimeoutMs": 5_000,
        "useOpenAIManualAudioCommit": True,
        "sessionAudioOutput": {"voice": "marin", "speed": 0.9},
    }
    message = _read({"type": "Settings", "agent": agent})
    (read,) = message.agent.think
    assert (read.tool_choice.name, read.output_modalities, read.max_output_tokens) == ("f", ("text",), 100)
    assert read.managed_prompt.variables == {"city": "Paris"}
    assert (message.agent.idle_timeout_ms, message.agent.manual_commit) == (5_000, True)
    assert message.agent.session_audio_output.voice == "marin"
    assert list(message.unsupported_fields()) == []


NO_RESULT = "content: is missing; give the function's result, as content, output, result or response, or its error"


@pytest.mark.parametrize(
    "result",
    [
        {"content": "sunny"},
        {"content": ""},
        {"output": "sunny"},
        {"result": {"sky": "blue"}},
        {"result": False},
        {"response": 0},
        {"error": "no such city"},
    ],
)
def test_a_function_result_is_read_in_each_of_its_forms(result):
    message = _read({"type": "FunctionCallResponse", "id": "c", "name": "f", **result})
    ((name, value),) = result.items()
    assert getattr(message, name) == value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "invalid_json"),
        (b"", "invalid_json"),
        (b'{"type": "\xff"}', "invalid_json"),
        (b"[]", "invalid_message"),
        (b'"Settings"', "invalid_message"),
        (b"{}", "missing_type"),
        (b'{"type": 1}', "missing_type"),
        (b'{"type": "Sing"}', "unknown_message_type"),
        (b'{"type": "settings"}', "unknown_message_type"),
        (b'{"type": "Settings"}', "invalid_message"),
    ],
)
def test_what_is_no_message_is_refused(data, code):
    assert _refused(data).code == code


def test_an_unknown_type_is_named_but_not_repeated_whole():
    assert "'Sing'" in _refused({"type": "Sing"}).description
    assert "x" * 65 not in _refused({"type": "x" * 1_000}).description


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            {"type": "Settings", "agent": {"think": {"functions": [{"name": "f"}, {"name": "g", "parameters": 1}]}}},
            "Settings: agent.think.functions[1].parameters: must be an object, not 1.",
        ),
        (
            {"type": "Settings", "agent": "8d2e-1f"},
            "Settings: agent: an id of a stored agent cannot be looked up here; give the agent as an object.",
        ),
        (
            {"type": "Settings", "agent": {"idleTimeoutMs": "soon"}},
            "Settings: agent.idleTimeoutMs: must be a number, not 'soon'.",
        ),
        (
            {"type": "Settings", "audio": {"output": {"container": "ogg"}}, "agent": {}},
            "Settings: audio.output.container: must be 'none' or 'wav', not 'ogg'.",
        ),
        ({"type": "UpdatePrompt", "prompt": ""}, "UpdatePrompt: prompt: must not be empty."),
        (
            {"type": "UpdateThink", "think": {"functions": [{"name": "get weather"}]}},
            "UpdateThink: think.functions[0].name: must match '^[a-zA-Z0-9_-]{1,64}$', not 'get weather'.",
        ),
        (
            {"type": "UpdateThink", "think": {"functions": [{"name": "f"}, {"name": "f"}]}},
            "UpdateThink: think.functions: two are called 'f'; give each its own name.",
        ),
        (
            {"type": "UpdateThink", "think": {"maxOutputTokens": "many"}},
            "UpdateThink: think.maxOutputTokens: must be a number. (1 more)",
        ),
        (
            {"type": "UpdateThink", "think": {"toolChoice": {"type": "function"}}},
            "UpdateThink: think.toolChoice: must be text, not an object. (1 more)",
        ),
        (
            {"type": "UpdateThink", "think": {"functions": [{"name": "f", "endpoint": {"url": "ftp://x"}}]}},
            (
                "UpdateThink: think.functions[0].endpoint.url: "
                "must be an http:// or https:// address without credentials; put them into headers."
            ),
        ),
        (
            {"type": "UpdateThink", "think": {"functions": [{"name": "f", "endpoint": {"method": "TRACE"}}]}},
            "UpdateThink: think.functions[0].endpoint.method: must be one of POST, PUT, PATCH, GET, DELETE.",
        ),
        (
            {"type": "UpdateSpeak", "speak": {"provider": {"speed": "fast"}}},
            "UpdateSpeak: speak.provider.speed: must be a number, not 'fast'.",
        ),
        ({"type": "InjectAgentMessage"}, "InjectAgentMessage: message: give the words to say, or set is_dynamic."),
        ({"type": "FunctionCallResponse", "name": "f", "content": "x"}, "FunctionCallResponse: id: is missing."),
        (
            {"type": "FunctionCallResponse", "id": "c" * 513, "content": "x"},
            "FunctionCallResponse: id: must have at most 512 characters.",
        ),
        *(
            ({"type": "FunctionCallResponse", "id": "c", **result}, f"FunctionCallResponse: {NO_RESULT}.")
            for result in ({}, {"content": None}, {"name": "f"}, {"resultat": "sunny"})
        ),
    ],
)
def test_an_invalid_message_is_refused_in_words_that_name_the_field_and_the_fix(message, words):
    problem = _refused(message)
    assert (problem.code, problem.description) == ("invalid_message", words)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "UpdateThink", "think": [1] * 64},
        {"type": "UpdateThink", "think": [1] * 10_000},
        {"type": "UpdateThink", "think": {"functions": [{"name": 5}] * 512}},
        {"type": "UpdateThink", "think": {"functions": [{"name": "f", "endpoint": {"url": "x"}}] * 512}},
        {"type": "UpdateThink", "think": {"outputModalities": [1] * 1_000}},
        {"type": "UpdateSpeak", "speak": [1] * 64},
        {"type": "UpdateListen", "listen": {"provider": {"keyterms": [1] * 1_000}}},
        {"type": "Settings", "agent": {}, "tags": [1] * 10_000},
        {"type": "Settings", "agent": {"messages": [1] * 10_000}},
        {
            "type": "UpdateThink",
            "think": {"functions": [{"name": "f", "endpoint": {"headers": dict.fromkeys(map(str, range(10_000)), 1)}}]},
        },
    ],
)
def test_one_fault_is_built_for_a_list_or_an_object_however_many_it_has(message, monkeypatch):
    built = []
    monkeypatch.setattr(client, "describe", lambda *given: built.append(given[-1]) or "")
    _refused(message)
    (error,) = built
    assert error.error_count() == 1


HEADERS = "think.functions[0].endpoint.headers: must be an object."


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"think": [{}] * 65}, "think: must have at most 64 entries, not 65."),
        ({"think": []}, "think: must not be empty."),
        ({"think": {"functions": [{}] * 513}}, "think.functions: must have at most 512 entries, not 513."),
        (
            {"think": {"outputModalities": [""] * 1_001}},
            "think.outputModalities: must have at most 1,000 entries, not 1,001.",
        ),
        (
            {"think": {"functions": [{"name": "f", "endpoint": {"headers": {"a": "b", "c": 1, "d": 2}}}]}},
            "think.functions[0].endpoint.headers.c: must be text.",
        ),
        ({"think": {"functions": [{"name": "f", "endpoint": {"headers": []}}]}}, HEADERS),
    ],
)
def test_a_list_of_too_many_entries_and_the_first_wrong_one_are_named(fields, words):
    assert _refused({"type": "UpdateThink", **fields}).description == f"UpdateThink: {words}"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "KeepAlive", "x": [1] * 20_000}, "too_many_values"),
        ({"type": "KeepAlive", "x": json.loads("[" * 128 + "]" * 128)}, "too_many_levels"),
    ],
)
def test_a_message_beyond_the_bounds_is_refused(message, code):
    assert _refused(message).code == code


def test_a_prompt_of_200_000_characters_is_read_whatever_they_are():
    prompt = ',[{"\\' * 40_000
    assert _read({"type": "UpdatePrompt", "prompt": prompt}).prompt == prompt


_WORDS = st.sampled_from(["x", "Settings", "UpdateThink", "f"])
_NAMES = st.sampled_from(
    [name for kind in (client.Settings, client.Agent, client.Audio) for name in kind.model_fields]
    + ["type", "think", "speak", "functions", "name", "provider", "prompt", "parameters", "messages", "content"]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=15,
)


@pytest.mark.parametrize("kind", MESSAGE_TYPES)
@given(fields=st.dictionaries(_NAMES, _VALUES, max_size=6))
@settings(max_examples=30)
def test_any_fields_are_read_or_refused_and_nothing_else(kind, fields):
    with suppress(ClientProtocolError):
        message = _read({**fields, "type": kind})
        assert message.type == kind
        list(message.unsupported_fields())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(data):
    with suppress(ClientProtocolError):
        assert parse_client_message(data).type in MESSAGE_TYPES


def test_half_a_character_is_read_as_a_replacement():
    message = client.parse_client_message(rb'{"type":"InjectUserMessage","content":"a \ud83d b"}')
    assert message == client.InjectUserMessage(type="InjectUserMessage", content="a \ufffd b")
