"""Events of a Realtime client's that were passed on and that upstream has not answered: lost if their link is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from turnstile.errors import Problem
from turnstile.session.conversation_events import ItemDeleted, ItemRetrieved, ItemTruncated
from turnstile.session.effects import Reported
from turnstile.session.in_flight import Aside, Passed
from turnstile.session.state import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.session.awaited import Answer, Awaited
    from turnstile.session.client_requests import EventGiven
    from turnstile.session.events import ItemConfirmed
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now

_ANSWERS: Final[Mapping[type, Answer]] = {
    ItemDeleted: "deleted",
    ItemRetrieved: "retrieved",
    ItemTruncated: "truncated",
}
# What is about its link alone: on another one it does not go again.
_LINK_ONLY: Final[frozenset[Answer]] = frozenset({"committed", "ended"})
_NOT_KEPT: Final = Problem(
    "not_restored",
    "The link to upstream was lost before this event was answered, and it was too large to be kept; give it again.",
)
_TURN_LOST: Final = Problem(
    "turn_lost",
    "The link to upstream was lost before this turn was committed; what the user said must be said again.",
)


def noted(now: Now, given: EventGiven, policy: Policy) -> Now:
    """Remember an event that is passed on until it is answered; the oldest of too many are forgotten."""
    awaits = given.awaits
    if awaits is None:
        return now
    if awaits.answer == "response":
        behind = now.state.requested.event_id if now.state.requested else ""
        now = now.change(asides=(*now.data.asides, Aside(awaits.event_id, behind))[-policy.max_held :])
    if policy.is_shared:  # The conversation outlives the link.
        return now
    if awaits.answer in _LINK_ONLY or given.size > policy.max_conversation_bytes:
        given = replace(given, event=b"")  # No other link could be given it, or what comes of it, again.
    if len(now.data.unanswered) >= policy.max_held:
        now = _without(now, now.data.unanswered[0])
    passed = Passed(given, awaits)
    return now.change(
        unanswered=(*now.data.unanswered, passed), unanswered_bytes=now.data.unanswered_bytes + given.size
    )


def item_confirmed(now: Now, confirmed: ItemConfirmed, policy: Policy) -> Now:
    """Forget the create of an item that is in the conversation: by its id, else the oldest of one like it.

    A restored item is no answer to a create, however like it.
    """
    creates = [one for one in now.data.unanswered if one.awaits.answer == "item"]
    meant = next((one for one in creates if one.awaits.item_id == confirmed.item_id), None)
    is_known = confirmed.item_id.startswith(policy.id_prefix) or confirmed.item_id in now.data.restored
    if meant is None and confirmed.kind and not is_known:
        meant = next((one for one in creates if _is_like(one.awaits, confirmed)), None)
    return _without(now, meant)


def _is_like(asked: Awaited, confirmed: ItemConfirmed) -> bool:
    alike = (asked.kind, asked.role) == (confirmed.kind, confirmed.role)
    return alike and asked.call_id == (confirmed.call_id or asked.call_id)


def item_changed(now: Now, fact: ItemDeleted | ItemRetrieved | ItemTruncated, _: Policy) -> Step:
    """Forget the oldest event that asked for what became of an item."""
    key = (_ANSWERS[type(fact)], fact.item_id)
    asked = (one for one in now.data.unanswered if (one.awaits.answer, one.awaits.item_id) == key)
    return Step(_without(now, next(asked, None)))


def turn_committed(now: Now) -> Now:
    """Forget the oldest commit."""
    return _without(now, next((one for one in now.data.unanswered if one.awaits.answer == "committed"), None))


def response_ended(now: Now, response_id: str, *, is_aside: bool) -> Now:
    """Forget what asked for the end of a response; without a name it is the one of the default conversation."""
    ended = [one for one in now.data.unanswered if _ends(one, response_id) and (one.awaits.item_id or not is_aside)]
    for one in ended:
        now = _without(now, one)
    return now


def is_cancelled(now: Now, response_id: str) -> bool:
    """Tell whether the client has asked for the end of the response in progress."""
    return any(_ends(one, response_id) for one in now.data.unanswered)


def _ends(passed: Passed, response_id: str) -> bool:
    return passed.awaits.answer == "ended" and passed.awaits.item_id in {"", response_id}


def refused(now: Now, event_id: str | None) -> Now:
    """Forget the event of this name, which an error names."""
    if now.data.asides:
        now = now.change(asides=tuple([one for one in now.data.asides if one.event_id != event_id]))
    return settled(now, event_id)


def settled(now: Now, event_id: str | None) -> Now:
    """Forget the event of this name: it has its answer, or gets none."""
    return _without(now, next((one for one in now.data.unanswered if one.awaits.event_id == event_id), None))


def _without(now: Now, answered: Passed | None) -> Now:
    if answered is None:
        return now
    left = tuple([one for one in now.data.unanswered if one is not answered])
    return now.change(unanswered=left, unanswered_bytes=now.data.unanswered_bytes - answered.given.size)


def without_content(now: Now) -> Now:
    """Keep the events' names only, to make room: on another link they do not go again."""
    kept = tuple([Passed(replace(one.given, event=b""), one.awaits) for one in now.data.unanswered])
    return now.change(unanswered=kept, unanswered_bytes=sum([one.given.size for one in kept])) if kept else now


def lost_events(now: Now) -> tuple[Reported, ...]:
    """Return the reports of what is lost with the link and cannot go again: a turn, and what there was no room for."""
    lost = [one for one in now.data.unanswered if not one.given.event and one.awaits.answer != "ended"]
    return tuple(
        [
            Reported(_TURN_LOST if one.awaits.answer == "committed" else _NOT_KEPT, one.given.event_id or None)
            for one in lost
        ]
    )
