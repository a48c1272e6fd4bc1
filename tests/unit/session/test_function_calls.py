"""Function calls: any order, once each, one response."""

from __future__ import annotations

import pytest
from session_words import CONFIG, MESSAGE, answers, of

from turnstile.session.client_requests import AgentMessageGiven, FunctionAnswered, UserMessageGiven
from turnstile.session.effects import CallFunction, CallsCancelled, Reported, SendCreate, SendItem
from turnstile.session.events import (
    CallReturned,
    FunctionCalled,
    ItemConfirmed,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.gate import turn_waits_for
from turnstile.session.in_flight import Call, Item, Response
from turnstile.session.policy import Policy
from turnstile.session.turn_events import TurnCommitted


def running(at, *calls, **changes):
    """Return a session whose response has called these functions."""
    session = at(response=Response("resp_1"), **changes)
    for index, call_id in enumerate(calls):
        session.handle(FunctionCalled("resp_1", index, call_id))
    return session


def called_from_here(at, **changes):
    """Return a session whose response has called a function that the proxy calls, and what followed."""
    session = at(response=Response("resp_1"), **changes)
    return session, session.handle(FunctionCalled("resp_1", 0, "call_1", "get", '{"a": 1}', "somewhere"))


def outputs(effects):
    return [(item.item["call_id"], item.item["output"]) for item in of(SendItem, effects)]


def test_a_result_after_the_response_goes_at_once_and_is_answered_by_one_response(at):
    session = running(at, "call_1")
    session.handle(ResponseFinished("resp_1"))
    effects = session.handle(FunctionAnswered(1, "call_1", "4"))
    assert outputs(effects) == [("call_1", "4")]
    (item,) = of(SendItem, effects)
    effects = session.handle(ItemConfirmed(item.item["id"]))
    assert answers(effects) == [(1, None, True)]
    assert len(of(SendCreate, effects)) == 1


def test_a_result_before_the_end_of_the_response_waits_for_it(at):
    session = running(at, "call_1")
    assert outputs(session.handle(FunctionAnswered(1, "call_1", "4"))) == []
    assert outputs(session.handle(ResponseFinished("resp_1"))) == [("call_1", "4")]


def test_results_go_together_in_the_order_of_the_response(at):
    session = running(at, "call_1", "call_2")
    session.handle(ResponseFinished("resp_1"))
    assert outputs(session.handle(FunctionAnswered(1, "call_2", "b"))) == []
    assert outputs(session.handle(FunctionAnswered(2, "call_1", "a"))) == [("call_1", "a"), ("call_2", "b")]


def test_a_call_is_known_once_however_often_it_is_told(at):
    session = running(at, "call_1", "call_1")
    assert [call.call_id for call in session.data.calls] == ["call_1"]


def test_a_second_result_is_answered_by_a_warning(at):
    session = running(at, "call_1")
    session.handle(FunctionAnswered(1, "call_1", "4"))
    assert answers(session.handle(FunctionAnswered(2, "call_1", "5"))) == [(2, "function_call_already_answered", False)]
    session.handle(ResponseFinished("resp_1"))
    assert answers(session.handle(FunctionAnswered(3, "call_1", "6"))) == [(3, "function_call_already_answered", False)]


def test_a_result_for_a_call_that_nobody_made_is_answered_by_a_warning(at):
    assert answers(at().handle(FunctionAnswered(1, "call_9", "4"))) == [(1, "unknown_function_call", False)]


def test_barge_in_voids_the_open_calls_and_a_late_result_goes_nowhere(at):
    session = running(at, "call_1")
    assert of(CallsCancelled, session.handle(ResponseFinished("resp_1", "cancelled"))) == [CallsCancelled(("call_1",))]
    effects = session.handle(FunctionAnswered(1, "call_1", "4"))
    assert answers(effects) == [(1, "function_call_cancelled", False)]
    assert outputs(effects) == []


def test_a_result_that_was_there_before_the_barge_in_goes_up_and_waits_for_the_users_turn(at):
    session = running(at, "call_1", "call_2")
    session.handle(FunctionAnswered(1, "call_1", "4"))
    effects = session.handle(ResponseFinished("resp_1", "cancelled"))
    assert outputs(effects) == [("call_1", "4")]
    assert of(CallsCancelled, effects) == [CallsCancelled(("call_2",))]
    (item,) = of(SendItem, effects)
    assert of(SendCreate, session.handle(ItemConfirmed(item.item["id"]))) == []
    session.handle(TurnCommitted("item_1"))
    session.handle(ResponseStarted("resp_2"))
    assert [seen.item_id for seen in session.state.response.seen] == [item.item["id"], "item_1"]


def test_more_open_calls_than_allowed_are_not_waited_for(at):
    session = running(at, "call_1", policy=Policy(max_open_calls=1))
    (report,) = of(Reported, session.handle(FunctionCalled("resp_1", 1, "call_2")))
    assert report.problem.code == "too_many_calls"
    assert answers(session.handle(FunctionAnswered(1, "call_2", "4"))) == [(1, "too_many_calls", False)]


def test_a_call_told_after_the_end_of_its_response_is_still_a_call(at):
    session = at()
    session.handle(FunctionCalled("resp_1", 0, "call_1"))
    assert session.data.calls == (Call("call_1", "resp_1", 0),)


def test_a_result_of_a_response_that_an_agent_message_cut_off_is_answered_all_the_same(at):
    session = running(at, "call_1")
    session.handle(FunctionAnswered(1, "call_1", "4"))
    session.handle(AgentMessageGiven(2, {}, "interrupt"))
    (say,) = of(SendItem, session.handle(ResponseFinished("resp_1", "cancelled")))
    assert session.state.items[0].responder == "proxy"
    assert say.item["call_id"] == "call_1"


def test_the_user_has_the_turn_no_longer_when_only_an_answer_for_later_waits(at):
    session = at(items=(Item("ts_0", stage="confirmed", responder="after_turn"),))
    assert turn_waits_for(session.state) is None


def test_a_function_with_an_endpoint_is_called_from_here(at):
    _, effects = called_from_here(at)
    assert of(CallFunction, effects) == [CallFunction("call_1", '{"a": 1}', "somewhere")]


def test_a_function_with_an_endpoint_is_called_once_however_often_it_is_told(at):
    session, _ = called_from_here(at)
    assert session.handle(FunctionCalled("resp_1", 0, "call_1", "get", "{}", "somewhere")) == []


def test_what_it_returns_goes_upstream_like_any_result_and_is_nobodys_request(at):
    session, _ = called_from_here(at)
    session.handle(ResponseFinished("resp_1"))
    effects = session.handle(CallReturned("call_1", "4"))
    assert outputs(effects) == [("call_1", "4")]
    (item,) = of(SendItem, effects)
    effects = session.handle(ItemConfirmed(item.item["id"]))
    assert answers(effects) == []
    assert len(of(SendCreate, effects)) == 1


def test_what_it_returns_after_it_was_cancelled_is_of_no_use(at):
    session, _ = called_from_here(at)
    session.handle(ResponseFinished("resp_1", "cancelled"))
    assert session.handle(CallReturned("call_1", "4")) == []


def test_the_client_cannot_answer_for_the_proxy(at):
    session, _ = called_from_here(at)
    assert answers(session.handle(FunctionAnswered(1, "call_1", "5"))) == [(1, "function_call_not_yours", False)]
    session.handle(CallReturned("call_1", "4"))
    assert answers(session.handle(FunctionAnswered(2, "call_1", "5"))) == [(2, "function_call_already_answered", False)]


# What follows the results of functions.

ONE = {"type": "function", "name": "look"}


def call_round(session, number, *, output="4"):
    """Let the response in progress call a function, answer it, and let the next response begin; returns the effects."""
    response = session.state.response.response_id
    session.handle(FunctionCalled(response, 0, f"call_{number}"))
    session.handle(ResponseFinished(response))
    effects = session.handle(FunctionAnswered(100 + number, f"call_{number}", output))
    for item in of(SendItem, effects):
        effects += session.handle(ItemConfirmed(item.item["id"]))
    for create in of(SendCreate, effects):
        session.handle(begun(f"resp_{100 + number}", create))
    return effects


def begun(response_id, create):
    return ResponseStarted(response_id, create.event_id)


def creates(effects):
    return [create.response for create in of(SendCreate, effects)]


@pytest.mark.parametrize(
    ("choice", "follow_up"),
    [
        ("required", {"tool_choice": "auto"}),
        (ONE, {"tool_choice": "auto"}),
        ("auto", {}),
        ("none", {}),
        (None, {}),
    ],
)
def test_a_forced_choice_of_functions_is_not_for_the_response_to_their_results(at, choice, follow_up):
    config = CONFIG if choice is None else {**CONFIG, "tool_choice": choice}
    assert creates(call_round(at(config=config, response=Response("resp_1")), 1)) == [follow_up]


def test_a_forced_choice_is_not_for_the_results_of_calls_that_the_proxy_makes_for_a_client_of_the_apis_language(at):
    config = {**CONFIG, "tool_choice": "required"}
    session, _ = called_from_here(at, config=config, policy=Policy(is_transparent=True))
    session.handle(ResponseFinished("resp_1"))
    (item,) = of(SendItem, session.handle(CallReturned("call_1", "4")))
    assert creates(session.handle(ItemConfirmed(item.item["id"]))) == [{"tool_choice": "auto"}]


def test_what_a_client_of_the_apis_language_says_for_its_own_create_stands(at):
    session = at(config={**CONFIG, "tool_choice": "required"}, policy=Policy(is_transparent=True))
    effects = session.handle(AgentMessageGiven(1, {"tool_choice": ONE}, "queue"))
    assert creates(effects) == [{"tool_choice": ONE}]


def test_a_forced_choice_of_functions_is_for_the_users_next_message(at):
    session = at(config={**CONFIG, "tool_choice": "required"}, response=Response("resp_1"))
    call_round(session, 1)
    session.handle(ResponseFinished(session.state.response.response_id))
    (item,) = of(SendItem, session.handle(UserMessageGiven(1, MESSAGE)))
    assert creates(session.handle(ItemConfirmed(item.item["id"]))) == [{}]


def test_the_choice_is_the_same_again_when_the_follow_up_is_tried_again(at):
    session = at(config={**CONFIG, "tool_choice": "required"}, response=Response("resp_1"))
    call_round(session, 1)
    effects = session.handle(ResponseFinished(session.state.response.response_id, "failed"))
    assert creates(effects) == [{"tool_choice": "auto"}]


TWICE = Policy(max_call_rounds=2)


def rounds(session, *numbers):
    effects = [call_round(session, number) for number in numbers]
    return [params for sent in effects for params in creates(sent)], [
        report.problem.code for sent in effects for report in of(Reported, sent)
    ]


def test_the_agent_must_do_without_functions_when_it_called_them_too_often_in_a_row(at):
    session = at(policy=TWICE, response=Response("resp_1"))
    sent, told = rounds(session, 1, 2)
    assert sent == [{}, {"tool_choice": "none"}]
    assert told == ["too_many_call_rounds"]


def test_an_agent_that_calls_functions_though_it_must_not_is_not_asked_to_go_on(at):
    session = at(policy=TWICE, response=Response("resp_1"))
    sent, told = rounds(session, 1, 2, 3)
    assert sent == [{}, {"tool_choice": "none"}]
    assert told == ["too_many_call_rounds"] * 2
    assert session.state.phase == "idle"


@pytest.mark.parametrize("outcome", ["completed", "cancelled", "incomplete"])
def test_calls_are_counted_anew_when_a_response_came_to_its_end_without_any(at, outcome):
    session = at(policy=TWICE, response=Response("resp_1"))
    call_round(session, 1)
    session.handle(ResponseFinished(session.state.response.response_id, outcome))
    session.handle(ResponseStarted("resp_2"))
    assert rounds(session, 2) == ([{}], [])


def test_calls_are_counted_on_when_the_response_to_their_results_failed(at):
    session = at(policy=TWICE, response=Response("resp_1"))
    call_round(session, 1)
    (again,) = of(SendCreate, session.handle(ResponseFinished(session.state.response.response_id, "failed")))
    session.handle(begun("resp_2", again))
    assert rounds(session, 2) == ([{"tool_choice": "none"}], ["too_many_call_rounds"])


@pytest.mark.parametrize("said", [UserMessageGiven(1, MESSAGE), TurnCommitted("item_1")])
def test_calls_are_counted_anew_when_the_user_has_said_something(at, said):
    session = at(policy=TWICE, response=Response("resp_1"), call_rounds=1)
    session.handle(FunctionCalled("resp_1", 0, "call_1"))
    session.handle(ResponseFinished("resp_1"))
    session.handle(said)
    session.handle(FunctionAnswered(2, "call_1", "4"))
    assert session.data.call_rounds == 1
