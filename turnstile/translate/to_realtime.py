"""From Voice Agent messages to the Realtime API's session, items and responses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnstile.audio.formats import AudioFormat, parse_format
from turnstile.errors import Problem
from turnstile.translate.listening import listen_warnings, transcription
from turnstile.translate.speaking import speak_warnings, spoken_by
from turnstile.translate.unserved import shortened, unserved

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from turnstile.protocol.voice_agent.client import FunctionCallResponse, InjectAgentMessage, Message, Settings
    from turnstile.protocol.voice_agent.parts import (
        Agent,
        Context,
        Function,
        Listen,
        Speak,
        Think,
    )
    from turnstile.protocol.voice_agent.profile import Profile

__all__ = [
    "ConfigPatch",
    "SessionStart",
    "agent_message_to_response",
    "function_result_to_output",
    "listen_to_session",
    "settings_to_session",
    "speak_to_session",
    "think_to_session",
    "unserved",
    "user_message_to_item",
]

Json = dict[str, Any]

# The API's defaults, said aloud so that no model's own differ (reference of `turn_detection`; silence as recorded).
SERVER_VAD: Json = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 200,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
_PROMPT_FIELDS = {"id", "version", "variables"}
# So many unknown fields of a message are named one by one.
_NAMED_FIELDS = 16


@dataclass(frozen=True, slots=True)
class ConfigPatch:
    """What a message makes of the session.

    Args:
        patch: A partial Realtime ``session``; ``model`` is in it only if the client named one.
        warnings: What of the message nothing comes of.
    """

    patch: Json
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What Settings make of the session, and of this side of it.

    Args:
        config: For upstream.
        input: What the client speaks.
        output: What it wants to hear.
        container: ``none``, or ``wav``.
        greeting: What the agent says first, unless the conversation goes on; None for nothing.
        wants_history: The client keeps the conversation's history.
    """

    config: ConfigPatch
    input: AudioFormat
    output: AudioFormat
    container: str
    greeting: str | None
    wants_history: bool


def settings_to_session(settings: Settings, profile: Profile) -> SessionStart:
    """Translate the whole of Settings.

    Raises:
        ClientProtocolError: An audio format cannot be served.
    """
    agent, audio = settings.agent, settings.audio
    default = AudioFormat("linear16", profile.input_rate)
    heard = parse_format("audio.input", audio.input.encoding, audio.input.sample_rate, default)
    wanted = AudioFormat("linear16", 24_000)
    spoken = parse_format("audio.output", audio.output.encoding, audio.output.sample_rate, wanted)
    think = agent.think[0] if agent.think else None
    speak = agent.speak[0] if agent.speak else None
    patch: Json = {
        "audio": {
            "input": {
                "format": heard.realtime(),
                "transcription": transcription(agent.listen.provider if agent.listen else None, agent.language),
                "turn_detection": _turn_detection(agent),
            },
            "output": {"format": spoken.realtime(), **spoken_by(speak, agent.session_audio_output)},
        },
        **(_thinking(think) if think else {}),
    }
    history = _history(agent.context)
    if history:
        patch["instructions"] = "\n\n".join(part for part in (patch.get("instructions"), history) if part)
    config = ConfigPatch(patch, tuple(_settings_warnings(settings, think, speak)))
    greeting = None if history else agent.greeting or None
    return SessionStart(config, heard, spoken, audio.output.container or "none", greeting, settings.flags.history)


def think_to_session(message: Message, thinks: tuple[Think, ...]) -> ConfigPatch:
    """Translate an UpdateThink, which replaces the whole of thinking: what it leaves out is cleared."""
    think = thinks[0]
    cleared: Json = {
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "output_modalities": ["audio"],
        "prompt": None,
    }
    return ConfigPatch({**cleared, **_thinking(think)}, (*_unknown(message), *_think_warnings(think)))


def speak_to_session(message: Message, speaks: tuple[Speak, ...]) -> ConfigPatch:
    """Translate an UpdateSpeak."""
    speak = speaks[0]
    output = spoken_by(speak)
    warnings = (*_unknown(message), *speak_warnings(speak))
    return ConfigPatch({"audio": {"output": output}} if output else {}, warnings)


def listen_to_session(message: Message, listen: Listen) -> ConfigPatch:
    """Translate an UpdateListen."""
    patch = {"audio": {"input": {"transcription": transcription(listen.provider)}}}
    return ConfigPatch(patch, (*_unknown(message), *listen_warnings(listen)))


def _thinking(think: Think) -> Json:
    patch: Json = {}
    if think.provider and think.provider.model:
        patch["model"] = think.provider.model
    if think.prompt is not None:
        patch["instructions"] = think.prompt
    if think.functions is not None:
        patch["tools"] = [_tool(function) for function in think.functions]
    if think.tool_choice is not None:
        choice = think.tool_choice
        patch["tool_choice"] = choice if isinstance(choice, str) else {"type": "function", "name": choice.name}
    if think.output_modalities:
        # The API takes one of the two; speech comes with its transcript.
        patch["output_modalities"] = ["audio"] if "audio" in think.output_modalities else ["text"]
    if think.max_output_tokens is not None:
        patch["max_output_tokens"] = think.max_output_tokens
    if think.managed_prompt is not None:
        patch["prompt"] = think.managed_prompt.model_dump(include=_PROMPT_FIELDS, exclude_none=True)
    return patch


def _tool(function: Function) -> Json:
    tool: Json = {"type": "function", "name": function.name}
    if function.description is not None:
        tool["description"] = function.description
    tool["parameters"] = function.parameters or {"type": "object", "properties": {}}
    return tool


def _turn_detection(agent: Agent) -> Json | None:
    if agent.manual_commit:
        return None
    timeout = agent.idle_timeout_ms
    return {**SERVER_VAD, "idle_timeout_ms": None if timeout == -1 else timeout}


def _history(context: Context | None) -> str:
    """Tell the conversation that came before: as part of the instructions it is not echoed back as new text."""
    lines = [line for message in (context.messages if context else ()) for line in _told(message)]
    if not lines:
        return ""
    return "\n".join(["The conversation so far:", *lines, "Go on from there."])


def _told(message: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(message.get("content"), str):
        yield f"{message.get('role', 'user')}: {message['content']}"
    calls = message.get("function_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield f"function {call.get('name')}({call.get('arguments')}) = {call.get('response')}"


def user_message_to_item(content: str) -> Json:
    """Return the conversation item of what the user says in writing."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": content}]}


def agent_message_to_response(message: InjectAgentMessage) -> Json:
    """Return the parameters of a response in which the agent says it: word for word, or in its own words."""
    if message.is_dynamic:
        text = message.message or "Go on with the conversation: say what is to be said next."
    else:
        text = f"Say exactly: {json.dumps(message.message, ensure_ascii=False)}"
    return {"instructions": text, "tool_choice": "none"}


def function_result_to_output(message: FunctionCallResponse) -> str:
    """Return the result of a call as the API takes it: text, or JSON for anything else."""
    if message.error is not None:
        return json.dumps({"error": message.error}, ensure_ascii=False)
    result = message.content if message.content is not None else message.result
    if isinstance(result, str):
        return result
    return json.dumps(result, ensure_ascii=False)


def _settings_warnings(settings: Settings, think: Think | None, speak: Speak | None) -> Iterator[Problem]:
    # `tags` and `experimental` label a session in its vendor's books, and are nothing that the client would miss.
    agent = settings.agent
    yield from _unknown(settings)
    if settings.mip_opt_out is not None:
        yield unserved("mip_opt_out")
    if settings.audio.output.bitrate is not None:
        yield unserved("audio.output.bitrate")
    if think is not None:
        yield from _think_warnings(think)
    if speak is not None:
        yield from speak_warnings(speak, agent.session_audio_output)
    if agent.listen is not None:
        yield from listen_warnings(agent.listen)


def _unknown(message: Message) -> Iterator[Problem]:
    fields = list(message.unknown_fields())
    for field in fields[:_NAMED_FIELDS]:
        yield unserved(field, "is not known")
    if len(fields) > _NAMED_FIELDS:
        yield Problem("field_not_supported", f"{len(fields) - _NAMED_FIELDS} more fields are not known; ignored.")


def _think_warnings(think: Think) -> Iterator[Problem]:
    if think.provider and think.provider.temperature is not None:
        yield unserved("think.provider.temperature")
    if think.endpoint is not None:
        yield unserved("think.endpoint")
    if think.context_length is not None:
        yield unserved("think.context_length")
    for function in think.functions or ():
        if function.endpoint is not None:
            why = "is not called from here, the client is asked for the result"
            yield unserved(f"think.functions: {shortened(function.name)}: endpoint", why)
