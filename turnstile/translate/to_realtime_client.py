"""Translation of the Realtime API's events to a Realtime client: as received, without the traces of the proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.beta_events import beta_error_event, beta_server_event
from turnstile.protocol.frames import TextFrame
from turnstile.protocol.realtime import MARK
from turnstile.translate.bounded_dict import BoundedDict
from turnstile.translate.running_responses import RunningResponses
from turnstile.translate.translator import Translator
from turnstile.translate.unseen_items import UnseenItems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from turnstile.protocol.frames import Frame

Json = dict[str, Any]


def unnamed_prefix(id_prefix: str) -> str:
    """Return the prefix of the event ids that the proxy gives to a client's events without one.

    Args:
        id_prefix: The prefix of the session's own ids; it holds the session id, so that no client's id has it.
    """
    return f"{id_prefix}unnamed_"


class RealtimeTranslator(Translator):
    """The translator for one Realtime client.

    Args:
        id_prefix: The prefix of the session's own event ids: the session reports errors about those.
        is_beta: Whether the client uses the beta's names.
    """

    def __init__(self, id_prefix: str, *, is_beta: bool) -> None:
        self._id_prefix = id_prefix
        self._is_beta = is_beta
        self._given: BoundedDict[str, Any] = BoundedDict(_metadata_texts)
        self._unfinished: BoundedDict[str, None] = BoundedDict()
        self._running = RunningResponses()
        self._unseen = UnseenItems(id_prefix)

    @property
    def kept_bytes(self) -> int:
        """The bytes kept between events, about."""
        kept = (self._given, self._unfinished, self._running, self._unseen)
        return sum([part.kept_bytes for part in kept])

    def translate(self, event: Json, now: float, data: bytes | None = None, *, is_valid: bool = False) -> list[Frame]:
        """Return the event without what the proxy added; nothing for an event that the session answers."""
        del now, is_valid
        if self._unseen and self._unseen.hides(event):
            return []
        note = self._unseen.note
        if note is not None and event.get("previous_item_id") == note[0]:
            event, data = {**event, "previous_item_id": note[1]}, None
        handler = self._HANDLERS.get(event["type"])
        return handler(self, event, data) if handler else self._forwarded(event, data)

    def audio(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:
        """Return one ``response.output_audio.delta`` as received."""
        del now
        return self._forwarded(event, data)

    def _forwarded(self, event: Json, data: bytes | None) -> list[Frame]:
        return encoded(event, is_beta=self._is_beta) if data is None or self._is_beta else [TextFrame(data)]

    def remember_metadata(self, sent: Any, given: Any) -> None:
        """Remember the client's own metadata, to show it only those."""
        if sent != given:
            self._given.remember(_identity(sent), given)

    def restored(self, item_ids: Iterable[str]) -> None:
        """Do not show that these items are put in: the client knows them from an earlier link."""
        self._unseen.put(item_ids)

    def removed(self, item_ids: Iterable[str]) -> None:
        """Do not show that these items are deleted."""
        self._unseen.removed(item_ids)

    def link_lost(self) -> list[Frame]:
        """Return the end of each response that the client has seen begin and not end."""
        self._unfinished = BoundedDict()
        return [TextFrame(orjson.dumps(event)) for event in self._running.cut_off()]

    def _begun(self, event: Json, data: bytes | None) -> list[Frame]:
        """Return the beginning of a response, and keep it."""
        frames = self._response(event, data)
        if isinstance(event.get("response"), dict):
            self._running.begin(event, frames)
        return frames

    def _done(self, event: Json, data: bytes | None) -> list[Frame]:
        if isinstance(event.get("response"), dict):
            self._running.end(event)
        return self._response(event, data)

    def _item_added(self, event: Json, data: bytes | None) -> list[Frame]:
        frames = self._forwarded(event, data)
        if isinstance(event.get("item"), dict):
            self._running.put(event, frames)
        return frames

    def _arguments_done(self, event: Json, data: bytes | None) -> list[Frame]:
        self._running.complete(event)
        return self._forwarded(event, data)

    def _response(self, event: Json, data: bytes | None) -> list[Frame]:
        """Return a response with the metadata that the client gave, where it shows others."""
        response = _object(event, "response")
        metadata = response.get("metadata")
        if not isinstance(metadata, dict) or (identity := _identity(metadata)) not in self._given:
            return self._forwarded(event, data)
        has_ended = event["type"] == "response.done"
        given = self._given.forget(identity) if has_ended else self._given[identity]
        return encoded({**event, "response": {**response, "metadata": given}}, is_beta=self._is_beta)

    def _item_created(self, event: Json, _data: bytes | None) -> list[Frame]:
        """Return the current events for the beta's one: the item is added, and done unless it is in progress."""
        frames = encoded({**event, "type": "conversation.item.added"}, is_beta=self._is_beta)
        item = _object(event, "item")
        if item.get("status") == "in_progress" and isinstance(item.get("id"), str):
            self._unfinished.remember(item["id"], None)
        else:
            frames += encoded({**event, "type": "conversation.item.done"}, is_beta=self._is_beta)
        return frames

    def _item_done(self, event: Json, data: bytes | None) -> list[Frame]:
        """Return the end of a response's item, and of the conversation's, if upstream does not send that."""
        item = _object(event, "item")
        if not isinstance(item.get("id"), str) or item["id"] not in self._unfinished:
            return self._item_added(event, data)
        self._unfinished.forget(item["id"])
        done = {"type": "conversation.item.done", "event_id": event.get("event_id"), "item": item}
        return encoded(done, is_beta=self._is_beta) + self._item_added(event, data)

    def _error(self, event: Json, data: bytes | None) -> list[Frame]:
        """Return an error about an event of the client's, under the client's id; the session reports all others."""
        error = _object(event, "error")
        event_id = error.get("event_id")
        if not isinstance(event_id, str):
            return []
        if event_id.startswith(unnamed_prefix(self._id_prefix)):
            return encoded({**event, "error": {**error, "event_id": None}}, is_beta=self._is_beta)
        return [] if event_id.startswith(self._id_prefix) else self._forwarded(event, data)

    def _answered_elsewhere(self, _event: Json, _data: bytes | None) -> list[Frame]:
        """Return nothing: the ClientActor sends the event, as the answer to the client's own update."""
        return []

    _HANDLERS: ClassVar[Mapping[str, Callable[[RealtimeTranslator, Json, bytes | None], list[Frame]]]] = {
        "session.created": _answered_elsewhere,
        "session.updated": _answered_elsewhere,
        "conversation.item.created": _item_created,
        "response.output_item.added": _item_added,
        "response.output_item.done": _item_done,
        "response.function_call_arguments.done": _arguments_done,
        "response.created": _begun,
        "response.done": _done,
        "error": _error,
    }


def encoded(event: Json, *, is_beta: bool) -> list[Frame]:
    """Return the frame of an event for a client, under the beta's names if it uses them.

    Raises:
        UpstreamProtocolError: It is nested too deeply.
    """
    if is_beta and event["type"] == "error":
        event = beta_error_event(event)
    shown = beta_server_event(event) if is_beta else event
    try:
        return [] if shown is None else [TextFrame(orjson.dumps(shown))]
    except orjson.JSONEncodeError:
        text = f"Upstream sent a {event['type']} that is nested too deeply to be written again."
        raise UpstreamProtocolError("invalid_event", text) from None


def _object(event: Json, name: str) -> Json:
    """Return an object in an event; {} where it is none."""
    value = event.get(name)
    return value if isinstance(value, dict) else {}


def _metadata_texts(identity: str, given: Any) -> int:
    return len(identity) + len(orjson.dumps(given))


def _identity(metadata: Json) -> str:
    """Return what identifies a response's metadata: our mark, or all of them where it had no room."""
    mark = metadata.get(MARK)
    return mark if isinstance(mark, str) else repr(sorted(metadata.items()))
