"""Attribution of a response to the proxy's create, the API or another client, and so to the items that it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.session.collisions import lost_race
from turnstile.session.events import ResponseFinished
from turnstile.session.in_flight import Create, Item, Response
from turnstile.session.outcomes import end_response, proven
from turnstile.session.responses import answer_to, put_back
from turnstile.session.state import Now, Step
from turnstile.session.unanswered_events import settled

if TYPE_CHECKING:
    from turnstile.session.effects import Effect
    from turnstile.session.events import AsideStarted, ResponseStarted
    from turnstile.session.policy import Policy

# As many as are known to be out of band when their other events come (`facts`).
_ASIDES_REMEMBERED = 256


def response_started(now: Now, started: ResponseStarted, policy: Policy) -> Step:
    """Begin a response, which has seen the items in the conversation when it was requested, and no later ones.

    That is when our create went out, or when the turn was committed that the API answers with it. What came in
    between is answered by a response of its own: better a second reply in a rare race than a lost one.
    """
    if now.state.response and now.state.response.response_id == started.response_id:
        return Step(now)
    effects: tuple[Effect, ...] = ()
    if now.data.follow_up_due:
        now = now.change(follow_up_due=False)
    if now.state.response:  # The API runs one at a time, so the end of that one was lost.
        step = end_response(now, now.state.response, ResponseFinished(now.state.response.response_id), policy)
        now, effects = step.now, step.effects
    late = now.data.given_up
    if late and started.mark == late.event_id:
        return _begun_late(now, late, started.response_id, effects)
    if started.mark is None and not started.is_placed and _is_aside(now):
        return Step(_begun_aside(now, started.response_id), effects)
    create = _create_answered(now, started, policy)
    if create is None:
        begun = _begun_by_the_api if started.mark is None else _begun_by_another
        return Step(begun(now, started.response_id), effects)
    seen = () if create.agent_message else _covered(now, create)
    unproven = create if started.mark is None else None
    response = Response(
        started.response_id,
        seen,
        is_ours=True,
        unproven=unproven,
        message=create.agent_message,
        passed_over=now.state.expected,
        # One without a mark is not sure enough to be ours for being cut off.
        redundant=not create.agent_message and not seen and not unproven,
    )
    after = now.change(response=response, requested=None, blocked_by="", items=_unseen(now.state.items, seen))
    # Without a mark it may turn out yet to be the API's own.
    answers = () if unproven else answer_to(create.agent_message)
    return Step(after, (*effects, *answers))


def _create_answered(now: Now, started: ResponseStarted, policy: Policy) -> Create | None:
    """Return our create that a response answers: by its mark, or without one if only we begin responses."""
    create = now.state.requested
    if create is None or started.mark is not None:
        return create if create and started.mark == create.event_id else None
    others = policy.is_shared or (now.state.api_answers_turns and now.state.expected)
    return None if others else create


def _is_aside(now: Now) -> bool:
    """Return whether a response with neither mark nor place is out of band: it answers the oldest create."""
    create = now.state.requested
    is_older = bool(now.data.asides) and (create is None or now.data.asides[0].behind != create.event_id)
    return is_older and not (now.state.api_answers_turns and now.state.expected)


def _begun_by_the_api(now: Now, response_id: str) -> Now:
    """Attribute a response to the API: it answers the first expected turn, and the proxy answers all other items."""
    theirs = tuple(item for item in now.state.items if item.responder == "api")
    if not now.data.earlier:
        response = Response(response_id, theirs, turn=now.state.expected)
        return now.change(response=response, expected="", blocked_by="", items=_unseen(now.state.items, theirs))
    turn, *later = now.data.earlier
    seen = tuple(item for item in theirs if item.turn == turn)
    response = Response(response_id, seen, turn=turn, passed_over=now.state.expected)
    return now.change(response=response, earlier=tuple(later), blocked_by="", items=_unseen(now.state.items, seen))


def _begun_by_another(now: Now, response_id: str) -> Now:
    """Attribute a response to another client's create: everything that waits continues to, an expected turn too."""
    return now.change(response=Response(response_id, passed_over=now.state.expected), blocked_by="")


def _begun_late(now: Now, late: Create, response_id: str, effects: tuple[Effect, ...]) -> Step:
    """Begin the response of a create that was given up, and drop the create's repetition."""
    if not late.agent_message:
        seen = _covered(now, late)
        response = Response(response_id, seen, is_ours=True, passed_over=now.state.expected)
        after = now.change(response=response, given_up=None, blocked_by="", items=_unseen(now.state.items, seen))
        return Step(after, effects)
    message = late.agent_message
    again = now.state.requested if now.state.requested and now.state.requested.agent_message == message else None
    answer = answer_to(message) if again or message in now.state.agent_messages else ()
    after = now.change(
        response=Response(response_id, is_ours=True, message=message, passed_over=now.state.expected),
        given_up=None,
        requested=replace(again, agent_message=None) if again else now.state.requested,
        agent_messages=tuple(other for other in now.state.agent_messages if other != message),
        blocked_by="",
    )
    return Step(after, (*effects, *answer))


def aside_started(now: Now, started: AsideStarted, _: Policy) -> Step:
    """Begin a response out of band, which answers the oldest create out of band."""
    return Step(_begun_aside(now, started.response_id))


def _begun_aside(now: Now, response_id: str) -> Now:
    if now.data.unanswered and now.data.asides:
        now = settled(now, now.data.asides[0].event_id)
    running = (*(one for one in now.data.asides_running if one != response_id), response_id)
    return now.change(asides=now.data.asides[1:], asides_running=running[-_ASIDES_REMEMBERED:])


def unmarked_refused(now: Now, response: Response, create: Create) -> Step:
    """Attribute a response without a mark to the API: upstream has refused the create that it seemed to answer."""
    collided, late = lost_race(create.event_id, now.data.tries + 1), now.data.given_up
    if late and late.agent_message == create.agent_message:  # It answers the try before, which was given up on.
        seen = tuple(item for item in response.seen if item.item_id in late.covers)
        items = (*_unseen(response.seen, seen), *now.state.items)
        ours = replace(response, seen=seen, unproven=None)
        return Step(now.change(response=ours, items=items, given_up=None), (collided, *proven(response)))
    theirs = replace(response, seen=(), unproven=None, message=None, is_ours=False)
    after = now.change(response=theirs, items=(*response.seen, *now.state.items))
    return Step(put_back(after, create.agent_message), (collided,))


def _covered(now: Now, create: Create) -> tuple[Item, ...]:
    """Return the items that the create covers: those confirmed when it was sent, which wait for its response."""
    return tuple([item for item in now.state.items if item.item_id in create.covers])


def _unseen(items: tuple[Item, ...], seen: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple([item for item in items if item not in seen])
