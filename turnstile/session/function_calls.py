"""Function calls: answered in any order, sent in the response's, followed by one response."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.config_patch import at
from turnstile.session.effects import Answered, CallFunction, CallsCancelled, Reported
from turnstile.session.in_flight import Call, Item
from turnstile.session.state import State, Step

if TYPE_CHECKING:
    from turnstile.session.events import CallReturned, FunctionAnswered, FunctionCalled, Json, Outcome
    from turnstile.session.in_flight import Responder
    from turnstile.session.policy import Policy

_REMEMBERED = 256
_UNFORCED = (None, "auto", "none")


def function_called(state: State, called: FunctionCalled, policy: Policy) -> Step:
    """A call is complete; the API tells of it in several events, of which the first counts.

    A client that speaks the API's own language answers its calls by itself.
    """
    if (policy.is_transparent and called.endpoint is None) or _is_known(state, called.call_id):
        return Step(state)
    if len(state.calls) >= policy.max_open_calls:
        text = f"More than {policy.max_open_calls} function calls are open; {called.call_id} is not waited for."
        return Step(_closed(state, "dropped", called.call_id), (Reported(Problem("too_many_calls", text)),))
    is_ours = called.endpoint is not None
    call = Call(called.call_id, called.response_id, called.output_index, is_ours=is_ours)
    step = _batched(state._replace(calls=(*state.calls, call)), call.response_id, policy)
    ask = (CallFunction(called.call_id, called.arguments, called.endpoint),) if is_ours else ()
    return Step(step.state, (*ask, *step.effects))


def _is_known(state: State, call_id: str) -> bool:
    return any(call.call_id == call_id for call in state.calls) or call_id in dict(state.closed_calls)


def function_answered(state: State, answer: FunctionAnswered, policy: Policy) -> Step:
    """Keep the result until the response and all its calls are done; a useless one gets a warning."""
    call = _open_call(state, answer.call_id)
    if call is None or call.is_ours:
        return Step(state, (Answered(answer.ref, _useless(state, answer.call_id), in_force=False),))
    return _returned(state, call, replace(call, ref=answer.ref, output=answer.output), policy)


def call_returned(state: State, returned: CallReturned, policy: Policy) -> Step:
    """Keep the result of a call that the proxy made, likewise; one that was cancelled meanwhile is of no use."""
    call = _open_call(state, returned.call_id)
    if call is None:
        return Step(state)
    return _returned(state, call, replace(call, output=returned.output), policy)


def is_made_here(state: State, call_id: str) -> bool:
    """Tell whether the proxy makes a call, and has no result yet."""
    call = _open_call(state, call_id)
    return call is not None and call.is_ours


def not_yours(call_id: str) -> Problem:
    """Return what is wrong with a client's result of such a call."""
    text = f"id: the function call {call_id!r} is made by the proxy; its result is dropped."
    return Problem("function_call_not_yours", text)


def _open_call(state: State, call_id: str) -> Call | None:
    return next((call for call in state.calls if call.call_id == call_id and call.output is None), None)


def _returned(state: State, call: Call, done: Call, policy: Policy) -> Step:
    calls = tuple(done if other is call else other for other in state.calls)
    return _batched(state._replace(calls=calls), call.response_id, policy)


def _useless(state: State, call_id: str) -> Problem:
    if is_made_here(state, call_id):
        return not_yours(call_id)
    why = dict(state.closed_calls).get(call_id, "")
    if why == "cancelled":
        return Problem(
            "function_call_cancelled", f"id: the function call {call_id!r} was cancelled; its result is dropped."
        )
    if why == "dropped":
        return Problem("too_many_calls", f"id: the function call {call_id!r} was one too many; its result is dropped.")
    if why or any(call.call_id == call_id for call in state.calls):
        return Problem("function_call_already_answered", f"id: the function call {call_id!r} has its result already.")
    return Problem("unknown_function_call", f"id: no function call {call_id!r} is open; use the id of its request.")


def _batched(state: State, response_id: str, policy: Policy) -> Step:
    """Turn the results of a response that is over into items once there are all of them."""
    batch = _calls_of(state, response_id)
    running = state.response is not None and state.response.response_id == response_id
    if running or not batch or any(call.output is None for call in batch):
        return Step(state)
    bound, rounds = policy.max_call_rounds, state.call_rounds + 1
    after = _outputs(state, batch, policy, "proxy" if rounds <= bound else "after_turn")._replace(
        call_rounds=min(rounds, bound + 1)
    )
    if rounds < bound:
        return Step(after)
    text = f"The agent called functions {bound} times in a row; it must answer without them now."
    if rounds > bound:
        text = f"The agent called functions more than {bound} times in a row; it is not asked to go on."
    return Step(after, (Reported(Problem("too_many_call_rounds", text)),))


def turn_begun(state: State) -> State:
    """Count anew how often functions are called in a row: the user has said something, or the agent has answered."""
    return state._replace(call_rounds=0) if state.call_rounds else state


def follow_up(state: State, policy: Policy) -> Json:
    """Return the parameters of the response that answers the items there are.

    A choice of functions that the session forces upon each turn is not for the results of one: the agent would call
    again, and never speak. It may call, though not without end.
    """
    if "function_call_output" not in [item.content.get("type") for item in state.items if item.content]:
        return {}
    if state.call_rounds >= policy.max_call_rounds:
        return {"tool_choice": "none"}
    return {} if at(state.in_force, "tool_choice") in _UNFORCED else {"tool_choice": "auto"}


def _calls_of(state: State, response_id: str) -> list[Call]:
    calls = [call for call in state.calls if call.response_id == response_id]
    return sorted(calls, key=lambda call: call.output_index)


def _outputs(state: State, batch: list[Call], policy: Policy, responder: Responder = "proxy") -> State:
    items = list(state.items)
    serial = state.serial
    for call in batch:
        content = {"type": "function_call_output", "call_id": call.call_id, "output": call.output}
        items.append(Item(f"{policy.id_prefix}{serial}", call.ref, content, responder=responder))
        serial += 1
        state = _closed(state, "answered", call.call_id)
    calls = tuple(call for call in state.calls if call not in batch)
    return state._replace(items=tuple(items), calls=calls, serial=serial)


def _closed(state: State, why: str, *call_ids: str) -> State:
    closed = (*state.closed_calls, *((call_id, why) for call_id in call_ids))
    return state._replace(closed_calls=closed[-_REMEMBERED:])


def calls_after(state: State, response_id: str, outcome: Outcome, policy: Policy, *, responder: Responder) -> Step:
    """The response is over: a cancelled one's open calls are void, another's results go up when all are there.

    `responder`: who answers the results of a cancelled one that are there already.
    """
    if outcome != "failed" and not (state.calls and _calls_of(state, response_id)):
        state = turn_begun(state)
    if not state.calls:
        return Step(state)
    if outcome == "cancelled":
        return _cancelled(state, response_id, policy, responder)
    return _batched(state, response_id, policy)


def _cancelled(state: State, response_id: str, policy: Policy, responder: Responder) -> Step:
    """Void the open calls; results that are there already still go up, and are answered."""
    batch = _calls_of(state, response_id)
    void = tuple(call.call_id for call in batch if call.output is None)
    state = _outputs(state, [call for call in batch if call.output is not None], policy, responder)
    calls = tuple(call for call in state.calls if call.call_id not in void)
    after = _closed(state._replace(calls=calls), "cancelled", *void)
    return Step(after, (CallsCancelled(void),) if void else ())


def void_calls(state: State) -> Step:
    """The conversation that the calls belong to is gone with its link."""
    void = tuple(call.call_id for call in state.calls if call.output is None)
    problem = Problem("function_call_cancelled", "The function call was lost with the upstream link.")
    answers = tuple(Answered(call.ref, problem, in_force=False) for call in state.calls if call.ref is not None)
    after = _closed(state._replace(calls=()), "cancelled", *(call.call_id for call in state.calls))
    return Step(after, (*((CallsCancelled(void),) if void else ()), *answers))
