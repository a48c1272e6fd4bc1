"""A failed response is repeated where that may help, when the API says or after growing waits, and reported once."""

from __future__ import annotations

import pytest
from given import PROXY_ANSWERS, answers, client, codes, creates, requested, running, said_item, session, timer, told

from turnstile.errors import Problem
from turnstile.session.client_requests import AgentMessageGiven
from turnstile.session.effects import SetDeadlines
from turnstile.session.events import Refused, ResponseFinished, ResponseStarted
from turnstile.session.facts import FactReader
from turnstile.session.failures import wait_before
from turnstile.session.in_flight import Create, Response
from turnstile.session.policy import Policy
from turnstile.session.turn_events import SpeechStarted, SpeechStopped, TurnCommitted

LIMITED = Problem("rate_limit_exceeded", "Rate limit reached for tokens per min. Please try again in 2.5s.")
BROKEN = Problem("server_error", "The server had an error while processing your request.")
QUOTA = Problem("insufficient_quota", "You exceeded your current quota.")


def failing(problem, policy=None):
    """A response that was to answer a message fails; return the session and the effects."""
    busy = running(policy, response=Response("resp_1", seen=(said_item(),), is_ours=True))
    return busy, busy.handle(ResponseFinished("resp_1", "failed", problem))


def delays(effects):
    told = [effect.deadlines for effect in effects if isinstance(effect, SetDeadlines)]
    return [wait.delay for waits in told for wait in waits if wait.name == "retry"]


def test_a_rate_limit_waits_as_long_as_the_api_says():
    busy, effects = failing(LIMITED)
    assert (client(effects), creates(effects), delays(effects)) == ([], [], [2.5])
    assert len(creates(timer(busy, "retry"))) == 1


def test_other_failures_wait_seconds_growing_and_are_reported_once_when_given_up():
    busy, effects = failing(BROKEN)
    waits, reports = delays(effects), codes(effects)
    for number in range(3):
        (create,) = creates(timer(busy, "retry"))
        busy.handle(ResponseStarted(f"r{number}", create.event_id))
        effects = busy.handle(ResponseFinished(f"r{number}", "failed", BROKEN))
        waits, reports = waits + delays(effects), reports + codes(effects)
    assert waits == [1.0, 2.0, 4.0]
    assert reports == ["server_error"]
    assert (busy.state.items, busy.data.tries, busy.state.phase) == ((), 0, "idle")


@pytest.mark.parametrize("code", ["insufficient_quota", "invalid_api_key", "content_policy_violation"])
def test_what_would_fail_again_is_reported_and_not_repeated(code):
    busy, effects = failing(Problem(code, "no"))
    assert (codes(effects), delays(effects)) == ([code], [])
    assert busy.state.phase == "idle"


def test_a_failed_agent_message_is_reported_once():
    effects = running(response=Response("resp_1", is_ours=True)).handle(ResponseFinished("resp_1", "failed", BROKEN))
    assert (codes(effects), delays(effects)) == (["server_error"], [])


def test_a_realtime_client_hears_of_a_failure_by_its_own_event():
    busy = running(Policy(is_transparent=True), response=Response("resp_1", is_ours=True))
    assert client(busy.handle(ResponseFinished("resp_1", "failed", BROKEN))) == []


def test_what_answers_a_call_made_here_fails_so_often_and_no_more_where_the_client_speaks_the_apis_language():
    policy = Policy(is_transparent=True, create_tries=3)
    busy, effects = failing(BROKEN, policy)
    assert (client(effects), delays(effects)) == ([], [1.0])
    for _ in range(2):
        (create,) = creates(timer(busy, "retry"))
        effects = told(busy, ResponseStarted("r2", create.event_id), ResponseFinished("r2", "failed", BROKEN))
    assert (client(effects), busy.state.phase, busy.state.items) == ([], "idle", ())


@pytest.mark.parametrize("problem", [BROKEN, Problem("content_filter", "It was flagged.")], ids=["passing", "final"])
def test_a_turn_that_the_failed_response_has_not_seen_is_not_given_up_with_it(problem):
    busy = running(
        Policy(create_tries=1), PROXY_ANSWERS, response=Response("resp_1", seen=(said_item(),), is_ours=True)
    )
    told(busy, SpeechStarted(), SpeechStopped("t1"), TurnCommitted("t1"))
    effects = busy.handle(ResponseFinished("resp_1", "failed", problem))
    assert codes(effects) == [problem.code]
    busy.handle(ResponseStarted("r2", creates(effects)[0].event_id))
    assert [item.item_id for item in busy.state.response.seen] == ["t1"]


def test_a_success_of_ours_begins_the_count_anew():
    busy, _ = failing(BROKEN)
    (create,) = creates(timer(busy, "retry"))
    told(busy, ResponseStarted("r2", create.event_id), ResponseFinished("r2"))
    assert busy.data.tries == 0


def test_a_create_refused_for_now_is_repeated():
    busy = requested()
    effects = busy.handle(Refused("ts_1", "rate_limit_exceeded", "Please try again in 300ms."))
    assert (codes(effects), delays(effects)) == ([], [0.3])
    assert len(creates(timer(busy, "retry"))) == 1


def test_a_realtime_clients_create_refused_for_now_is_the_clients_to_repeat():
    say = AgentMessageGiven(5, {})
    busy = session(Policy(is_transparent=True), requested=Create("ts_1", say))
    (answer,) = answers(busy.handle(Refused("ts_1", "rate_limit_exceeded", "Please try again in 300ms.")))
    assert answer.problem.code == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Please try again in 6.42s.", 6.42),
        ("Please try again in 350ms.", 0.35),
        ("Try again in 1m3.5s.", 60.0),
        ("Retry-After: 7", 7.0),
        ("Please retry after 2 s", 2.0),
        ("try again in 3h", 60.0),
        ("try again in a moment", 1.0),
        ("no", 1.0),
    ],
)
def test_the_wait_is_read_from_the_apis_words(words, seconds):
    assert wait_before(Problem("rate_limit_exceeded", words), 1, Policy()) == pytest.approx(seconds)


def test_a_wait_has_a_limit():
    assert wait_before(BROKEN, 20, Policy()) == Policy().failure_delay_limit


@pytest.mark.parametrize(
    ("details", "problem"),
    [
        (
            {"error": {"type": "server_error", "code": "rate_limit_exceeded", "message": "Wait."}},
            ("rate_limit_exceeded", "Wait."),
        ),
        ({"error": {"type": "server_error", "code": None, "message": 7}}, ("server_error", "The response failed.")),
        ({"error": "x"}, ("response_failed", "The response failed.")),
        ("x", ("response_failed", "The response failed.")),
        (None, ("response_failed", "The response failed.")),
    ],
)
def test_why_a_response_failed_is_read_as_far_as_upstream_says(details, problem):
    response = {"id": "r", "status": "failed", "status_details": details}
    fact = FactReader().fact({"type": "response.done", "response": response})
    assert fact == ResponseFinished("r", "failed", Problem(*problem))


@pytest.mark.parametrize("status", [None, 7, {}, "unheard_of"])
def test_a_response_that_is_done_in_an_unknown_way_is_done(status):
    fact = FactReader().fact({"type": "response.done", "response": {"id": "r", "status": status}})
    assert fact == ResponseFinished("r", "completed")
