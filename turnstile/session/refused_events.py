"""Events of ours that upstream refused, or that did not go: each by its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session import (
    attribution,
    failed_updates,
    items,
    link,
    outcomes,
    responses,
    restoring,
    turns,
    unanswered_events,
)
from turnstile.session.collisions import is_collision
from turnstile.session.effects import Reported
from turnstile.session.in_flight import Commit, Create, Item, Response, Restored, Update
from turnstile.session.link_events import LinkLost
from turnstile.session.state import Now, Step
from turnstile.session.upstream_errors import (
    ENDING,
    is_about_clients_event,
    is_about_cut,
    is_about_own_event,
    refused_event,
)

if TYPE_CHECKING:
    from turnstile.session.events import HandedBack, Refused
    from turnstile.session.policy import Policy


def refused(now: Now, error: Refused, policy: Policy) -> Step:
    """Decide by the kind of event that the error refuses; report an error that refuses none of ours."""
    is_clients = is_about_clients_event(error, policy)
    if error.code in ENDING:
        lost = LinkLost(error.code, error.message, retryable=False, event=error.event, is_told=is_clients)
        return link.link_lost(now, lost, policy)
    if is_clients:
        return Step(unanswered_events.refused(now, error.event_id))
    event = refused_event(now, error, policy)
    match event:
        case Update():
            return failed_updates.update_refused(now, event, error, policy)
        case Create() if now.state.response and now.state.response.unproven == event:
            return attribution.unmarked_refused(now, now.state.response, event)
        case Create():
            return responses.create_refused(now, event, error, policy)
        case Commit():
            return turns.commit_lost(now, event, error.problem)
        case Item():
            return items.item_lost(now, event, error.problem)
        case Restored():
            return restoring.restored_refused(now, event, error.problem)
        case Response():
            return outcomes.response_ended_unheard(now, event, policy)
        case None if is_collision(error) or is_about_own_event(error, policy):
            return Step(now)  # Settled before the error came.
        case None if is_about_cut(error) and not policy.is_transparent:
            # Only the proxy cuts anything off for such a client. Without an event id a refused cancel may be an
            # earlier one: the response that it was for ends by itself, or in time.
            return Step(now)
        case _:
            return Step(now, (Reported(error.problem),))


def handed_back(now: Now, back: HandedBack, _: Policy) -> Step:
    """Decide anew what a fact has overtaken on its way."""
    if now.state.updating and now.state.updating.event_id == back.event_id:
        return failed_updates.update_handed_back(now, now.state.updating)
    if now.state.requested and now.state.requested.event_id == back.event_id:
        return responses.create_handed_back(now, now.state.requested)
    return Step(now)
