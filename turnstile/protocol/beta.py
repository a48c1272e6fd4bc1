"""The words of the Realtime API's beta, which older clients and Azure's preview speak, from and to the current ones.

Source: the migration notes of the API reference. What the API says in the beta's words is read by
`turnstile.protocol.realtime.current_names`. Nothing given here is changed; what comes back may share parts with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]

EVENTS: Final = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}
_BETA_NAMES: Final = {
    **{current: beta for beta, current in EVENTS.items()},
    "conversation.item.added": "conversation.item.created",
}
# The beta told of an item once, when it was added.
_NEW_EVENTS: Final = frozenset({"conversation.item.done"})
PARTS: Final = {"text": "output_text", "audio": "output_audio"}
_BETA_PARTS: Final = {current: beta for beta, current in PARTS.items()}
_FORMATS: Final[dict[object, Json]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_BETA_FORMATS: Final = {current["type"]: beta for beta, current in _FORMATS.items()}
# Fields of the beta's flat sessions and responses, and where they are now.
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "modalities": ("output_modalities",),
    "max_response_output_tokens": ("max_output_tokens",),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "output_audio_format": ("audio", "output", "format"),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
}
# The beta let a client choose; there is nothing to choose now.
_GONE: Final = frozenset({"temperature"})


def current_config(config: Json) -> Json:
    """Return a session, or the parameters of a response, in the current shape."""
    result: Json = {name: value for name, value in config.items() if name not in FIELDS and name not in _GONE}
    for name, path in FIELDS.items():
        if name in config:
            _put(result, path, _current_value(name, config[name]))
    return result


def _current_value(name: str, value: Any) -> Any:
    if name == "modalities" and isinstance(value, list):
        return ["audio"] if "audio" in value else ["text"]
    if name.endswith("_format") and isinstance(value, str):
        return _FORMATS.get(value, value)
    return value


def _put(target: Json, path: tuple[str, ...], value: Any) -> None:
    *inner, last = path
    for name in inner:
        target[name] = dict(target.get(name) or {})
        target = target[name]
    target[last] = value


def beta_config(config: Json) -> Json:
    """Return a session, or the parameters of a response, in the beta's shape."""
    left = {name: value for name, value in config.items() if name not in {"type", "audio"}}
    audio = config.get("audio") or {}
    for name, path in FIELDS.items():
        holder = config if len(path) == 1 else audio.get(path[1]) or {}
        if path[-1] in holder:
            left.pop(path[-1], None)
            left[name] = _beta_value(name, holder[path[-1]])
    return left


def _beta_value(name: str, value: Any) -> Any:
    if name == "modalities" and isinstance(value, list):
        return ["audio", "text"] if "audio" in value else ["text"]
    if name.endswith("_format") and isinstance(value, dict):
        return _BETA_FORMATS.get(value.get("type"), value)
    return value


def _item(item: Json, parts: dict[str, str]) -> Json:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    return {**item, "content": [_part(part, parts) for part in content]}


def _part(part: Any, parts: dict[str, str]) -> Any:
    kind = part.get("type") if isinstance(part, dict) else None
    return {**part, "type": parts[kind]} if isinstance(kind, str) and kind in parts else part


def _with(event: Json, name: str, change: Callable[[Json], Json]) -> Json:
    return {**event, name: change(event[name])} if isinstance(event.get(name), dict) else event


def current_client_event(event: Json) -> Json:
    """Return a client's event, given in the beta's words, in the current ones."""
    event = _with(event, "session", lambda session: {"type": "realtime", **current_config(session)})
    event = _with(event, "response", current_config)
    return _with(event, "item", lambda item: _item(item, PARTS))


def beta_client_event(event: Json) -> Json:
    """Return a client's event, given in the current words, in the beta's."""
    event = _with(event, "session", beta_config)
    event = _with(event, "response", beta_config)
    return _with(event, "item", lambda item: _item(item, _BETA_PARTS))


def beta_server_event(event: Json) -> Json | None:
    """Return a server's event, given in the current words, in the beta's; None for one that the beta did not have."""
    kind = event["type"]
    if kind in _NEW_EVENTS:
        return None
    event = {**event, "type": _BETA_NAMES.get(kind, kind)}
    event = _with(event, "session", beta_config)
    event = _with(event, "response", _beta_response)
    return _with(event, "item", _beta_item)


def _beta_item(item: Json) -> Json:
    return {"object": "realtime.item", **_item(item, _BETA_PARTS)}


def _beta_response(response: Json) -> Json:
    shaped = beta_config(response)
    return {**shaped, "output": [_beta_item(item) for item in response.get("output") or ()]}
