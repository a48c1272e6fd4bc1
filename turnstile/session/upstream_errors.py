"""Whose fault an ``error`` event is: by event id, then by code, then by the oldest thing unanswered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session import attribution, failed_updates, items, link, outcomes, responses, turns
from turnstile.session.collisions import is_collision
from turnstile.session.effects import Reported
from turnstile.session.endings import ENDING
from turnstile.session.events import LinkLost
from turnstile.session.in_flight import Commit, Create, Item, Response, Update
from turnstile.session.state import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.session.events import Refused
    from turnstile.session.policy import Policy
    from turnstile.session.state import State

Unanswered = Update | Create | Commit | Item | Response

# Codes that say nothing about an event of ours, so that without an event id they blame none.
_NOBODYS = frozenset({"server_error", "rate_limit_exceeded"})
# What the API says of a truncation or a cancel that came too late or asked for too much (as reported by its users).
_CUT_CODES = frozenset({"item_truncate_invalid_item_id", "response_cancel_not_active"})
_NOT_CUT = (
    "Only model output audio messages can be truncated",
    "Audio content of ",
    "Cancellation failed",
)


def refused(state: State, error: Refused, policy: Policy) -> Step:
    """Give the error to what it refuses; one that refuses nothing of ours is the client's to know.

    Some end the session, whatever they refuse.
    """
    if error.code in ENDING:
        lost = LinkLost(error.code, error.message, retryable=False, event=error.event, is_told=_is_told(error, policy))
        return link.link_lost(state, lost, policy)
    if _is_told(error, policy):
        return Step(state._replace(asides=tuple(one for one in state.asides if one.event_id != error.event_id)))
    culprit = _culprit(state, error, policy)
    match culprit:
        case Update():
            return failed_updates.update_refused(state, culprit, error, policy)
        case Create() if state.response and state.response.unproven == culprit:
            return attribution.unmarked_refused(state, state.response, culprit)
        case Create():
            return responses.create_refused(state, culprit, error, policy)
        case Commit():
            return turns.commit_lost(state, culprit, error.problem)
        case Item():
            return items.item_lost(state, culprit, error.problem)
        case Response():
            return outcomes.response_ended_unheard(state, culprit, policy)
        case None if is_collision(error) or _is_ours(error, policy):
            # The proxy's own business, settled since.
            return Step(state)
        case None if _is_about_cut(error) and not policy.is_transparent:
            # Ours too, as only a client of the API's own language cuts anything off itself. Without a name a refused
            # cancel may be an earlier one: the response that was to end does so by itself, or in time.
            return Step(state)
        case _:
            return Step(state, (Reported(error.problem),))


def _is_told(error: Refused, policy: Policy) -> bool:
    """Whether it is about an event that a client of the API's own language gave: that passed, and so does the error."""
    return policy.is_transparent and error.event_id is not None and not _is_ours(error, policy)


def _is_about_cut(error: Refused) -> bool:
    """Whether it is about a truncation or a cancel."""
    return error.code in _CUT_CODES or error.message.startswith(_NOT_CUT)


def _is_ours(error: Refused, policy: Policy) -> bool:
    """Whether it is about an event of ours; an event of the client's without a name has one that begins as ours do."""
    name = error.event_id
    return name is not None and name.startswith(policy.id_prefix) and name.removeprefix(policy.id_prefix).isdecimal()


def _culprit(state: State, error: Refused, policy: Policy) -> Unanswered | None:
    unproven = _disputed(state, error)
    if unproven:
        return unproven
    unanswered = dict(_unanswered(state))
    if error.event_id is not None:
        return unanswered.get(error.event_id)
    oldest_first = sorted(unanswered.items(), key=lambda entry: _age(entry[0], policy))
    kind = _kind_named(error)
    if kind is Create and is_collision(error) and state.requested is None:
        kind = Update  # Some servers refuse them so.
    if kind is not None:
        return next((one for _, one in oldest_first if isinstance(one, kind)), None)
    if error.code in _NOBODYS or error.param == "audio" or _is_about_cut(error):
        return None
    return next((one for _, one in oldest_first if not isinstance(one, Response)), None)


def _disputed(state: State, error: Refused) -> Create | None:
    """Return the create that the response in progress was taken to answer, if it is refused in favour of this one."""
    response = state.response
    if response is None or response.unproven is None:
        return None
    if error.event_id is not None:
        return response.unproven if error.event_id == response.unproven.event_id else None
    names_it = error.running in {None, response.response_id} and state.requested is None
    return response.unproven if is_collision(error) and names_it else None


def _unanswered(state: State) -> Iterator[tuple[str, Unanswered]]:
    if state.updating:
        yield state.updating.event_id, state.updating
    if state.requested:
        yield state.requested.event_id, state.requested
    for commit in state.commits:
        yield commit.event_id, commit
    for item in state.items:
        if item.stage == "sent":
            yield item.event_id, item
    if state.response and state.response.cancel:
        yield state.response.cancel.event_id, state.response


def _age(event_id: str, policy: Policy) -> int:
    return int(event_id.removeprefix(policy.id_prefix))


def _kind_named(error: Refused) -> type[Unanswered] | None:
    """Read from the error which kind of event it refuses: code, then the field named, then its words."""
    param = error.param or ""
    if is_collision(error) or param.startswith("response"):
        return Create
    if error.code == "input_audio_buffer_commit_empty" or "committing input audio buffer" in error.message:
        return Commit
    if error.code == "cannot_update_voice" or param.startswith("session") or "update a conversation" in error.message:
        return Update
    return Item if param.startswith("item") else None
