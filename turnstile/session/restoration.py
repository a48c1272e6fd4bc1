"""What another link still lacks of the conversation, or has too much of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.conversation import ROOT, Entry
from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.session.conversation import Conversation

    Told = tuple[tuple[str, int], ...]


@record
class Put:
    """Create an item.

    Args:
        entry: The item.
        previous_id: The item that it goes behind, by the name it has in the record, or ``root``; None: at the end.
    """

    entry: Entry
    previous_id: str | None = None


@record
class Remove:
    """Delete an item."""

    item_id: str


Change = Put | Remove


def difference(told: Told, conversation: Conversation) -> tuple[Change, ...]:
    """Return what makes the conversation of a link the recorded one, in the order in which it must be done.

    A changed item is removed and put again in its place; one that has nothing to restore is left out. Each name is the
    record's, also where upstream has given the item another one.

    Args:
        told: What the link has, in its order: the name and the version of each.
        conversation: What it shall have.
    """
    wanted = [entry for entry in conversation.entries if entry.item]
    places = {(entry.item_id, entry.version): place for place, entry in enumerate(wanted)}
    kept: set[int] = set()
    last = -1
    changes: list[Change] = []
    for one in told:
        place = places.get(one, -1)
        if place > last:
            kept.add(place)
            last = place
        else:  # Gone, changed, or elsewhere by now.
            changes.append(Remove(one[0]))
    previous = ROOT
    for place, entry in enumerate(wanted):
        if place not in kept:
            changes.append(Put(entry, None if place > last else previous))
        previous = entry.item_id
    return tuple(changes)
