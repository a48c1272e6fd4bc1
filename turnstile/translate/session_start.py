"""Translation of a Voice Agent client's `Settings` to a whole Realtime session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from turnstile.audio.formats import AudioFormat, parse_format
from turnstile.translate.bounds import IDLE_TIMEOUT, adjusted
from turnstile.translate.field_names import SETTINGS_FIELDS
from turnstile.translate.host_overrides import overridden_by_host
from turnstile.translate.ignored_fields import ignored, ignored_fields
from turnstile.translate.to_realtime import ConfigPatch, speak_patch, think_patch, with_history
from turnstile.translate.transcription import listen_warnings, transcription

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from turnstile.errors import Problem
    from turnstile.protocol.voice_agent.client import Settings
    from turnstile.protocol.voice_agent.parts import Agent, Context
    from turnstile.protocol.voice_agent.profile import Profile
    from turnstile.translate.permissions import Permissions

Json = dict[str, Any]

# The API's defaults, sent so that they hold for each model (reference of `turn_detection`; silence as recorded).
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
"""Most characters of one value in a response's metadata, which holds all tags."""


@dataclass(frozen=True, slots=True)
class SessionStart:
    """The session that Settings ask for: upstream's configuration, and the proxy's part of it.

    Args:
        config: Upstream's configuration.
        input: The format of the client's audio.
        output: The format of the audio to the client.
        container: Its container: ``none`` or ``wav``.
        greeting: The agent's first words, unless the conversation has a history; None for none.
        history: The conversation's history, as the instructions give it.
        labels: Metadata of each response that the proxy creates, by which the client's operator finds them.
        wants_history: Whether the client asks for `History` messages.
    """

    config: ConfigPatch
    input: AudioFormat
    output: AudioFormat
    container: str
    greeting: str | None
    history: str
    labels: dict[str, str]
    wants_history: bool


def settings_to_session(settings: Settings, profile: Profile, permissions: Permissions) -> SessionStart:
    """Translate Settings.

    Raises:
        ClientProtocolError: An audio format is not supported.
    """
    agent, audio = settings.agent, settings.audio
    default = AudioFormat("linear16", profile.input_rate)
    received = parse_format("audio.input", audio.input.encoding, audio.input.sample_rate, default)
    sent = parse_format(
        "audio.output", audio.output.encoding, audio.output.sample_rate, AudioFormat("linear16", 24_000)
    )
    has_stored_prompt = permissions.host.has_stored_prompt  # which instructions of the session would replace
    history = "" if has_stored_prompt else _history(agent.context)
    tags = _fitting(settings.tags)
    return SessionStart(
        config=_config(settings, permissions, (received, sent), history),
        input=received,
        output=sent,
        container=audio.output.container or "none",
        greeting=None if history else agent.greeting or None,
        history=history,
        labels=tags_to_labels(tags),
        wants_history=settings.flags.history,
    )


def _config(
    settings: Settings, permissions: Permissions, formats: tuple[AudioFormat, AudioFormat], history: str
) -> ConfigPatch:
    agent = settings.agent
    received, sent = formats
    think = think_patch(agent.think, permissions, "agent.think")
    speak = speak_patch(agent.speak, "agent.speak", agent.session_audio_output)
    provider = agent.listen.provider if agent.listen else None
    asked: Json = {
        "audio": {
            "input": {
                "format": received.realtime(),
                "transcription": transcription(provider, agent.language),
                "turn_detection": _turn_detection(agent),
            },
            "output": {"format": sent.realtime(), **speak.patch},
        },
        **think.patch,
    }
    # No warning about the host's overrides here, only where a later update is ignored for them.
    patch = permissions.host.session(asked)
    if history:
        patch["instructions"] = with_history(patch.get("instructions", ""), history)
    warnings = (
        *ignored_fields(settings),
        *([ignored("experimental")] if settings.experimental else []),
        *think.warnings,
        *speak.warnings,
        *listen_warnings(provider, "agent", agent.language),
        *([overridden_by_host("agent.context")] if permissions.host.has_stored_prompt and agent.context else []),
        *_idle_warnings(agent),
        *_tag_warnings(settings.tags),
    )
    return ConfigPatch(patch, warnings, {**SETTINGS_FIELDS, **think.fields, **speak.fields})


def _fitting(tags: Sequence[str]) -> list[str]:
    """Return the tags that fit into one value of the metadata, in their order."""
    fitting: list[str] = []
    size = 0
    for tag in tags:
        added = len(tag) + bool(fitting)  # with the comma before it
        if size + added <= TAGS_SIZE:
            fitting.append(tag)
            size += added
    return fitting


def _tag_warnings(tags: Sequence[str]) -> Iterator[Problem]:
    used = len(_fitting(tags))
    if used < len(tags):
        yield adjusted("tags", f"at most {TAGS_SIZE} characters fit together; {used} of the {len(tags)} are used")


def tags_to_labels(tags: Sequence[str]) -> dict[str, str]:
    """Return the response metadata that hold the tags."""
    return {"tags": ",".join(tags)} if tags else {}


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
        yield ignored("agent.idleTimeoutMs", "upstream counts it while it detects turns, which is off")
    else:
        yield from IDLE_TIMEOUT.warnings("agent.idleTimeoutMs", timeout)


def _history(context: Context | None) -> str:
    """Return the conversation's history as text for the instructions: as items, it would be echoed as new text."""
    lines = [line for message in (context.messages if context else ()) for line in _lines(message)]
    if not lines:
        return ""
    return "\n".join(["The conversation so far:", *lines, "Go on from there."])


def _lines(message: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(message.get("content"), str):
        yield f"{message.get('role', 'user')}: {message['content']}"
    calls = message.get("function_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield f"function {call.get('name')}({call.get('arguments')}) = {call.get('response')}"
