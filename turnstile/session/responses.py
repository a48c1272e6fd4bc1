"""The responses that the proxy owes: each requested, repeated, cancelled or given up."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import failures
from turnstile.session.collisions import blocking_response, is_collision, last_ended, lost_race
from turnstile.session.effects import Answered, Reported, SendCancel, SendCreate
from turnstile.session.function_calls import follow_up
from turnstile.session.gate import create_waits_for, request_waits_for, response_waits_for, turn_waits_for
from turnstile.session.in_flight import Because, Cancel, Create, Response
from turnstile.session.state import Now, Step
from turnstile.session.waits import reason

if TYPE_CHECKING:
    from turnstile.session.client_requests import AgentMessageGiven
    from turnstile.session.effects import Effect
    from turnstile.session.events import Refused
    from turnstile.session.policy import Policy

_REFUSED = Problem("response_refused", "Upstream kept refusing to begin a response; the messages stay unanswered.")


def take_agent_message(now: Now, request: AgentMessageGiven, policy: Policy) -> Step:
    """Take an agent message when the gate lets it, or by interrupting the turn; by default only between turns."""
    waits = request_waits_for(now.state, request, policy)
    if waits:
        return Step(now, waits=waits)
    if request.behavior == "interrupt" and not now.state.interrupting:
        interrupting = response_waits_for(now.state) is not None
        return Step(now.change(agent_messages=(request, *now.state.agent_messages), interrupting=interrupting))
    turn = turn_waits_for(now.state)
    if request.behavior == "default" and turn:
        text = f"The agent message was refused: a turn is running ({_turn_in_words(now)}: {reason(turn, now.state)})."
        return Step(now, (Answered(request.ref, Problem("injection_refused", text), in_force=False),))
    return Step(now.change(agent_messages=(*now.state.agent_messages, request)))


def _turn_in_words(now: Now) -> str:
    if response_waits_for(now.state):
        return now.state.phase
    if now.state.agent_messages:
        return "another agent message waits"
    if now.state.user_audio.speaking:
        return "the user is speaking"
    return "input audio is being committed" if now.state.commits else "a message waits for its answer"


def settle_interruption(now: Now, policy: Policy) -> Step | None:
    """Cancel the response in progress if an agent message interrupts it, or if it is redundant."""
    response = now.state.response
    if now.state.interrupting and response_waits_for(now.state) is None:
        return Step(now.change(interrupting=False))
    if response is None or response.cancel or not (now.state.interrupting or response.redundant):
        return None
    return cancel(now, response, "asked" if now.state.interrupting else "redundant", policy)


def cancel(now: Now, response: Response, because: Because, policy: Policy) -> Step:
    """Ask upstream to stop `response`."""
    event_id = f"{policy.id_prefix}{now.data.serial}"
    stopping = Cancel(event_id, because)
    after = now.change(response=replace(response, cancel=stopping), interrupting=False, serial=now.data.serial + 1)
    return Step(after, (SendCancel(event_id, response.response_id),))


def settle_create(now: Now, policy: Policy) -> Step | None:
    """Create the response that is owed: the agent's message first, then the answer to the items."""
    is_owed = bool(now.state.agent_messages)
    for item in now.state.items:
        is_owed = is_owed or item.responder == "proxy"
    if not is_owed or create_waits_for(now.state):
        return None
    event_id = f"{policy.id_prefix}{now.data.serial}"
    if now.state.agent_messages:
        message = now.state.agent_messages[0]
        create, response = Create(event_id, message, (), last_ended(now)), dict(message.response)
    else:
        covers = tuple([item.item_id for item in now.state.items])
        create, response = Create(event_id, None, covers, last_ended(now)), follow_up(now, policy)
    after = now.change(requested=create, agent_messages=now.state.agent_messages[1:], serial=now.data.serial + 1)
    return Step(after, (SendCreate(event_id, response, now.data.epoch),))


def create_refused(now: Now, create: Create, error: Refused, policy: Policy) -> Step:
    """Repeat a create that collided once the other response has ended, or fail a create that upstream rejects."""
    after = now.change(requested=None)
    if not is_collision(error):
        if policy.is_transparent or not failures.is_passing(error.problem):
            return give_up(after, create, error.problem)
        wait = failures.wait_before(error.problem, now.data.tries + 1, policy)
        return create_failed(after, create, error.problem, policy, wait)
    collided = lost_race(create.event_id, now.data.tries + 1)
    winner = blocking_response(now, error, create.ended)
    if winner == "" or (winner and now.data.tries + 1 < policy.create_tries):
        return Step(put_back(after.change(blocked_by=winner), create.agent_message), (collided,))
    step = create_failed(after, create, _REFUSED, policy)
    return Step(step.now, (collided, *step.effects))


def blocking_response_missing(now: Now) -> Step:
    """Repeat a create whose refusal named a response that did not begin in time; it counts as a try."""
    return Step(now.change(blocked_by="", tries=now.data.tries + 1))


def create_stalled(now: Now, create: Create, policy: Policy) -> Step:
    """Fail a create that upstream has neither answered nor refused in time."""
    text = (
        f"Upstream did not begin the response that was asked for (response.created) within {policy.create_timeout:g} s."
    )
    problem = Problem("response_create_stalled", text)
    left = tuple(replace(item, responder="proxy") for item in create.unmarked_seen if item.item_id not in create.covers)
    after = now.change(requested=None, given_up=create, items=(*left, *now.state.items))
    step = create_failed(after, create, problem, policy)
    return Step(step.now, step.effects or (Reported(problem),))


def create_handed_back(now: Now, create: Create) -> Step:
    """Owe a response again for what a create covers that was handed back."""
    return Step(put_back(now.change(requested=None), create.agent_message))


def create_failed(now: Now, create: Create, problem: Problem, policy: Policy, wait: float | None = None) -> Step:
    """Count a failed create: without a `wait` the first repetition goes at once, later ones after a while."""
    tries = now.data.tries + 1
    if tries >= policy.create_tries:
        return give_up(now, create, problem)
    if wait is None:
        wait = policy.retry_delay * 2 ** (tries - 2) if tries > 1 else 0.0
    return Step(put_back(now.change(tries=tries, create_delay=wait), create.agent_message))


def give_up(now: Now, create: Create, problem: Problem) -> Step:
    """Drop what a failed create was for: the agent message, or the answer to the items that it covers."""
    after = now.change(tries=0, create_delay=0.0)
    if create.agent_message:
        return Step(after, answer_to(create.agent_message, problem))
    kept = tuple(item for item in now.state.items if item.item_id not in create.covers or item.responder != "proxy")
    return Step(after.change(items=kept), (Reported(problem),) if kept != now.state.items else ())


def put_back(now: Now, message: AgentMessageGiven | None) -> Now:
    """Owe the agent message of a failed create again, before the others."""
    return now.change(agent_messages=(message, *now.state.agent_messages)) if message else now


def answer_to(message: AgentMessageGiven | None, problem: Problem | None = None) -> tuple[Effect, ...]:
    """Answer what asked for a response; if it has its answer, report the problem."""
    if message is None or message.is_answered:
        return (Reported(problem),) if message and problem else ()
    return (Answered(message.ref, problem, in_force=problem is None),)
