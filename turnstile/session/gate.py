"""The gate: may this go upstream now, and if not, what does it wait for.

Each condition stands here once, and whatever asks whether something may go asks here. The one exception: UpstreamActor
compares the `epoch` of an update or a create with its own count of the facts that close the gate, and hands back what
was decided before the latest of them, which the session has yet to take.

`backlog.Backlog` holds what may not go, and offers it again when the state has changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.client_requests import (
    AgentMessageGiven,
    AudioFollows,
    ConfigRequested,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.waits import Waits

if TYPE_CHECKING:
    from turnstile.session.client_requests import Behavior, Postponable
    from turnstile.session.policy import Policy
    from turnstile.session.state import State


def link_waits_for(state: State) -> Waits | None:
    """Return the reason why something that needs only a link must wait, or None."""
    if state.link != "open":
        return Waits.LINK
    return Waits.RENEWAL if state.switching else None


def update_waits_for(state: State) -> Waits | None:
    """Return what a ``session.update`` waits for."""
    if state.link != "open":
        return Waits.LINK
    if state.switching:
        return Waits.RENEWAL
    if state.response:
        return Waits.RESPONSE
    if state.requested:
        return Waits.CREATE
    if state.expected:
        return Waits.TURN
    if state.blocked_by:
        return Waits.RESPONSE
    if state.updating:
        return Waits.UPDATE
    return Waits.BACK_OFF if state.update_delay else None


def response_waits_for(state: State) -> Waits | None:
    """Return how far the response is that runs, or is about to; None where there is none."""
    waits = update_waits_for(state)
    return waits if waits in {Waits.RESPONSE, Waits.CREATE, Waits.TURN} else None


def items_wait_for(state: State) -> Waits | None:
    """Return what a ``conversation.item.create`` waits for."""
    waits = update_waits_for(state)
    if waits:
        return waits
    is_in_force = state.configured and not state.updates and (state.in_force is state.accepted or state.is_in_sync)
    return None if is_in_force else Waits.CONFIGURATION


def create_waits_for(state: State) -> Waits | None:
    """Return what a ``response.create`` waits for."""
    waits = items_wait_for(state)
    if waits:
        return waits
    if state.create_delay:
        return Waits.BACK_OFF
    if state.commits or state.user_audio.barge_in:
        return Waits.TURN
    if state.restoring:
        return Waits.ITEMS
    for item in state.items:
        if item.stage != "confirmed":
            return Waits.ITEMS
    return None


def commit_waits_for(state: State) -> Waits | None:
    """Return what the next ``input_audio_buffer.commit`` of the proxy's own waits for: they go one at a time."""
    return items_wait_for(state) or (Waits.TURN if state.commits else None)


def turn_end_waits_for(state: State) -> Waits | None:
    """Return what a commit that the client asked for waits for: it goes behind the audio and the messages before it."""
    waits = items_wait_for(state) or audio_waits_for(state)
    if waits is None and not state.audio_open:  # The audio goes first, next of all.
        return Waits.CONFIGURATION
    if waits is None and state.agent_messages:
        return create_waits_for(state) or Waits.CREATE
    return Waits.ITEMS if waits is None and [item for item in state.items if item.stage == "waiting"] else waits


def audio_waits_for(state: State) -> Waits | None:
    """Return what input audio waits for: once it may go, it goes as long as the link is there."""
    if state.audio_open:
        return None
    waits = link_waits_for(state)
    if waits or state.updating:
        return waits or Waits.UPDATE
    return None if state.configured and not state.updates and state.is_in_sync else Waits.CONFIGURATION


def passthrough_waits_for(state: State) -> Waits | None:
    """Return what the events wait for that a Realtime client gave behind a response."""
    return link_waits_for(state) or (Waits.CREATE if state.agent_messages or state.requested else None)


def turn_waits_for(state: State) -> Waits | None:
    """Return how far the turn is that runs, which an agent message would interrupt; None where there is none."""
    waits = response_waits_for(state)
    if waits is None and (state.agent_messages or [item for item in state.items if item.responder != "after_turn"]):
        waits = create_waits_for(state) or Waits.CREATE
    return waits or (Waits.TURN if state.user_audio.speaking or state.commits else None)


def agent_message_waits_for(state: State, behavior: Behavior) -> Waits | None:
    """Return what an agent message waits for: one that interrupts for no turn, nor one that a turn refuses."""
    waits = link_waits_for(state)
    if waits or not state.configured:
        return waits or Waits.CONFIGURATION
    if (behavior == "interrupt" and not state.interrupting) or (behavior == "default" and turn_waits_for(state)):
        return None
    return items_wait_for(state)


def request_waits_for(state: State, request: Postponable, policy: Policy) -> Waits | None:
    """Return what a request of the client's waits for, or the audio behind it."""
    match request:
        case ConfigRequested():
            return update_waits_for(state)
        case UserMessageGiven():
            waits, under_way = items_wait_for(state), len(state.items)
        case AgentMessageGiven():
            waits, under_way = agent_message_waits_for(state, request.behavior), len(state.agent_messages)
        case TurnEndForced():
            waits, under_way = turn_end_waits_for(state), len(state.commits)
        case _:
            return audio_waits_for(state) if isinstance(request, AudioFollows) else None
    return waits or (Waits.CAPACITY if under_way >= policy.max_held else None)
