"""From the Realtime API's events to what a client of the same language hears of them: all but our own doings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.protocol import beta
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.realtime import MARK
from turnstile.translate.client_output import remember
from turnstile.translate.translator import Translator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnstile.protocol.frames import Frame

Json = dict[str, Any]


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
        tell = _TELLERS.get(event["type"])
        return tell(self, event, data) if tell else self._passed_on(event, data)

    def audio(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:
        """Return one ``response.output_audio.delta`` as it is."""
        del now
        return self._passed_on(event, data)

    def _passed_on(self, event: Json, data: bytes | None) -> list[Frame]:
        return encoded(event, is_beta=self._is_beta) if data is None or self._is_beta else [TextFrame(data)]

    def created(self, sent: Any, given: Any) -> None:
        """Remember what the client gave, to tell it of nothing else."""
        if sent != given:
            remember(self._given, _identity(sent), given)

    def _response(self, event: Json, data: bytes | None) -> list[Frame]:
        """Tell of a response with the metadata that the client gave, where they are not what it shows."""
        response = _object(event, "response")
        metadata = response.get("metadata")
        if not isinstance(metadata, dict) or (identity := _identity(metadata)) not in self._given:
            return self._passed_on(event, data)
        has_ended = event["type"] == "response.done"
        given = self._given.pop(identity) if has_ended else self._given[identity]
        return encoded({**event, "response": {**response, "metadata": given}}, is_beta=self._is_beta)

    def _item_created(self, event: Json, _data: bytes | None) -> list[Frame]:
        """Tell of an item as it is told now: the beta told of it once, when it was there, finished or not."""
        frames = encoded({**event, "type": "conversation.item.added"}, is_beta=self._is_beta)
        item = _object(event, "item")
        if item.get("status") == "in_progress" and isinstance(item.get("id"), str):
            self._unfinished.add(item["id"])
        else:
            frames += encoded({**event, "type": "conversation.item.done"}, is_beta=self._is_beta)
        return frames

    def _item_done(self, event: Json, data: bytes | None) -> list[Frame]:
        """Tell of an item of a response's, and that it is finished, if upstream does not tell it."""
        item = _object(event, "item")
        if not isinstance(item.get("id"), str) or item["id"] not in self._unfinished:
            return self._passed_on(event, data)
        self._unfinished.discard(item["id"])
        done = {"type": "conversation.item.done", "event_id": event.get("event_id"), "item": item}
        return encoded(done, is_beta=self._is_beta) + self._passed_on(event, data)

    def _error(self, event: Json, data: bytes | None) -> list[Frame]:
        """Tell of an error about an event of the client's, as it names it; of another the session tells."""
        error = _object(event, "error")
        event_id = error.get("event_id")
        if not isinstance(event_id, str):
            return []
        if event_id.startswith(unnamed_prefix(self._id_prefix)):
            return encoded({**event, "error": {**error, "event_id": None}}, is_beta=self._is_beta)
        return [] if event_id.startswith(self._id_prefix) else self._passed_on(event, data)


def _answered(_: RealtimeTranslator, _event: Json, _data: bytes | None) -> list[Frame]:
    """Tell nothing: the ClientActor tells it, as the answer to the client's own update."""
    return []


_TELLERS: Final[Mapping[str, Callable[[RealtimeTranslator, Json, bytes | None], list[Frame]]]] = {
    "session.created": _answered,
    "session.updated": _answered,
    "conversation.item.created": RealtimeTranslator._item_created,  # noqa: SLF001 - the table of the class above
    "response.output_item.done": RealtimeTranslator._item_done,  # noqa: SLF001
    "response.created": RealtimeTranslator._response,  # noqa: SLF001
    "response.done": RealtimeTranslator._response,  # noqa: SLF001
    "error": RealtimeTranslator._error,  # noqa: SLF001
}


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
