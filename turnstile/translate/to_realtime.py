"""Translation of Voice Agent messages to patches of a Realtime session, conversation items and responses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnstile.translate.field_names import LISTEN_FIELDS, speak_fields, think_fields
from turnstile.translate.ignored_fields import first_supported, ignored_fields
from turnstile.translate.language_model import language_model
from turnstile.translate.transcription import listen_warnings, transcription
from turnstile.translate.voice import is_voice_supported, own_warnings, speak_warnings, voice_and_speed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.client import (
        FunctionCallResponse,
        InjectAgentMessage,
        UpdateListen,
        UpdateSpeak,
        UpdateThink,
    )
    from turnstile.protocol.voice_agent.parts import SessionAudioOutput, Speak, Think
    from turnstile.translate.permissions import Permissions

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConfigPatch:
    """The change of the session's configuration that a message asks for.

    Args:
        patch: A partial Realtime ``session``; has ``model`` only if the client named one, and ``endpoints``, those of
            the functions that the proxy calls by name, only if it gave functions.
        warnings: The fields that are ignored or adjusted.
        fields: The client's path of each field in the patch, by the dotted path in the session.
    """

    patch: Json
    warnings: tuple[Problem, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


def think_to_session(message: UpdateThink, permissions: Permissions, history: str = "") -> ConfigPatch:
    """Translate an UpdateThink, which replaces all of ``think``: fields that it leaves out are reset.

    Args:
        message: The message.
        permissions: What the client may configure.
        history: The conversation's history in the instructions, which stays.
    """
    think = think_patch(message.think, permissions, "think")
    reset: Json = {
        "instructions": "",
        "tools": [],
        "endpoints": {},
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "output_modalities": ["audio"],
        "prompt": None,
    }
    patch, overridden = permissions.host.change({**reset, **think.patch}, think.fields)
    if "instructions" in patch:
        patch["instructions"] = with_history(patch["instructions"], history)
    return ConfigPatch(patch, (*ignored_fields(message), *think.warnings, *overridden), think.fields)


def speak_to_session(message: UpdateSpeak, permissions: Permissions) -> ConfigPatch:
    """Translate an UpdateSpeak, which replaces all of ``speak``; but a voice cannot be unset."""
    speak = speak_patch(message.speak, "speak")
    patch, overridden = permissions.host.change({"audio": {"output": {"speed": 1.0, **speak.patch}}}, speak.fields)
    return ConfigPatch(patch, (*ignored_fields(message), *speak.warnings, *overridden), speak.fields)


def listen_to_session(message: UpdateListen, permissions: Permissions) -> ConfigPatch:
    """Translate an UpdateListen, which replaces all of ``listen``."""
    provider = message.listen.provider
    asked = {"audio": {"input": {"transcription": transcription(provider)}}}
    patch, overridden = permissions.host.change(asked, LISTEN_FIELDS)
    return ConfigPatch(patch, (*ignored_fields(message), *listen_warnings(provider), *overridden), LISTEN_FIELDS)


def with_history(instructions: str, history: str) -> str:
    """Return instructions that end with the conversation's history, or with other text."""
    return "\n\n".join(part for part in (instructions, history) if part)


def think_patch(thinks: tuple[Think, ...] | None, permissions: Permissions, where: str) -> ConfigPatch:
    """Translate ``think``, which stands at `where`; the patch is of ``session``."""
    patch: Json = {}
    warnings: list[Problem] = []
    if thinks:
        patch, warnings = language_model(thinks, permissions, where)
    return ConfigPatch(patch, tuple(warnings), think_fields(patch, where))


def speak_patch(speaks: tuple[Speak, ...] | None, where: str, own: SessionAudioOutput | None = None) -> ConfigPatch:
    """Translate ``speak``, which stands at `where`; the patch is of ``audio.output``.

    Args:
        speaks: The alternatives, in order of preference.
        where: The path of ``speak``.
        own: The client's ``sessionAudioOutput``, which takes precedence.
    """
    speak: Speak | None = None
    warnings: list[Problem] = []
    if speaks:
        chosen, where, warnings = first_supported(speaks, is_voice_supported, where)
        warnings += speak_warnings(chosen, where, own)
        speak = chosen
    output = voice_and_speed(speak, own)
    fields = speak_fields(output, speak, where, own)
    warnings += own_warnings(own, "agent.sessionAudioOutput") if own else ()
    return ConfigPatch(output, tuple(warnings), fields)


def user_message_to_item(content: str) -> Json:
    """Return the conversation item of a text that the user wrote."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": content}]}


def agent_message_to_response(message: InjectAgentMessage, instructions: str | None = None) -> Json:
    """Return the parameters of a response that speaks the message: word for word, or freely (`is_dynamic`).

    Args:
        message: The message.
        instructions: Those that the host decides, under which the agent speaks freely, too; None for none.
    """
    if not message.is_dynamic:
        return spoken_word_for_word(message.message or "")
    text = message.message or "Go on with the conversation: say what is to be said next."
    return {"instructions": with_history(instructions or "", text), "tool_choice": "none"}


def spoken_word_for_word(text: str) -> Json:
    """Return the parameters of a response that speaks `text`."""
    return {"instructions": f"Say exactly: {json.dumps(text, ensure_ascii=False)}", "tool_choice": "none"}


def function_result_to_output(message: FunctionCallResponse) -> str:
    """Return the ``output`` of a call: text as given, anything else as JSON."""
    if message.error is not None:
        return json.dumps({"error": message.error}, ensure_ascii=False)
    given = (message.content, message.output, message.result, message.response)
    result = next(value for value in given if value is not None)
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
