"""The items of a conversation that is restored: a client that has seen them is not shown them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.translate.bounded_dict import BoundedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

_PUT: Final = frozenset({"conversation.item.added", "conversation.item.created", "conversation.item.done"})
# Those that show its place.
_PLACED: Final = frozenset({"conversation.item.added", "conversation.item.created"})
# The last event of each that an item is put in with: of the beta there is one.
_LAST: Final = frozenset({"conversation.item.created", "conversation.item.done"})
_REMOVED: Final = "conversation.item.deleted"


class UnseenItems(BoundedDict[tuple[bool, str], None]):
    """The items that are on their way into the conversation (True) or out of it (False) for the proxy only.

    It is a dict so that it costs no call to find it empty, as it is but for a moment.

    Args:
        id_prefix: The prefix of the session's own ids: the note behind a restored conversation has one, and is not the
            client's to know.
    """

    def __init__(self, id_prefix: str) -> None:
        super().__init__(lambda place, _: len(place[1]))
        self._id_prefix = id_prefix
        self.note: tuple[str, Any] | None = None
        """The note of the latest link, and the item before it."""

    def put(self, item_ids: Iterable[str]) -> None:
        """Hide the events with which these items are put in."""
        for item_id in item_ids:
            self.remember((True, item_id), None)

    def removed(self, item_ids: Iterable[str]) -> None:
        """Hide the next event with which each of these is removed."""
        for item_id in item_ids:
            self.remember((False, item_id), None)

    def hides(self, event: Json) -> bool:
        """Tell whether the client is not shown an event; the last one of an item makes room."""
        kind = event["type"]
        if kind == _REMOVED:
            place = (False, event.get("item_id"))
        elif kind in _PUT:
            item = event.get("item")
            place = (True, item.get("id") if isinstance(item, dict) else None)
        else:
            return False
        if not isinstance(place[1], str) or place not in self:
            return False
        if kind not in _PUT or kind in _LAST:
            self.forget((place[0], place[1]))
        if kind in _PLACED and event["item"].get("role") == "system" and place[1].startswith(self._id_prefix):
            self.note = (place[1], event.get("previous_item_id"))
        return True
