"""A session that is drained ends at its next moment of rest, and not before."""

from __future__ import annotations

import pytest
from given import BRIEF, DONE, UPDATED, answers, began, confirmed, message, requested, running, said_item, session, told
from session_words import of

from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    EventGiven,
    FunctionAnswered,
    LinkWanted,
)
from turnstile.session.effects import CloseAtRest, EndSession, SendCreate, SendItem, SendUpdate
from turnstile.session.events import (
    AsideStarted,
    ConfigAnswered,
    DrainRequested,
    FunctionCalled,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.in_flight import Aside, Commit, Item
from turnstile.session.link_events import LinkLost, LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.turn_events import SpeechStarted, SpeechStopped, TurnCommitted

DRAIN = DrainRequested()
REALTIME = Policy(is_transparent=True)


def closes(effects):
    return len(of(CloseAtRest, effects))


def test_a_session_at_rest_ends_at_once_when_it_is_drained():
    assert session().handle(DRAIN) == [CloseAtRest()]


def test_a_session_is_ended_once():
    drained = session()
    assert closes(told(drained, DRAIN, DRAIN, SpeechStarted(), DRAIN)) == 1


@pytest.mark.parametrize(
    "begun",
    [[], [ConfigRequested(1, BRIEF)], [message()], [ConfigRequested(1, BRIEF), LinkOpened()]],
    ids=["nothing", "Settings", "a message", "Settings on a link"],
)
def test_a_session_without_a_configuration_ends_at_once_whatever_it_was_asked(begun):
    fresh = Session()
    told(fresh, *begun)
    assert closes(fresh.handle(DRAIN)) == 1


def test_a_realtime_session_whose_link_is_coming_ends_at_once_when_nothing_waits_for_it():
    coming = Session(REALTIME)
    told(coming, LinkWanted())
    assert closes(coming.handle(DRAIN)) == 1


@pytest.mark.parametrize(
    "asked",
    [EventGiven(b"{}"), ConfigRequested(1, BRIEF), AgentMessageGiven(1, {})],
    ids=["an event", "an update", "a response"],
)
def test_a_realtime_session_waits_for_its_link_when_something_is_to_be_sent_on_it(asked):
    coming = Session(REALTIME)
    told(coming, LinkWanted(), asked)
    assert closes(coming.handle(DRAIN)) == 0


def test_a_response_in_progress_goes_on_to_its_end():
    drained = running()
    assert drained.handle(DRAIN) == []
    assert closes(drained.handle(ResponseFinished("resp_9"))) == 0
    assert closes(drained.handle(DONE)) == 1


def test_what_was_held_is_sent_and_answered_before_the_end():
    drained = running()
    told(drained, ConfigRequested(1, {"instructions": "Be calm."}), message(2), DRAIN)
    effects = drained.handle(DONE)
    assert len(of(SendUpdate, effects)) == 1
    assert closes(effects) == 0
    effects = drained.handle(ConfigAnswered({"instructions": "Be calm."}))
    assert [answer.ref for answer in answers(effects)] == [1]
    items = told(drained, *confirmed(effects))
    assert len(of(SendCreate, items)) == 1
    assert closes(items) == 0
    assert closes(told(drained, began(items, "resp_2"))) == 0
    assert closes(drained.handle(ResponseFinished("resp_2"))) == 1


def test_what_is_asked_for_during_the_drain_is_served_before_the_end():
    drained = running()
    told(drained, DRAIN, message(1))
    effects = drained.handle(DONE)
    assert len(of(SendItem, effects)) == 1
    assert closes(effects) == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"items": (said_item(),)},
        {"expected": "turn_1"},
        {"blocked_by": "resp_1"},
        {"commits": (Commit("ts_1"),)},
        {"asides": (Aside("mine"),)},
        {"asides_running": ("resp_7",)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_turn_that_is_not_over_is_waited_for(changes):
    drained = requested() if "items" in changes else session(**changes)
    assert closes(drained.handle(DRAIN)) == 0


def test_an_update_that_is_unanswered_is_waited_for():
    drained = session()
    drained.handle(ConfigRequested(1, {"instructions": "Be calm."}))
    assert closes(drained.handle(DRAIN)) == 0
    effects = drained.handle(ConfigAnswered({"instructions": "Be calm."}))
    assert [answer.ref for answer in answers(effects)] == [1]
    assert closes(effects) == 1


def test_a_user_who_is_speaking_gets_an_answer():
    drained = session()
    told(drained, SpeechStarted())
    assert closes(told(drained, DRAIN, SpeechStopped("turn_1"), TurnCommitted("turn_1"))) == 0
    assert closes(drained.handle(ResponseStarted("resp_1"))) == 0
    assert closes(drained.handle(DONE)) == 1


def test_an_open_call_of_the_clients_is_waited_for_and_answered():
    drained = running()
    told(drained, FunctionCalled("resp_1", 0, "call_1"), DRAIN)
    assert closes(drained.handle(DONE)) == 0
    effects = drained.handle(FunctionAnswered(1, "call_1", "4"))
    assert len(of(SendItem, effects)) == 1
    assert closes(effects) == 0


def test_the_answer_to_a_realtime_clients_own_call_is_waited_for():
    drained = running(REALTIME)
    told(drained, FunctionCalled("resp_1", 0, "call_1"), FunctionCalled("resp_1", 1, "call_2"), DRAIN)
    assert closes(drained.handle(DONE)) == 0
    assert closes(drained.handle(EventGiven(b"{}", call_id="call_1"))) == 0
    effects = told(drained, AgentMessageGiven(1, {}))
    assert closes(told(drained, began(effects))) == 0
    assert closes(drained.handle(ResponseFinished("resp_2"))) == 1


def test_a_result_that_waits_for_the_users_next_turn_is_not_waited_for():
    left = Item("ts_0", content={"type": "function_call_output"}, stage="confirmed", responder="after_turn")
    assert closes(session(items=(left,)).handle(DRAIN)) == 1


@pytest.mark.parametrize("loses", [True, False], ids=["a message", "nothing"])
def test_a_lost_link_is_waited_for_when_something_is_lost_without_it(loses):
    drained = requested() if loses else session()
    drained.handle(LinkLost("upstream_closed", "gone"))
    assert closes(drained.handle(DRAIN)) == (not loses)


def test_a_session_that_cannot_go_on_is_not_ended_twice():
    drained = running(Policy(reconnect_for=0))
    effects = told(drained, DRAIN, LinkLost("upstream_closed", "gone"))
    assert len(of(EndSession, effects)) == 1
    assert closes(effects) == 0


def test_a_response_out_of_band_is_waited_for_from_its_create_to_its_end():
    drained = session(REALTIME, asides=(Aside("mine"),))
    assert closes(told(drained, DRAIN, AsideStarted("resp_7"))) == 0
    assert closes(drained.handle(ResponseFinished("resp_7"))) == 1


def test_each_response_out_of_band_is_waited_for_and_the_end_of_another_one_is_not_its_end():
    drained = session(REALTIME)
    told(drained, AsideStarted("resp_7"), AsideStarted("resp_8"), AsideStarted("resp_8"), DRAIN)
    assert closes(told(drained, ResponseFinished("resp_7"), ResponseFinished("resp_7"), DONE)) == 0
    assert closes(drained.handle(ResponseFinished("resp_8"))) == 1


def test_a_response_out_of_band_that_upstream_shows_no_place_of_is_waited_for():
    drained = session(REALTIME, asides=(Aside("mine"),))
    assert closes(told(drained, DRAIN, ResponseStarted("resp_7", is_placed=False))) == 0
    assert closes(drained.handle(ResponseFinished("resp_7"))) == 1


def test_a_response_out_of_band_is_lost_with_its_link_and_not_waited_for():
    drained = session(REALTIME, asides_running=("resp_7",))
    assert closes(told(drained, DRAIN, LinkLost("upstream_closed", "gone"))) == 1


def test_a_session_that_is_not_drained_goes_on_at_rest():
    assert closes(told(running(), DONE, UPDATED)) == 0
