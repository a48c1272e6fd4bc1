"""Conversation items and the responses that they are owed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.calling import calls_after
from turnstile.session.effects import Answered, Collided, Reported, SendCancel, SendCreate, SendItem
from turnstile.session.state import Because, Cancel, Create, Item, Response, State
from turnstile.session.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.session.effects import Effect
    from turnstile.session.events import (
        AgentMessageGiven,
        Outcome,
        Refused,
        ResponseFinished,
        ResponseStarted,
        UserMessageGiven,
    )
    from turnstile.session.state import Policy

COLLISION = "conversation_already_has_active_response"
_FAILED = Problem("response_failed", "The response failed, and so did its repetitions; the messages stay unanswered.")
_REFUSED = Problem("response_refused", "Upstream kept refusing to begin a response; the messages stay unanswered.")


def take_user_message(state: State, request: UserMessageGiven, policy: Policy) -> Step:
    """Put a user message into the conversation when it is its turn."""
    if not state.is_ready or len(state.items) >= policy.max_held:
        return Step(state, postpone=True)
    item = Item(f"{policy.id_prefix}{state.serial}", request.ref, request.item)
    return Step(state._replace(items=(*state.items, item), serial=state.serial + 1))


def take_agent_message(state: State, request: AgentMessageGiven, policy: Policy) -> Step:
    """Let the agent speak: when it is its turn, or by interrupting; by default only while nobody has the turn."""
    if not state.configured or state.link != "open" or len(state.sayings) >= policy.max_held:
        return Step(state, postpone=True)
    if request.behavior == "interrupt" and not state.interrupting:
        interrupting = state.response is not None or state.requested is not None or bool(state.expected)
        return Step(state._replace(sayings=(request, *state.sayings), interrupting=interrupting))
    if request.behavior == "default" and state.turn_is_running:
        text = f"The agent message was refused: a turn is running ({state.phase})."
        return Step(state, (Answered(request.ref, Problem("injection_refused", text), in_force=False),))
    if not state.is_ready:
        return Step(state, postpone=True)
    return Step(state._replace(sayings=(*state.sayings, request)))


def settle_interruption(state: State, policy: Policy) -> Step | None:
    """Cancel the response in progress if it shall not go on."""
    response = state.response
    if state.interrupting and response is None and state.requested is None and not state.expected:
        return Step(state._replace(interrupting=False))
    if response is None or response.cancel or not (state.interrupting or response.superfluous):
        return None
    return cancel(state, response, "asked" if state.interrupting else "superfluous", policy)


def cancel(state: State, response: Response, because: Because, policy: Policy) -> Step:
    """Ask upstream to stop `response`."""
    event_id = f"{policy.id_prefix}{state.serial}"
    stopping = Cancel(event_id, because)
    after = state._replace(response=replace(response, cancel=stopping), interrupting=False, serial=state.serial + 1)
    return Step(after, (SendCancel(event_id, response.response_id),))


def settle_items(state: State, policy: Policy) -> Step | None:
    """Send the items that waited, in the order given."""
    if not state.is_ready or all(item.stage != "waiting" for item in state.items):
        return None
    serial = state.serial
    items: list[Item] = []
    effects: list[Effect] = []
    for item in state.items:
        if item.stage != "waiting" or item.content is None:
            items.append(item)
            continue
        sent = replace(item, stage="sent", event_id=f"{policy.id_prefix}{serial}")
        items.append(sent)
        effects.append(SendItem(sent.event_id, {**item.content, "id": item.item_id}))
        serial += 1
    return Step(state._replace(items=tuple(items), serial=serial), tuple(effects))


def settle_create(state: State, policy: Policy) -> Step | None:
    """Create the one response that is owed: the agent's message first, then the answer to the items."""
    if not state.may_create or not (state.sayings or state.has_owed):
        return None
    event_id = f"{policy.id_prefix}{state.serial}"
    after = state._replace(serial=state.serial + 1)
    if not state.sayings:
        covers = tuple(item.item_id for item in state.items)
        return Step(after._replace(requested=Create(event_id, None, covers)), (SendCreate(event_id, {}, state.epoch),))
    say, *rest = state.sayings
    after = after._replace(requested=Create(event_id, say), sayings=tuple(rest))
    return Step(after, (SendCreate(event_id, dict(say.response), state.epoch),))


def item_confirmed(state: State, item_id: str) -> Step:
    """The item is in the conversation."""
    for item in state.items:
        if item.item_id == item_id and item.stage == "sent":
            after = state._replace(items=_with(state.items, replace(item, stage="confirmed")))
            return Step(after, _answers(item.ref, None))
    return Step(state)


def item_lost(state: State, item: Item, problem: Problem) -> Step:
    """The item did not get into the conversation: it is owed nothing, and is reported."""
    after = state._replace(items=tuple(other for other in state.items if other is not item))
    return Step(after, _answers(item.ref, problem) or (Reported(problem),))


def _with(items: Iterable[Item], changed: Item) -> tuple[Item, ...]:
    return tuple(changed if item.item_id == changed.item_id else item for item in items)


def _answers(ref: int | None, problem: Problem | None) -> tuple[Effect, ...]:
    return () if ref is None else (Answered(ref, problem, in_force=problem is None),)


def response_started(state: State, started: ResponseStarted, policy: Policy) -> Step:
    """A response began, and has seen every item that was in the conversation before.

    It began when upstream accepted the create, or committed the turn; ``response.created`` comes a while later. So
    what came in between does not count as seen: better a second reply in a rare race than a lost one.
    """
    if state.response and state.response.response_id == started.response_id:
        return Step(state)
    effects: tuple[Effect, ...] = ()
    if state.response:  # The API runs one at a time, so the end of that one was lost.
        step = _finished(state, state.response, "completed", policy)
        state, effects = step.state, step.effects
    late = state.given_up
    if late and late.say and started.mark == late.event_id:
        return _spoken_late(state, late.say, Response(started.response_id), effects)
    create = state.requested
    ours = create is not None and started.mark == create.event_id
    say = create.say if create and ours else None
    seen = _seen_by_ours(state, create) if create and ours else _seen_by_theirs(state)
    response = Response(started.response_id, seen, superfluous=ours and not say and not seen)
    # Where ours began, the API could not begin its own: a turn that it was to answer is left to us.
    left = tuple(item for item in state.items if item not in seen)
    after = state._replace(response=response, requested=None if ours else create, expected="", items=left_to_us(left))
    return Step(after, (*effects, *_answers(say.ref if say else None, None)))


def _spoken_late(state: State, say: AgentMessageGiven, response: Response, effects: tuple[Effect, ...]) -> Step:
    """The agent message of a create given up on is spoken after all: then its repetition shall not be."""
    again = state.requested if state.requested and state.requested.say == say else None
    answer = _answers(say.ref, None) if again or say in state.sayings else ()
    after = state._replace(
        response=response,
        given_up=None,
        requested=replace(again, say=None) if again else state.requested,
        sayings=tuple(other for other in state.sayings if other != say),
        items=left_to_us(state.items),
        expected="",
    )
    return Step(after, (*effects, *answer))


def _seen_by_ours(state: State, create: Create) -> tuple[Item, ...]:
    """What was there when we sent the create; an agent message speaks its own text, and answers nobody."""
    if create.say:
        return ()
    return tuple(item for item in state.items if item.item_id in create.covers)


def _seen_by_theirs(state: State) -> tuple[Item, ...]:
    """What was there when the turn was committed; all, where nothing was heard of a turn."""
    theirs = tuple(item for item in state.items if item.owed == "theirs")
    return theirs or tuple(item for item in state.items if item.stage == "confirmed")


def left_to_us(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The API does not begin the response that it owed: it is ours to create."""
    return tuple(replace(item, owed="ours") if item.owed == "theirs" else item for item in items)


def response_finished(state: State, finished: ResponseFinished, policy: Policy) -> Step:
    """``response.done``: the only end of a response, and only of the one that it names."""
    response = state.response
    if response is None or response.response_id != finished.response_id:
        return Step(state)
    return _finished(state, response, finished.outcome, policy)


def response_ended_unheard(state: State, response: Response, policy: Policy) -> Step:
    """The cancelled response ended without a ``response.done``: it is not active, or nothing was heard of it."""
    return _finished(state, response, "cancelled", policy)


def cancel_stalled(state: State, response: Response, policy: Policy) -> Step:
    """Nothing was heard of the response since it was cancelled; where it had stalled before, that was said."""
    step = response_ended_unheard(state, response, policy)
    if response.cancel and response.cancel.because == "stalled":
        return step
    text = f"The cancelled response {response.response_id} did not end (response.done) in {policy.cancel_timeout:g} s."
    return Step(step.state, (Reported(Problem("cancel_stalled", text)), *step.effects))


def _finished(state: State, response: Response, outcome: Outcome, policy: Policy) -> Step:
    if response.cancel and response.cancel.because == "stalled" and outcome == "cancelled":
        outcome = "failed"
    after = state._replace(response=None, losses=0)
    effects: tuple[Effect, ...] = ()
    if outcome == "failed" and response.seen:
        again = tuple(replace(item, owed="ours") for item in response.seen)
        step = create_failed(after._replace(items=(*again, *state.items)), None, _FAILED, policy)
        after, effects = step.state, step.effects
    elif outcome == "cancelled" and response.cancel is None:
        later = tuple(replace(item, owed="later") for item in response.seen)
        after = after._replace(items=(*later, *state.items))
    elif outcome != "failed":
        after = after._replace(tries=0, backing_off=False)
    step = calls_after(after, response.response_id, outcome, policy, by_user=response.cancel is None)
    return Step(step.state, (*effects, *step.effects))


def turn_ended(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The user's turn ended: what the user broke in on is owed an answer again."""
    return tuple(replace(item, owed="ours") if item.owed == "later" else item for item in items)


def create_refused(state: State, create: Create, error: Refused, policy: Policy) -> Step:
    """The create lost a race, and goes again when the winner is done; or upstream will not have it at all."""
    after = state._replace(requested=None)
    if not is_collision(error):
        return _give_up(after, create.say, error.problem)
    step = create_failed(after, create.say, _REFUSED, policy)
    return Step(step.state, (Collided(create.event_id, state.tries + 1), *step.effects))


def create_stalled(state: State, create: Create, policy: Policy) -> Step:
    """Upstream neither began the response nor refused it in time."""
    text = (
        f"Upstream did not begin the response that was asked for (response.created) within {policy.create_timeout:g} s."
    )
    problem = Problem("response_create_stalled", text)
    after = state._replace(requested=None, given_up=create if create.say else state.given_up)
    step = create_failed(after, create.say, problem, policy)
    return Step(step.state, step.effects or (Reported(problem),))


def create_handed_back(state: State, create: Create) -> Step:
    """The create did not go: what it was for waits again."""
    return Step(_put_back(state._replace(requested=None), create.say))


def _put_back(state: State, say: AgentMessageGiven | None) -> State:
    return state._replace(sayings=(say, *state.sayings)) if say else state


def create_failed(state: State, say: AgentMessageGiven | None, problem: Problem, policy: Policy) -> Step:
    """Count a failed create: the first repetition goes at once, later ones after a while, and not for ever."""
    tries = state.tries + 1
    if tries >= policy.create_tries:
        return _give_up(state, say, problem)
    return Step(_put_back(state._replace(tries=tries, backing_off=tries > 1), say))


def _give_up(state: State, say: AgentMessageGiven | None, problem: Problem) -> Step:
    """Owe no more what cannot be had: the agent message, or else the answer to the items."""
    after = state._replace(tries=0, backing_off=False)
    if say:
        return Step(after, (Answered(say.ref, problem, in_force=False),))
    kept = tuple(item for item in state.items if item.stage != "confirmed" or item.owed != "ours")
    return Step(after._replace(items=kept), (Reported(problem),) if kept != state.items else ())


def is_collision(error: Refused) -> bool:
    """Tell the API's one error about two responses at once; early 2025 it came without a code."""
    return error.code == COLLISION or "already has an active response" in error.message
