"""What the host and operators decide one after the other, and what is taken back of it."""

from __future__ import annotations

import pytest

from turnstile.translate.host_decisions import Decisions
from turnstile.translate.host_overlay import HostOverlay
from turnstile.translate.host_overrides import AddedFunction, HostFunction, HostOverrides

WEATHER = HostFunction({"type": "function", "name": "get_weather", "parameters": {}}, lambda _: "sunny")
LOOK_UP = AddedFunction({"type": "function", "name": "look_up", "parameters": {}})
MINE = {"type": "function", "name": "mine", "parameters": {}}


@pytest.fixture
def decisions():
    return Decisions(HostOverrides(prompt="first"))


def test_what_is_refused_is_taken_back(decisions):
    decisions.add(HostOverrides(prompt="second"), -1)
    assert decisions.overrides().prompt == "second"
    decisions.answered(-1, is_in_force=False, has_voice=True)
    assert decisions.overrides().prompt == "first"


def test_what_is_in_force_stays_although_a_later_one_is_refused(decisions):
    decisions.add(HostOverrides(prompt="second"), -1)
    decisions.add(HostOverrides(prompt="third"), -2)
    decisions.answered(-1, is_in_force=True, has_voice=True)
    decisions.answered(-2, is_in_force=False, has_voice=True)
    assert decisions.overrides().prompt == "second"


def test_a_later_decision_counts_although_it_is_answered_first(decisions):
    decisions.add(HostOverrides(prompt="second"), -1)
    decisions.add(HostOverrides(prompt="third"), -2)
    decisions.answered(-2, is_in_force=True, has_voice=True)
    decisions.answered(-1, is_in_force=True, has_voice=True)
    assert decisions.overrides().prompt == "third"


def test_a_voice_that_came_too_late_is_taken_back_without_the_rest(decisions):
    decisions.add(HostOverrides(prompt="second", voice="ash"), -1)
    decisions.answered(-1, is_in_force=True, has_voice=False)
    assert (decisions.overrides().prompt, decisions.overrides().voice) == ("second", None)


def test_an_answer_to_what_decided_nothing_changes_nothing(decisions):
    decisions.answered(-1, is_in_force=False, has_voice=False)
    assert decisions.overrides() == HostOverrides(prompt="first")


def test_a_decision_without_a_request_stays(decisions):
    decisions.add(HostOverrides(voice="ash"), None)
    assert decisions.overrides() == HostOverrides(prompt="first", voice="ash")


def test_added_functions_go_beside_those_of_the_client_and_of_the_host():
    overlay = HostOverlay(HostOverrides(functions=(WEATHER,)))
    overlay.session({"tools": [MINE]})
    patch = overlay.update(HostOverrides(added=(LOOK_UP,)), -1)
    assert [tool["name"] for tool in patch["tools"]] == ["mine", "look_up", "get_weather"]
    assert patch["endpoints"] == {"get_weather": WEATHER}
    assert [tool["name"] for tool in overlay.session({})["tools"]] == ["mine", "look_up", "get_weather"]


def test_an_added_function_takes_the_place_of_the_clients_of_its_name_and_of_its_endpoint():
    overlay = HostOverlay()
    overlay.session({"tools": [{**MINE, "name": "look_up"}, MINE], "endpoints": {"look_up": "theirs", "mine": "m"}})
    patch = overlay.update(HostOverrides(added=(LOOK_UP,)), -1)
    assert patch == {"tools": [MINE, LOOK_UP.tool], "endpoints": {"mine": "m"}}


def test_an_added_function_is_called_at_its_endpoint():
    patch = HostOverlay().update(HostOverrides(added=(AddedFunction(LOOK_UP.tool, "here"),)), -1)
    assert patch["endpoints"] == {"look_up": "here"}


def test_added_functions_can_be_removed():
    overlay = HostOverlay()
    overlay.update(HostOverrides(added=(LOOK_UP,)), -1)
    assert overlay.update(HostOverrides(added=()), -2) == {"tools": [], "endpoints": {}}


def test_added_functions_are_not_the_clients_when_its_own_are_refused():
    overlay = HostOverlay()
    overlay.update(HostOverrides(added=(LOOK_UP,)), -1)
    overlay.session({"tools": [{"name": 5}]})
    overlay.restore_tools([LOOK_UP.tool, MINE])
    overlay.update(HostOverrides(added=()), -2)
    assert overlay.session({"tools": None})["tools"] is None
    assert overlay.update(HostOverrides(added=(LOOK_UP,)), -3)["tools"] == [LOOK_UP.tool]


def test_the_hosts_own_function_cannot_be_replaced():
    overlay = HostOverlay(HostOverrides(functions=(WEATHER,)))
    assert overlay.refusal(HostOverrides(added=(LOOK_UP,))) is None
    refusal = overlay.refusal(HostOverrides(added=(LOOK_UP, AddedFunction(WEATHER.tool))))
    assert (
        refusal.description == "functions[1].name: 'get_weather' is the host's own function; give yours another name."
    )


@pytest.mark.parametrize(
    ("decided", "added"),
    [
        (None, ({}, "Be brief.")),
        ("Rhyme.", ({"instructions": "Rhyme.\n\nBe brief."}, "")),
        ("", ({"instructions": "Be brief."}, "")),
    ],
)
def test_a_prompt_is_added_to_whosever_it_is(decided, added):
    overlay = HostOverlay(HostOverrides(prompt=decided))
    assert overlay.add_prompt("Be brief.", -1) == added
    assert overlay.instructions == added[0].get("instructions", decided)


def test_a_refused_decision_is_no_part_of_the_clients_next_update():
    overlay = HostOverlay()
    overlay.update(HostOverrides(prompt="Rhyme.", added=(LOOK_UP,)), -1)
    overlay.answered(-1, is_in_force=False, has_voice=True)
    assert overlay.session({"instructions": "Sing."}) == {"instructions": "Sing."}


def test_the_clients_update_repeats_nothing_that_a_decision_ahead_of_it_sets():
    overlay = HostOverlay(HostOverrides(voice="ash"))
    overlay.update(HostOverrides(prompt="Rhyme.", voice="sage"), -1)
    clients = {"instructions": "Sing.", "audio": {"output": {"voice": "coral", "speed": 1.2}}}
    assert overlay.session(clients) == {"audio": {"output": {"speed": 1.2}}}
    overlay.answered(-1, is_in_force=True, has_voice=False)
    assert overlay.session(clients) == {"instructions": "Rhyme.", "audio": {"output": {"voice": "ash", "speed": 1.2}}}


def test_decisions_without_an_answer_are_known_from_those_that_have_one(decisions):
    decisions.add(HostOverrides(prompt="second"), -1)
    decisions.add(HostOverrides(voice="ash"), -2)
    decisions.answered(-2, is_in_force=True, has_voice=True)
    assert decisions.awaited() == HostOverrides(prompt="second")
    decisions.answered(-1, is_in_force=True, has_voice=True)
    assert decisions.awaited() == HostOverrides()
