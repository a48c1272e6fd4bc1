"""What a session leaves behind on a link that it has no more: what goes again on the next, and what is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import passthrough, unanswered_events
from turnstile.session.effects import Answered, Reported
from turnstile.session.function_calls import CALL_LOST, calls_after, void_calls
from turnstile.session.in_flight import InputAudio, Item
from turnstile.session.outcomes import proven
from turnstile.session.state import Now, State, Step
from turnstile.session.turns import is_enough

if TYPE_CHECKING:
    from turnstile.session.client_requests import AgentMessageGiven
    from turnstile.session.effects import Effect
    from turnstile.session.in_flight import Response
    from turnstile.session.policy import Policy

_TURN_LOST = Problem(
    "turn_lost", "What the user said last is lost with the link, and has no answer; it must be said again."
)


def left_behind(now: Now, problem: Problem, policy: Policy) -> Step:
    """End everything that ran on a link; what upstream had not confirmed, or owed, waits for the next.

    What is confirmed is in the record, and has its place there. A response that died is owed again, unless it had
    asked for calls: their results are answered then, as after its end.

    Args:
        now: The session, when the link is gone.
        problem: Why, for what cannot go again.
        policy: Its limits.
    """
    response, is_turn_lost = now.state.response, _has_lost_turn(now, policy)
    owes = response is not None and not _has_asked_for_calls(now, response) and _is_owed(now, response)
    kept, lost_items = _kept_items(now, owes=owes)
    update, again = now.state.updating, _asked_again(response, owes=owes)
    requested = now.state.requested.agent_message if now.state.requested else None
    messages = (None if policy.is_transparent else again, requested, *now.state.agent_messages)
    state = State(
        link=now.state.link,
        accepted=now.state.accepted,
        configured=now.state.configured,
        updates=(*(update.requests if update else ()), *now.state.updates),
        items=kept,
        agent_messages=tuple([message for message in messages if message]),
    )
    data = now.data._replace(
        update_tries=0,
        late=0,
        given_up=None,
        asides=(),
        asides_running=(),
        ended=(),
        earlier=(),
        input_audio=InputAudio(),
        voice_locked=False,
        tries=0,
        restored=frozenset(),
        conversation=now.data.conversation.without_awaited(),
    )
    after = Now(state, data)
    if policy.is_transparent:
        after = passthrough.after_loss(after, again)
    said = proven(response) if response else ()
    calls = _calls_left(after, response, policy)
    lost = unanswered_events.lost_events(now)
    if is_turn_lost and all(report.problem.code != _TURN_LOST.code for report in lost):
        lost = (Reported(_TURN_LOST), *lost)
    return Step(calls.now, (*lost, *said, *calls.effects, *lost_items, *_lost_commits(now, problem)))


def _has_asked_for_calls(now: Now, response: Response) -> bool:
    return now.data.follow_up_due or any(call.response_id == response.response_id for call in now.data.calls)


def _is_owed(now: Now, response: Response) -> bool:
    """Return whether a response that died is owed again: not one that was being stopped, unless for its silence."""
    if response.redundant or unanswered_events.is_cancelled(now, response.response_id):
        return False
    return response.cancel is None or response.cancel.because == "stalled"


def _asked_again(response: Response | None, *, owes: bool) -> AgentMessageGiven | None:
    """Return what the client asked the response for that died, as far as it is asked for again."""
    message = response.message if response and owes else None
    return replace(message, is_answered=True) if message else None


def _kept_items(now: Now, *, owes: bool) -> tuple[tuple[Item, ...], tuple[Effect, ...]]:
    """Return the items that wait for a response on the next link: in the record, or to be sent again."""
    response, known = now.state.response, now.data.conversation.is_known
    seen = response.seen if response and owes else ()
    kept: list[Item] = []
    effects: list[Effect] = []
    for item in (*seen, *now.state.items):
        if item.stage == "confirmed" and known(item.item_id):
            kept.append(replace(item, responder="proxy", ref=None))
        elif item.content is None:
            continue  # Spoken, and not transcribed.
        elif _is_useless(now, item):
            if item.stage != "confirmed" and item.ref is not None:
                effects.append(Answered(item.ref, CALL_LOST, in_force=False))
        else:
            # A confirmed item's request has its answer already.
            ref = None if item.stage == "confirmed" else item.ref
            kept.append(replace(item, stage="waiting", responder="proxy", ref=ref))
    turn = now.state.expected or (response.turn if response and owes else "")
    if turn and known(turn) and all(item.item_id != turn for item in kept):
        kept.append(Item(turn, stage="confirmed"))
    return tuple(kept), tuple(effects)


def _is_useless(now: Now, item: Item) -> bool:
    """Return whether an item is the result of a call that the record does not have, so that no link would take it."""
    content = item.content or {}
    is_result = content.get("type") == "function_call_output"
    return is_result and content.get("call_id") not in now.data.conversation.open_calls


def _calls_left(now: Now, response: Response | None, policy: Policy) -> Step:
    """Leave the calls open that are in the record, and void all others; send the results that are all there."""
    open_calls = tuple(call for call in now.data.calls if call.call_id in now.data.conversation.open_calls)
    void = tuple(call for call in now.data.calls if call not in open_calls)
    step = Step(now)
    if void:
        step = void_calls(now.change(calls=void))
        step = Step(step.now.change(calls=open_calls), step.effects)
    if response is None:
        return step
    ended = calls_after(step.now, response.response_id, "failed", policy, responder="proxy")
    return Step(ended.now, (*step.effects, *ended.effects))


def _has_lost_turn(now: Now, policy: Policy) -> bool:
    """Return whether something that the user said is lost: it was not transcribed, or not even committed."""
    state, known = now.state, now.data.conversation.is_known
    response = state.response
    if state.user_audio.speaking or state.commits or now.data.conversation.awaits_transcript:
        return True
    is_spoken = now.data.has_uncommitted if policy.is_transparent else is_enough(now, policy)
    if state.proxy_commits and is_spoken:
        return True
    unanswered = (*(response.seen if response else ()), *state.items)
    turns = [item.item_id for item in unanswered if item.content is None]
    turns += [turn for turn in (state.expected, response.turn if response else "") if turn]
    return not all(known(turn) for turn in turns)


def _lost_commits(now: Now, problem: Problem) -> tuple[Effect, ...]:
    return tuple(
        Answered(commit.ref, problem, in_force=False) for commit in now.state.commits if commit.ref is not None
    )
