"""The page of states is what the rules say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import states
from state_walk import transitions
from turnstile.session.state import PHASES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "states.md"

HELD = ("held",)
ENDS = {"response.done, completed or incomplete", "response.done, failed", "response.done, cancelled"}


@pytest.fixture
def found():
    return transitions()


def test_the_page_is_current():
    assert PAGE.read_text() == states.page(), "run: python docs/generate/states.py > docs/reference/states.md"


def test_the_command_prints_the_page(capsys):
    runpy.run_path(states.__file__, run_name="__main__")
    assert capsys.readouterr().out == PAGE.read_text()


def test_every_state_is_reached_and_left(found):
    assert {one.phase for one in found} == set(PHASES)
    assert {one.phase for one in found if one.phase != one.after} == set(PHASES)


def test_no_response_of_another_id_moves_anything(found):
    assert not [one for one in found if one.event == "response.done of another response"]


LOST = "the link is lost"


def test_only_its_end_or_the_lost_link_ends_a_response_in_progress(found):
    runs = {"in progress", "cancelling"}
    ends = {one.event for one in found if one.phase == "in progress" and one.after not in runs}
    assert ends == {*ENDS, LOST}


def test_a_cancelled_response_ends_also_when_it_was_not_active_and_in_time(found):
    runs = {"in progress", "cancelling"}
    ends = {one.event for one in found if one.phase == "cancelling" and one.after not in runs}
    own = {"error, response_cancel_not_active", "no response.done in time, after our cancel"}
    assert ends == {*ENDS, *own, LOST}


@pytest.mark.parametrize("phase", ["updating", "expected", "requested", "in progress", "cancelling"])
def test_what_the_client_asks_for_is_held_while_the_gate_is_shut(found, phase):
    asked = {"the client wants another configuration", "the client gives a message", "the client ends the turn"}
    outcomes = {(one.after, one.sent) for one in found if one.phase == phase and one.event in asked}
    assert outcomes == {(phase, HELD)}


@pytest.mark.parametrize("word", ["`session.update`", "`response.create`"])
def test_no_update_and_no_create_leaves_while_a_response_is_known_of(found, word):
    after = {one.after for one in found if word in one.sent}
    assert after == {"updating" if "update" in word else "requested"}


def test_an_expected_response_ends_by_beginning_or_in_time(found):
    ends = {one.event for one in found if one.phase == "expected" and one.after != "expected"}
    assert ends == {
        "response.created, the server's own",
        "no response.created in time, after a turn",
        "no response.created in time, after a refusal",
        LOST,
    }
