"""A client that speaks the API's own language: its events pass as they are, its responses go one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import calling
from turnstile.session.effects import Answered, OpenLink, PassOn, Reported
from turnstile.session.events import EventGiven
from turnstile.session.step import Step

if TYPE_CHECKING:
    from turnstile.session.events import AgentMessageGiven, LinkWanted
    from turnstile.session.state import Policy, State


# What each event that waits counts besides its bytes: each takes the longer, the more wait before it.
_COST = 1024


def link_wanted(state: State, wanted: LinkWanted) -> Step:
    """Open the link; what the API configures by itself is configuration enough."""
    if state.link != "closed":
        return Step(state)
    return Step(state._replace(link="opening", model=wanted.model, configured=True), (OpenLink(wanted.model),))


def take_event(state: State, given: EventGiven, policy: Policy) -> Step:
    """Pass an event on, behind the responses that were asked for before it."""
    if given.call_id is not None and calling.is_made_here(state, given.call_id):
        return Step(state, (Reported(calling.not_yours(given.call_id), given.event_id),))
    if given.at_once and state.link == "open":
        return Step(state, (PassOn(given.event),))
    size = state.lane_bytes + _size(given)
    if size > policy.max_held_bytes:
        text = f"More than {policy.max_held_bytes} bytes of events wait for their turn; this one is dropped."
        return Step(state, (Reported(Problem("too_many_held", text), given.event_id),))
    return Step(state._replace(lane=(*state.lane, given), lane_bytes=size))


def take_create(state: State, request: AgentMessageGiven, policy: Policy) -> Step:
    """Queue a response behind what was given before it."""
    if sum(not isinstance(waiting, EventGiven) for waiting in state.lane) >= policy.max_held:
        text = f"More than {policy.max_held} responses wait for their turn; this one is dropped."
        return Step(state, (Answered(request.ref, Problem("too_many_held", text), in_force=False),))
    return Step(state._replace(lane=(*state.lane, request)))


def _size(given: EventGiven) -> int:
    return len(given.event) + _COST


def settle_lane(state: State) -> Step | None:
    """Let go what stands in front: an event, or a response when none is on its way."""
    if not state.lane or state.link != "open" or state.sayings or state.requested:
        return None
    first, *rest = state.lane
    after = state._replace(lane=tuple(rest))
    if isinstance(first, EventGiven):
        return Step(after._replace(lane_bytes=state.lane_bytes - _size(first)), (PassOn(first.event),))
    return Step(after._replace(sayings=(first,)))
