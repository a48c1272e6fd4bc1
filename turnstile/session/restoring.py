"""What is sent to a link of the conversation: the record's items that it has not, and the note behind them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.conversation import ROOT
from turnstile.session.effects import Reported
from turnstile.session.in_flight import Restored
from turnstile.session.link_effects import RemoveItem, RestoreItem
from turnstile.session.restoration import Put, Remove, difference
from turnstile.session.state import TRANSCRIPTION, Step

if TYPE_CHECKING:
    from turnstile.session.client_requests import Json
    from turnstile.session.policy import Policy
    from turnstile.session.restoration import Change
    from turnstile.session.state import Now

    Told = tuple[tuple[str, int], ...]


def conversation_changes(now: Now, told: Told, left_out: Told) -> tuple[Change, ...]:
    """Return what a link needs to have the conversation of the record.

    Args:
        now: The session; one that only transcribes has no conversation.
        told: What the link has.
        left_out: What it has refused.
    """
    if now.state.accepted.get("type") == TRANSCRIPTION:
        return ()
    conversation = now.data.conversation
    if left_out:
        there = [entry for entry in conversation.entries if (entry.item_id, entry.version) not in left_out]
        conversation = replace(conversation, entries=tuple(there))
    return difference(told, conversation)


def sent_changes(
    changes: tuple[Change, ...], serial: int, policy: Policy
) -> tuple[tuple[RestoreItem | RemoveItem, ...], tuple[Restored, ...], int]:
    """Return the commands for changes, what is unanswered of them, and the next serial."""
    commands: list[RestoreItem | RemoveItem] = []
    sent: list[Restored] = []
    for change in changes:
        event_id = f"{policy.id_prefix}{serial}"
        serial += 1
        if isinstance(change, Remove):
            commands.append(RemoveItem(event_id, change.item_id))
            sent.append(Restored(event_id, change.item_id))
        else:
            commands.append(RestoreItem(event_id, change.entry.created(), change.previous_id))
            sent.append(Restored(event_id, change.entry.item_id, change.entry.version))
    return tuple(commands), tuple(sent), serial


def told_after(told: Told, changes: tuple[Change, ...]) -> Told:
    """Return what a link has once it has taken changes."""
    items = list(told)
    for change in changes:
        if isinstance(change, Remove):
            items = [one for one in items if one[0] != change.item_id]
        else:
            places = {item_id: place for place, (item_id, _) in enumerate(items, 1)} | {ROOT: 0}
            place = len(items) if change.previous_id is None else places.get(change.previous_id, len(items))
            items.insert(place, (change.entry.item_id, change.entry.version))
    return tuple(items)


def answered_by(sent: tuple[Restored, ...], item_id: str, *, is_gone: bool) -> tuple[Restored, ...]:
    """Return what is unanswered once an item is confirmed, or gone; under a name of upstream's, the oldest is meant."""
    alike = [one for one in sent if (one.version is None) == is_gone]
    named = [one for one in alike if one.item_id == item_id]
    meant = (named or alike)[:1]
    return tuple(one for one in sent if one not in meant)


def refused_by(sent: tuple[Restored, ...], event_id: str | None) -> tuple[Restored | None, tuple[Restored, ...]]:
    """Return what an error refuses, and what is unanswered then; without an event id it is the oldest."""
    refused = next((one for one in sent if event_id in {None, one.event_id}), None)
    return refused, tuple(one for one in sent if one is not refused)


def with_conversation(now: Now, told: Told, left_out: Told, policy: Policy) -> Step:
    """Send the link in use what it has not of the conversation, and the note behind it; creates wait for that."""
    changes = conversation_changes(now, told, left_out)
    effects, sent, serial = sent_changes(changes, now.data.serial, policy)
    there = told_after(told, changes)
    if policy.restore_note and there:
        event_id, item_id = f"{policy.id_prefix}{serial}", f"{policy.id_prefix}{serial + 1}"
        serial += 2
        effects = (*effects, RestoreItem(event_id, {**_note(now, policy), "id": item_id}))
        sent, there = (*sent, Restored(event_id, item_id, 0)), (*there, (item_id, 0))
    restored = frozenset(item_id for item_id, _ in there)
    return Step(now.change(restoring=sent, restored=restored, serial=serial), effects)


def _note(now: Now, policy: Policy) -> Json:
    gone = now.data.conversation.gone
    text = policy.restore_note
    if gone:
        text = f"{text} What was said before it is left out: {gone} {'turn' if gone == 1 else 'turns'}."
    return {"type": "message", "role": "system", "content": [{"type": "input_text", "text": text}]}


def replaced(now: Now, item_id: str, policy: Policy) -> Step:
    """Have the link in use take a restored item as it is in the record now: it was cut, and upstream has only text.

    It goes in its place again, behind the restored item before it: the link may have other items at its end by now.
    """
    previous = ROOT
    changes: tuple[Change, ...] = ()
    for entry in now.data.conversation.entries:
        if entry.item_id == item_id:
            put = (Put(entry, previous),) if entry.item else ()
            changes = (Remove(item_id), *put)
            break
        if entry.item and entry.item_id in now.data.restored:
            previous = entry.item_id
    effects, sent, serial = sent_changes(changes, now.data.serial, policy)
    return Step(now.change(restoring=(*now.state.restoring, *sent), serial=serial), effects)


def restored_answered(now: Now, item_id: str, *, is_gone: bool) -> Now:
    """Note the answer to what was sent to the link in use."""
    named = tuple(one for one in now.state.restoring if one.item_id == item_id and (one.version is None) == is_gone)
    if not named:
        return now
    return now.change(restoring=tuple(one for one in now.state.restoring if one is not named[0]))


def not_owed(now: Now, item_id: str) -> Now:
    """Return the session without the response that it owed to an item which the link in use has not taken."""
    if all(item.item_id != item_id for item in now.state.items):
        return now
    return now.change(items=tuple(item for item in now.state.items if item.item_id != item_id))


def restored_refused(now: Now, refused: Restored, problem: Problem) -> Step:
    """Leave out what the link in use refuses, and report it."""
    left = tuple(one for one in now.state.restoring if one is not refused)
    after = not_owed(now.change(restoring=left, restored=now.data.restored - {refused.item_id}), refused.item_id)
    text = f"An item of the conversation is not restored: {problem.description}"
    return Step(after, (Reported(Problem("not_restored", text)),))
