"""The words of the Realtime API's beta, which older clients and Azure's preview speak, from and to the current ones.

Source: the migration notes of the API reference. What the API says in the beta's words is read by
`turnstile.protocol.realtime.current_names`. Nothing given here is changed; what comes back may share parts with it.
"""

from __future__ import annotations

import re
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
# In the beta a session that only writes down had events of its own.
_TRANSCRIPTION: Final = "transcription"
_TRANSCRIPTION_UPDATE: Final = "transcription_session.update"
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
_PLACES: Final = frozenset(FIELDS.values())
# The beta let a client choose; there is nothing to choose now.
_GONE: Final = frozenset({"temperature"})
# Fields of sessions and responses that came after the beta (`openai.types.beta.realtime` has none of them).
NEW_FIELDS: Final = frozenset({"prompt", "truncation", "include", "reasoning", "parallel_tool_calls"})
NEW_IN_TURN_DETECTION: Final = frozenset({"idle_timeout_ms"})


def current_config(config: Json) -> Json:
    """Return a session, or the parameters of a response, in the current shape.

    A field whose place is taken by something else stays where it is, for upstream to refuse.
    """
    result: Json = {name: value for name, value in config.items() if name not in FIELDS and name not in _GONE}
    for name, path in FIELDS.items():
        if name in config and not _put(result, path, _current_value(name, config[name])):
            result[name] = config[name]
    return result


def _current_value(name: str, value: Any) -> Any:
    if name == "modalities" and isinstance(value, list):
        return ["audio"] if "audio" in value else ["text"]
    if name.endswith("_format") and isinstance(value, str):
        return _FORMATS.get(value, value)
    return value


def _put(target: Json, path: tuple[str, ...], value: Any) -> bool:
    *inner, last = path
    for name in inner:
        held = target.get(name) or {}
        if not isinstance(held, dict):
            return False
        target[name] = dict(held)
        target = target[name]
    target[last] = value
    return True


def beta_config(config: Json) -> Json:
    """Return a session, or the parameters of a response, in the beta's shape.

    What of its ``audio`` the beta has no field for stays there, for upstream to refuse.
    """
    left = {name: value for name, value in config.items() if name not in {"type", "audio"}}
    audio = config.get("audio")
    for name, path in FIELDS.items():
        holder = config if len(path) == 1 else audio.get(path[1]) if isinstance(audio, dict) else None
        if isinstance(holder, dict) and path[-1] in holder:
            left.pop(path[-1], None)
            left[name] = _beta_value(name, holder[path[-1]])
    unmoved = _unmoved(audio)
    if unmoved:
        left["audio"] = unmoved
    return left


def _unmoved(value: Any, path: tuple[str, ...] = ("audio",)) -> Any:
    """Return what of `value`, which stands at `path`, has no field of its own in the beta."""
    if not isinstance(value, dict) or len(path) > 2:  # noqa: PLR2004 - audio.input.format is as deep as fields lie
        return value
    inner = {name: _unmoved(held, (*path, name)) for name, held in value.items() if (*path, name) not in _PLACES}
    return {name: held for name, held in inner.items() if held}


def _beta_value(name: str, value: Any) -> Any:
    if name == "modalities" and isinstance(value, list):
        return ["audio", "text"] if "audio" in value else ["text"]
    if name == "turn_detection" and isinstance(value, dict):
        return {field: held for field, held in value.items() if field not in NEW_IN_TURN_DETECTION or held is not None}
    kind = value.get("type") if name.endswith("_format") and isinstance(value, dict) else None
    return _BETA_FORMATS.get(kind, value) if isinstance(kind, str) else value


def beta_path(path: str) -> str:
    """Return the path of a current field, such as ``session.audio.output.voice``, as the beta has it."""
    root, _, rest = path.partition(".")
    for name, place in FIELDS.items():
        current = ".".join(place)
        if root in {"session", "response"} and rest.startswith(current) and rest[len(current) :][:1] in {"", ".", "["}:
            return f"{root}.{name}{rest[len(current) :]}"
    return path


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


def _with_input(config: Json, parts: dict[str, str]) -> Json:
    """Return a response's parameters with the items that it is to begin from in other words."""
    given = config.get("input")
    if not isinstance(given, list):
        return config
    return {**config, "input": [_item(item, parts) if isinstance(item, dict) else item for item in given]}


def current_client_event(event: Json) -> Json:
    """Return a client's event, given in the beta's words, in the current ones."""
    kind = _TRANSCRIPTION if event.get("type") == _TRANSCRIPTION_UPDATE else "realtime"
    if kind == _TRANSCRIPTION:
        event = {**event, "type": "session.update"}
    event = _with(event, "session", lambda session: {"type": kind, **current_config(session)})
    event = _with(event, "response", lambda response: _with_input(current_config(response), PARTS))
    return _with(event, "item", lambda item: _item(item, PARTS))


def beta_client_event(event: Json) -> Json:
    """Return a client's event, given in the current words, in the beta's.

    A field that the beta did not have is left out where it is null, and so asks for nothing; else upstream refuses it.
    """
    event = _with(event, "session", lambda session: beta_config(_without_empty(session)))
    event = _with(event, "response", lambda response: _with_input(beta_config(_without_empty(response)), _BETA_PARTS))
    return _with(event, "item", lambda item: _item(item, _BETA_PARTS))


def _without_empty(config: Json) -> Json:
    return {name: value for name, value in config.items() if name not in NEW_FIELDS or value is not None}


def beta_server_event(event: Json) -> Json | None:
    """Return a server's event, given in the current words, in the beta's; None for one that the beta did not have."""
    kind = event["type"]
    if kind in _NEW_EVENTS:
        return None
    session = event.get("session")
    if isinstance(session, dict) and session.get("type") == _TRANSCRIPTION:
        include = {"include": session["include"]} if "include" in session else {}  # in the beta, here only
        return {**event, "type": f"transcription_{kind}", "session": {**_beta_shown(session), **include}}
    event = {**event, "type": _BETA_NAMES.get(kind, kind)}
    event = _with(event, "session", _beta_shown)
    event = _with(event, "response", _beta_response)
    return _with(event, "item", _beta_item)


def _beta_shown(config: Json) -> Json:
    """Return what the API shows in force, without what the beta has no field for."""
    return {name: value for name, value in beta_config(config).items() if name != "audio" and name not in NEW_FIELDS}


def beta_error_event(event: Json) -> Json:
    """Return an ``error`` event that names a field, in ``param`` and in its words, as the beta has it."""
    return _with(event, "error", _beta_error)


def _beta_error(error: Json) -> Json:
    current, message = error.get("param"), error.get("message")
    if not isinstance(current, str) or (path := beta_path(current)) == current:
        return error
    # As a whole: a longer name that begins alike is another field's.
    words = re.sub(rf"{re.escape(current)}(?!\w)", lambda _: path, message) if isinstance(message, str) else message
    return {**error, "param": path, "message": words}


def _beta_item(item: Json) -> Json:
    return {"object": "realtime.item", **_item(item, _BETA_PARTS)}


def _beta_response(response: Json) -> Json:
    shaped = _beta_shown(response)
    # Asked for and shown under two names (`openai.types.beta.realtime`, recordings of a beta host).
    if "max_output_tokens" in response:
        shaped["max_output_tokens"] = shaped.pop("max_response_output_tokens")
    output = response.get("output")
    items = output if isinstance(output, list) else []
    return {**shaped, "output": [_beta_item(item) if isinstance(item, dict) else item for item in items]}
