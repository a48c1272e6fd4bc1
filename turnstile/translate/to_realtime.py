"""From Voice Agent messages to the Realtime API's session, items and responses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnstile.audio.formats import AudioFormat, parse_format
from turnstile.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from turnstile.protocol.voice_agent.client import (
        Agent,
        Context,
        Function,
        FunctionCallResponse,
        InjectAgentMessage,
        Listen,
        ListenProvider,
        Message,
        Settings,
        Speak,
        Think,
    )
    from turnstile.protocol.voice_agent.profile import Profile

Json = dict[str, Any]

# Voices of the API (reference of `session.audio.output.voice`).
VOICES = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"})
DEFAULT_TRANSCRIPTION = "gpt-4o-transcribe"
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
_OPENAI = frozenset({"open_ai", "openai"})


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
    warnings = [*_unknown(settings), *_think_warnings(think), *_speak_warnings(agent), *_listen_warnings(agent.listen)]
    patch: Json = {
        "audio": {
            "input": {
                "format": heard.realtime(),
                "transcription": _transcription(agent.listen.provider if agent.listen else None),
                "turn_detection": _turn_detection(agent),
            },
            "output": {"format": spoken.realtime(), **_voice(agent)},
        },
        **(_thinking(think) if think else {}),
    }
    history = _history(agent.context)
    if history:
        patch["instructions"] = "\n\n".join(part for part in (patch.get("instructions"), history) if part)
    config = ConfigPatch(patch, tuple(warnings))
    greeting = None if history else agent.greeting or None
    return SessionStart(config, heard, spoken, audio.output.container or "none", greeting, settings.flags.history)


def think_to_session(message: Message, thinks: tuple[Think, ...]) -> ConfigPatch:
    """Translate an UpdateThink, which replaces the whole of thinking: what it leaves out is cleared."""
    think = thinks[0]
    cleared: Json = {"instructions": "", "tools": [], "tool_choice": "auto", "max_output_tokens": "inf", "prompt": None}
    return ConfigPatch({**cleared, **_thinking(think)}, (*_unknown(message), *_think_warnings(think)))


def speak_to_session(message: Message, speaks: tuple[Speak, ...]) -> ConfigPatch:
    """Translate an UpdateSpeak."""
    speak = speaks[0]
    output = _spoken_by(speak)
    warnings = (*_unknown(message), *_voice_warnings(speak))
    return ConfigPatch({"audio": {"output": output}} if output else {}, warnings)


def listen_to_session(message: Message, listen: Listen) -> ConfigPatch:
    """Translate an UpdateListen."""
    patch = {"audio": {"input": {"transcription": _transcription(listen.provider)}}}
    return ConfigPatch(patch, (*_unknown(message), *_listen_warnings(listen)))


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
        patch["prompt"] = think.managed_prompt.model_dump(exclude_none=True)
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


def _transcription(provider: ListenProvider | None) -> Json:
    if provider is None:
        return {"model": DEFAULT_TRANSCRIPTION}
    known = provider.model is not None and _is_transcription_model(provider.model)
    patch: Json = {"model": provider.model if known else DEFAULT_TRANSCRIPTION}
    language = provider.language or (provider.language_hints[0] if provider.language_hints else None)
    if language and language != "multi":
        # Deepgram names regions (en-US); the API takes the language alone (ISO 639-1).
        patch["language"] = language.split("-")[0]
    if provider.keyterms:
        patch["prompt"] = f"Expect these words: {', '.join(provider.keyterms)}."
    return patch


def _is_transcription_model(model: str) -> bool:
    return model.startswith(("gpt-", "whisper"))


def _voice(agent: Agent) -> Json:
    output = _spoken_by(agent.speak[0]) if agent.speak else {}
    own = agent.session_audio_output
    if own is not None:
        output |= {name: value for name, value in (("voice", own.voice), ("speed", own.speed)) if value is not None}
    return output


def _spoken_by(speak: Speak) -> Json:
    voice, speed = _voice_named(speak), speak.provider.speed
    output: Json = {}
    if voice is not None:
        output["voice"] = voice
    if speed is not None:
        output["speed"] = speed
    return output


def _voice_named(speak: Speak) -> str | Json | None:
    """Return the API's voice that is asked for: one it has, or any that is named as OpenAI's own."""
    provider = speak.provider
    known = provider.voice if isinstance(provider.voice, str) else None
    if provider.voice is not None and (provider.type in _OPENAI or known in VOICES):
        return provider.voice
    return provider.model if provider.model in VOICES else None


def _history(context: Context | None) -> str:
    """Tell the conversation that came before: as part of the instructions it is not echoed back as new text."""
    lines = [line for message in (context.messages if context else ()) for line in _told(message)]
    if not lines:
        return ""
    return "\n".join(["The conversation so far:", *lines, "Go on from there."])


def _told(message: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(message.get("content"), str):
        yield f"{message.get('role', 'user')}: {message['content']}"
    for call in message.get("function_calls") or ():
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
        return json.dumps({"error": message.error}, ensure_ascii=False, default=str)
    result = message.content if message.content is not None else message.result
    if isinstance(result, str):
        return result
    return json.dumps(result, ensure_ascii=False, default=str)


def unserved(field: str, why: str = "has no counterpart upstream") -> Problem:
    """Return the warning about a field that nothing comes of."""
    return Problem("field_not_supported", f"{field}: {why}; it is ignored.")


def _unknown(message: Message) -> Iterator[Problem]:
    for field in message.unknown_fields():
        yield unserved(field, "is not known")


def _think_warnings(think: Think | None) -> Iterator[Problem]:
    if think is None:
        return
    if think.provider and think.provider.temperature is not None:
        yield unserved("think.provider.temperature")
    if think.endpoint is not None:
        yield unserved("think.endpoint")
    if think.context_length is not None:
        yield unserved("think.context_length")


def _speak_warnings(agent: Agent) -> Iterator[Problem]:
    if agent.speak and not (agent.session_audio_output and agent.session_audio_output.voice):
        yield from _voice_warnings(agent.speak[0])


def _voice_warnings(speak: Speak) -> Iterator[Problem]:
    provider = speak.provider
    if speak.endpoint is not None:
        yield unserved("speak.endpoint")
    named = provider.voice or (None if provider.type in _OPENAI else provider.model)
    if named is not None and _voice_named(speak) is None:
        yield unserved("speak.provider", f"no voice {named!r} upstream (there are {', '.join(sorted(VOICES))})")


def _listen_warnings(listen: Listen | None) -> Iterator[Problem]:
    model = listen.provider.model if listen else None
    if model is not None and not _is_transcription_model(model):
        yield unserved("listen.provider.model", f"{model!r} is not served, {DEFAULT_TRANSCRIPTION} listens")
