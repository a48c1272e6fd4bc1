"""What the host decides, laid over what the client asks for."""

from __future__ import annotations

import pytest

from turnstile.errors import ConfigError
from turnstile.protocol.voice_agent.client import parse_client_message
from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.translate.host_overrides import HostFunction, HostOverlay, HostOverrides
from turnstile.translate.permissions import Permissions
from turnstile.translate.session_start import settings_to_session
from turnstile.translate.to_realtime import speak_to_session, think_to_session

WEATHER = HostFunction({"type": "function", "name": "get_weather", "parameters": {}}, lambda _: "sunny")
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
    output = {"voice": "marin"}
    assert list(rule(voice="marin").override_speak(output, "speak")) == []


def test_functions_of_client_and_host_stand_side_by_side_and_the_hosts_win():
    patch = {"tools": [TIME, {**WEATHER.tool, "description": "the client's"}], "endpoints": {"get_time": "there"}}
    host = rule(functions=(WEATHER,))
    assert list(host.override_think(patch, "think")) == []
    assert patch["tools"] == [TIME, WEATHER.tool]
    assert patch["endpoints"] == {"get_time": "there", "get_weather": WEATHER}


def test_functions_of_the_clients_are_still_there_when_the_host_gives_others():
    host = rule()
    list(host.override_think({"tools": [TIME], "endpoints": {}}, "think"))
    assert host.update(HostOverrides(functions=(WEATHER,))) == {
        "tools": [TIME, WEATHER.tool],
        "endpoints": {"get_weather": WEATHER},
    }


def test_a_client_that_clears_its_functions_keeps_the_hosts():
    patch = {"tools": None}
    list(rule(functions=(WEATHER,)).override_think(patch, "session"))
    assert patch["tools"] == [WEATHER.tool]


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


def test_a_single_response_cannot_have_another_prompt_or_voice_than_the_hosts():
    asked = {"instructions": "mine", "prompt": {"id": "pmpt_1"}, "audio": {"output": {"voice": "ash", "speed": 1.2}}}
    response = rule(prompt="the host's", voice="marin").response({**asked, "output_modalities": ["audio"]})
    assert response == {"audio": {"output": {"voice": "marin", "speed": 1.2}}, "output_modalities": ["audio"]}


def test_the_word_of_the_beta_for_a_voice_is_the_hosts_to_say_too():
    host = rule(voice="marin")
    wanted = {"audio": {"output": {"voice": "marin"}}}
    assert host.session({"voice": "ash"}) == host.response({"voice": "ash"}) == wanted
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
