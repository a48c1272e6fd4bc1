"""The names in Voice Agent messages of the fields of a Realtime ``session``, by the fields' dotted paths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from turnstile.protocol.voice_agent.parts import SessionAudioOutput, Speak

Json = dict[str, Any]

PROMPT_FIELDS: Final = {"instructions": "prompt"}
LISTEN_FIELDS: Final = {"audio.input.transcription": "listen.provider"}
SETTINGS_FIELDS: Final = {
    "audio.input.format": "audio.input",
    "audio.output.format": "audio.output",
    "audio.input.transcription": "agent.listen.provider",
    "audio.input.turn_detection.idle_timeout_ms": "agent.idleTimeoutMs",
    # Settings may set these without naming them: the instructions hold the history, and the host may override both.
    "instructions": "agent.think.prompt",
    "audio.output.voice": "agent.speak.provider.voice",
}
_THINK_FIELDS: Final = {
    "model": "provider.model",
    "instructions": "prompt",
    "tools": "functions",
    "tool_choice": "toolChoice",
    "output_modalities": "outputModalities",
    "max_output_tokens": "maxOutputTokens",
    "prompt": "managedPrompt",
}


def think_fields(patch: Json, where: str) -> dict[str, str]:
    """Return the client's paths of the fields in `patch`; `where` is the path of ``think``."""
    return {name: f"{where}.{client_name}" for name, client_name in _THINK_FIELDS.items() if name in patch}


def speak_fields(output: Json, speak: Speak | None, where: str, own: SessionAudioOutput | None) -> dict[str, str]:
    """Return the client's paths of the fields in ``audio.output``.

    Args:
        output: The fields that are set.
        speak: The client's ``speak``; OpenAI's SDKs give the voice as its model.
        where: The path of ``speak``.
        own: The client's ``sessionAudioOutput``, which takes precedence.
    """
    fields: dict[str, str] = {}
    for name, value in output.items():
        if own is not None and getattr(own, name) is not None:
            fields[f"audio.output.{name}"] = f"agent.sessionAudioOutput.{name}"
        else:
            is_model = name == "voice" and speak is not None and speak.provider.voice != value
            fields[f"audio.output.{name}"] = f"{where}.provider.{'model' if is_model else name}"
    return fields
