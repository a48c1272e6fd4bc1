"""Conversation items and the responses that they are owed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import failures
from turnstile.session.calling import calls_after, follow_up, turn_begun
from turnstile.session.effects import Answered, Collided, Reported, SendCancel, SendCreate, SendItem
from turnstile.session.events import ResponseFinished
from turnstile.session.state import Because, Cancel, Create, Item, Owed, Response, State
from turnstile.session.step import Step

if TYPE_CHECKING:
    from turnstile.session.effects import Effect
    from turnstile.session.events import (
        AgentMessageGiven,
        ItemConfirmed,
        Json,
        Refused,
        ResponseStarted,
        UserMessageGiven,
    )
    from turnstile.session.state import Policy

COLLISION = "conversation_already_has_active_response"
_FAILED = Problem("response_failed", "The response failed, and so did its repetitions; the messages stay unanswered.")
# How many ended responses are remembered: a refusal may name one of them as running still.
_ENDED_REMEMBERED = 8
# Stands for the winner of a race that a refusal did not name.
_NAMELESS = "(unnamed)"
_REFUSED = Problem("response_refused", "Upstream kept refusing to begin a response; the messages stay unanswered.")


def take_user_message(state: State, request: UserMessageGiven, policy: Policy) -> Step:
    """Put a user message into the conversation when it is its turn."""
    if not state.is_ready or len(state.items) >= policy.max_held:
        return Step(state, postpone=True)
    item = Item(f"{policy.id_prefix}{state.serial}", request.ref, request.item)
    return Step(turn_begun(state)._replace(items=(*state.items, item), serial=state.serial + 1))


def take_agent_message(state: State, request: AgentMessageGiven, policy: Policy) -> Step:
    """Let the agent speak: when it is its turn, or by interrupting; by default only while nobody has the turn."""
    if not state.configured or state.link != "open" or len(state.sayings) >= policy.max_held:
        return Step(state, postpone=True)
    if request.behavior == "interrupt" and not state.interrupting:
        interrupting = state.response is not None or state.requested is not None or _is_expected(state)
        return Step(state._replace(sayings=(request, *state.sayings), interrupting=interrupting))
    if request.behavior == "default" and state.running_turn:
        text = f"The agent message was refused: a turn is running ({state.running_turn})."
        return Step(state, (Answered(request.ref, Problem("injection_refused", text), in_force=False),))
    if not state.is_ready:
        return Step(state, postpone=True)
    return Step(state._replace(sayings=(*state.sayings, request)))


def settle_interruption(state: State, policy: Policy) -> Step | None:
    """Cancel the response in progress if it shall not go on."""
    response = state.response
    if state.interrupting and response is None and state.requested is None and not _is_expected(state):
        return Step(state._replace(interrupting=False))
    if response is None or response.cancel or not (state.interrupting or response.superfluous):
        return None
    return cancel(state, response, "asked" if state.interrupting else "superfluous", policy)


def _is_expected(state: State) -> bool:
    return bool(state.expected or state.winner)


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
    if not _may_create(state) or not (state.sayings or state.has_owed):
        return None
    event_id = f"{policy.id_prefix}{state.serial}"
    after = state._replace(serial=state.serial + 1)
    if not state.sayings:
        covers = tuple(item.item_id for item in state.items)
        create = Create(event_id, None, covers, last_ended(state))
        return Step(after._replace(requested=create), (SendCreate(event_id, follow_up(state, policy), state.epoch),))
    say, *rest = state.sayings
    after = after._replace(requested=Create(event_id, say, (), last_ended(state)), sayings=tuple(rest))
    return Step(after, (SendCreate(event_id, dict(say.response), state.epoch),))


def _may_create(state: State) -> bool:
    """Tell whether a ``response.create`` may go: the user's turn is over, and all that was sent is confirmed."""
    waits = state.backing_off or state.commits or state.hearing.broke_in
    return state.is_ready and not waits and all(item.stage == "confirmed" for item in state.items)


def item_confirmed(state: State, confirmed: ItemConfirmed) -> Step:
    """The item is in the conversation, under the name that we gave it or under one of upstream's own."""
    item = _item_meant(state, confirmed)
    if item is None:
        return Step(state)
    there = replace(item, item_id=confirmed.item_id, stage="confirmed")
    items = tuple(there if other is item else other for other in state.items)
    return Step(state._replace(items=items), _answers(item.ref, None))


def _item_meant(state: State, confirmed: ItemConfirmed) -> Item | None:
    """Return the unconfirmed item that a confirmation is for.

    Where upstream gives names of its own, the oldest of the same kind and role is meant (first in, first out).
    """
    sent = [item for item in state.items if item.stage == "sent"]
    for item in sent:
        if item.item_id == confirmed.item_id:
            return item
    if any(item.item_id == confirmed.item_id for item in state.items):
        return None
    return next((item for item in sent if _is_alike(item.content or {}, confirmed)), None)


def _is_alike(content: Json, confirmed: ItemConfirmed) -> bool:
    """Tell whether `content` is of the kind that was confirmed; what we send holds no audio."""
    alike = content.get("type") == confirmed.kind and (content.get("role") or "") == confirmed.role
    call_id = confirmed.call_id or content.get("call_id")
    return alike and content.get("call_id") == call_id and not confirmed.has_audio


def item_lost(state: State, item: Item, problem: Problem) -> Step:
    """The item did not get into the conversation: it is owed nothing, and is reported."""
    after = state._replace(items=tuple(other for other in state.items if other is not item))
    return Step(after, _answers(item.ref, problem) or (Reported(problem),))


def _answers(ref: int | None, problem: Problem | None) -> tuple[Effect, ...]:
    return () if ref is None else (Answered(ref, problem, in_force=problem is None),)


def response_started(state: State, started: ResponseStarted, policy: Policy) -> Step:
    """A response began, and has seen what was in the conversation when it was asked for, and no more.

    That is when our create went out, or when the turn was committed that the API answers with it. What came in
    between is answered by a response of its own: better a second reply in a rare race than a lost one.
    """
    if state.response and state.response.response_id == started.response_id:
        return Step(state)
    effects: tuple[Effect, ...] = ()
    if state.response:  # The API runs one at a time, so the end of that one was lost.
        step = _finished(state, state.response, ResponseFinished(state.response.response_id), policy)
        state, effects = step.state, step.effects
    late = state.given_up
    if late and started.mark == late.event_id:
        return _begun_late(state, late, started.response_id, effects)
    if started.mark is None and not started.is_placed and _is_aside(state):
        return Step(state._replace(asides=state.asides[1:]), effects)
    create = _create_answered(state, started, policy)
    if create is None:
        begun = _begun_by_the_api if started.mark is None else _begun_by_another
        return Step(begun(state, started.response_id), effects)
    seen = () if create.say else _covered(state, create)
    unproven = create if started.mark is None else None
    response = Response(started.response_id, seen, is_ours=True, unproven=unproven, passed_over=state.expected)
    # One without a mark is not sure enough to be ours for being cut off.
    response = replace(response, superfluous=not create.say and not seen and not unproven)
    after = state._replace(response=response, requested=None, winner="", items=_unseen(state, seen))
    # Without a mark it may turn out yet to be the API's own.
    answers = _answers(create.say.ref, None) if create.say and not unproven else ()
    return Step(after, (*effects, *answers))


def _create_answered(state: State, started: ResponseStarted, policy: Policy) -> Create | None:
    """Return the create of ours that a response answers: by its mark; without one, where nobody else begins any."""
    create = state.requested
    if create is None or started.mark is not None:
        return create if create and started.mark == create.event_id else None
    others = policy.is_shared or (state.api_answers_turns and state.expected)
    return None if others else create


def _is_aside(state: State) -> bool:
    """Tell whether a response that is neither marked nor placed is one out of band: the oldest create is answered."""
    create = state.requested
    is_older = bool(state.asides) and (create is None or state.asides[0].behind != create.event_id)
    return is_older and not (state.api_answers_turns and state.expected)


def _begun_by_the_api(state: State, response_id: str) -> State:
    """It answers the turn that was expected to be answered first; what else waits is left to us."""
    theirs = tuple(item for item in state.items if item.owed == "theirs")
    if not state.earlier:
        response = Response(response_id, theirs, turn=state.expected)
        return state._replace(response=response, expected="", winner="", items=_unseen(state, theirs))
    turn, *later = state.earlier
    seen = tuple(item for item in theirs if item.turn == turn)
    response = Response(response_id, seen, turn=turn, passed_over=state.expected)
    return state._replace(response=response, earlier=tuple(later), winner="", items=_unseen(state, seen))


def _begun_by_another(state: State, response_id: str) -> State:
    """It answers a create that is none of ours: whatever waits goes on waiting, a turn that is expected too."""
    return state._replace(response=Response(response_id, passed_over=state.expected), winner="")


def _begun_late(state: State, late: Create, response_id: str, effects: tuple[Effect, ...]) -> Step:
    """The response of a create given up on begins after all: then its repetition is for nothing."""
    if not late.say:
        seen = _covered(state, late)
        response = Response(response_id, seen, is_ours=True, passed_over=state.expected)
        after = state._replace(response=response, given_up=None, winner="", items=_unseen(state, seen))
        return Step(after, effects)
    say = late.say
    again = state.requested if state.requested and state.requested.say == say else None
    answer = _answers(say.ref, None) if again or say in state.sayings else ()
    after = state._replace(
        response=Response(response_id, is_ours=True, passed_over=state.expected),
        given_up=None,
        requested=replace(again, say=None) if again else state.requested,
        sayings=tuple(other for other in state.sayings if other != say),
        winner="",
    )
    return Step(after, (*effects, *answer))


def aside_started(state: State) -> Step:
    """A response out of band began: it answers the oldest create of its kind."""
    return Step(state._replace(asides=state.asides[1:])) if state.asides else Step(state)


def _covered(state: State, create: Create) -> tuple[Item, ...]:
    """Return what was there when we sent the create, and waits for its response."""
    return tuple(item for item in state.items if item.item_id in create.covers)


def _unseen_of(response: Response, seen: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple(item for item in response.seen if item not in seen)


def _unseen(state: State, seen: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple(item for item in state.items if item not in seen)


def left_to_us(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The API does not begin the response that it owed: it is ours to create."""
    return _owed(items, "ours", "theirs")


def turn_ended(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The user's turn ended: what the user broke in on is owed an answer again."""
    return _owed(items, "ours", "later")


def _owed(items: tuple[Item, ...], owed: Owed, before: Owed) -> tuple[Item, ...]:
    return tuple(replace(item, owed=owed) if item.owed == before else item for item in items)


def response_finished(state: State, finished: ResponseFinished, policy: Policy) -> Step:
    """``response.done``: the only end of a response, and only of the one that it names."""
    response = state.response
    if response is None or response.response_id != finished.response_id:
        return Step(state._replace(ended=_with_ended(state, finished.response_id)))
    return _finished(state, response, finished, policy)


def response_ended_unheard(state: State, response: Response, policy: Policy) -> Step:
    """The cancelled response ended without a ``response.done``: it is not active, or nothing was heard of it."""
    return _finished(state, response, ResponseFinished(response.response_id, "cancelled"), policy)


def cancel_stalled(state: State, response: Response, policy: Policy) -> Step:
    """Nothing was heard of the response since it was cancelled; where it had stalled before, that was said."""
    step = response_ended_unheard(state, response, policy)
    if response.cancel and response.cancel.because == "stalled":
        return step
    text = f"The cancelled response {response.response_id} did not end (response.done) in {policy.cancel_timeout:g} s."
    return Step(step.state, (Reported(Problem("cancel_stalled", text)), *step.effects))


def _finished(state: State, response: Response, finished: ResponseFinished, policy: Policy) -> Step:
    by_user = finished.outcome == "cancelled" and response.cancel is None
    after = state._replace(response=None, losses=0, ended=_with_ended(state, response.response_id))
    if finished.outcome != "cancelled" and state.expected and state.expected in {response.passed_over, response.missed}:
        after = _turn_passed_over(after, response)
    if state.requested and not response.is_ours:
        after = after._replace(requested=replace(state.requested, rival=response.seen))
    step = _owed_after(after, response, finished, policy)
    owed = _owed_after_turn(after, response) if by_user else "ours"
    calls = calls_after(step.state, response.response_id, finished.outcome, policy, owed=owed)
    return Step(calls.state, (*proven(response), *step.effects, *calls.effects))


def _turn_passed_over(state: State, response: Response) -> State:
    """The response went on though a turn was over when it began.

    One that was asked for was there first, so that the API has not begun its own; nor does it for a turn that ends
    while one runs that it has not cut off. One of the API's own that began behind the turn would have been cut off by
    it, if turns interrupt: so it has begun after it, and answers it too. Otherwise it may be answered yet.
    """
    if not response.turn or response.missed:
        return state._replace(expected="", earlier=(), items=left_to_us(state.items))
    if not state.turns_interrupt:
        return state
    return state._replace(expected="", earlier=(), items=tuple(item for item in state.items if item.owed != "theirs"))


def _owed_after(state: State, response: Response, finished: ResponseFinished, policy: Policy) -> Step:
    """What the response has seen is answered, unless it failed, or the user broke in on it."""
    stalled = response.cancel is not None and response.cancel.because == "stalled"
    if finished.outcome == "failed" or (stalled and finished.outcome == "cancelled"):
        return _failed(state, response, finished, policy)
    if finished.outcome != "cancelled":
        return Step(state._replace(tries=0, backing_off=0.0) if response.is_ours else state)
    if response.cancel is not None:
        return Step(state)
    if state.hearing.speaking:
        state = state._replace(hearing=replace(state.hearing, broke_in=response.response_id))
    owed = "theirs" if state.expected else _owed_after_turn(state, response)
    again = tuple(replace(item, owed=owed) for item in response.seen)
    return Step(state._replace(items=(*again, *state.items)))


def _owed_after_turn(state: State, response: Response) -> Owed:
    """Who answers what belongs to the response that the user broke in on: we, once the user's turn is over."""
    return "ours" if state.expected or response.turn_is_over else "later"


def _failed(state: State, response: Response, finished: ResponseFinished, policy: Policy) -> Step:
    """What a failed response was to answer is tried again, where that may help; the client hears of it in the end."""
    problem, again = finished.problem, tuple(replace(item, owed="ours") for item in response.seen)
    after = state._replace(items=(*again, *state.items))
    if problem is None:  # It had stalled, which was said; or upstream does not say why.
        return create_failed(after, None, _FAILED, policy) if again else Step(after)
    if policy.is_transparent:
        return Step(after)
    if not again or failures.is_final(problem):
        return _give_up(after, None, problem) if again else Step(after, (Reported(problem),))
    return create_failed(after, None, problem, policy, failures.wait_before(problem, state.tries + 1, policy))


def _with_ended(state: State, response_id: str) -> tuple[str, ...]:
    return (*state.ended[1 - _ENDED_REMEMBERED :], response_id)


def last_ended(state: State) -> str:
    """Return the response that ended last, "" before the first."""
    return state.ended[-1] if state.ended else ""


def proven(response: Response) -> tuple[Effect, ...]:
    """Answer the agent message of a response without a mark: nobody has disputed that it is ours."""
    say = response.unproven.say if response.unproven else None
    return _answers(say.ref, None) if say else ()


def create_refused(state: State, create: Create, error: Refused, policy: Policy) -> Step:
    """The create lost a race, and goes again when the winner is done; or upstream will not have it at all."""
    after = state._replace(requested=None)
    if not is_collision(error):
        if policy.is_transparent or not failures.is_passing(error.problem):
            return _give_up(after, create.say, error.problem)
        wait = failures.wait_before(error.problem, state.tries + 1, policy)
        return create_failed(after, create.say, error.problem, policy, wait)
    collided = Collided(create.event_id, state.tries + 1)
    winner = winner_of(state, error, create.ended)
    if winner == "" or (winner and state.tries + 1 < policy.create_tries):
        return Step(_put_back(after._replace(winner=winner), create.say), (collided,))
    step = create_failed(after, create.say, _REFUSED, policy)
    return Step(step.state, (collided, *step.effects))


def winner_of(state: State, error: Refused, ended: str) -> str | None:
    """Return the response that a collision was lost to.

    Args:
        state: Before the refusal.
        error: The refusal.
        ended: The response that had ended last when the refused event was sent.

    Returns:
        Its name, where its beginning is yet to be read; "" where one runs or is expected, so that the gate is shut
        anyway; None where it is over.
    """
    if state.response or state.expected:
        return ""
    is_over = error.running in state.ended if error.running else last_ended(state) != ended
    return None if is_over else error.running or _NAMELESS


def unmarked_refused(state: State, response: Response, create: Create) -> Step:
    """Upstream refused the create that a response without a mark was taken to answer: that one is the API's own."""
    collided, late = Collided(create.event_id, state.tries + 1), state.given_up
    if late and late.say == create.say:  # It answers the try before, which was given up on.
        seen = tuple(item for item in response.seen if item.item_id in late.covers)
        items = (*_unseen_of(response, seen), *state.items)
        ours = replace(response, seen=seen, unproven=None)
        return Step(state._replace(response=ours, items=items, given_up=None), (collided, *proven(response)))
    theirs = replace(response, seen=(), unproven=None, is_ours=False)
    after = state._replace(response=theirs, items=(*response.seen, *state.items))
    return Step(_put_back(after, create.say), (collided,))


def winner_missing(state: State) -> Step:
    """The response that a refusal has named did not begin in time: what was refused goes again, counted as a try."""
    return Step(state._replace(winner="", tries=state.tries + 1))


def create_stalled(state: State, create: Create, policy: Policy) -> Step:
    """Upstream neither began the response nor refused it in time."""
    text = (
        f"Upstream did not begin the response that was asked for (response.created) within {policy.create_timeout:g} s."
    )
    problem = Problem("response_create_stalled", text)
    left = tuple(replace(item, owed="ours") for item in create.rival if item.item_id not in create.covers)
    after = state._replace(requested=None, given_up=create, items=(*left, *state.items))
    step = create_failed(after, create.say, problem, policy)
    return Step(step.state, step.effects or (Reported(problem),))


def create_handed_back(state: State, create: Create) -> Step:
    """The create did not go: what it was for waits again."""
    return Step(_put_back(state._replace(requested=None), create.say))


def _put_back(state: State, say: AgentMessageGiven | None) -> State:
    return state._replace(sayings=(say, *state.sayings)) if say else state


def create_failed(
    state: State, say: AgentMessageGiven | None, problem: Problem, policy: Policy, wait: float | None = None
) -> Step:
    """Count a failed create: without a `wait` the first repetition goes at once, later ones after a while."""
    tries = state.tries + 1
    if tries >= policy.create_tries:
        return _give_up(state, say, problem)
    if wait is None:
        wait = policy.retry_delay * 2 ** (tries - 2) if tries > 1 else 0.0
    return Step(_put_back(state._replace(tries=tries, backing_off=wait), say))


def _give_up(state: State, say: AgentMessageGiven | None, problem: Problem) -> Step:
    """Owe no more what cannot be had: the agent message, or else the answer to the items."""
    after = state._replace(tries=0, backing_off=0.0)
    if say:
        return Step(after, (Answered(say.ref, problem, in_force=False),))
    kept = tuple(item for item in state.items if item.stage != "confirmed" or item.owed != "ours")
    return Step(after._replace(items=kept), (Reported(problem),) if kept != state.items else ())


def is_collision(error: Refused) -> bool:
    """Tell the API's one error about two responses at once; early 2025 it came without a code."""
    return error.code == COLLISION or "already has an active response" in error.message
