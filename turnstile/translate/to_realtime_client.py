"""From the Realtime API's events to what a client of the same language hears of them: all but our own doings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.protocol import beta
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.realtime import MARK
from turnstile.translate.ear import remember
from turnstile.translate.translator import Translator

if TYPE_CHECKING:
    from turnstile.protocol.frames import Frame

Json = dict[str, Any]

# Told by the ClientActor: as answers to the client's own updates.
_ANSWERS: Final = frozenset({"session.created", "session.updated"})


def unnamed_prefix(id_prefix: str) -> str:
    """Return what begins the ids of a client's events that it gave none; `id_prefix` begins the ids of the session's.

    It has the session's id in it, so that no client has an event of this name.
    """
    return f"{id_prefix}unnamed_"


class RealtimeTranslator(Translator):
    """One session's events for a client of the API's own language.

    Args:
        id_prefix: Begins the event ids of ours: errors that name one are the session's business.
        is_beta: The client speaks the words of the beta.
    """

    def __init__(self, id_prefix: str, *, is_beta: bool) -> None:
        self._id_prefix = id_prefix
        self._is_beta = is_beta
        self._given: dict[str, Any] = {}
        self._unfinished: set[str] = set()

    def translate(self, event: Json, now: float, data: bytes | None = None, *, is_built: bool = False) -> list[Frame]:
        """Return the event as it is, without what we put into it; none for those that are the session's to answer."""
        del now, is_built
        kind = event["type"]
        if kind in _ANSWERS:
            return []
        if kind == "conversation.item.created":
            return self._created(event)
        before = self._finished(event) if kind == "response.output_item.done" else []
        told: Json | None = event
        if kind == "error":
            told = self._error(event)
        elif kind in {"response.created", "response.done"}:
            told = self._as_given(event)
        if told is None:
            return []
        if told is event and data is not None and not self._is_beta:
            return [*before, TextFrame(data)]
        return [*before, *encoded(told, is_beta=self._is_beta)]

    def created(self, sent: Any, given: Any) -> None:
        """Remember what the client gave, to tell it of nothing else."""
        if sent != given:
            remember(self._given, _identity(sent), given)

    def _as_given(self, event: Json) -> Json:
        """Return an event about a response with the metadata that the client gave, where they are not what it shows."""
        response = _object(event, "response")
        metadata = response.get("metadata")
        if not isinstance(metadata, dict) or (identity := _identity(metadata)) not in self._given:
            return event
        has_ended = event["type"] == "response.done"
        given = self._given.pop(identity) if has_ended else self._given[identity]
        return {**event, "response": {**response, "metadata": given}}

    def _created(self, event: Json) -> list[Frame]:
        """Tell of an item as it is told now: the beta told of it once, when it was there, finished or not."""
        added = {**event, "type": "conversation.item.added"}
        frames = encoded(added, is_beta=self._is_beta)
        item = _object(event, "item")
        if item.get("status") == "in_progress" and isinstance(item.get("id"), str):
            self._unfinished.add(item["id"])
        else:
            frames += encoded({**event, "type": "conversation.item.done"}, is_beta=self._is_beta)
        return frames

    def _finished(self, event: Json) -> list[Frame]:
        """Tell that an item is finished, if upstream does not tell it."""
        item = _object(event, "item")
        if not isinstance(item.get("id"), str) or item["id"] not in self._unfinished:
            return []
        self._unfinished.discard(item["id"])
        done = {"type": "conversation.item.done", "event_id": event.get("event_id"), "item": item}
        return encoded(done, is_beta=self._is_beta)

    def _error(self, event: Json) -> Json | None:
        """Return an error about an event of the client's, as it names it; None for one that the session tells."""
        error = _object(event, "error")
        event_id = error.get("event_id")
        if not isinstance(event_id, str):
            return None
        if event_id.startswith(unnamed_prefix(self._id_prefix)):
            return {**event, "error": {**error, "event_id": None}}
        return None if event_id.startswith(self._id_prefix) else event


def encoded(event: Json, *, is_beta: bool) -> list[Frame]:
    """Return the frame of an event for a client, in the beta's words if it speaks them."""
    if is_beta and event["type"] == "error":
        event = beta.beta_error_event(event)
    told = beta.beta_server_event(event) if is_beta else event
    return [] if told is None else [TextFrame(orjson.dumps(told))]


def _object(event: Json, name: str) -> Json:
    """Return an object of an event's; an empty one for what is none."""
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _identity(metadata: Json) -> str:
    """Tell the metadata of one response from another's: by our mark, or where it had no room, by all of them."""
    mark = metadata.get(MARK)
    return mark if isinstance(mark, str) else repr(sorted(metadata.items()))
