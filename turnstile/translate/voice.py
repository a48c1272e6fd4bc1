"""Translation of ``speak`` to the voice and speed of a Realtime session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.translate.bounds import SPEED
from turnstile.translate.ignored_fields import ignored, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.parts import SessionAudioOutput, Speak

Json = dict[str, Any]

# The API's voices (reference of ``session.audio.output.voice``).
VOICES = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"})
# Voices of OpenAI's speech endpoint that the Realtime API lacks.
_SPEECH_ONLY = frozenset({"fable", "nova", "onyx"})
_OPENAI = frozenset({"open_ai", "openai"})


def voice_and_speed(speak: Speak | None, own: SessionAudioOutput | None = None) -> Json:
    """Return ``voice`` and ``speed`` of ``audio.output``, where given; `own` takes precedence over `speak`."""
    output = _given(_voice(speak), speak.provider.speed) if speak else {}
    return output | (_given(_openai_voice(own.voice), own.speed) if own else {})


def is_voice_supported(speak: Speak) -> bool:
    """Tell whether the API has the voice that `speak` names, if it names one."""
    return _voice(speak) is not None or speak.provider.type in _OPENAI or not _named(speak)


def speak_warnings(speak: Speak, where: str, own: SessionAudioOutput | None = None) -> Iterator[Problem]:
    """Yield a warning for each ignored or adjusted field of `speak`, which stands at `where`; `own` may replace it."""
    named = _named(speak)
    if named and _voice(speak) is None and not (own and _openai_voice(own.voice)):
        yield _no_voice(f"{where}.provider", named)
    yield from SPEED.warnings(f"{where}.provider.speed", speak.provider.speed)


def own_warnings(own: SessionAudioOutput, where: str) -> Iterator[Problem]:
    """Yield a warning for each ignored or adjusted field of `own`, which stands at `where`."""
    if own.voice and _openai_voice(own.voice) is None:
        yield _no_voice(f"{where}.voice", own.voice)
    yield from SPEED.warnings(f"{where}.speed", own.speed)


def _no_voice(field: str, named: str | Json) -> Problem:
    return ignored(field, f"no voice {shortened(named)} upstream (there are {', '.join(sorted(VOICES))})")


def _named(speak: Speak) -> str | Json | None:
    """Return the voice that `speak` names, as voice or as model; OpenAI's models are not voices."""
    provider = speak.provider
    return provider.voice or (None if provider.type in _OPENAI else provider.model)


def _voice(speak: Speak) -> str | Json | None:
    """Return the named voice that the API has: one of its list, or any of provider OpenAI."""
    provider = speak.provider
    # A voice given as an object, without a provider, can only be an id of OpenAI's.
    is_id = provider.type is None and isinstance(provider.voice, dict)
    if is_id or provider.type in _OPENAI or (isinstance(provider.voice, str) and provider.voice in VOICES):
        voice = _openai_voice(provider.voice)
        if voice is not None:
            return voice
    return provider.model if provider.model in VOICES else None


def _openai_voice(voice: str | Json | None) -> str | Json | None:
    """Return a voice of OpenAI's as the API takes it: a name, or the ``id`` of a custom voice."""
    if isinstance(voice, dict):
        return {"id": voice["id"]} if voice.get("id") and isinstance(voice["id"], str) else None
    return voice if voice and voice not in _SPEECH_ONLY else None


def _given(voice: str | Json | None, speed: float | None) -> Json:
    output: Json = {}
    if voice is not None:
        output["voice"] = voice
    if speed is not None:
        output["speed"] = SPEED.nearest(speed)
    return output
