"""The content of frames as recordings show it: without credentials, and below the level `all` without audio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.errors import ClientProtocolError
from turnstile.observability.audio_rows import base64_size
from turnstile.observability.outlines import UNKNOWN, value_ids
from turnstile.observability.redaction import BOUNDS
from turnstile.protocol import jsontext

if TYPE_CHECKING:
    from turnstile.observability.redactor import Redactor

Json = dict[str, Any]

_AUDIO: Final = "audio"
_AUDIO_DELTA: Final = "audio.delta"


def frame_content(data: bytes, redactor: Redactor) -> tuple[str, Json, Json | None]:
    """Return the type of a frame, its ids, and its content; no content where it cannot be searched for credentials.

    Args:
        data: The frame.
        redactor: Of the recording.
    """
    try:
        BOUNDS.check(data)
        value = jsontext.loads_any(data)
    except (ValueError, ClientProtocolError):
        return UNKNOWN, {}, None
    if not isinstance(value, dict):
        return UNKNOWN, {}, None
    kind, ids = value_ids(value, redactor)
    audio = {_AUDIO, "delta"} if kind.endswith(_AUDIO_DELTA) else {_AUDIO}
    return kind, ids, {name: _shown(name, part, redactor, audio) for name, part in redactor.json(value).items()}


def _shown(name: str, value: Any, redactor: Redactor, audio: set[str]) -> Any:
    if isinstance(value, str):
        return _text_shown(value, redactor, is_audio=name in audio)
    if isinstance(value, dict):
        return {field: _shown(field, part, redactor, audio) for field, part in value.items()}
    if isinstance(value, list):
        return [_shown("", part, redactor, audio) for part in value]
    return value


def _text_shown(text: str, redactor: Redactor, *, is_audio: bool) -> Any:
    if is_audio and redactor.keeps_all:
        return text
    if is_audio:
        return {"bytes": base64_size(text)}
    parts = redactor.parts(text)
    return "".join([part if isinstance(part, str) else f"({part['size']} characters)" for part in parts])
