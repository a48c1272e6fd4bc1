"""The record of a session's default conversation: its items in order, as another link would need them.

It holds no audio, and no conversation text is in its `repr`. All of it is immutable; a change returns another record.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Final, Literal

import orjson

from turnstile.session.record import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from turnstile.session.client_requests import Json

Kind = Literal["user", "assistant", "system", "function_call", "function_call_output"]
Missing = Literal["", "audio", "image", "size", "cut"]

ROOT: Final = "root"
"""The API's name for the place before all items (``previous_item_id``)."""
ENTRY_BYTES: Final = 256
"""What an entry takes besides its item: the value, its names and its place."""
# How many cuts of items that are not known yet are remembered.
_CUTS_REMEMBERED = 8


@record
class Entry:
    """An item of the conversation.

    Args:
        item_id: The name under which it is known here and to the client.
        kind: Its role, or its type where it is no message.
        item: The item for ``conversation.item.create``, encoded, without an id; b"" while there is nothing to restore.
        call_id: The function call that it is, or the result of.
        version: Counts what `item` has been before.
        is_cut: The user has not heard it to the end: it only gets shorter from then on.
        missing: What of it cannot be restored: ``audio`` without a transcript, an ``image`` that is too large or not
            shown, all of it (``size``), or an assistant item of which nobody knows how much was heard (``cut``).
    """

    item_id: str
    kind: Kind
    item: bytes = field(default=b"", repr=False)
    call_id: str = ""
    version: int = 0
    is_cut: bool = False
    missing: Missing = ""

    def with_item(self, item: bytes, missing: Missing = "", *, is_cut: bool = False) -> Entry:
        """Return the entry with another item in it: another version, if it differs."""
        version = self.version + (item != self.item)
        return replace(self, item=item, version=version, is_cut=is_cut or self.is_cut, missing=missing)

    def created(self) -> Json:
        """Return the item for ``conversation.item.create``, with the name under which it is known here."""
        return {**orjson.loads(self.item), "id": self.item_id}


@record
class Conversation:
    """The record at one moment.

    Args:
        entries: The items, in the order of the conversation.
        open_calls: The function calls in it that have no output yet.
        awaited: The spoken turns that may still be transcribed.
        cuts: What was heard of items that were cut off before they were known here, by their ids.
        bytes: What the entries take.
        gone: How many of the oldest turns were dropped for room, whole or in part.
        is_short: Of the oldest turn that is left a part was dropped.
    """

    entries: tuple[Entry, ...] = ()
    open_calls: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    cuts: tuple[tuple[str, str | None], ...] = field(default=(), repr=False)
    bytes: int = 0
    gone: int = 0
    is_short: bool = False

    @property
    def awaits_transcript(self) -> bool:
        """Whether a committed spoken turn may still be transcribed."""
        return bool(self.awaited)

    @property
    def unrestorable(self) -> tuple[tuple[str, Missing], ...]:
        """The items that cannot be restored, or not whole, each with what is missing."""
        return tuple([(entry.item_id, entry.missing) for entry in self.entries if entry.missing])

    def find(self, item_id: str) -> Entry | None:
        """Return the entry of an item; the latest are found at once."""
        for entry in reversed(self.entries):
            if entry.item_id == item_id:
                return entry
        return None

    def is_known(self, item_id: str) -> bool:
        """Return whether an item has something to restore."""
        entry = self.find(item_id)
        return entry is not None and bool(entry.item)

    def appended(self, entry: Entry) -> Conversation:
        """Return the record with another item at the end."""
        calls = self.open_calls
        if entry.kind == "function_call" and entry.item:
            calls = (*calls, entry.call_id)
        elif entry.kind == "function_call_output":
            calls = tuple([call_id for call_id in calls if call_id != entry.call_id])
        taken = self.bytes + ENTRY_BYTES + len(entry.item)
        return replace(self, entries=(*self.entries, entry), open_calls=calls, bytes=taken)

    def changed(self, before: Entry, entry: Entry) -> Conversation:
        """Return the record with an entry in the place of the one `before` of the same item."""
        calls, awaited = self.open_calls, self.awaited
        if entry.kind == "function_call" and entry.item and not before.item:
            calls = (*calls, entry.call_id)
        if awaited and entry.missing != "audio":
            awaited = tuple([item_id for item_id in awaited if item_id != entry.item_id])
        entries = tuple([entry if one is before else one for one in self.entries])
        taken = self.bytes + len(entry.item) - len(before.item)
        return replace(self, entries=entries, open_calls=calls, awaited=awaited, bytes=taken)

    def placed(self, item_id: str, previous_id: str) -> Conversation:
        """Return the record with an entry behind another one, or before all (`ROOT`); as it is if that is not known."""
        if [entry.item_id for entry in self.entries[-2:]] == [previous_id, item_id]:
            return self
        names = [entry.item_id for entry in self.entries]
        if previous_id != ROOT and previous_id not in names:
            return self
        from_, to = names.index(item_id), 0 if previous_id == ROOT else names.index(previous_id) + 1
        if to in {from_, from_ + 1}:
            return self
        entries = [*self.entries]
        moved = entries.pop(from_)
        entries.insert(to - (to > from_), moved)
        return replace(self, entries=tuple(entries))

    def without(self, going: Collection[Entry]) -> Conversation:
        """Return the record without entries: with a function call its output goes too, and the other way round."""
        names, calls = {entry.item_id for entry in going}, {entry.call_id for entry in going} - {""}
        gone = [one for one in self.entries if one.item_id in names or one.call_id in calls]
        gone_names = {entry.item_id for entry in gone}
        return replace(
            self,
            entries=tuple([one for one in self.entries if one.item_id not in gone_names]),
            open_calls=tuple([call_id for call_id in self.open_calls if call_id not in calls]),
            awaited=tuple([item_id for item_id in self.awaited if item_id not in names]),
            bytes=self.bytes - sum([ENTRY_BYTES + len(entry.item) for entry in gone]),
        )

    def without_awaited(self) -> Conversation:
        """Return the record without the turns that may still be transcribed: nothing will be heard of them any more."""
        if not self.awaited:
            return self
        shorter = self.without([entry for entry in self.entries if entry.item_id in self.awaited])
        return replace(shorter, awaited=())

    def with_cut(self, item_id: str, heard: str | None) -> Conversation:
        """Return the record with the cut of an item that is not known yet."""
        return replace(self, cuts=(*self.cuts[1 - _CUTS_REMEMBERED :], (item_id, heard)))


def trimmed(conversation: Conversation, limit: int) -> Conversation:
    """Return the record within `limit` bytes: its oldest turns go first, and one with an open call last."""
    while conversation.bytes > limit:
        conversation = _without_oldest(conversation)
    return conversation


def _without_oldest(conversation: Conversation) -> Conversation:
    """Return the record without its oldest turn that has no open call.

    Where only the last is left, or each of them has one, the oldest item goes that is none; and where there are open
    calls only, the oldest of them: the record keeps its bound. A turn that goes piece by piece counts with its
    beginning.
    """
    entries, calls = conversation.entries, conversation.open_calls
    for turn in _ended_turns(entries):
        if {entry.call_id for entry in turn}.isdisjoint(calls):
            is_rest = conversation.is_short and turn[0] is entries[0]
            is_short, gone = conversation.is_short and not is_rest, conversation.gone + (not is_rest)
            return replace(conversation.without(turn), gone=gone, is_short=is_short)
    one = next((entry for entry in entries if entry.call_id not in calls), entries[0])
    begins_turn = one.kind == "user" or not conversation.is_short
    return replace(conversation.without((one,)), gone=conversation.gone + begins_turn, is_short=True)


def _ended_turns(entries: tuple[Entry, ...]) -> Iterator[tuple[Entry, ...]]:
    """Yield the turns but the last; one begins with what the user says, behind what somebody else has said."""
    start = 0
    for place, entry in enumerate(entries):
        if place and entry.kind == "user" and entries[place - 1].kind != "user":
            yield entries[start:place]
            start = place
