"""Rules for timers that fired: one for each kind of deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import (
    failed_updates,
    items,
    lifetime,
    link,
    outcomes,
    renewal,
    responses,
    turns,
    unanswered_events,
)
from turnstile.session.deadlines import deadlines_of
from turnstile.session.effects import Reported
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.events import TimerFired
    from turnstile.session.in_flight import Response
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now


def time_is_up(now: Now, fired: TimerFired, policy: Policy) -> Step:
    """Apply the rule of a timer that fired; ignore a timer of an earlier wait."""
    if fired.name in lifetime.NAMES:
        return lifetime.lifetime_over(now, fired, policy)
    if fired.name in renewal.NAMES:
        return renewal.link_time_is_up(now, fired, policy)
    if (fired.name, fired.token) not in [(wait.name, wait.token) for wait in deadlines_of(now, policy)]:
        return Step(now)
    response = now.state.response
    match fired.name:
        case "link":
            return link.link_due(now, policy)
        case "settings":
            return lifetime.settings_missing(now, policy)
        case "update" if now.state.updating:
            return failed_updates.update_stalled(now, now.state.updating, policy)
        case "create" if now.state.requested:
            return responses.create_stalled(now, now.state.requested, policy)
        case "expected":
            return turns.turn_unanswered(now, policy)
        case "update retry":
            return Step(now.change(update_delay=0.0))
        case "blocking response" if failed_updates.has_lost_race(now):
            return failed_updates.blocking_response_missing(now, policy)
        case "blocking response":
            return responses.blocking_response_missing(now)
        case "turn":
            return turns.turn_endless(now, policy)
        case "response" if response:
            return _response_stalled(now, response, policy)
        case "cancel" if response:
            return outcomes.cancel_stalled(now, response, policy)
        case "item":
            item = next(item for item in now.state.items if item.event_id == fired.token)
            return items.item_lost(now, item, Problem("item_stalled", "Upstream did not confirm it in time."))
        case "event":  # Some servers do not answer each, which is no fault.
            return Step(unanswered_events.settled(now, fired.token))
        case "restored":  # Some servers confirm none, and all went together.
            return Step(now.change(restoring=()))
        case "commit":
            return turns.commit_stalled(now, policy)
        case "retry":
            return Step(now.change(create_delay=0.0))
        case _:
            return turns.commit_due(now)


def _response_stalled(now: Now, response: Response, policy: Policy) -> Step:
    text = f"The response {response.response_id} fell silent for {policy.response_stall:g} s before response.done."
    step = responses.cancel(now, response, "stalled", policy)
    return Step(step.now, (Reported(Problem("response_stalled", text)), *step.effects))
