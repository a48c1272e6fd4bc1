"""What the host decides, laid over what the client asks for."""

from __future__ import annotations

import pytest

from turnstile.errors import ConfigError
from turnstile.protocol.voice_agent.client import parse_client_message
from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.translate.host_overlay import HostOverlay
from turnstile.translate.host_overrides import HostFunction, HostOverrides
from turnstile.translate.permissions import Permissions
from turnstile.translate.session_start import settings_to_session
from turnstile.translate.to_realtime import listen_to_session, speak_to_session, think_to_session

WEATHER = HostFunction({"type": "function", "name": "get_weather", "parameters": {}}, lambda _: "sunny")
PCM = {"type": "audio/pcm", "rate": 24_000}
TIME = {"type": "function", "name": "get_time", "parameters": {}}


def rule(**decided):
    return HostOverlay(HostOverrides(**decided))


def permissions(**decided):
    return Permissions(lambda _: True, lambda _: True, rule(**decided))


def read(text):
    return parse_client_message(text)


def test_a_prompt_of_the_hosts_is_told_instead_of_the_clients_and_the_client_that_begins_hears_nothing_of_it():
    settings = read(b'{"type": "Settings", "agent": {"think": {"prompt": "mine"}}}')
    start = settings_to_session(settings, COMPONENT, permissions(prompt="the host's"))
    assert start.config.patch["instructions"] == "the host's"
    assert start.config.warnings == ()


def test_the_conversation_that_came_before_stays_with_the_hosts_prompt():
    said = b'{"type": "History", "role": "user", "content": "hi"}'
    settings = read(b'{"type": "Settings", "agent": {"context": {"messages": [%s]}}}' % said)
    patch = settings_to_session(settings, COMPONENT, permissions(prompt="the host's")).config.patch
    assert patch["instructions"].startswith("the host's\n\nThe conversation so far:")


def test_decisions_are_in_force_for_settings_that_say_nothing_of_it():
    start = settings_to_session(
        read(b'{"type": "Settings", "agent": {}}'),
        COMPONENT,
        permissions(prompt="p", voice="marin", model="m", functions=(WEATHER,)),
    )
    patch = start.config.patch
    assert (patch["instructions"], patch["audio"]["output"]["voice"], patch["model"]) == ("p", "marin", "m")
    assert patch["tools"] == [WEATHER.tool]
    assert patch["endpoints"] == {"get_weather": WEATHER}


@pytest.mark.parametrize(
    ("decided", "thinking", "named"),
    [
        ({"prompt": "the host's"}, '{"prompt": "mine"}', "think.prompt"),
        ({"model": "m1"}, '{"provider": {"type": "open_ai", "model": "m2"}}', "think.provider.model"),
    ],
)
def test_a_client_that_wants_to_change_what_the_host_decides_is_told(decided, thinking, named):
    message = read(f'{{"type": "UpdateThink", "think": {thinking}}}'.encode())
    config = think_to_session(message, permissions(**decided))
    assert [(problem.code, problem.description.split(":")[0]) for problem in config.warnings] == [
        ("host_decides", named)
    ]
    assert config.patch["instructions" if "prompt" in decided else "model"] == next(iter(decided.values()))


def test_a_client_cannot_take_another_voice_than_the_hosts():
    message = read(b'{"type": "UpdateSpeak", "speak": {"provider": {"type": "open_ai", "voice": "ash"}}}')
    config = speak_to_session(message, permissions(voice="marin"))
    assert config.patch == {"audio": {"output": {"speed": 1.0, "voice": "marin"}}}
    assert [problem.code for problem in config.warnings] == ["host_decides"]


def test_a_client_that_asks_for_the_hosts_voice_hears_nothing():
    asked = {"audio": {"output": {"voice": "marin"}}}
    assert rule(voice="marin").change(asked, {"audio.output.voice": "speak.provider.voice"}) == (asked, [])


def test_functions_of_client_and_host_stand_side_by_side_and_the_hosts_win():
    asked = {"tools": [TIME, {**WEATHER.tool, "description": "the client's"}], "endpoints": {"get_time": "there"}}
    patch, ignored = rule(functions=(WEATHER,)).change(asked, {"tools": "think.functions"})
    assert ignored == []
    assert patch["tools"] == [TIME, WEATHER.tool]
    assert patch["endpoints"] == {"get_time": "there", "get_weather": WEATHER}


def test_functions_of_the_clients_are_still_there_when_the_host_gives_others():
    host = rule()
    host.change({"tools": [TIME], "endpoints": {}}, {})
    assert host.update(HostOverrides(functions=(WEATHER,))) == {
        "tools": [TIME, WEATHER.tool],
        "endpoints": {"get_weather": WEATHER},
    }


def test_a_client_that_clears_its_functions_keeps_the_hosts():
    assert rule(functions=(WEATHER,)).session({"tools": None})["tools"] == [WEATHER.tool]


def test_without_decisions_nothing_changes():
    patch = {"instructions": "mine", "tools": [TIME], "audio": {"output": {"voice": "ash"}}}
    assert rule().session(patch) == patch
    assert rule().update(HostOverrides()) == {}


def test_newer_decisions_add_to_older_ones_and_say_what_changes():
    host = rule(prompt="old", voice="marin", labels={"tags": "a"})
    assert host.update(HostOverrides(prompt="new")) == {"instructions": "new"}
    assert host.update(HostOverrides(voice="ash")) == {"audio": {"output": {"voice": "ash"}}}
    assert host.overrides == HostOverrides(prompt="new", voice="ash", labels={"tags": "a"})


@pytest.mark.parametrize(
    "audio", [{}, {"audio": None}, {"audio": {"output": "loud"}}, {"audio": {"output": {"speed": 1.2}}}]
)
def test_a_session_update_of_a_client_gets_the_hosts_voice_whatever_it_says_of_audio(audio):
    patch = rule(voice="marin").session({"instructions": "mine", **audio})
    assert patch["instructions"] == "mine"
    assert patch["audio"]["output"]["voice"] == "marin"


def test_tools_that_are_none_go_on_to_upstream_which_judges_them():
    patch = rule(functions=(WEATHER,)).session({"tools": ["nonsense"]})
    assert patch["tools"] == ["nonsense", WEATHER.tool]


def test_tools_that_are_no_list_go_on_to_upstream_and_are_not_kept():
    host = rule(functions=(WEATHER,))
    assert host.session({"tools": 5}) == {"tools": 5}
    assert host.session({})["tools"] == [WEATHER.tool]


def test_a_tool_whose_name_is_no_text_goes_on_to_upstream():
    odd = {"type": "function", "name": [1]}
    assert rule(functions=(WEATHER,)).session({"tools": [odd]})["tools"] == [odd, WEATHER.tool]


def test_tools_that_upstream_has_refused_are_forgotten():
    host = rule(functions=(WEATHER,))
    host.session({"tools": ["nonsense"]})
    host.restore_tools([TIME, WEATHER.tool])
    assert host.session({})["tools"] == [TIME, WEATHER.tool]
    host.restore_tools(None)
    assert host.session({})["tools"] == [TIME, WEATHER.tool]


def test_a_single_response_has_the_prompt_and_voice_that_the_host_decides_for_its_session():
    asked = {"instructions": "mine", "prompt": {"id": "pmpt_1"}, "audio": {"output": {"voice": "ash", "format": PCM}}}
    response = rule(prompt="the host's", voice="marin").response({**asked, "output_modalities": ["audio"]})
    assert response == {"audio": {"output": {"format": PCM}}, "output_modalities": ["audio"]}


def test_the_word_of_the_beta_for_a_voice_is_the_hosts_to_say_too():
    host = rule(voice="marin")
    assert host.session({"voice": "ash"}) == {"audio": {"output": {"voice": "marin"}}}
    assert host.response({"voice": "ash"}) == {}
    assert rule().response({"voice": "ash"}) == {"voice": "ash"}


def test_a_single_response_may_do_without_functions_and_cannot_make_others_of_the_hosts():
    host = rule(functions=(WEATHER,))
    fake = {"type": "function", "name": "get_weather", "description": "mine"}
    assert host.response({"tools": [fake, TIME, "odd"]}) == {"tools": [WEATHER.tool, TIME, "odd"]}
    assert host.response({"tools": []}) == {"tools": []}
    assert host.response({"tools": 5}) == {"tools": 5}


def test_a_single_response_is_as_the_client_says_without_decisions():
    asked = {"instructions": "mine", "prompt": {"id": "pmpt_1"}, "audio": {"output": {"voice": "ash"}}, "tools": [TIME]}
    assert rule().response(asked) == asked


def test_a_session_update_of_a_client_gets_the_hosts_prompt_and_no_warning():
    assert rule(prompt="the host's").session({"instructions": "mine"}) == {"instructions": "the host's"}


def test_a_stored_template_does_not_stand_beside_the_hosts_prompt():
    template = {"prompt": {"id": "pmpt_1"}}
    assert rule(prompt="the host's").session(template) == {"instructions": "the host's"}
    assert rule().session(template) == template


@pytest.mark.parametrize("name", ["prompt", "voice", "model"])
@pytest.mark.parametrize("value", [5, b"text", ["text"]])
def test_what_is_no_text_is_refused_where_the_host_decides_it(name, value):
    with pytest.raises(ConfigError, match=rf"^invalid_{name}: {name}: must be text"):
        HostOverrides(**{name: value})


@pytest.mark.parametrize("name", ["prompt", "voice", "model"])
def test_half_a_character_is_refused_where_the_host_decides_it(name):
    with pytest.raises(ConfigError, match=rf"^invalid_{name}: {name}: holds half a character"):
        HostOverrides(**{name: "a\ud800"})


@pytest.mark.parametrize(
    ("functions", "words"),
    [
        (str, "must be HostFunctions"),
        (WEATHER, "must be HostFunctions"),
        ((str,), "must be HostFunctions"),
        ((WEATHER, WEATHER), "two have the name 'get_weather'; give each its own"),
    ],
)
def test_functions_that_are_none_or_have_one_name_are_refused(functions, words):
    with pytest.raises(ConfigError, match=rf"^invalid_function: functions: {words}.*\.$"):
        HostOverrides(functions=functions)


ENFORCED = {
    "type": "realtime",
    "model": "gpt-realtime-mini",
    "instructions": "Rhyme.",
    "tools": [TIME, {"type": "mcp", "server_label": "docs", "server_url": "https://docs.example"}],
    "tool_choice": "none",
    "output_modalities": ["text"],
    "max_output_tokens": 200,
    "tracing": None,
    "truncation": "disabled",
    "include": [],
    "audio": {
        "input": {"format": PCM, "turn_detection": {"type": "semantic_vad"}, "transcription": {"model": "whisper-1"}},
        "output": {"voice": "marin"},
    },
}
SET = {name: value for name, value in ENFORCED.items() if name not in {"type", "model"}}
WIDER = {
    "instructions": "mine",
    "prompt": {"id": "pmpt_1"},
    "tools": [WEATHER.tool],
    "tool_choice": {"type": "function", "name": "get_weather"},
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "tracing": "auto",
    "truncation": "auto",
    "include": ["item.input_audio_transcription.logprobs"],
    "audio": {
        "input": {"format": {"type": "audio/pcmu"}, "turn_detection": None, "transcription": {"language": "de"}},
        "output": {"voice": {"id": "voice_1"}},
    },
    "type": "transcription",
    "modalities": ["audio"],
    "max_response_output_tokens": "inf",
    "input_audio_format": "g711_ulaw",
    "turn_detection": {"type": "server_vad"},
}


def test_a_session_that_is_enforced_stands_whatever_a_client_asks_for():
    host = rule(session=ENFORCED)
    wider = host.session(WIDER)
    assert wider.pop("model") == "gpt-realtime-mini"
    assert wider == {**SET, "endpoints": {}}


@pytest.mark.parametrize("name", WIDER)
def test_no_field_of_an_enforced_session_is_a_single_responses_to_change(name):
    assert rule(session=ENFORCED).response({name: WIDER[name]}) in ({}, {"tools": []}, {"type": "transcription"})


def test_a_client_sets_what_an_enforced_session_does_not_name():
    host = rule(session={"audio": {"output": {"voice": "marin"}}})
    asked = {"instructions": "mine", "prompt": {"id": "pmpt_1"}, "audio": {"output": {"speed": 1.2}, "input": {}}}
    assert host.session(asked) == {**asked, "audio": {"output": {"speed": 1.2, "voice": "marin"}, "input": {}}}
    assert host.response(asked) == asked


def test_a_single_response_may_have_some_of_the_enforced_tools_as_they_are():
    host = rule(session=ENFORCED, functions=(WEATHER,))
    mcp = ENFORCED["tools"][1]
    asked = [
        {"name": "get_weather"},
        {**mcp, "server_url": "https://evil.example"},
        {**TIME, "name": "other"},
        5,
        {"type": 5},
    ]
    assert host.response({"tools": asked}) == {"tools": [WEATHER.tool, mcp]}


def test_an_update_of_a_part_changes_no_other_part():
    host = rule(session=ENFORCED)
    fields = {"audio.output.voice": "speak.provider.voice"}
    patch, ignored = host.change({"audio": {"output": {"voice": "ash", "speed": 1.1}}}, fields)
    assert patch == {"audio": {"output": {"voice": "marin", "speed": 1.1}}}
    assert [problem.description.split(":")[0] for problem in ignored] == ["speak.provider.voice"]


def test_a_client_is_told_of_each_field_of_its_update_that_the_host_decides():
    message = read(
        b"""{"type": "UpdateThink", "think": {"prompt": "mine", "managedPrompt": {"id": "pmpt_1"}, "toolChoice": "auto",
        "provider": {"type": "open_ai", "model": "other"}, "functions": [{"name": "get_weather", "parameters": {}}]}}"""
    )
    config = think_to_session(message, permissions(session=ENFORCED))
    told = {problem.description.split(":")[0] for problem in config.warnings if problem.code == "host_decides"}
    assert told == {
        "think.prompt",
        "think.managedPrompt",
        "think.toolChoice",
        "think.provider.model",
        "think.functions",
    }
    assert config.patch == {
        "model": "gpt-realtime-mini",
        "endpoints": {},
        **{
            name: SET[name]
            for name in ("instructions", "tools", "tool_choice", "output_modalities", "max_output_tokens")
        },
    }


def test_a_client_cannot_listen_in_another_way_than_the_hosts():
    message = read(b'{"type": "UpdateListen", "listen": {"provider": {"model": "whisper-1", "language": "de"}}}')
    config = listen_to_session(message, permissions(session=ENFORCED))
    assert config.patch == {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    assert [problem.description.split(":")[0] for problem in config.warnings] == ["listen.provider"]


def test_settings_ask_for_the_enforced_session_while_the_client_keeps_its_own_audio_formats():
    settings = read(
        b'{"type": "Settings", "audio": {"input": {"encoding": "mulaw", "sample_rate": 8000}}, "agent": {}}'
    )
    start = settings_to_session(settings, COMPONENT, permissions(session=ENFORCED))
    assert start.config.warnings == ()
    patch = start.config.patch
    assert patch["audio"].pop("output") == {"format": PCM, "voice": "marin"}
    assert patch == {
        **SET,
        "model": "gpt-realtime-mini",
        "endpoints": {},
        "audio": {"input": ENFORCED["audio"]["input"]},
    }
    assert start.input.encoding == "mulaw"


def test_instructions_of_the_clients_do_not_replace_a_stored_prompt():
    host = rule(session={"prompt": {"id": "pmpt_1"}})
    assert host.session({"instructions": "mine"}) == {"prompt": {"id": "pmpt_1"}}
    assert (host.instructions, host.has_stored_prompt) == ("", True)
    said = b'{"type": "History", "role": "user", "content": "hi"}'
    settings = read(b'{"type": "Settings", "agent": {"context": {"messages": [%s]}}}' % said)
    start = settings_to_session(settings, COMPONENT, Permissions(lambda _: True, lambda _: True, host))
    assert "instructions" not in start.config.patch
    assert [problem.description.split(":")[0] for problem in start.config.warnings] == ["agent.context"]
    update = read(b'{"type": "UpdateThink", "think": {"prompt": "mine"}}')
    assert "instructions" not in think_to_session(update, Permissions(lambda _: True, lambda _: True, host)).patch


def test_what_the_host_names_by_itself_takes_precedence_over_its_session():
    given = {**ENFORCED, "prompt": {"id": "pmpt_1"}}
    overrides = HostOverrides("Sing.", "ash", "gpt-realtime", session=given)
    assert overrides.enforced == {
        **given,
        "instructions": "Sing.",
        "prompt": None,
        "model": "gpt-realtime",
        "audio": {**ENFORCED["audio"], "output": {"voice": "ash"}},
    }
    assert HostOverlay(overrides).instructions == "Sing."


def test_a_newer_prompt_takes_the_place_of_a_stored_one():
    host = rule(session={"prompt": {"id": "pmpt_1"}})
    assert host.update(HostOverrides("Sing.")) == {"instructions": "Sing.", "prompt": None}
    assert host.update(HostOverrides(voice="ash")) == {"audio": {"output": {"voice": "ash"}}}


def test_a_newer_session_is_laid_over_the_older_one():
    host = rule(session=ENFORCED, functions=(WEATHER,))
    newer = HostOverrides(session={"max_output_tokens": 5, "tools": [], "audio": {"output": {"speed": 1.2}}})
    assert host.update(newer) == {
        **newer.session,
        "tools": [WEATHER.tool],
        "endpoints": {"get_weather": WEATHER},
    }
    assert host.session({})["audio"]["output"] == {"voice": "marin", "speed": 1.2}


def test_the_host_itself_may_change_what_is_enforced():
    host = rule(session=ENFORCED)
    assert host.update(HostOverrides(prompt="Sing.")) == {"instructions": "Sing."}
    assert host.session({"instructions": "mine"})["instructions"] == "Sing."
