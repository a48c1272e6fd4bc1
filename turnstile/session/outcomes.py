"""Outcomes of responses, and the responses owed because of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import failures
from turnstile.session.effects import Reported
from turnstile.session.events import ResponseFinished
from turnstile.session.function_calls import calls_after
from turnstile.session.in_flight import Create
from turnstile.session.items import left_to_us
from turnstile.session.responses import answer_to, create_failed, give_up
from turnstile.session.state import Step
from turnstile.session.turns import leftover_due
from turnstile.session.unanswered_events import response_ended

if TYPE_CHECKING:
    from turnstile.session.effects import Effect
    from turnstile.session.in_flight import Responder, Response
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now

_FAILED = Problem("response_failed", "The response failed, and so did its repetitions; the messages stay unanswered.")
# How many ended responses are remembered: a refusal may name one of them as running still.
_ENDED_REMEMBERED = 8


def response_finished(now: Now, finished: ResponseFinished, policy: Policy) -> Step:
    """``response.done``: the only end of a response, and only of the one that it names."""
    response, is_aside = now.state.response, finished.response_id in now.data.asides_running
    if now.data.unanswered:
        now = response_ended(now, finished.response_id, is_aside=is_aside)
    if is_aside:
        left = tuple(one for one in now.data.asides_running if one != finished.response_id)
        return Step(now.change(asides_running=left))
    if response is None or response.response_id != finished.response_id:
        return Step(leftover_due(now.change(ended=_with_ended(now, finished.response_id))))
    step = end_response(now, response, finished, policy)
    return Step(leftover_due(step.now), step.effects)


def response_ended_unheard(now: Now, response: Response, policy: Policy) -> Step:
    """End a cancelled response without a ``response.done``: it is not active, or sends no events."""
    return end_response(now, response, ResponseFinished(response.response_id, "cancelled"), policy)


def cancel_stalled(now: Now, response: Response, policy: Policy) -> Step:
    """End a cancelled response that sends no events; report the stall unless it was reported before."""
    step = response_ended_unheard(now, response, policy)
    if response.cancel and response.cancel.because == "stalled":
        return step
    text = f"The cancelled response {response.response_id} did not end (response.done) in {policy.cancel_timeout:g} s."
    return Step(step.now, (Reported(Problem("cancel_stalled", text)), *step.effects))


def end_response(now: Now, response: Response, finished: ResponseFinished, policy: Policy) -> Step:
    """End the response in progress, and owe a response to the items that it leaves unanswered."""
    by_user = finished.outcome == "cancelled" and response.cancel is None
    if now.data.losses and finished.outcome != "failed":  # The links work again.
        now = now.change(losses=0, outage=0)
    after = now.change(response=None, ended=_with_ended(now, response.response_id))
    if (
        finished.outcome != "cancelled"
        and now.state.expected
        and now.state.expected in {response.passed_over, response.missed}
    ):
        after = _turn_passed_over(after, response)
    if now.state.requested and not response.is_ours and finished.outcome in {"completed", "incomplete"}:
        after = after.change(requested=replace(now.state.requested, unmarked_seen=response.seen))
    step = _owed_after(after, response, finished, policy)
    responder = _responder_after_turn(after, response) if by_user else "proxy"
    calls = calls_after(step.now, response.response_id, finished.outcome, policy, responder=responder)
    return Step(calls.now, (*proven(response), *step.effects, *calls.effects))


def _turn_passed_over(now: Now, response: Response) -> Now:
    """Settle who answers a turn that was over when the response began, which went on nevertheless.

    One that was asked for was there first, so that the API has not begun its own; nor does it for a turn that ends
    while one runs that it has not cut off. One of the API's own that began behind the turn would have been cut off by
    it, if turns interrupt: so it has begun after it, and answers it too. Otherwise it may be answered yet.
    """
    if not response.turn or response.missed:
        return now.change(expected="", earlier=(), items=left_to_us(now.state.items))
    if not now.state.turns_interrupt:
        return now
    return now.change(expected="", earlier=(), items=tuple(item for item in now.state.items if item.responder != "api"))


def _owed_after(now: Now, response: Response, finished: ResponseFinished, policy: Policy) -> Step:
    """Owe a response again to the items that this one saw, if it failed or was interrupted."""
    stalled = response.cancel is not None and response.cancel.because == "stalled"
    if finished.outcome == "failed" or (stalled and finished.outcome == "cancelled"):
        return _failed(now, response, finished, policy)
    if finished.outcome != "cancelled":
        return Step(now.change(tries=0, create_delay=0.0) if response.is_ours and now.data.tries else now)
    if response.cancel is not None:
        return Step(now)
    if now.state.user_audio.speaking:
        now = now.change(user_audio=replace(now.state.user_audio, barge_in=response.response_id))
    responder = "api" if now.state.expected else _responder_after_turn(now, response)
    again = tuple(replace(item, responder=responder) for item in response.seen)
    return Step(now.change(items=(*again, *now.state.items)))


def _responder_after_turn(now: Now, response: Response) -> Responder:
    """Return the responder of items whose response the user interrupted: the proxy, once the user's turn is over."""
    return "proxy" if now.state.expected or response.turn_is_over else "after_turn"


def _failed(now: Now, response: Response, finished: ResponseFinished, policy: Policy) -> Step:
    """Repeat a failed response where that may help; report the failure in the end."""
    problem, again = finished.problem, tuple(replace(item, responder="proxy") for item in response.seen)
    after = now.change(items=(*again, *now.state.items))
    asked = Create("", covers=tuple(item.item_id for item in again))
    if problem is None:  # It had stalled, which was said; or upstream does not say why.
        return create_failed(after, asked, _FAILED, policy) if again else Step(after)
    if not again:
        step = Step(after, (Reported(problem),))
    elif failures.is_final(problem):
        step = give_up(after, asked, problem)
    else:
        step = create_failed(after, asked, problem, policy, failures.wait_before(problem, now.data.tries + 1, policy))
    # A Realtime client has read the failure itself.
    return Step(step.now) if policy.is_transparent else step


def _with_ended(now: Now, response_id: str) -> tuple[str, ...]:
    return (*now.data.ended[1 - _ENDED_REMEMBERED :], response_id)


def proven(response: Response) -> tuple[Effect, ...]:
    """Answer the agent message of a response without a mark, since no error has contradicted that it is ours."""
    return answer_to(response.unproven.agent_message) if response.unproven else ()
