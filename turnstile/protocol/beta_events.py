"""Translation of events between the beta of the Realtime API and the current one.

Source: the migration notes of the API reference. No argument is changed; a result may share parts with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.protocol import jsontext
from turnstile.protocol.beta import (
    EVENTS,
    NEW_FIELDS,
    PARTS,
    beta_config,
    beta_path,
    current_config,
    current_session,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

_BETA_EVENTS: Final = {
    **{current: beta for beta, current in EVENTS.items()},
    "conversation.item.added": "conversation.item.created",
}
_BETA_PARTS: Final = {current: beta for beta, current in PARTS.items()}
# The beta had one event for an item, when it was added.
_NEW_EVENTS: Final = frozenset({"conversation.item.done"})
# In the beta a session that only transcribes had events of its own.
_TRANSCRIPTION: Final = "transcription"
_TRANSCRIPTION_UPDATE: Final = "transcription_session.update"


def current_client_event(event: Json) -> Json:
    """Return a client's event of the beta under the current names."""
    kind = _TRANSCRIPTION if event.get("type") == _TRANSCRIPTION_UPDATE else "realtime"
    if kind == _TRANSCRIPTION:
        event = {**event, "type": "session.update"}
    event = _with(event, "session", lambda session: {"type": kind, **current_config(session)})
    event = _with(event, "response", lambda response: _with_items(current_config(response), "input", PARTS))
    return _with(event, "item", lambda item: _item(item, PARTS))


def beta_client_event(event: Json) -> Json:
    """Return a current client's event under the beta's names.

    A field that the beta does not have is dropped where it is null; else it stays, for upstream to refuse.
    """
    event = _with(event, "session", lambda session: beta_config(_without_empty(session)))
    event = _with(
        event, "response", lambda response: _with_items(beta_config(_without_empty(response)), "input", _BETA_PARTS)
    )
    return _with(event, "item", lambda item: _item(item, _BETA_PARTS))


def beta_client_data(data: bytes) -> bytes:
    """Return a client's event, given as JSON under the current names, as the beta takes it."""
    return orjson.dumps(beta_client_event(jsontext.loads(data)))


def _without_empty(config: Json) -> Json:
    return {name: value for name, value in config.items() if name not in NEW_FIELDS or value is not None}


def current_server_event(event: Json) -> Json:
    """Return a server's event, of the beta or not, under the current names; itself if it has them.

    Invalid values stay as they are. Content parts are renamed in items only: the events about a part use the beta's
    names to this day.
    """
    kind = event["type"]
    renamed = {**event, "type": EVENTS[kind]} if kind in EVENTS else event
    renamed = _with(renamed, "session", current_session)
    renamed = _with(renamed, "response", lambda response: _with_items(current_session(response), "output", PARTS))
    return _with(renamed, "item", lambda item: _item(item, PARTS))


def beta_server_event(event: Json) -> Json | None:
    """Return a current server's event under the beta's names; None for one that the beta does not have."""
    kind = event["type"]
    if kind in _NEW_EVENTS:
        return None
    session = event.get("session")
    if isinstance(session, dict) and session.get("type") == _TRANSCRIPTION:
        include = {"include": session["include"]} if "include" in session else {}  # in the beta, here only
        return {**event, "type": f"transcription_{kind}", "session": {**_beta_shown(session), **include}}
    event = {**event, "type": _BETA_EVENTS.get(kind, kind)}
    event = _with(event, "session", _beta_shown)
    event = _with(event, "response", _beta_response)
    return _with(event, "item", _beta_item)


def beta_error_event(event: Json) -> Json:
    """Return an ``error`` event that names a field, in ``param`` and in its message, by the beta's name."""
    return _with(event, "error", _beta_error)


def _beta_shown(config: Json) -> Json:
    """Return the configuration that the API shows, without the fields that the beta does not have."""
    return {name: value for name, value in beta_config(config).items() if name != "audio" and name not in NEW_FIELDS}


def _beta_error(error: Json) -> Json:
    current, message = error.get("param"), error.get("message")
    if not isinstance(current, str) or (path := beta_path(current)) == current:
        return error
    # As a whole: a longer name with the same beginning is another field.
    words = re.sub(rf"{re.escape(current)}(?!\w)", lambda _: path, message) if isinstance(message, str) else message
    return {**error, "param": path, "message": words}


def _beta_item(item: Json) -> Json:
    return {"object": "realtime.item", **_item(item, _BETA_PARTS)}


def _beta_response(response: Json) -> Json:
    shaped = _beta_shown(response)
    # Set and shown under two names (`openai.types.beta.realtime`, recordings of a beta host).
    if "max_output_tokens" in response:
        shaped["max_output_tokens"] = shaped.pop("max_response_output_tokens")
    output = response.get("output")
    items = output if isinstance(output, list) else []
    return {**shaped, "output": [_beta_item(item) if isinstance(item, dict) else item for item in items]}


def _with(event: Json, name: str, change: Callable[[Json], Json]) -> Json:
    """Return an event with one of its objects changed; the event itself where there is none, or no change."""
    given = event.get(name)
    if not isinstance(given, dict) or (changed := change(given)) is given:
        return event
    return {**event, name: changed}


def _with_items(response: Json, name: str, parts: dict[str, str]) -> Json:
    """Return a response with the content parts renamed in its list of items; itself where none is."""
    given = response.get(name)
    if not isinstance(given, list):
        return response
    items = [_item(item, parts) if isinstance(item, dict) else item for item in given]
    return response if items == given else {**response, name: items}


def _item(item: Json, parts: dict[str, str]) -> Json:
    """Return an item with its content parts renamed; itself where none is."""
    content = item.get("content")
    if not isinstance(content, list):
        return item
    renamed = [_part(part, parts) for part in content]
    return item if renamed == content else {**item, "content": renamed}


def _part(part: Any, parts: dict[str, str]) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    return {**part, "type": parts[kind]} if isinstance(kind, str) and kind in parts else part
