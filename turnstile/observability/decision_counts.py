"""Counts what only some decisions show: stalls, responses without an end, collisions that are repaired."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from turnstile.session.effects import Answered, EndSession, Reported
from turnstile.session.events import ConfigAnswered, Refused, ResponseFinished, ResponseStarted, TimerFired
from turnstile.session.journal_notes import Noted
from turnstile.session.link_effects import CloseStandby
from turnstile.session.link_events import LinkLost, TookOver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.errors import Problem
    from turnstile.observability.session_counts import SessionCounts
    from turnstile.session.effects import Effect
    from turnstile.session.events import Event
    from turnstile.session.in_flight import Create, Response, Update
    from turnstile.session.state import Now

WATCHED: Final = frozenset({LinkLost, Refused, TimerFired, TookOver})
"""The events that are looked at; while there is anything to be repaired, all are."""

_STALLED: Final = "_stalled"
# How many creates and updates are watched at once; there is one of each, so that more have not been forgotten in time.
_WATCHED_AT_MOST: Final = 8


Unrepaired = frozenset[int | str]
"""What a create or an update was for, which upstream refused, and which is owed still: requests by their number, items
by their id; "" alone for an update without a request."""


def count_decision(counts: SessionCounts, before: Now, event: Event, effects: Sequence[Effect], after: Now) -> None:
    """Count what a decision shows.

    Args:
        counts: Of the session.
        before: The session before the event.
        event: The event.
        effects: Its effects.
        after: The session behind it.
    """
    match event:
        case TimerFired():
            _count_timeout(counts, event, effects, after)
        case Refused():
            refused = _refused(before, effects, after)
            counts.unrepaired = (*counts.unrepaired, *refused)[-_WATCHED_AT_MOST:]
        case ConfigAnswered() if before.state.updating and before.state.updating is not after.state.updating:
            _repaired(counts, _of_update(before.state.updating))
        case ResponseStarted() if before.state.requested and _is_ours_for_sure(after):
            _repaired(counts, _of_create(before.state.requested))
        case ResponseFinished() if before.state.response and before.state.response.unproven:
            _repaired(counts, _of_create(before.state.response.unproven))
        case ResponseFinished(name) if before.state.response and before.state.response.response_id == name:
            _repaired(counts, _answered_by(before.state.response) - _pending(after))
        case _:
            pass
    if event.__class__ in WATCHED:
        _count_unended(counts, before, event, after)
    if counts.unrepaired:
        pending = _pending(after)
        counts.unrepaired = tuple([one for one in counts.unrepaired if one & pending])


def _count_timeout(counts: SessionCounts, fired: TimerFired, effects: Sequence[Effect], after: Now) -> None:
    for effect in effects:
        problem: Problem | None = effect.problem if isinstance(effect, Reported | Answered | EndSession) else None
        if problem is not None and problem.code.endswith(_STALLED):
            counts.stalls += 1
            break
    gave_up_first = fired.name == "link" and after.state.link in {"lost", "ended"}
    if gave_up_first or any(isinstance(effect, CloseStandby) for effect in effects):
        counts.link_failures += 1


def _count_unended(counts: SessionCounts, before: Now, event: Event, after: Now) -> None:
    """Count the responses that ended without a ``response.done``."""
    is_over = after.state.response is None or (isinstance(event, LinkLost) and after.state.link == "ended")
    was_cut = before.state.response is not None and is_over
    asides = len(before.data.asides_running) - len(after.data.asides_running)
    outcome = "lost" if isinstance(event, LinkLost | TookOver) else "cancelled"
    counts.responses[outcome] += was_cut + max(asides, 0)


def _refused(before: Now, effects: Sequence[Effect], after: Now) -> list[Unrepaired]:
    """Return what lost a race, an update or a create, and is owed still."""
    if not any(isinstance(effect, Noted) and effect.kind == "collided" for effect in effects):
        return []
    update = before.state.updating
    create = before.state.requested or (before.state.response and before.state.response.unproven)
    lost: Unrepaired = frozenset()
    if update is not None and update is not after.state.updating:
        lost = _of_update(update)
    elif create:
        lost = _of_create(create)
    return [lost] if lost & _pending(after) else []


def _repaired(counts: SessionCounts, covers: Unrepaired) -> None:
    left = tuple([one for one in counts.unrepaired if not one & covers])
    counts.repairs += len(counts.unrepaired) - len(left)
    counts.unrepaired = left


def _is_ours_for_sure(now: Now) -> bool:
    response = now.state.response
    return response is not None and response.is_ours and response.unproven is None


def _answered_by(response: Response) -> Unrepaired:
    return frozenset([item.item_id for item in response.seen])


def _of_update(update: Update) -> Unrepaired:
    return frozenset([request.ref for request in update.requests]) or frozenset([""])


def _of_create(create: Create) -> Unrepaired:
    if create.agent_message is not None:
        return frozenset([create.agent_message.ref])
    return frozenset(create.covers)


def _pending(now: Now) -> Unrepaired:
    """Return what is to be sent, or has been sent and is not answered, or is being answered by any response."""
    state = now.state
    found: set[int | str] = {item.item_id for item in state.items}
    found.update([request.ref for request in state.updates])
    found.update([message.ref for message in state.agent_messages])
    if state.response:
        found |= _answered_by(state.response)
    if state.updating:
        found |= _of_update(state.updating)
    elif not state.is_in_sync:
        found.add("")
    for create in (state.requested, state.response.unproven if state.response else None):
        if create:
            found |= _of_create(create)
    return frozenset(found)
