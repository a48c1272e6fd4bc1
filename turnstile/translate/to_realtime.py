"""From Voice Agent messages to the Realtime API's session, items and responses."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from turnstile.audio.formats import AudioFormat, parse_format
from turnstile.translate.bounds import IDLE_TIMEOUT, adjusted
from turnstile.translate.field_names import LISTEN_FIELDS, SETTINGS_FIELDS, speak_fields, think_fields
from turnstile.translate.host_overrides import HOST_DECIDES
from turnstile.translate.ignored_fields import first_served, unserved, unserved_fields
from turnstile.translate.serves import SERVES_ALL
from turnstile.translate.thinking import thinking
from turnstile.translate.transcription import listen_warnings, transcription
from turnstile.translate.voice import is_voice_served, own_warnings, speak_warnings, spoken_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.client import FunctionCallResponse, InjectAgentMessage, Message, Settings
    from turnstile.protocol.voice_agent.parts import Agent, Context, Listen, SessionAudioOutput, Speak, Think
    from turnstile.protocol.voice_agent.profile import Profile
    from turnstile.translate.serves import Serves

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
TAGS_SIZE = 512
"""How many characters one value of a response's metadata takes upstream, where the tags go."""


@dataclass(frozen=True, slots=True)
class ConfigPatch:
    """What a message makes of the session.

    Args:
        patch: A partial Realtime ``session``; ``model`` is in it only if the client named one, ``endpoints`` only if it
            named functions: where the proxy calls those that have one, by name.
        warnings: The parts of the message that have no effect.
        fields: What the message names of it: the message's own field by the field's dotted path in the session.
    """

    patch: Json
    warnings: tuple[Problem, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionStart:
    """What Settings make of the session, and of this side of it.

    Args:
        config: For upstream.
        input: What the client speaks.
        output: What it wants to hear.
        container: ``none``, or ``wav``.
        greeting: What the agent says first, unless the conversation goes on; None for nothing.
        history: The conversation that came before, as it is told in the instructions.
        labels: What the client's operator finds its responses by: metadata of each that the proxy begins.
        wants_history: The client keeps the conversation's history.
    """

    config: ConfigPatch
    input: AudioFormat
    output: AudioFormat
    container: str
    greeting: str | None
    history: str
    labels: dict[str, str]
    wants_history: bool


def settings_to_session(settings: Settings, profile: Profile, serves: Serves = SERVES_ALL) -> SessionStart:
    """Translate the whole of Settings.

    Raises:
        ClientProtocolError: An audio format cannot be served.
    """
    agent, audio = settings.agent, settings.audio
    default = AudioFormat("linear16", profile.input_rate)
    heard = parse_format("audio.input", audio.input.encoding, audio.input.sample_rate, default)
    wanted = AudioFormat("linear16", 24_000)
    spoken = parse_format("audio.output", audio.output.encoding, audio.output.sample_rate, wanted)
    history = _history(agent.context)
    thought = _think(agent.think or (), serves, "agent.think")
    speaking = _speak(agent.speak, serves, "agent.speak", agent.session_audio_output)
    listen = agent.listen
    patch: Json = {
        "audio": {
            "input": {
                "format": heard.realtime(),
                "transcription": transcription(listen.provider if listen else None, agent.language),
                "turn_detection": _turn_detection(agent),
            },
            "output": {"format": spoken.realtime(), **speaking.patch},
        },
        **thought.patch,
    }
    if history:
        patch["instructions"] = with_history(patch.get("instructions", ""), history)
    experimental = [unserved("experimental")] if settings.experimental else []
    unheard = (*thought.warnings, *speaking.warnings)
    # A client that begins as it always does is not told what it cannot decide; one that wants to change it is.
    unheard = tuple(problem for problem in unheard if problem.code != HOST_DECIDES)
    tags = _fitting(settings.tags)
    warnings = (
        *unserved_fields(settings),
        *experimental,
        *unheard,
        *listen_warnings(listen.provider if listen else None, "agent", agent.language),
        *_idle_warnings(agent),
        *_tag_warnings(settings.tags, tags),
    )
    greeting = None if history else agent.greeting or None
    container = audio.output.container or "none"
    labels = tags_to_labels(tags)
    config = ConfigPatch(patch, warnings, {**SETTINGS_FIELDS, **thought.fields, **speaking.fields})
    return SessionStart(config, heard, spoken, container, greeting, history, labels, settings.flags.history)


def _fitting(tags: Sequence[str]) -> list[str]:
    """Return the tags that fit where they go, in their order."""
    fitting: list[str] = []
    for tag in tags:
        if len(",".join([*fitting, tag])) <= TAGS_SIZE:
            fitting.append(tag)
    return fitting


def _tag_warnings(given: Sequence[str], fitting: Sequence[str]) -> Iterator[Problem]:
    if len(fitting) < len(given):
        words = f"at most {TAGS_SIZE} characters fit together; {len(fitting)} of the {len(given)} are used"
        yield adjusted("tags", words)


def tags_to_labels(tags: Sequence[str]) -> dict[str, str]:
    """Return the metadata that responses are found by upstream."""
    return {"tags": ",".join(tags)} if tags else {}


def think_to_session(
    message: Message, thinks: tuple[Think, ...], serves: Serves = SERVES_ALL, history: str = ""
) -> ConfigPatch:
    """Translate an UpdateThink, which replaces the whole of thinking: what it leaves out is cleared.

    `history`: the conversation that came before, which is no thinking and stays.
    """
    thought = _think(thinks, serves, "think")
    cleared: Json = {
        "instructions": "",
        "tools": [],
        "endpoints": {},
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "output_modalities": ["audio"],
        "prompt": None,
    }
    patch = {**cleared, **thought.patch}
    patch["instructions"] = with_history(patch["instructions"], history)
    return ConfigPatch(patch, (*unserved_fields(message), *thought.warnings), thought.fields)


def speak_to_session(message: Message, speaks: tuple[Speak, ...], serves: Serves = SERVES_ALL) -> ConfigPatch:
    """Translate an UpdateSpeak, which replaces the whole of speaking; but a voice cannot be unset."""
    speaking = _speak(speaks, serves, "speak")
    patch = {"audio": {"output": {"speed": 1.0, **speaking.patch}}}
    return ConfigPatch(patch, (*unserved_fields(message), *speaking.warnings), speaking.fields)


def listen_to_session(message: Message, listen: Listen) -> ConfigPatch:
    """Translate an UpdateListen, which replaces the whole of listening."""
    patch = {"audio": {"input": {"transcription": transcription(listen.provider)}}}
    return ConfigPatch(patch, (*unserved_fields(message), *listen_warnings(listen.provider)), LISTEN_FIELDS)


def with_history(instructions: str, history: str) -> str:
    """Return instructions with the conversation that came before."""
    return "\n\n".join(part for part in (instructions, history) if part)


def _speak(
    speaks: tuple[Speak, ...] | None, serves: Serves, where: str, own: SessionAudioOutput | None = None
) -> ConfigPatch:
    """Return ``voice`` and ``speed``, those that are asked for."""
    speak: Speak | None = None
    warnings: list[Problem] = []
    if speaks:
        served, where, warnings = first_served(speaks, is_voice_served, where)
        warnings += speak_warnings(served, where, own)
        speak = served
    output = spoken_by(speak, own)
    fields = speak_fields(output, speak, where, own)
    warnings += own_warnings(own, "agent.sessionAudioOutput") if own else ()
    warnings += serves.host.speaking(output, where)
    return ConfigPatch(output, tuple(warnings), fields)


def _think(thinks: tuple[Think, ...], serves: Serves, where: str) -> ConfigPatch:
    patch: Json = {}
    warnings: list[Problem] = []
    if thinks:
        patch, warnings = thinking(thinks, serves, where)
    fields = think_fields(patch, where)
    warnings += serves.host.thinking(patch, where)
    return ConfigPatch(patch, tuple(warnings), fields)


def _turn_detection(agent: Agent) -> Json | None:
    if agent.manual_commit:
        return None
    timeout = agent.idle_timeout_ms
    if timeout is None or timeout < 0:
        return SERVER_VAD
    return {**SERVER_VAD, "idle_timeout_ms": IDLE_TIMEOUT.nearest(timeout)}


def _idle_warnings(agent: Agent) -> Iterator[Problem]:
    timeout = agent.idle_timeout_ms
    if timeout is None or timeout < 0:
        return
    if agent.manual_commit:
        yield unserved("agent.idleTimeoutMs", "upstream counts it while it detects turns, which is off")
    else:
        yield from IDLE_TIMEOUT.warnings("agent.idleTimeoutMs", timeout)


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
    if not message.is_dynamic:
        return spoken_word_for_word(message.message or "")
    text = message.message or "Go on with the conversation: say what is to be said next."
    return {"instructions": text, "tool_choice": "none"}


def spoken_word_for_word(text: str) -> Json:
    """Return the parameters of a response in which the agent says `text`."""
    return {"instructions": f"Say exactly: {json.dumps(text, ensure_ascii=False)}", "tool_choice": "none"}


def function_result_to_output(message: FunctionCallResponse) -> str:
    """Return the result of a call as the API takes it: text, or JSON for anything else."""
    if message.error is not None:
        return json.dumps({"error": message.error}, ensure_ascii=False)
    given = (message.content, message.output, message.result, message.response)
    result = next(value for value in given if value is not None)
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
