"""The Realtime API's own words: the client events that we send, and the reading of server events.

Current (GA) names throughout; the names of the beta, which Azure's preview still speaks, are turned into them as they
come in (migration notes of the API reference).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
import pybase64

from turnstile.errors import ClientProtocolError, UpstreamProtocolError
from turnstile.protocol import beta

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnstile.errors import TurnstileError

Json = dict[str, Any]

MARK: Final = "turnstile_create"
"""The key of the metadata by which a response is known as one of ours: its value is our create's event id."""
# So many pairs the API takes in a response's metadata (API reference, ``response.create``).
_METADATA_PAIRS = 16

_APPEND = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_END = b'"}'
# Quotation marks within a JSON text are escaped, so that these are found as a whole value only.
_AUDIO_DELTAS = (b'"response.output_audio.delta"', b'"response.audio.delta"')


def session_update(event_id: str, patch: Json) -> bytes:
    """Change the fields of the session that `patch` names; its ``type`` is required in every update."""
    return _event("session.update", event_id, session={"type": "realtime", **patch})


def item_create(event_id: str, item: Json) -> bytes:
    """Put `item` at the end of the conversation."""
    return _event("conversation.item.create", event_id, item=item)


def response_create(event_id: str, response: Json) -> bytes:
    """Begin a response; its metadata, where there is room, name this event, to tell it from the API's own."""
    return _event("response.create", event_id, response=response)


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
    return _event("response.cancel", event_id, response_id=response_id)


def item_truncate(event_id: str, item_id: str, audio_end_ms: int) -> bytes:
    """Forget what of an assistant item's audio was not heard: all past `audio_end_ms` milliseconds."""
    return _event("conversation.item.truncate", event_id, item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)


def input_audio_commit(event_id: str) -> bytes:
    """Make the input audio a conversation item."""
    return _event("input_audio_buffer.commit", event_id)


def input_audio_append(audio: bytes) -> bytes:
    """Append input audio in the session's format, at most 15 MiB; without an event id, which nothing would answer."""
    return b"".join((_APPEND, pybase64.b64encode(audio), _APPEND_END))


def _event(kind: str, event_id: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, "event_id": event_id, **fields})


def is_audio_delta(data: bytes) -> bool:
    """Tell whether a server event, of the beta too, is a piece of the agent's voice; without reading it."""
    return any(kind in data for kind in _AUDIO_DELTAS)


def in_beta_words(event: bytes) -> bytes:
    """Return a client's event, given in the current words, as the beta takes it."""
    return orjson.dumps(beta.beta_client_event(orjson.loads(event)))


def parse_server_event(data: bytes) -> Json:
    """Read one server event, under its current name.

    Args:
        data: A text frame, UTF-8.

    Raises:
        UpstreamProtocolError: It is no JSON object with a ``type``.
    """
    event = _parsed(data, UpstreamProtocolError, "Upstream sent what is no JSON: {}.")
    if not isinstance(event.get("type"), str):
        raise UpstreamProtocolError("invalid_event", "Upstream sent JSON that is no event: it has no type.")
    return current_names(event)


def parse_client_event(data: bytes) -> Json:
    """Read one event of a client that speaks the API's own language, in the words in which it is given.

    Args:
        data: A text frame, UTF-8.

    Raises:
        ClientProtocolError: It is no JSON object.
    """
    return _parsed(data, ClientProtocolError, "Invalid event: failed to parse JSON value: {}.")


def _parsed(data: bytes, fault: type[TurnstileError], no_json: str) -> Json:
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise fault("invalid_json", no_json.format(error)) from None
    if not isinstance(event, dict):
        raise fault("invalid_event", "An event is a JSON object with a 'type'.")
    return event


def has_complete_arguments(arguments: str) -> bool:
    """Tell whether a function call's arguments are whole: a JSON object, or nothing at all.

    A response that is cut ends its calls as one that is not, with the arguments written so far (API reference,
    ``response.function_call_arguments.done``); half an object is no call that anybody could answer.
    """
    if arguments == "":
        return True
    try:
        return isinstance(orjson.loads(arguments), dict)
    except orjson.JSONDecodeError:
        return False


def current_names(event: Json) -> Json:
    """Return a server event, which may be in the beta's words, in the current ones; changes it in place.

    Content parts are renamed in items only: the events about a part use the short names to this day.

    Raises:
        UpstreamProtocolError: Its session, response or item is not built as one.
    """
    kind = event["type"]
    if kind in beta.EVENTS:
        event["type"] = beta.EVENTS[kind]
    try:
        for name, rename in _RENAMES.items():
            if name in event:
                rename(event[name])
    except (AttributeError, TypeError) as error:
        raise UpstreamProtocolError(
            "invalid_event", f"Upstream sent a {kind[:64]} that is not built as one."
        ) from error
    return event


def _rename_in_session(session: Json) -> None:
    if any(name in session for name in beta.FIELDS):
        if not isinstance(session.get("audio") or {}, dict):
            raise TypeError("the audio of a session is an object")
        current = beta.current_config(session)
        session.clear()
        session.update(current)


def _rename_in_response(response: Json) -> None:
    _rename_in_session(response)
    for item in response.get("output") or ():
        _rename_in_item(item)


def _rename_in_item(item: Json) -> None:
    for part in item.get("content") or ():
        if part.get("type") in beta.PARTS:
            part["type"] = beta.PARTS[part["type"]]


_RENAMES: dict[str, Callable[[Json], None]] = {
    "session": _rename_in_session,
    "response": _rename_in_response,
    "item": _rename_in_item,
}
