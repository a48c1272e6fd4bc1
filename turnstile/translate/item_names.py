"""The names of a restored conversation's items, where upstream gives items names of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.protocol import jsontext
from turnstile.protocol.realtime import LONGEST_ITEM_ID

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

_PUT: Final = frozenset({"conversation.item.added", "conversation.item.created", "conversation.item.done"})
_FIELDS: Final = ("item_id", "previous_item_id")
# What an event holds that names an item; any other is not parsed.
_MARKS: Final = (b'item_id"', b'"item_reference"')


class ItemNames:
    """The items of one link that the client knows by other names: those that they had on the link before.

    Most upstreams keep the names that they are given: then nothing is renamed, and nothing is parsed for it.
    """

    def __init__(self) -> None:
        self._asked: dict[str, tuple[str, Json]] = {}
        self._kept: set[str] = set()
        self._clients: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self._keeps_names = False
        self.is_used = False
        """Whether an event of upstream's may name a restored item: `shown` is to see it."""
        self.renames = False
        """Whether there is a name to change: `sent` is to see what goes upstream."""

    def ask(self, event_id: str, item: Json) -> None:
        """Expect the name of an item that is restored with this event."""
        if not self._keeps_names or self._clients or len(item["id"]) > LONGEST_ITEM_ID:
            self._asked[item["id"]] = (event_id, item)
            self.is_used = True

    def take_over(self) -> None:
        """Expect no more names, since other items come from now on: but of an upstream that may give names."""
        self._keeps_names = bool(self._kept)
        self._asked.clear()
        self._kept.clear()
        self.is_used = bool(self._clients)

    def shown(self, event: Json) -> Json:
        """Return upstream's event under the client's names; itself where they are the same."""
        kind, item = event["type"], event.get("item")
        if kind in _PUT and isinstance(item, dict):
            self._learn(item)
        elif kind == "error" and isinstance(event.get("error"), dict):
            event_id = event["error"].get("event_id")
            self._asked = {name: asked for name, asked in self._asked.items() if asked[0] != event_id}
        if not self._clients:
            return event
        renamed = _renamed(event, self._clients.get)
        if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"] in self._clients:
            renamed = {**renamed, "item": {**item, "id": self._clients[item["id"]]}}
        if kind == "conversation.item.deleted" and renamed is not event:
            self._forget(event["item_id"])
        return renamed

    def sent(self, data: bytes) -> bytes:
        """Return a client's event, or one of the session's, under the names of the link."""
        if not any(mark in data for mark in _MARKS):
            return data
        event = jsontext.loads(data)
        renamed = _renamed(event, self._links.get)
        response = event.get("response")
        given = response.get("input") if isinstance(response, dict) else None
        if isinstance(given, list):
            items = [_renamed(item, self._links.get, ("id",)) if isinstance(item, dict) else item for item in given]
            renamed = {**renamed, "response": {**response, "input": items}}
        return orjson.dumps(renamed)

    def _learn(self, item: Json) -> None:
        """Keep the name of an item that was asked for: the oldest of its kind, since upstream answers in order."""
        name = item.get("id")
        if not self._asked or not isinstance(name, str) or name in self._clients or name in self._kept:
            return
        if name in self._asked:
            del self._asked[name]
            self._kept.add(name)  # An item is named twice: as added, and as done.
            self.is_used = bool(self._asked or self._clients)
            return
        if item.get("status") == "in_progress":  # a response's
            return
        meant = next((asked for asked, (_, given) in self._asked.items() if _is_like(given, item)), None)
        if meant is not None:
            del self._asked[meant]
            self._clients[name], self._links[meant] = meant, name
            self.renames = True

    def _forget(self, name: str) -> None:
        meant = self._clients.pop(name)
        if self._links.get(meant) == name:
            del self._links[meant]


def _is_like(given: Json, item: Json) -> bool:
    return all(given.get(field) == item.get(field) for field in ("type", "role", "call_id") if field in item)


def _renamed(event: Json, named: Callable[[str], str | None], fields: tuple[str, ...] = _FIELDS) -> Json:
    """Return an object with the items renamed that these fields of its name; itself where none is."""
    for field in fields:
        name = event.get(field)
        other = named(name) if isinstance(name, str) else None
        if other is not None:
            event = {**event, field: other}
    return event
