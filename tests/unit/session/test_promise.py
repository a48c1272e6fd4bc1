"""The promise, sentence by sentence, and the rows of the table of states with all that ends them."""

from __future__ import annotations

import pytest
from given import (
    CALM,
    COLLISION,
    DONE,
    PROXY_ANSWERS,
    UPDATED,
    answers,
    began,
    client,
    codes,
    confirmed,
    creates,
    kinds,
    message,
    patches,
    requested,
    running,
    said_item,
    sent_item,
    session,
    timer,
    told,
    updating,
    upstream,
)
from relinking import LOST, relinked

from turnstile.errors import Problem
from turnstile.session.client_requests import ConfigRequested, FunctionAnswered
from turnstile.session.effects import (
    Answered,
    CallsCancelled,
    SendCancel,
    SendCreate,
    SendItem,
    SendUpdate,
)
from turnstile.session.events import (
    AgentSpoke,
    FunctionCalled,
    HandedBack,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseProgressed,
    ResponseStarted,
)
from turnstile.session.in_flight import Cancel, Commit, Create, Response
from turnstile.session.journal_notes import Noted
from turnstile.session.policy import Policy
from turnstile.session.turn_events import SpeechStarted, SpeechStopped, TurnCommitted

WANTED = ConfigRequested(7, {"speed": 1.5})

# A turn that the API answers by itself.
HEARD = (SpeechStopped("turn_1"), TurnCommitted("turn_1"))

# How a session comes to each state in which the gate is shut, and each of its ends.
SHUT = {
    "updating": updating,
    "expected": lambda: session(expected="turn_1@0"),
    "requested": requested,
    "in progress": running,
    "cancelling": lambda: running(response=Response("resp_1", cancel=Cancel("ts_1", "asked"))),
}
ENDS = [
    ("updating", UPDATED),
    ("updating", Refused("ts_1", "invalid_value", "no")),
    ("updating", "update"),
    ("expected", "expected"),
    ("requested", Refused("ts_1", "invalid_value", "no")),
    ("in progress", DONE),
    ("cancelling", DONE),
    ("cancelling", ResponseFinished("resp_1", "cancelled")),
    ("cancelling", Refused("ts_1", "response_cancel_not_active", "no")),
    ("cancelling", "cancel"),
]
NO_ENDS = [
    ResponseFinished("resp_0"),
    Refused(None, "server_error", "sorry"),
    ItemConfirmed("item_0"),
    ResponseProgressed("resp_1"),
    AgentSpoke(),
    SpeechStarted(),
]


# The table.


@pytest.mark.parametrize("phase", SHUT)
def test_a_state_has_its_name(phase):
    assert SHUT[phase]().state.phase == phase


@pytest.mark.parametrize(("phase", "end"), ENDS)
def test_a_state_ends_with_what_its_row_lists(phase, end):
    shut = SHUT[phase]()
    timer(shut, end) if isinstance(end, str) else shut.handle(end)
    assert shut.state.phase == "idle"


@pytest.mark.parametrize("phase", SHUT)
@pytest.mark.parametrize("fact", NO_ENDS, ids=lambda fact: type(fact).__name__)
def test_nothing_else_ends_a_state(phase, fact):
    shut = SHUT[phase]()
    shut.handle(fact)
    assert shut.state.phase == phase


@pytest.mark.parametrize("phase", SHUT)
def test_a_lost_link_ends_every_state(phase):
    shut = SHUT[phase]()
    shut.handle(LOST)
    assert shut.state.phase == "no link"


@pytest.mark.parametrize("phase", ["expected", "updating", "requested"])
def test_a_response_of_the_servers_may_begin_in_any_of_them(phase):
    shut = SHUT[phase]()
    shut.handle(ResponseStarted("resp_1"))
    assert shut.state.phase == "in progress"


def test_both_facts_are_kept_when_the_servers_response_begins_while_an_update_is_unanswered():
    both = updating()
    told(both, ResponseStarted("resp_1"), DONE)
    assert both.state.phase == "updating"


# P1.


@pytest.mark.parametrize("phase", SHUT)
def test_p1_no_update_leaves_while_a_response_is_known_of_or_another_update_is_out(phase):
    assert upstream(SHUT[phase]().handle(WANTED)) == []


@pytest.mark.parametrize("phase", SHUT)
def test_p1_no_create_leaves_while_a_response_is_known_of_or_an_update_is_out(phase):
    shut = SHUT[phase]()
    assert creates(told(shut, message(8))) == []


def test_p1_the_end_of_a_turn_that_the_server_answers_shuts_the_gate():
    heard = session()
    heard.handle(SpeechStopped("turn_1"))
    assert upstream(heard.handle(WANTED)) == []


# P2.


@pytest.mark.parametrize("phase", SHUT)
def test_p2_no_update_is_lost_whatever_it_waits_for(phase):
    shut = SHUT[phase]()
    shut.handle(WANTED)
    end = next(end for name, end in ENDS if name == phase)
    effects = timer(shut, end) if isinstance(end, str) else shut.handle(end)
    assert patches(effects) == [WANTED.patch]


def test_p2_an_update_is_acknowledged_only_once():
    idle = session()
    assert answers(told(idle, WANTED, UPDATED, UPDATED)) == [Answered(7)]


# P3.


def test_p3_what_was_held_goes_in_order_update_confirmation_items_one_create():
    busy = running()
    told(busy, message(1), WANTED, message(2), ConfigRequested(8, CALM))
    first = busy.handle(DONE)
    assert (kinds(first), patches(first)) == ([SendUpdate], [{**CALM, **WANTED.patch}])
    items = busy.handle(UPDATED)
    assert kinds(items) == [SendItem, SendItem]
    one, two = confirmed(items)
    assert creates(busy.handle(one)) == []
    assert kinds(busy.handle(two)) == [SendCreate]


def test_p3_nothing_is_created_when_nothing_is_owed():
    assert kinds(told(running(), WANTED, DONE, UPDATED)) == [SendUpdate]


# P4.


def test_p4_a_refused_create_goes_again_when_the_winner_failed():
    busy = requested(items=(said_item(),))
    told(busy, *HEARD, ResponseStarted("resp_1"), Refused("ts_1", COLLISION, "busy"))
    busy.handle(ResponseFinished("resp_1", "failed", Problem("server_error", "sorry")))
    assert kinds(timer(busy, "retry")) == [SendCreate]


def test_p4_a_refused_create_goes_again_at_once_when_the_winner_is_done_already():
    effects = requested(ended=("resp_1",)).handle(Refused("ts_1", COLLISION, "busy", running="resp_1"))
    assert kinds(effects) == [SendCreate]
    assert Noted("collided", "ts_1 try 1") in effects


def test_p4_a_collision_reaches_no_client():
    assert client(requested().handle(Refused("ts_1", COLLISION, "busy"))) == []


def test_p4_tries_are_counted_and_bounded_and_their_end_is_told():
    busy = requested(Policy(create_tries=2), ended=("resp_1",))
    (again,) = creates(busy.handle(Refused("ts_1", COLLISION, "busy", running="resp_1")))
    effects = busy.handle(Refused(again.event_id, COLLISION, "busy", running="resp_1"))
    assert (creates(effects), codes(effects)) == ([], ["response_refused"])
    assert busy.state.phase == "idle"


def test_p4_the_loser_owes_nothing_when_the_winner_answered_its_item():
    busy = requested()
    told(busy, *HEARD, ResponseStarted("resp_1"), Refused("ts_1", COLLISION, "busy"))
    assert creates(busy.handle(DONE)) == []


def test_p4_a_loser_that_upstream_took_after_all_is_stopped_when_it_has_nothing_to_answer():
    busy = requested()
    told(busy, *HEARD, ResponseStarted("resp_1"), DONE)
    assert kinds(busy.handle(ResponseStarted("resp_2", "ts_1"))) == [SendCancel]


def test_p4_the_proxy_creates_the_response_to_a_committed_turn_when_it_takes_the_turns():
    mine = session(Policy(turns="proxy"), PROXY_ANSWERS)
    assert creates(told(mine, SpeechStarted(), SpeechStopped("turn_1"))) == []
    assert kinds(mine.handle(TurnCommitted("turn_1"))) == [SendCreate]


# P5.


def test_p5_messages_go_once_each_and_in_the_order_given():
    busy = running()
    effects = told(busy, message(1, "a"), message(2, "b"), DONE, message(3, "c"))
    sent = [effect.item["content"] for effect in effects if isinstance(effect, SendItem)]
    assert sent == ["a", "b", "c"]


# P6.


def test_p6_a_create_waits_for_the_confirmation_of_its_item():
    idle = session()
    (item,) = confirmed(idle.handle(message()))
    assert kinds(idle.handle(item)) == [SendCreate]


def test_p6_a_refused_item_creates_nothing_and_is_reported():
    effects = session(items=(sent_item(),)).handle(Refused("ts_1", "invalid_value", "no"))
    assert (creates(effects), codes(effects)) == ([], ["invalid_value"])


def test_p6_several_calls_of_a_response_lead_to_one_create_after_all_their_outputs():
    busy = running()
    told(busy, FunctionCalled("resp_1", 0, "a"), FunctionCalled("resp_1", 1, "b"), DONE)
    assert upstream(busy.handle(FunctionAnswered(1, "b", "2"))) == []
    effects = busy.handle(FunctionAnswered(2, "a", "1"))
    assert [effect.item["call_id"] for effect in upstream(effects)] == ["a", "b"]
    assert kinds(told(busy, *confirmed(effects))) == [SendCreate]


def test_p6_nothing_more_of_the_response_is_waited_for_when_the_outputs_come_after_it():
    busy = running()
    told(busy, FunctionCalled("resp_1", 0, "a"), DONE)
    effects = busy.handle(FunctionAnswered(1, "a", "1"))
    create = told(busy, *confirmed(effects))
    busy.handle(began(create))
    assert busy.state.phase == "in progress"


def test_p6_a_result_during_the_next_response_goes_when_that_is_done():
    busy = running()
    told(busy, FunctionCalled("resp_1", 0, "a"), DONE, ResponseStarted("resp_2"))
    assert upstream(busy.handle(FunctionAnswered(1, "a", "1"))) == []
    assert kinds(busy.handle(ResponseFinished("resp_2"))) == [SendItem]


def test_p6_a_cancelled_response_drops_its_open_calls():
    busy = running()
    busy.handle(FunctionCalled("resp_1", 0, "a"))
    assert CallsCancelled(("a",)) in busy.handle(ResponseFinished("resp_1", "cancelled"))


# P7.


STALLS = [
    (updating, "update", "update_stalled"),
    (lambda: session(expected="turn_1@0"), "expected", "response_expected_stalled"),
    (lambda: requested(Policy(create_tries=1)), "create", "response_create_stalled"),
    (running, "response", "response_stalled"),
    (SHUT["cancelling"], "cancel", "cancel_stalled"),
    (lambda: session(items=(sent_item(),)), "item", "item_stalled"),
    (lambda: session(commits=(Commit("ts_1"),)), "commit", "commit_stalled"),
]


@pytest.mark.parametrize(("stalled", "wait", "code"), STALLS, ids=[wait for _, wait, _ in STALLS])
def test_p7_a_stall_is_reported_as_one_and_leads_back_to_idle(stalled, wait, code):
    waiting = stalled()
    assert codes(timer(waiting, wait)) == [code]
    if wait == "response":
        timer(waiting, "cancel")
    assert waiting.state.phase == "idle"


def test_p7_a_sign_of_life_begins_the_wait_anew():
    busy = running()
    (effect,) = busy.handle(ResponseProgressed("resp_1"))
    assert [wait.token for wait in effect.deadlines] == ["resp_1+1"]


def test_p7_a_lost_link_leads_back_to_idle_over_a_new_one():
    busy = running()
    relinked(busy)
    assert busy.state.phase == "idle"


def test_a_command_handed_back_that_nobody_waits_for_means_nothing():
    assert session(requested=Create("ts_2")).handle(HandedBack("ts_1")) == []
