"""What Voice Agent messages call the fields of a Realtime ``session``, by the fields' dotted paths."""

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
    # Where Settings name no prompt and no voice, the conversation so far is a prompt and the host may decide the voice.
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
    """Return what the fields of `patch` are called in the thinking at `where`."""
    return {name: f"{where}.{said_as}" for name, said_as in _THINK_FIELDS.items() if name in patch}


def speak_fields(output: Json, speak: Speak | None, where: str, own: SessionAudioOutput | None) -> dict[str, str]:
    """Return what said the fields of ``audio.output``.

    Args:
        output: The fields that were said.
        speak: What may have said them, with a voice that OpenAI's clients give as a model.
        where: Its path.
        own: The session's own part, which goes before `speak`.
    """
    fields: dict[str, str] = {}
    for name, value in output.items():
        if own is not None and getattr(own, name) is not None:
            fields[f"audio.output.{name}"] = f"agent.sessionAudioOutput.{name}"
        else:
            is_model = name == "voice" and speak is not None and speak.provider.voice != value
            fields[f"audio.output.{name}"] = f"{where}.provider.{'model' if is_model else name}"
    return fields
