"""The beta of the Realtime API, which older clients and Azure's preview use: its names, and its configuration.

Source: the migration notes of the API reference. `turnstile.protocol.beta_events` translates whole events. No argument
is changed; a result may share parts with it.
"""

from __future__ import annotations

from typing import Any, Final

Json = dict[str, Any]

EVENTS: Final = {
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
}
PARTS: Final = {"text": "output_text", "audio": "output_audio"}
_FORMATS: Final[dict[object, Json]] = {
    "pcm16": {"type": "audio/pcm", "rate": 24_000},
    "g711_ulaw": {"type": "audio/pcmu"},
    "g711_alaw": {"type": "audio/pcma"},
}
_BETA_FORMATS: Final = {current["type"]: beta for beta, current in _FORMATS.items()}
# The beta's fields of sessions and responses, which were flat, and their current places.
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
# The beta's fields without a current counterpart.
_GONE: Final = frozenset({"temperature"})
# Fields of sessions and responses that are newer than the beta (`openai.types.beta.realtime` has none of them).
NEW_FIELDS: Final = frozenset({"prompt", "truncation", "include", "reasoning", "parallel_tool_calls"})
NEW_IN_TURN_DETECTION: Final = frozenset({"idle_timeout_ms"})


def current_config(config: Json) -> Json:
    """Return a session, or the parameters of a response, under the current names.

    A field whose current place holds another value stays where it is, for upstream to refuse.
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
    """Return a session, or the parameters of a response, under the beta's names.

    Fields of ``audio`` that the beta does not have stay there, for upstream to refuse.
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
    """Return the part of `value`, which stands at `path`, that has no field in the beta."""
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
    """Return the beta's path of a current field, such as ``session.audio.output.voice``."""
    root, _, rest = path.partition(".")
    for name, place in FIELDS.items():
        current = ".".join(place)
        if root in {"session", "response"} and rest.startswith(current) and rest[len(current) :][:1] in {"", ".", "["}:
            return f"{root}.{name}{rest[len(current) :]}"
    return path


def current_session(session: Json) -> Json:
    """Return a session, or what a response shows of its own, under the current names; itself if it has them."""
    return session if FIELDS.keys().isdisjoint(session) else current_config(session)
