from __future__ import annotations

import json

import pytest
from openai.types.realtime import RealtimeConversationItemUserMessage

from turnstile.translate import to_realtime
from turnstile.translate.permissions import Permissions

ALL = Permissions(lambda _: True, lambda _: True)
WEATHER = {
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def _told(config):
    return [problem.description.removesuffix("; it is ignored.") for problem in config.warnings]


def test_an_update_of_thinking_clears_what_it_leaves_out(read, session):
    message = read("UpdateThink", think={"prompt": "Be brief.", "provider": {"temperature": 1}})
    config = to_realtime.think_to_session(message, ALL)
    assert session(config.patch) == {
        "instructions": "Be brief.",
        "tools": [],
        "endpoints": {},
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "output_modalities": ["audio"],
        "prompt": None,
    }
    assert _told(config) == ["think.provider.temperature: has no counterpart upstream"]


def test_an_update_of_thinking_keeps_the_conversation_that_came_before(read):
    message = read("UpdateThink", think={"prompt": "Be brief."})
    patch = to_realtime.think_to_session(message, ALL, history="The conversation so far: ...").patch
    assert patch["instructions"] == "Be brief.\n\nThe conversation so far: ..."


SOME = Permissions(lambda model: model == "gpt-realtime", lambda url: "example.com" in url)


@pytest.mark.parametrize(
    ("providers", "chosen"),
    [
        ([{"type": "anthropic", "model": "claude"}, {"type": "open_ai", "model": "gpt-realtime"}], 1),
        ([{"type": "open_ai", "model": "gpt-4o"}, {"type": "open_ai"}], 1),
        ([{"type": "anthropic"}, {}], 1),
        ([{"type": "open_ai", "model": "gpt-realtime"}, {}], 0),
        ([{"type": "anthropic"}, {"type": "google"}], 0),
    ],
)
def test_the_first_of_several_that_can_be_served_thinks(read, providers, chosen):
    thinks = [{"prompt": f"Number {number}.", "provider": provider} for number, provider in enumerate(providers)]
    message = read("UpdateThink", think=thinks)
    config = to_realtime.think_to_session(message, SOME)
    assert config.patch["instructions"] == f"Number {chosen}."
    assert len([words for words in _told(config) if "cannot be served" in words]) == chosen


def test_a_thinker_that_names_no_provider_is_served(read):
    message = read("UpdateThink", think=[{"prompt": "One."}, {"prompt": "Two."}])
    assert to_realtime.think_to_session(message, SOME).patch["instructions"] == "One."


def test_a_model_that_is_not_served_is_not_asked_for(read):
    message = read("UpdateThink", think={"provider": {"model": "gpt-4o"}})
    config = to_realtime.think_to_session(message, SOME)
    assert "model" not in config.patch
    assert _told(config) == ["think.provider.model: 'gpt-4o' is not served here"]


def test_a_function_is_called_where_its_endpoint_says_if_that_is_allowed(read):
    url = "https://api.example.com/?key=made-up"
    functions = [
        {**WEATHER, "endpoint": {"url": url, "method": "put", "headers": {"x-key": "made up"}}},
        {"name": "f", "endpoint": {"url": "https://elsewhere.test/?key=made-up"}},
        {"name": "g", "endpoint": {}},
        {"name": "h"},
    ]
    message = read("UpdateThink", think={"functions": functions})
    config = to_realtime.think_to_session(message, SOME)
    assert [*config.patch["endpoints"]] == ["get_weather"]
    endpoint = config.patch["endpoints"]["get_weather"]
    assert (endpoint.url, endpoint.method, endpoint.headers) == (url, "PUT", {"x-key": "made up"})
    assert _told(config) == [
        (
            "think.functions[1].endpoint: 'elsewhere.test' is no host that this proxy may call, "
            "the client is asked for the result"
        ),
        "think.functions[2].endpoint: has no url, the client is asked for the result",
    ]
    assert ["endpoint" in tool for tool in config.patch["tools"]] == [False] * 4


def test_an_update_of_speaking_replaces_it_but_for_a_voice_that_it_does_not_name(read, session):
    message = read("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "marin"}})
    config = to_realtime.speak_to_session(message, ALL)
    assert session(config.patch) == {"audio": {"output": {"voice": "marin", "speed": 1.0}}}


def test_an_update_of_speaking_sets_the_speed_when_there_is_no_such_voice(read):
    message = read("UpdateSpeak", speak={"provider": {"type": "deepgram", "model": "aura", "speed": 0.9}})
    config = to_realtime.speak_to_session(message, ALL)
    assert config.patch == {"audio": {"output": {"speed": 0.9}}}
    assert len(config.warnings) == 1


def test_an_update_of_listening_is_the_transcriptions(read, session):
    message = read("UpdateListen", listen={"provider": {"model": "whisper-1", "language": "de"}, "mood": 1})
    config = to_realtime.listen_to_session(message, ALL)
    assert session(config.patch) == {"audio": {"input": {"transcription": {"model": "whisper-1", "language": "de"}}}}
    assert _told(config) == ["listen.mood: has no counterpart upstream"]


def test_an_agent_that_speaks_freely_stays_under_the_instructions_of_the_host(read):
    message = read("InjectAgentMessage", message="Ask for the name.", is_dynamic=True)
    params = to_realtime.agent_message_to_response(message, "Rhyme.")
    assert params["instructions"] == "Rhyme.\n\nAsk for the name."


def test_a_user_message_is_an_item():
    item = to_realtime.user_message_to_item("Hello.")
    assert item == {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
    RealtimeConversationItemUserMessage.model_validate(item)


@pytest.mark.parametrize(
    ("fields", "instructions"),
    [
        ({"message": 'One "moment".'}, 'Say exactly: "One \\"moment\\"."'),
        ({"message": "Ask for the name.", "is_dynamic": True}, "Ask for the name."),
    ],
)
def test_an_agent_message_is_a_response_without_tools(read, response, fields, instructions):
    params = to_realtime.agent_message_to_response(read("InjectAgentMessage", **fields))
    assert response(params) == {"instructions": instructions, "tool_choice": "none"}


def test_an_agent_message_without_words_leaves_them_to_the_agent(read, response):
    params = to_realtime.agent_message_to_response(read("InjectAgentMessage", is_dynamic=True))
    assert response(params)["instructions"]


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ({"content": "sunny"}, "sunny"),
        ({"content": {"sky": "blü"}}, {"sky": "blü"}),
        ({"result": [1, 2]}, [1, 2]),
        ({"content": "sunny", "result": "rain"}, "sunny"),
        ({"output": "sunny"}, "sunny"),
        ({"response": {"sky": "blue"}}, {"sky": "blue"}),
        ({"content": "", "result": "rain"}, ""),
        ({"result": False}, False),
        ({"content": "", "error": "no such city"}, {"error": "no such city"}),
    ],
)
def test_a_function_result_is_text_or_json(read, result, output):
    message = read("FunctionCallResponse", id="c", name="f", **result)
    said = to_realtime.function_result_to_output(message)
    assert (said if isinstance(output, str) else json.loads(said)) == output
