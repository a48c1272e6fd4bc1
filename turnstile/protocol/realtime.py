"""The Realtime API's own words: the client events that we send, and the reading of server events.

Current (GA) names throughout; the names of the beta, which Azure's preview still speaks, are turned into them as they
come in (migration notes of the API reference).
"""

from __future__ import annotations

from typing import Any

import orjson
import pybase64

from turnstile.errors import UpstreamProtocolError

Json = dict[str, Any]

_APPEND = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_END = b'"}'

_BETA_EVENTS = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}


def session_update(event_id: str, patch: Json) -> bytes:
    """Change the fields of the session that `patch` names; ``session.type`` is required in every update."""
    return _event("session.update", event_id, session={"type": "realtime", **patch})


def item_create(event_id: str, item: Json) -> bytes:
    """Put `item` at the end of the conversation."""
    return _event("conversation.item.create", event_id, item=item)


def response_create(event_id: str, response: Json) -> bytes:
    """Begin a response; its metadata names this event, so that it can be told from the API's own."""
    metadata = {**(response.get("metadata") or {}), "client_event_id": event_id}
    return _event("response.create", event_id, response={**response, "metadata": metadata})


def response_cancel(event_id: str, response_id: str) -> bytes:
    """Stop one response."""
    return _event("response.cancel", event_id, response_id=response_id)


def item_truncate(event_id: str, item_id: str, audio_end_ms: int) -> bytes:
    """Forget what of an assistant item's audio was not heard."""
    return _event("conversation.item.truncate", event_id, item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)


def input_audio_commit(event_id: str) -> bytes:
    """Make the input audio a conversation item."""
    return _event("input_audio_buffer.commit", event_id)


def input_audio_append(audio: bytes) -> bytes:
    """Append input audio in the session's format, at most 15 MiB; without an event id, which nothing would answer."""
    return b"".join((_APPEND, pybase64.b64encode(audio), _APPEND_END))


def _event(kind: str, event_id: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, "event_id": event_id, **fields})


def parse_server_event(data: bytes) -> Json:
    """Read one server event, under its current name.

    Args:
        data: A text frame, UTF-8.

    Raises:
        UpstreamProtocolError: It is no JSON object with a ``type``.
    """
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UpstreamProtocolError("invalid_json", f"Upstream sent what is no JSON: {error}.") from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise UpstreamProtocolError("invalid_event", "Upstream sent JSON that is no event: it has no type.")
    current = _BETA_EVENTS.get(event["type"])
    if current is not None:
        event["type"] = current
    return event
