"""The Realtime API's own words: the client events that we send, and the reading of server events.

Current (GA) names throughout; the names of the beta, which Azure's preview still speaks, are turned into them as they
come in (migration notes of the API reference).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import orjson
import pybase64

from turnstile.errors import ClientProtocolError, UpstreamProtocolError
from turnstile.protocol import beta, jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]

MARK: Final = "turnstile_create"
"""The key of the metadata by which a response is known as one of ours: its value is our create's event id."""
# So many pairs the API takes in a response's metadata (API reference, ``response.create``).
_METADATA_PAIRS = 16

# A client's event up to this many bytes may have as many values as it can hold; a larger one so many.
_LARGE, _MOST_VALUES = 1024 * 1024, 200_000
_BEFORE_VALUES = (b",", b"[", b"{")

_APPEND = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_END = b'"}'
AUDIO_DELTAS: Final = ("response.output_audio.delta", "response.audio.delta")
"""The types of the events that are pieces of the agent's voice, in the current words and in the beta's."""
# A tuple: in an odd event the type may be something that has no hash.
_BETA_PARTS: Final = tuple(beta.PARTS)
# Quotation marks within a JSON text are escaped, so that these are found as a whole value only.
_AUDIO_VALUES = tuple(b'"%s"' % kind.encode() for kind in AUDIO_DELTAS)


def session_update(event_id: str, patch: Json) -> bytes:
    """Change the fields of the session that `patch` names; its ``type`` is required in every update."""
    return orjson.dumps({"type": "session.update", "event_id": event_id, "session": {"type": "realtime", **patch}})


def item_create(event_id: str, item: Json) -> bytes:
    """Put `item` at the end of the conversation."""
    return orjson.dumps({"type": "conversation.item.create", "event_id": event_id, "item": item})


def response_create(event_id: str, response: Json) -> bytes:
    """Begin a response; its metadata, where there is room, name this event, to tell it from the API's own."""
    return orjson.dumps({"type": "response.create", "event_id": event_id, "response": response})


def response_metadata(event_id: str, given: Any, labels: Mapping[str, str] | None = None) -> Any:
    """Return the metadata that a response is created with: those `given` by the client, `labels` and our mark.

    Where they are more than the API takes, the mark gives way, then the last of the labels; never what was given.
    Metadata that are no object go as they are: they are upstream's to refuse.
    """
    given = {} if given is None else given
    if not isinstance(given, dict):
        return given
    marked = {**(labels or {}), **given, MARK: event_id}
    if len(marked) <= _METADATA_PAIRS:
        return marked
    added = [(name, text) for name, text in (labels or {}).items() if name not in given]
    return {**dict(added[: max(0, _METADATA_PAIRS - len(given))]), **given}


def response_cancel(event_id: str, response_id: str) -> bytes:
    """Stop one response."""
    return orjson.dumps({"type": "response.cancel", "event_id": event_id, "response_id": response_id})


def item_truncate(event_id: str, item_id: str, audio_end_ms: int) -> bytes:
    """Forget what of an assistant item's audio was not heard: all past `audio_end_ms` milliseconds."""
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": audio_end_ms}
    return orjson.dumps({"type": "conversation.item.truncate", "event_id": event_id, **cut})


def input_audio_commit(event_id: str) -> bytes:
    """Make the input audio a conversation item."""
    return orjson.dumps({"type": "input_audio_buffer.commit", "event_id": event_id})


def input_audio_append(audio: bytes) -> bytes:
    """Append input audio in the session's format, at most 15 MiB; without an event id, which nothing would answer."""
    return b"".join((_APPEND, pybase64.b64encode(audio), _APPEND_END))


def is_audio_delta(data: bytes) -> bool:
    """Tell whether a server event, of the beta too, is a piece of the agent's voice; without reading it."""
    return any(kind in data for kind in _AUDIO_VALUES)


def in_beta_words(event: bytes) -> bytes:
    """Return a client's event, given in the current words, as the beta takes it."""
    return orjson.dumps(beta.beta_client_event(jsontext.loads(event)))


def parse_server_event(data: bytes) -> tuple[Json, bool]:
    """Read one server event, under the name that upstream gives it; also tell whether it is JSON as written.

    Args:
        data: UTF-8; a text frame, or a binary one, in which some gateways send them.

    Raises:
        UpstreamProtocolError: It is no JSON object with a ``type``.
    """
    try:
        event, is_json = orjson.loads(data), True
    except orjson.JSONDecodeError:
        event, is_json = _parsed_anyhow(data)
    if event.__class__ is not dict or event.get("type").__class__ is not str:
        raise UpstreamProtocolError("invalid_event", "Upstream sent JSON that is no event: it has no type.")
    return event, is_json


def _parsed_anyhow(data: bytes) -> tuple[Any, bool]:
    with suppress(ValueError):
        return jsontext.loads(data), True
    try:
        return jsontext.loads_any(data), False
    except ValueError as error:
        raise UpstreamProtocolError("invalid_json", f"Upstream sent what is no JSON: {error}.") from None


def parse_client_event(data: bytes) -> Json:
    """Read one event of a client that speaks the API's own language, in the words in which it is given.

    Args:
        data: A text frame, UTF-8.

    Raises:
        ClientProtocolError: It is no JSON object, or one of more values than a large event may have.
    """
    if len(data) > _LARGE:
        _check_values(data)
    try:
        event = jsontext.loads(data)
    except ValueError as error:
        text = f"Invalid event: failed to parse JSON value: {error}."
        raise ClientProtocolError("invalid_json", text) from None
    if not isinstance(event, dict):
        raise ClientProtocolError("invalid_event", "An event is a JSON object with a 'type'.")
    return event


def _check_values(data: bytes) -> None:
    """Refuse a large event of many values: what is large for good reason is a few long texts, in base64.

    Before each value is a comma or a bracket. To build millions of them takes seconds, in which no other session runs.
    """
    if any(_has_more(data, sign) for sign in _BEFORE_VALUES):
        text = (
            f"Invalid event: it is larger than {_LARGE:,} bytes and has more than {_MOST_VALUES:,} commas or brackets; "
            "give it in several events."
        )
        raise ClientProtocolError("too_many_values", text)


def _has_more(data: bytes, sign: bytes) -> bool:
    """Tell whether a sign is there more often than it may; quicker than to count those of a long text."""
    place = -1
    for _ in range(_MOST_VALUES + 1):
        place = data.find(sign, place + 1)
        if place < 0:
            return False
    return True


def complete_arguments(arguments: Any) -> str | None:
    """Return a function call's arguments as JSON that anybody can read, or "" for none; None when they are not whole.

    A response that is cut ends its calls as one that is not, with the arguments written so far (API reference,
    ``response.function_call_arguments.done``); half an object is no call that anybody could answer.
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
    return orjson.dumps(value).decode() if isinstance(value, dict) else None


def current_names(event: Json) -> Json:
    """Return a server event, which may be in the beta's words, in the current ones; the same one if it is already.

    What is not built as it should be stays as it is. Content parts are renamed in items only: the events about a part
    use the short names to this day.
    """
    kind = event["type"]
    changed: Json = {"type": beta.EVENTS[kind]} if kind in beta.EVENTS else {}
    for name, rename in _RENAMES:
        if name in event:
            given = event[name]
            if isinstance(given, dict) and (renamed := rename(given)) is not given:
                changed[name] = renamed
    return {**event, **changed} if changed else event


def current_session(session: Json) -> Json:
    """Return a session, or what a response shows of its own, in the current shape; the same one if it has it."""
    return session if beta.FIELDS.keys().isdisjoint(session) else beta.current_config(session)


def _current_response(response: Json) -> Json:
    shaped = current_session(response)
    output = shaped.get("output")
    if not output or not isinstance(output, list):
        return shaped
    items = [_current_item(item) if isinstance(item, dict) else item for item in output]
    return shaped if items == output else {**shaped, "output": items}


def _current_item(item: Json) -> Json:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    for part in content:
        if isinstance(part, dict) and part.get("type") in _BETA_PARTS:
            return {**item, "content": [_current_part(part) for part in content]}
    return item


def _current_part(part: Any) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    return {**part, "type": beta.PARTS[kind]} if kind in _BETA_PARTS else part


_RENAMES: Final[tuple[tuple[str, Callable[[Json], Json]], ...]] = (
    ("session", current_session),
    ("response", _current_response),
    ("item", _current_item),
)
