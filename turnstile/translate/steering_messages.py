"""What an operator gives a running session, read from messages in the words of the Voice Agent protocol.

Whatever a message has that the session would not take on makes it invalid: an operator is there to read the error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from pydantic import Field, ValidationError, field_validator

from turnstile.errors import ClientProtocolError
from turnstile.protocol.voice_agent import client
from turnstile.protocol.voice_agent.faults import describe
from turnstile.translate.host_overrides import AddedFunction, HostOverrides, is_sendable
from turnstile.translate.ignored_fields import ignored_fields
from turnstile.translate.language_model import language_model
from turnstile.translate.permissions import Permissions
from turnstile.translate.to_realtime import speak_patch, spoken_word_for_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from turnstile.errors import Problem

Json = dict[str, Any]

TYPES: Final = ("UpdatePrompt", "UpdateThink", "UpdateSpeak", "InjectUserMessage", "InjectAgentMessage", "End")
"""The types of the messages that there are."""
# The close codes that a server may give (RFC 6455, 7.4, and the registry behind it): not those that only say how a
# connection was lost.
_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})
_APPLICATION_CODES: Final = range(3000, 5000)
# The bytes of a close frame that are left for the reason.
_REASON_BYTES: Final = 123
_SETTABLE: Final = ("prompt", "functions")


@dataclass(frozen=True, slots=True)
class PromptGiven:
    """Add `text` to the prompt."""

    text: str


@dataclass(frozen=True, slots=True)
class OverridesGiven:
    """Override a part of the configuration."""

    overrides: HostOverrides


@dataclass(frozen=True, slots=True)
class UserTextGiven:
    """Put a text into the conversation as if the user had written it."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentTextGiven:
    """Have the agent say something: `response` has the parameters of its ``response.create``."""

    response: Json
    behavior: Literal["default", "queue", "interrupt"]


@dataclass(frozen=True, slots=True)
class EndGiven:
    """End the session with this close code and reason."""

    code: int
    reason: str


Steered = PromptGiven | OverridesGiven | UserTextGiven | AgentTextGiven | EndGiven


class _End(client.Message):
    type: Literal["End"] = "End"
    code: int = Field(1000, strict=True)
    reason: str = Field("", max_length=_REASON_BYTES)

    @field_validator("code")
    @classmethod
    def _may_be_sent(cls, value: int) -> int:
        if value not in _CODES and value not in _APPLICATION_CODES:
            raise ValueError("must be a close code that may be sent: 1000, or one from 3000 to 4999")
        return value

    @field_validator("reason")
    @classmethod
    def _fits_in_a_close_frame(cls, value: str) -> str:
        if not is_sendable(value) or len(value.encode()) > _REASON_BYTES:
            raise ValueError(f"must be text of at most {_REASON_BYTES} bytes")
        return value


def read_steering(message: object, may_call: Callable[[str], bool]) -> Steered:
    """Read a message of an operator's.

    Args:
        message: The message, parsed from JSON.
        may_call: Returns whether the proxy may call a function at a URL.

    Raises:
        ClientProtocolError: It is not valid (``invalid_message``), or of an ``unknown_message_type``, or has what a
            running session does not take; names the field and the fix.
    """
    if not isinstance(message, dict):
        raise ClientProtocolError("invalid_message", 'The message is not a JSON object; give {"type": ...}.')
    kind = message.get("type")
    if kind not in TYPES:
        given = f"{kind[:64]!r} is not known" if isinstance(kind, str) else "is missing or not text"
        raise ClientProtocolError("unknown_message_type", f"type: {given}; give one of {', '.join(TYPES)}.")
    try:
        data = orjson.dumps(message)
    except orjson.JSONEncodeError as error:
        raise ClientProtocolError("invalid_message", f"{kind}: cannot be sent as JSON: {error}.", kind) from None
    parsed = _read_end(message) if kind == "End" else _parsed(kind, data)
    _refuse_first(kind, ignored_fields(parsed))
    match parsed:
        case _End(code=code, reason=reason):
            return EndGiven(code, reason)
        case client.UpdatePrompt(prompt=prompt):
            return PromptGiven(prompt)
        case client.UpdateThink():
            return OverridesGiven(_think(parsed, may_call))
        case client.UpdateSpeak():
            return OverridesGiven(_speak(parsed))
        case client.InjectUserMessage(content=content):
            return UserTextGiven(content)
        case client.InjectAgentMessage(message=text, behavior=behavior) if text and not parsed.is_dynamic:
            return AgentTextGiven(spoken_word_for_word(text), behavior or "default")
        case _:
            raise _invalid(kind, "is_dynamic: is the client's alone; give the words to say as message")


def _parsed(kind: str, data: bytes) -> client.ClientMessage:
    try:
        return client.parse_client_message(data)
    except ClientProtocolError as error:  # of which some are about the size of a message
        raise ClientProtocolError("invalid_message", error.problem.about(kind).description, kind) from None


def _read_end(message: Json) -> _End:
    try:
        return _End.model_validate(message)
    except ValidationError as error:
        raise ClientProtocolError("invalid_message", describe("End", message, error), "End") from None


def _think(message: client.UpdateThink, may_call: Callable[[str], bool]) -> HostOverrides:
    """Return the prompt and the functions; what else there is of ``think`` is the client's."""
    if len(message.think) > 1:
        raise _invalid(message.type, "think: give one object, without alternatives")
    (think,) = message.think
    others = sorted(think.model_fields_set - {*_SETTABLE})
    if others or not think.model_fields_set:
        named = f"think.{others[0]}: is the client's alone" if others else "think: is empty"
        raise _invalid(message.type, f"{named}; give {' or '.join(_SETTABLE)}")
    patch, warnings = language_model(message.think, Permissions(lambda _: False, may_call), "think")
    _refuse_first(message.type, warnings)
    added = None
    if think.functions is not None:
        added = tuple(AddedFunction(tool, patch["endpoints"].get(tool["name"])) for tool in patch["tools"])
    return HostOverrides(prompt=think.prompt, added=added)


def _speak(message: client.UpdateSpeak) -> HostOverrides:
    """Return the voice and the speed."""
    if len(message.speak) > 1:
        raise _invalid(message.type, "speak: give one object, without alternatives")
    speak = speak_patch(message.speak, "speak")
    _refuse_first(message.type, speak.warnings)
    voice = speak.patch.get("voice")
    if not speak.patch or not isinstance(voice, str | None):
        raise _invalid(message.type, "speak.provider.voice: give the name of a voice, or a speed")
    speed = {name: value for name, value in speak.patch.items() if name == "speed"}
    return HostOverrides(voice=voice, session={"audio": {"output": speed}} if speed else {})


def _refuse_first(kind: str, warnings: Iterable[Problem]) -> None:
    """Refuse a message of which a part would be ignored or adjusted."""
    for warning in warnings:
        words = warning.description.removesuffix("; it is ignored.").removesuffix(".")
        raise _invalid(kind, f"{words}; nothing of the message is taken")


def _invalid(kind: str, words: str) -> ClientProtocolError:
    return ClientProtocolError("invalid_message", f"{kind}: {words}.", kind)
