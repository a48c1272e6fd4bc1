"""The Realtime API's events under their current (GA) names: client events built, events of both sides parsed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import orjson
import pybase64

from turnstile.errors import ClientProtocolError, UpstreamProtocolError
from turnstile.protocol import jsontext
from turnstile.protocol.json_bounds import JSON_BOUNDS, JsonBounds

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

MARK: Final = "turnstile_create"
"""The metadata key that marks a response as ours; its value is the event id of our create."""
# Most pairs in a response's metadata (API reference, ``response.create``).
_METADATA_PAIRS = 16
LONGEST_ITEM_ID: Final = 32
"""Characters that the id of an item may have which a client puts in (API reference, ``conversation.item.create``)."""

_APPEND = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_END = b'"}'
AUDIO_DELTAS: Final = ("response.output_audio.delta", "response.audio.delta")
"""The types of the events with agent audio: the current one, and the beta's."""
# Quotation marks within a JSON string are escaped, so that these match whole values only.
_AUDIO_VALUES = tuple(b'"%s"' % kind.encode() for kind in AUDIO_DELTAS)


def session_update(event_id: str, patch: Json) -> bytes:
    """Build ``session.update``: change the session's fields that `patch` names; ``type`` is required in each update."""
    return orjson.dumps({"type": "session.update", "event_id": event_id, "session": {"type": "realtime", **patch}})


def item_create(event_id: str, item: Json, previous_id: str | None = None) -> bytes:
    """Build ``conversation.item.create``: insert `item` behind another; None: at the end of the conversation."""
    place = {} if previous_id is None else {"previous_item_id": previous_id}
    return orjson.dumps({"type": "conversation.item.create", "event_id": event_id, **place, "item": item})


def item_delete(event_id: str, item_id: str) -> bytes:
    """Build ``conversation.item.delete``: remove an item from the conversation."""
    return orjson.dumps({"type": "conversation.item.delete", "event_id": event_id, "item_id": item_id})


def response_create(event_id: str, response: Json) -> bytes:
    """Build ``response.create``: begin a response."""
    return orjson.dumps({"type": "response.create", "event_id": event_id, "response": response})


def response_metadata(event_id: str, given: Any, labels: Mapping[str, str] | None = None) -> Any:
    """Return the metadata of a create: those `given` by the client, `labels`, and our mark.

    Past the API's limit the mark is dropped first, then the last of the labels, the client's own never. Metadata that
    are not an object go as they are, for upstream to refuse.
    """
    given = {} if given is None else given
    if not isinstance(given, dict):
        return given
    marked = {**(labels or {}), **given, MARK: event_id}
    if len(marked) <= _METADATA_PAIRS:
        return marked
    added = [(name, text) for name, text in (labels or {}).items() if name not in given]
    return {**dict(added[: max(0, _METADATA_PAIRS - len(given))]), **given}


def mark_of(response: Json) -> str | None:
    """Return the mark of a response that is ours; None for another's."""
    mark = (response.get("metadata") or {}).get(MARK)
    return mark if isinstance(mark, str) else None


def response_cancel(event_id: str, response_id: str) -> bytes:
    """Build ``response.cancel``: stop one response."""
    return orjson.dumps({"type": "response.cancel", "event_id": event_id, "response_id": response_id})


def item_truncate(event_id: str, item_id: str, audio_end_ms: int) -> bytes:
    """Build ``conversation.item.truncate``: drop the audio of an item past `audio_end_ms` milliseconds."""
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    return orjson.dumps({"type": "conversation.item.truncate", "event_id": event_id, **cut})


def item_truncated(asked: Json) -> Json:
    """Return ``conversation.item.truncated``, the answer to a client's ``conversation.item.truncate``."""
    cut = {"content_index": asked.get("content_index", 0), "audio_end_ms": asked["audio_end_ms"]}
    event_id = f"event_{asked['event_id']}"
    return {"type": "conversation.item.truncated", "event_id": event_id, "item_id": asked["item_id"], **cut}


def input_audio_commit(event_id: str) -> bytes:
    """Build ``input_audio_buffer.commit``: make the input audio a conversation item."""
    return orjson.dumps({"type": "input_audio_buffer.commit", "event_id": event_id})


def input_audio_append(audio: bytes) -> bytes:
    """Build ``input_audio_buffer.append``: at most 15 MiB in the session's format; it has no answer, so no event id."""
    return b"".join((_APPEND, pybase64.b64encode(audio), _APPEND_END))


def is_audio_delta(data: bytes) -> bool:
    """Tell, without parsing it, whether a server event has agent audio; of the beta too."""
    return any(kind in data for kind in _AUDIO_VALUES)


def parse_server_event(data: bytes) -> tuple[Json, bool]:
    """Parse one server event, under upstream's names; also tell whether it is valid JSON.

    Args:
        data: UTF-8; a text frame, or a binary one, which some gateways send.

    Raises:
        UpstreamProtocolError: It is not a JSON object with a ``type``, even if read leniently.
    """
    if len(data) > jsontext.LARGE:
        jsontext.require_memory(len(data))
    try:
        event, is_json = orjson.loads(data), True
    except orjson.JSONDecodeError:
        event, is_json = _parsed_anyhow(data)
    if event.__class__ is not dict or event.get("type").__class__ is not str:
        raise UpstreamProtocolError("invalid_event", "Upstream sent JSON that is not an event: it has no type.")
    return event, is_json


def _parsed_anyhow(data: bytes) -> tuple[Any, bool]:
    with suppress(ValueError):
        return jsontext.loads(data), True
    try:
        return jsontext.loads_any(data), False
    except ValueError as error:
        raise UpstreamProtocolError("invalid_json", f"Upstream sent a frame that is not JSON: {error}.") from None


def parse_client_event(data: bytes, bounds: JsonBounds = JSON_BOUNDS) -> Json:
    """Parse one event of a Realtime client, under the client's names.

    Args:
        data: A text frame, UTF-8.
        bounds: Those of its values.

    Raises:
        ClientProtocolError: It is not a JSON object, or exceeds the bounds.
    """
    if len(data) > bounds.least_bytes:
        bounds.check(data)
    try:
        event = jsontext.loads(data)
    except ValueError as error:
        text = f"Invalid event: failed to parse JSON value: {error}."
        raise ClientProtocolError("invalid_json", text) from None
    if not isinstance(event, dict):
        raise ClientProtocolError("invalid_event", "An event is a JSON object with a 'type'.")
    return event


def complete_arguments(arguments: Any) -> str | None:
    """Return a function call's arguments as strict JSON, or "" for none; None where they are incomplete.

    A response that is cut off ends its calls like any other, with the arguments written so far (API reference,
    ``response.function_call_arguments.done``).
    """
    if not arguments:
        return "" if arguments in ("", None) else None
    if not isinstance(arguments, str):
        return None
    try:
        return arguments if isinstance(orjson.loads(arguments), dict) else None
    except orjson.JSONDecodeError:
        return _repaired(arguments)


def _repaired(arguments: str) -> str | None:
    try:
        value = jsontext.loads_any(arguments)
    except ValueError:
        return None
    try:
        return orjson.dumps(value).decode() if isinstance(value, dict) else None
    except orjson.JSONEncodeError:  # nested too deeply
        return None
