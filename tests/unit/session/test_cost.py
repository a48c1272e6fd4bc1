"""What a session's decisions take, counted without a clock: Python calls, and what the actors are asked to do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from given import CALM, configured, message, running

import turnstile
from turnstile.session import effects as out
from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, EventGiven
from turnstile.session.events import (
    AgentSpoke,
    ConfigAnswered,
    ItemConfirmed,
    ResponseFinished,
    ResponseProgressed,
    ResponseStarted,
)
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.turn_events import AudioHeard, SpeechStarted

pytestmark = pytest.mark.usefixtures("no_collection")

OFF = {"audio": {"input": {"turn_detection": None}}}
# What the client says, and what upstream says of it, in a text turn.
TURN = (
    message(),
    ItemConfirmed("ts_100"),
    ResponseStarted("resp_1", "ts_102"),
    AgentSpoke(),
    ResponseFinished("resp_1"),
)

# Where our functions come from; those that are made for a class have no file.
OURS = (str(Path(turnstile.__file__).parent), "<string>")


def calls(session, *events):
    """Return how many functions of ours are called while the session is told `events`, and what it wants done."""
    counted, wanted = [], []

    def count(frame, kind, _):
        if kind == "call" and frame.f_code.co_filename.startswith(OURS):
            counted.append(frame)

    before = sys.getprofile()
    for event in events:
        sys.setprofile(count)
        try:
            effects = session.handle(event)
        finally:
            sys.setprofile(before)
        wanted += effects
    return len(counted), wanted


def test_a_text_turn_takes_few_calls():
    session = Session(None, *configured(voice_locked=True))
    count, wanted = calls(session, *TURN)
    assert [type(effect) for effect in wanted if not isinstance(effect, out.SetDeadlines)] == [
        out.SendItem,
        out.Answered,
        out.SendCreate,
    ]
    assert session.state.phase == "idle"
    assert count <= 132


def test_a_text_turn_says_what_is_waited_for_once_a_change():
    _, wanted = calls(Session(None, *configured(voice_locked=True)), *TURN)
    names = [[wait.name for wait in effect.deadlines] for effect in wanted if isinstance(effect, out.SetDeadlines)]
    assert names == [["item"], ["create"], ["response"], []]


def test_an_update_in_mid_response_takes_few_calls():
    count, wanted = calls(running(), ConfigRequested(1, CALM), ResponseFinished("resp_1"), ConfigAnswered(CALM))
    assert out.Answered(1) in wanted
    assert count <= 125


@pytest.mark.parametrize(
    ("session", "event", "most"),
    [
        (configured(voice_locked=True), AgentSpoke(), 5),
        (running().now, ResponseProgressed("resp_1"), 20),
        (configured(), ResponseProgressed("resp_1"), 5),
        (configured(OFF), AudioHeard(20.0), 25),
    ],
)
def test_a_sign_of_life_takes_few_calls(session, event, most):
    count, _ = calls(Session(None, *session), event)
    assert count <= most


def backlog(number, **changes):
    """A session in mid-response that holds so many additions to the prompt."""
    session = running(voice_locked=True, **changes)
    for ref in range(number):
        session.handle(ConfigRequested(ref, {}, f"Rule {ref}."))
    return session


@pytest.mark.parametrize("event", [ResponseProgressed("resp_1"), AudioHeard(20.0), SpeechStarted()])
def test_a_sign_of_life_costs_the_same_however_much_is_held(event):
    few, _ = calls(backlog(1), *[event] * 100)
    many, _ = calls(backlog(255), *[event] * 100)
    assert many == few


def test_the_release_of_twice_as_many_prompts_takes_twice_as_many_calls():
    few, _ = calls(backlog(128), ResponseFinished("resp_1"), ConfigAnswered({}))
    many, wanted = calls(backlog(256), ResponseFinished("resp_1"), ConfigAnswered({}))
    assert len([effect for effect in wanted if isinstance(effect, out.Answered)]) == 256
    assert many <= 2.1 * few


def test_an_event_that_queues_behind_thousands_costs_what_the_first_does():
    session = Session(Policy(is_transparent=True), *configured())
    session.handle(AgentMessageGiven(1, {}, "queue"))
    first, _ = calls(session, EventGiven(b"{}"), AudioHeard(0.0))
    calls(session, *[EventGiven(b"{}")] * 2000)
    last, _ = calls(session, EventGiven(b"{}"), AudioHeard(0.0))
    assert len(session.data.passthrough_queue) == 2002
    assert last <= first
