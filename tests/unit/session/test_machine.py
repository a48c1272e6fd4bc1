"""The machine as a whole: holding, offering again, timers."""

from __future__ import annotations

from typing import get_args

import pytest
from session_words import MESSAGE, answers, notes, of

from turnstile.errors import InternalError
from turnstile.session import machine, rules
from turnstile.session.client_requests import ConfigRequested, UserMessageGiven
from turnstile.session.deadlines import Deadline, deadlines_of
from turnstile.session.effects import SetDeadlines
from turnstile.session.events import (
    AgentSpoke,
    Event,
    ResponseFinished,
    ResponseStarted,
    TimerFired,
)
from turnstile.session.in_flight import Response
from turnstile.session.journal_notes import Held
from turnstile.session.policy import Policy
from turnstile.session.state import PHASES, State, Step
from turnstile.session.turn_events import SpeechStopped, TurnCommitted
from turnstile.session.waits import Reason, Waits


def test_more_requests_than_may_wait_are_refused_by_name(at):
    session = at(response=Response("resp_1"), policy=Policy(max_held=1))
    assert of(Held, session.handle(UserMessageGiven(1, MESSAGE))) == [Held((1,), Reason(Waits.RESPONSE, "resp_1"))]
    assert answers(session.handle(UserMessageGiven(2, MESSAGE))) == [(2, "too_many_held", False)]
    assert len(session.backlog) == 1


def test_what_waited_is_let_go_oldest_first(at):
    session = at(response=Response("resp_1"))
    for ref in (1, 2, 3):
        session.handle(ConfigRequested(ref, {"field": ref}))
    assert notes("released", session.handle(ResponseFinished("resp_1"))) == ["#1", "#2", "#3"]


def test_timers_follow_from_the_state(at):
    session = at()
    response = Deadline("response", "resp_1+0", 30.0)
    assert of(SetDeadlines, session.handle(ResponseStarted("resp_1"))) == [SetDeadlines((response,))]
    assert of(SetDeadlines, session.handle(ResponseFinished("resp_1"))) == [SetDeadlines(())]


def test_what_is_waited_for_is_told_when_it_changes_only(at):
    session = at(response=Response("resp_1"))
    assert of(SetDeadlines, session.handle(ConfigRequested(1, {"field": 1}))) == []


@pytest.mark.parametrize("name", ["response", "update", "create", "link", "nonsense"])
def test_a_timer_of_an_earlier_wait_means_nothing(at, name):
    session = at(response=Response("resp_1"), progress=3)
    assert session.handle(TimerFired(name, "resp_1+2")) == []


def test_every_fact_that_closes_the_gate_is_counted(at):
    session = at()
    for fact in (SpeechStopped("i"), TurnCommitted("i"), ResponseStarted("r"), ResponseStarted("r")):
        session.handle(fact)
    assert session.data.epoch == 4


def test_a_fact_is_never_held(at, monkeypatch):
    monkeypatch.setattr(machine, "decide", lambda state, *_: Step(state, waits=Waits.LINK))
    with pytest.raises(InternalError, match="AgentSpoke"):
        at().handle(AgentSpoke())


def test_a_session_tells_where_it_stands(at):
    assert repr(at(response=Response("resp_1"))) == "<Session in progress resp_1, 0 held>"


def test_every_phase_has_its_word():
    assert State().phase == "no link"
    assert len(set(PHASES)) == 7


def test_every_event_has_its_rule():
    assert set(rules.RULES) == set(get_args(Event))


def test_a_fact_that_changes_nothing_leaves_at_once(at, monkeypatch):
    session = at(response=Response("resp_1"), voice_locked=True)
    monkeypatch.setattr(machine, "settle", None)
    before = session.state
    assert session.handle(AgentSpoke()) == []
    assert session.state is before


def test_what_a_state_waits_for_is_found_out_once_a_state(at, monkeypatch):
    session, asked = at(), []
    monkeypatch.setattr(
        machine, "deadlines_of", lambda state, policy: asked.append(state) or deadlines_of(state, policy)
    )
    for fact in (ResponseStarted("resp_1"), AgentSpoke(), AgentSpoke(), ResponseFinished("resp_1")):
        session.handle(fact)
    assert len(asked) == len(set(map(id, asked))) == 3
