"""Whose voice the Realtime API is told to speak with, and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.translate.unserved import shortened, unserved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.parts import SessionAudioOutput, Speak

Json = dict[str, Any]

# Voices of the API (reference of ``session.audio.output.voice``).
VOICES = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"})
# Voices of OpenAI's speech endpoint which the Realtime API does not have.
_SPEECH_ONLY = frozenset({"fable", "nova", "onyx"})
_OPENAI = frozenset({"open_ai", "openai"})


def spoken_by(speak: Speak | None, own: SessionAudioOutput | None = None) -> Json:
    """Return ``voice`` and ``speed`` of ``audio.output``, those that are asked for; `own` goes before `speak`."""
    output = _given(voice=_voice(speak), speed=speak.provider.speed) if speak else {}
    return output | (_given(voice=own.voice, speed=own.speed) if own else {})


def is_voice_served(speak: Speak) -> bool:
    """Tell whether the API can speak as asked."""
    return _voice(speak) is not None or speak.provider.type in _OPENAI or not _named(speak)


def speak_warnings(speak: Speak, where: str, own: SessionAudioOutput | None = None) -> Iterator[Problem]:
    """Say what of `speak` (at `where`) nothing comes of; a voice that `own` names instead is not missed."""
    named = _named(speak)
    if named and _voice(speak) is None and not (own and own.voice):
        known = ", ".join(sorted(VOICES))
        yield unserved(f"{where}.provider", f"no voice {shortened(named)} upstream (there are {known})")


def _named(speak: Speak) -> str | Json | None:
    """Return the voice that is asked for; OpenAI's models are none."""
    provider = speak.provider
    return provider.voice or (None if provider.type in _OPENAI else provider.model)


def _voice(speak: Speak) -> str | Json | None:
    """Return the API's voice that is asked for: one it has, or any that is named as OpenAI's own."""
    provider = speak.provider
    name = provider.voice if isinstance(provider.voice, str) else None
    if provider.voice and name not in _SPEECH_ONLY and (provider.type in _OPENAI or name in VOICES):
        return provider.voice
    return provider.model if provider.model in VOICES else None


def _given(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
