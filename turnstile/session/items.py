"""Conversation items: on their way into the conversation, and who begins the response that they wait for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.session import unanswered_events
from turnstile.session.effects import Answered, Reported, SendItem
from turnstile.session.function_calls import turn_begun
from turnstile.session.gate import request_waits_for
from turnstile.session.in_flight import Item, Responder
from turnstile.session.restoring import replaced, restored_answered
from turnstile.session.state import Now, Step

if TYPE_CHECKING:
    from turnstile.errors import Problem
    from turnstile.session.client_requests import Json, UserMessageGiven
    from turnstile.session.conversation_events import ItemDeleted, ItemTruncated, Transcribed
    from turnstile.session.effects import Effect
    from turnstile.session.events import ItemConfirmed
    from turnstile.session.policy import Policy


def take_user_message(now: Now, request: UserMessageGiven, policy: Policy) -> Step:
    """Put a user message into the conversation when it is its turn."""
    waits = request_waits_for(now.state, request, policy)
    if waits:
        return Step(now, waits=waits)
    item = Item(f"{policy.id_prefix}{now.data.serial}", request.ref, request.item, size=request.size)
    return Step(turn_begun(now).change(items=(*now.state.items, item), serial=now.data.serial + 1))


def settle_items(now: Now, policy: Policy) -> Step | None:
    """Send the waiting items, in the order received."""
    items, serial = [*now.state.items], now.data.serial
    effects: tuple[Effect, ...] = ()
    for place, item in enumerate(items):
        if item.stage == "waiting" and item.content is not None:
            event_id = f"{policy.id_prefix}{serial}"
            items[place] = item.sent(event_id)
            effects = (*effects, SendItem(event_id, {**item.content, "id": item.item_id}))
            serial += 1
    return Step(now.change(items=tuple(items), serial=serial), effects) if effects else None


def item_confirmed(now: Now, confirmed: ItemConfirmed, policy: Policy) -> Step:
    """The item is in the conversation, under the name that we gave it or under one of upstream's own."""
    if now.data.unanswered:
        now = unanswered_events.item_confirmed(now, confirmed, policy)
    if now.state.restoring:
        now = restored_answered(now, confirmed.item_id, is_gone=False)
    item = item_meant(now, confirmed, policy)
    if item is None:
        return Step(now)
    there = item.confirmed(confirmed.item_id)
    items = tuple([there if other is item else other for other in now.state.items])
    return Step(now.change(items=items), _answers(item.ref, None))


def item_meant(now: Now, confirmed: ItemConfirmed, policy: Policy) -> Item | None:
    """Return the unconfirmed item that a confirmation is for.

    Where upstream gives names of its own, the oldest of the same kind and role is meant (first in, first out). One of
    our names means no other item: it comes late, for one that was given up on. Nor does that of a restored item.
    """
    for item in now.state.items:
        if item.item_id == confirmed.item_id:
            return item if item.stage == "sent" else None
    if confirmed.item_id.startswith(policy.id_prefix) or confirmed.item_id in now.data.restored:
        return None
    sent = (item for item in now.state.items if item.stage == "sent")
    return next((item for item in sent if _is_alike(item.content or {}, confirmed)), None)


def _is_alike(content: Json, confirmed: ItemConfirmed) -> bool:
    """Return whether `content` is of the kind that was confirmed; our items hold no audio."""
    alike = content.get("type") == confirmed.kind and (content.get("role") or "") == confirmed.role
    call_id = confirmed.call_id or content.get("call_id")
    return alike and content.get("call_id") == call_id and not confirmed.has_audio


def item_lost(now: Now, item: Item, problem: Problem) -> Step:
    """Report an item that did not get into the conversation; no response is owed to it."""
    after = now.change(items=tuple(other for other in now.state.items if other is not item))
    return Step(after, _answers(item.ref, problem) or (Reported(problem),))


def _answers(ref: int | None, problem: Problem | None) -> tuple[Effect, ...]:
    return () if ref is None else (Answered(ref, problem, in_force=problem is None),)


def left_to_us(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Let the proxy create the response that the API was expected to begin, but does not."""
    return _with_responder(items, "proxy", "api")


def turn_ended(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Owe a response again to the items whose response the user interrupted, since the user's turn has ended."""
    return _with_responder(items, "proxy", "after_turn")


def _with_responder(items: tuple[Item, ...], responder: Responder, before: Responder) -> tuple[Item, ...]:
    return tuple([replace(item, responder=responder) if item.responder == before else item for item in items])


def item_deleted(now: Now, deleted: ItemDeleted, policy: Policy) -> Step:
    """Forget that an item of the link's was restored; the record has forgotten the item."""
    now = unanswered_events.item_changed(now, deleted, policy).now
    now = restored_answered(now, deleted.item_id, is_gone=True) if now.state.restoring else now
    if deleted.item_id not in now.data.restored or any(one.item_id == deleted.item_id for one in now.state.restoring):
        return Step(now)
    return Step(now.change(restored=now.data.restored - {deleted.item_id}))


def item_truncated(now: Now, truncated: ItemTruncated, policy: Policy) -> Step:
    """Have a restored item be as short upstream as it is in the record now."""
    now = unanswered_events.item_changed(now, truncated, policy).now
    return replaced(now, truncated.item_id, policy) if truncated.item_id in now.data.restored else Step(now)


def transcribed(now: Now, _: Transcribed, __: Policy) -> Step:
    """Change nothing: the record has the transcript."""
    return Step(now)
