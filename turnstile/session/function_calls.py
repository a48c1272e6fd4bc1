"""Function calls: answered in any order, sent in the response's, followed by one response."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.config_patch import at
from turnstile.session.effects import Answered, CallFunction, CallsCancelled, Reported
from turnstile.session.events import CallReturned
from turnstile.session.in_flight import Call, Item
from turnstile.session.state import Now, Step

if TYPE_CHECKING:
    from turnstile.session.client_requests import FunctionAnswered, Json
    from turnstile.session.events import FunctionCalled, Outcome
    from turnstile.session.in_flight import Responder
    from turnstile.session.policy import Policy

_REMEMBERED = 256
_NO_ROOM = '{"error":"The result is too large to be held until its turn; it was dropped."}'
_UNFORCED = (None, "auto", "none")
CALL_LOST = Problem("function_call_cancelled", "The function call was lost with the upstream link.")
"""The problem with the result of a call that no other link knows."""


def function_called(now: Now, called: FunctionCalled, policy: Policy) -> Step:
    """Note a complete call; the API reports it in several events, of which the first counts.

    A Realtime client answers its calls by itself: only that it is about to is noted.
    """
    if policy.is_transparent and called.endpoint is None:
        return Step(now if now.data.follow_up_due else now.change(follow_up_due=True))
    if _is_known(now, called.call_id):
        return Step(now)
    if len(now.data.calls) >= policy.max_open_calls:
        text = f"More than {policy.max_open_calls} function calls are open; {called.call_id} is not waited for."
        return Step(_closed(now, "dropped", called.call_id), (Reported(Problem("too_many_calls", text)),))
    is_ours = called.endpoint is not None
    size = called.size
    call = Call(called.call_id, called.response_id, called.output_index, is_ours=is_ours, arguments_size=size)
    step = _batched(now.change(calls=(*now.data.calls, call)), call.response_id, policy)
    ask = (CallFunction(called.call_id, called.arguments, called.endpoint),) if is_ours else ()
    return Step(step.now, (*ask, *step.effects))


def ignore_call(now: Now, called: FunctionCalled, policy: Policy) -> Step:
    """Ignore a call of the proxy's own whose arguments do not fit."""
    if _is_known(now, called.call_id):
        return Step(now)
    text = f"More than {policy.max_held_bytes} bytes would be held; the function call {called.call_id} is not made."
    return Step(_closed(now, "dropped", called.call_id), (Reported(Problem("too_many_calls", text)),))


def drop_result(now: Now, returned: CallReturned, policy: Policy) -> Step:
    """Give the model an error instead of a result that does not fit."""
    return call_returned(now, CallReturned(returned.call_id, _NO_ROOM), policy)


def _is_known(now: Now, call_id: str) -> bool:
    return any(call.call_id == call_id for call in now.data.calls) or call_id in dict(now.data.closed_calls)


def function_answered(now: Now, answer: FunctionAnswered, policy: Policy) -> Step:
    """Keep the result until the response and all its calls are done; a useless one is answered with why."""
    call = _open_call(now, answer.call_id)
    if call is None or call.is_ours:
        return Step(now, (Answered(answer.ref, _useless(now, answer.call_id), in_force=False),))
    return _returned(now, call, replace(call, ref=answer.ref, output=answer.output), policy)


def call_returned(now: Now, returned: CallReturned, policy: Policy) -> Step:
    """Keep the result of a call that the proxy made, likewise; one that was cancelled meanwhile is of no use."""
    call = _open_call(now, returned.call_id)
    if call is None:
        return Step(now)
    return _returned(now, call, replace(call, output=returned.output), policy)


def is_made_here(now: Now, call_id: str) -> bool:
    """Return whether the proxy makes a call, and has no result yet."""
    call = _open_call(now, call_id)
    return call is not None and call.is_ours


def not_yours(call_id: str) -> Problem:
    """Return the problem with a client's result of a call that the proxy makes."""
    text = f"id: the function call {call_id!r} is made by the proxy; its result is dropped."
    return Problem("function_call_not_yours", text)


def _open_call(now: Now, call_id: str) -> Call | None:
    return next((call for call in now.data.calls if call.call_id == call_id and call.output is None), None)


def _returned(now: Now, call: Call, done: Call, policy: Policy) -> Step:
    calls = tuple(done if other is call else other for other in now.data.calls)
    return _batched(now.change(calls=calls), call.response_id, policy)


def _useless(now: Now, call_id: str) -> Problem:
    if is_made_here(now, call_id):
        return not_yours(call_id)
    why = dict(now.data.closed_calls).get(call_id, "")
    if why == "cancelled":
        return Problem(
            "function_call_cancelled", f"id: the function call {call_id!r} was cancelled; its result is dropped."
        )
    if why == "dropped":
        return Problem("too_many_calls", f"id: the function call {call_id!r} was one too many; its result is dropped.")
    if why or any(call.call_id == call_id for call in now.data.calls):
        return Problem("function_call_already_answered", f"id: the function call {call_id!r} has its result already.")
    return Problem("unknown_function_call", f"id: no function call {call_id!r} is open; use the id of its request.")


def _batched(now: Now, response_id: str, policy: Policy) -> Step:
    """Turn the results of a response that is over into items once there are all of them."""
    batch = _calls_of(now, response_id)
    running = now.state.response is not None and now.state.response.response_id == response_id
    if running or not batch or any(call.output is None for call in batch):
        return Step(now)
    bound, rounds = policy.max_call_rounds, now.data.call_rounds + 1
    after = _outputs(now, batch, policy, "proxy" if rounds <= bound else "after_turn").change(
        call_rounds=min(rounds, bound + 1)
    )
    if rounds < bound:
        return Step(after)
    text = f"The agent called functions {bound} times in a row; it must answer without them now."
    if rounds > bound:
        text = f"The agent called functions more than {bound} times in a row; it is not asked to go on."
    return Step(after, (Reported(Problem("too_many_call_rounds", text)),))


def turn_begun(now: Now) -> Now:
    """Count anew how often functions are called in a row: the user has said something, or the agent has answered."""
    return now.change(call_rounds=0) if now.data.call_rounds else now


def follow_up(now: Now, policy: Policy) -> Json:
    """Return the parameters of the response that answers the items there are.

    A choice of functions that the session forces upon each turn is not for the results of one: the agent would call
    again, and never speak. It may call, though not without end.
    """
    if "function_call_output" not in [item.content.get("type") for item in now.state.items if item.content]:
        return {}
    if now.data.call_rounds >= policy.max_call_rounds:
        return {"tool_choice": "none"}
    return {} if at(now.state.in_force, "tool_choice") in _UNFORCED else {"tool_choice": "auto"}


def _calls_of(now: Now, response_id: str) -> list[Call]:
    calls = [call for call in now.data.calls if call.response_id == response_id]
    return sorted(calls, key=lambda call: call.output_index)


def _outputs(now: Now, batch: list[Call], policy: Policy, responder: Responder = "proxy") -> Now:
    items = list(now.state.items)
    serial = now.data.serial
    for call in batch:
        content = {"type": "function_call_output", "call_id": call.call_id, "output": call.output}
        items.append(Item(f"{policy.id_prefix}{serial}", call.ref, content, responder=responder, size=call.size))
        serial += 1
        now = _closed(now, "answered", call.call_id)
    calls = tuple(call for call in now.data.calls if call not in batch)
    return now.change(items=tuple(items), calls=calls, serial=serial)


def _closed(now: Now, why: str, *call_ids: str) -> Now:
    closed = (*now.data.closed_calls, *((call_id, why) for call_id in call_ids))
    return now.change(closed_calls=closed[-_REMEMBERED:])


def calls_after(now: Now, response_id: str, outcome: Outcome, policy: Policy, *, responder: Responder) -> Step:
    """Handle a response's calls at its end: void those of a cancelled one, otherwise send the results once complete.

    `responder`: who answers the results of a cancelled one that are there already.
    """
    if outcome != "failed" and not (now.data.calls and _calls_of(now, response_id)):
        now = turn_begun(now)
    if not now.data.calls:
        return Step(now)
    if outcome == "cancelled":
        return _cancelled(now, response_id, policy, responder)
    return _batched(now, response_id, policy)


def _cancelled(now: Now, response_id: str, policy: Policy, responder: Responder) -> Step:
    """Void the open calls; results that are there already still go up, and are answered."""
    batch = _calls_of(now, response_id)
    void = tuple(call.call_id for call in batch if call.output is None)
    now = _outputs(now, [call for call in batch if call.output is not None], policy, responder)
    calls = tuple(call for call in now.data.calls if call.call_id not in void)
    after = _closed(now.change(calls=calls), "cancelled", *void)
    return Step(after, (CallsCancelled(void),) if void else ())


def void_calls(now: Now) -> Step:
    """Void all calls: their conversation was lost with its link."""
    void = tuple(call.call_id for call in now.data.calls if call.output is None)
    answers = tuple(Answered(call.ref, CALL_LOST, in_force=False) for call in now.data.calls if call.ref is not None)
    after = _closed(now.change(calls=()), "cancelled", *(call.call_id for call in now.data.calls))
    return Step(after, (*((CallsCancelled(void),) if void else ()), *answers))
