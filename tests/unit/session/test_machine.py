"""The machine as a whole: holding, offering again, timers."""

from __future__ import annotations

from typing import get_args

import pytest
from session_words import MESSAGE, answers, of

from turnstile.errors import InternalError
from turnstile.session import machine
from turnstile.session.effects import Held, Released, StartTimer, StopTimer
from turnstile.session.events import (
    AgentSpoke,
    ConfigRequested,
    Event,
    ResponseFinished,
    ResponseStarted,
    SpeechStopped,
    TimerFired,
    TurnCommitted,
    UserMessageGiven,
)
from turnstile.session.state import PHASES, Policy, Response, State
from turnstile.session.step import Step
from turnstile.session.waits import waits


def test_more_requests_than_may_wait_are_refused_by_name(at):
    session = at(response=Response("resp_1"), policy=Policy(max_held=1))
    assert of(Held, session.handle(UserMessageGiven(1, MESSAGE))) == [Held(1, "in progress")]
    assert answers(session.handle(UserMessageGiven(2, MESSAGE))) == [(2, "too_many_held", False)]
    assert len(session.backlog) == 1


def test_what_waited_is_let_go_oldest_first(at):
    session = at(response=Response("resp_1"))
    for ref in (1, 2, 3):
        session.handle(ConfigRequested(ref, {"field": ref}))
    assert of(Released, session.handle(ResponseFinished("resp_1"))) == [Released(1), Released(2), Released(3)]


def test_timers_follow_from_the_state(at):
    session = at()
    assert of(StartTimer, session.handle(ResponseStarted("resp_1"))) == [StartTimer("response", "resp_1+0", 30.0)]
    assert of(StopTimer, session.handle(ResponseFinished("resp_1"))) == [StopTimer("response")]


@pytest.mark.parametrize("name", ["response", "update", "create", "link", "nonsense"])
def test_a_timer_of_an_earlier_wait_means_nothing(at, name):
    session = at(response=Response("resp_1", progress=3))
    assert session.handle(TimerFired(name, "resp_1+2")) == []


def test_every_fact_that_closes_the_gate_is_counted(at):
    session = at()
    for fact in (SpeechStopped("i"), TurnCommitted("i"), ResponseStarted("r"), ResponseStarted("r")):
        session.handle(fact)
    assert session.state.epoch == 4


def test_a_fact_is_never_held(at, monkeypatch):
    monkeypatch.setattr(machine, "decide", lambda state, *_: Step(state, postpone=True))
    with pytest.raises(InternalError, match="AgentSpoke"):
        at().handle(AgentSpoke())


def test_a_session_tells_where_it_stands(at):
    assert repr(at(response=Response("resp_1"))) == "<Session in progress, 0 held>"


def test_every_phase_has_its_word():
    assert State().phase == "no link"
    assert len(set(PHASES)) == 7


def test_every_event_has_its_rule():
    assert set(machine.RULES) == set(get_args(Event))


def test_a_fact_that_changes_nothing_leaves_at_once(at, monkeypatch):
    session = at(response=Response("resp_1"), voice_locked=True)
    monkeypatch.setattr(machine, "settle", None)
    before = session.state
    assert session.handle(AgentSpoke()) == []
    assert session.state is before


def test_what_a_state_waits_for_is_found_out_once_a_state(at, monkeypatch):
    asked = []
    monkeypatch.setattr(machine, "waits", lambda state, policy: asked.append(state) or waits(state, policy))
    session = at()
    states = [session.state]
    for fact in (ResponseStarted("resp_1"), AgentSpoke(), ResponseFinished("resp_1")):
        session.handle(fact)
        states.append(session.state)
    assert asked == states


def test_the_timers_are_those_of_a_state_that_was_put_in_place(at):
    session = at()
    session.handle(ResponseStarted("resp_1"))
    session.state = session.state._replace(response=Response("resp_2"))
    assert of(StopTimer, session.handle(ResponseFinished("resp_2"))) == [StopTimer("response")]
