"""What a session holds is counted in bytes, and what would be too much is refused without ending it."""

from __future__ import annotations

import pytest
from given import BRIEF, answers, codes, configured, creates, requested, running, told, updating

from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    FunctionAnswered,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.effects import CallFunction, SendItem, SendUpdate
from turnstile.session.events import (
    CallReturned,
    ConfigAnswered,
    FunctionCalled,
    ItemConfirmed,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.held_bytes import config_bytes
from turnstile.session.in_flight import Create, Item, Response
from turnstile.session.journal_notes import Held
from turnstile.session.machine import Session
from turnstile.session.memory_size import memory_size
from turnstile.session.policy import Policy

LONG = "x" * 1000
SMALL = Policy(max_held_bytes=2500)
BASE = config_bytes(configured().state)
ITEM = {"type": "message", "content": [{"type": "input_text", "text": LONG}]}
ENDPOINT = object()


def update(ref):
    return ConfigRequested(ref, {"instructions": LONG})


def message(ref):
    return UserMessageGiven(ref, ITEM)


def agent_message(ref):
    return AgentMessageGiven(ref, {"instructions": LONG}, "queue")


def configured_session():
    return Session(None, *configured())


def refused(effects):
    return [(answer.ref, answer.problem.code, answer.in_force) for answer in answers(effects)]


def outputs(effects):
    return [effect.item["output"] for effect in effects if isinstance(effect, SendItem)]


@pytest.mark.parametrize("make", [update, message, agent_message])
def test_a_request_that_is_held_counts_and_one_beyond_the_budget_is_refused(make):
    session = running(SMALL)
    assert isinstance(session.handle(make(1))[0], Held)
    assert session.held_bytes == BASE + make(1).size
    assert refused(session.handle(make(2))) == [(2, "too_many_held", False)]
    assert session.held_bytes == BASE + make(1).size


def test_what_is_held_elsewhere_leaves_less_room():
    session = running(SMALL)
    session.held_elsewhere = 1500
    assert refused(session.handle(message(1))) == [(1, "too_many_held", False)]
    session.held_elsewhere = 0
    assert isinstance(session.handle(message(1))[0], Held)


def test_an_event_without_a_size_is_taken_although_nothing_fits():
    session = running(Policy(max_held_bytes=0))
    assert isinstance(session.handle(TurnEndForced(1))[0], Held)


def test_a_message_counts_until_the_response_that_saw_it_is_over():
    session = configured_session()
    (sent,) = [effect for effect in session.handle(message(1)) if isinstance(effect, SendItem)]
    held = BASE + message(1).size
    assert session.held_bytes == held
    (create,) = creates(session.handle(ItemConfirmed(sent.item["id"])))
    session.handle(ResponseStarted("resp_1", create.event_id))
    assert session.held_bytes == held
    session.handle(ResponseFinished("resp_1"))
    assert session.held_bytes == BASE


def test_an_update_counts_until_it_is_confirmed_and_then_as_the_configuration():
    session = configured_session()
    assert any(isinstance(effect, SendUpdate) for effect in session.handle(update(1)))
    assert session.held_bytes == BASE + update(1).size
    session.handle(ConfigAnswered({"instructions": LONG}))
    assert session.held_bytes == memory_size({"instructions": LONG})


def test_a_configuration_in_force_counts_beside_the_one_that_is_wanted():
    assert config_bytes(configured(in_force={"instructions": LONG}).state) == BASE + memory_size({"instructions": LONG})
    assert config_bytes(configured({}, in_force=BRIEF).state) == BASE


def test_an_update_that_is_out_counts_with_the_requests_behind_it():
    assert updating(None, update(1)).held_bytes == BASE + update(1).size


def test_an_agent_message_counts_while_it_waits_and_while_its_create_is_out():
    session = configured_session()
    session.handle(agent_message(1))
    assert session.state.requested is not None
    assert session.held_bytes == BASE + agent_message(1).size


@pytest.mark.parametrize(
    "changes",
    [
        {"response": Response("resp_1", seen=(Item("ts_0", size=7),))},
        {"response": Response("resp_1", unproven=Create("ts_1", unmarked_seen=(Item("ts_0", size=7),)))},
        {"requested": Create("ts_1", unmarked_seen=(Item("ts_0", size=7),))},
        {"given_up": Create("ts_1", unmarked_seen=(Item("ts_0", size=7),))},
        {"items": (Item("ts_0", size=7).sent("ts_1").confirmed("item_1"),)},
    ],
)
def test_an_item_counts_wherever_it_is_kept(changes):
    assert Session(None, *configured(**changes)).held_bytes == BASE + 7


def test_a_create_that_answers_items_takes_nothing_of_its_own():
    assert requested().held_bytes == BASE


def test_the_result_of_a_clients_call_counts_and_one_beyond_the_budget_leaves_the_call_open():
    session = running(SMALL)
    told(session, FunctionCalled("resp_1", 0, "call_1", "get", LONG), FunctionCalled("resp_1", 1, "call_2"))
    assert session.held_bytes == BASE
    session.handle(FunctionAnswered(1, "call_1", LONG))
    assert session.held_bytes == BASE + FunctionAnswered(1, "call_1", LONG).size
    assert refused(session.handle(FunctionAnswered(2, "call_2", 2 * LONG))) == [(2, "too_many_held", False)]
    assert outputs(told(session, FunctionAnswered(3, "call_2", "4"), ResponseFinished("resp_1"))) == [LONG, "4"]


def test_the_arguments_of_a_call_that_the_proxy_makes_count_until_its_result():
    session = running(SMALL)
    called = FunctionCalled("resp_1", 0, "call_1", "get", LONG, ENDPOINT)
    session.handle(called)
    assert session.held_bytes == BASE + called.size
    session.handle(CallReturned("call_1", "4"))
    assert session.held_bytes == BASE + CallReturned("call_1", "4").size


def test_a_call_whose_arguments_do_not_fit_is_not_made():
    session = running(SMALL)
    called = FunctionCalled("resp_1", 0, "call_1", "get", 3 * LONG, ENDPOINT)
    effects = session.handle(called)
    assert codes(effects) == ["too_many_calls"]
    assert not [effect for effect in effects if isinstance(effect, CallFunction)]
    assert session.handle(called) == []


def test_a_result_that_does_not_fit_reaches_the_model_as_an_error():
    session = running(SMALL)
    session.handle(FunctionCalled("resp_1", 0, "call_1", "get", "{}", ENDPOINT))
    session.handle(CallReturned("call_1", 3 * LONG))
    (output,) = outputs(session.handle(ResponseFinished("resp_1")))
    assert "too large" in output
