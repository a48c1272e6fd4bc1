"""What a wait leads to that came to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import failed_updates, items, link, outcomes, responses, turns
from turnstile.session.deadlines import deadlines_of
from turnstile.session.effects import Reported
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.events import TimerFired
    from turnstile.session.in_flight import Response
    from turnstile.session.policy import Policy
    from turnstile.session.state import State


def time_is_up(state: State, fired: TimerFired, policy: Policy) -> Step:
    """Do what follows when the wait of a timer ends; a timer of an earlier wait means nothing."""
    if (fired.name, fired.token) not in [(wait.name, wait.token) for wait in deadlines_of(state, policy)]:
        return Step(state)
    response = state.response
    match fired.name:
        case "link":
            return link.link_due(state, policy)
        case "update" if state.updating:
            return failed_updates.update_stalled(state, state.updating, policy)
        case "create" if state.requested:
            return responses.create_stalled(state, state.requested, policy)
        case "expected":
            return turns.turn_unanswered(state, policy)
        case "update retry":
            return Step(state._replace(update_delay=0.0))
        case "blocking response" if failed_updates.has_lost_race(state):
            return failed_updates.blocking_response_missing(state, policy)
        case "blocking response":
            return responses.blocking_response_missing(state)
        case "turn":
            return turns.turn_endless(state, policy)
        case "response" if response:
            return _response_stalled(state, response, policy)
        case "cancel" if response:
            return outcomes.cancel_stalled(state, response, policy)
        case "item":
            item = next(item for item in state.items if item.event_id == fired.token)
            return items.item_lost(state, item, Problem("item_stalled", "Upstream did not confirm it in time."))
        case "commit":
            return turns.commit_stalled(state, policy)
        case "retry":
            return Step(state._replace(create_delay=0.0))
        case _:
            return turns.commit_due(state)


def _response_stalled(state: State, response: Response, policy: Policy) -> Step:
    text = f"The response {response.response_id} fell silent for {policy.response_stall:g} s before response.done."
    step = responses.cancel(state, response, "stalled", policy)
    return Step(step.state, (Reported(Problem("response_stalled", text)), *step.effects))
