"""The messages of a Voice Agent client, parsed (source: the message types of `deepgram-sdk`, Voice Agent v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from turnstile.errors import ClientProtocolError
from turnstile.protocol import jsontext
from turnstile.protocol.json_bounds import JSON_BOUNDS, JsonBounds
from turnstile.protocol.voice_agent.faults import describe
from turnstile.protocol.voice_agent.part import Part
from turnstile.protocol.voice_agent.parts import Agent, Audio, Flags, Listen, Speaks, Thinks

if TYPE_CHECKING:
    from collections.abc import Callable


class Message(Part):
    """A message of the client."""


class Settings(Message):
    """Configures the session: the first message, and later an ordinary update."""

    type: Literal["Settings"] = "Settings"
    tags: Annotated[tuple[str, ...], Field(fail_fast=True)] = ()
    experimental: bool = False
    flags: Flags = Flags()
    mip_opt_out: bool | None = None
    audio: Audio = Audio()
    agent: Agent

    @model_validator(mode="before")
    @classmethod
    def _agent_is_given_whole(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("agent"), str):
            raise ValueError(  # noqa: TRY004 - pydantic turns only this into a validation error
                "agent: an id of a stored agent cannot be looked up here; give the agent as an object"
            )
        return value


class UpdatePrompt(Message):
    """Adds text to the prompt in force."""

    type: Literal["UpdatePrompt"] = "UpdatePrompt"
    prompt: str = Field(min_length=1)


class UpdateThink(Message):
    """Replaces the language model's settings: instructions, functions, limits."""

    type: Literal["UpdateThink"] = "UpdateThink"
    think: Thinks


class UpdateSpeak(Message):
    """Replaces the voice's settings."""

    type: Literal["UpdateSpeak"] = "UpdateSpeak"
    speak: Speaks


class UpdateListen(Message):
    """Replaces the transcription's settings."""

    type: Literal["UpdateListen"] = "UpdateListen"
    listen: Listen


class UpdateThinkLive(Message):
    """Changes a Think Live model's settings, which has no counterpart upstream."""

    type: Literal["UpdateThink_Live"] = "UpdateThink_Live"


class CustomToThinkProvider(Message):
    """Sends a payload to the provider of the language model, which has no counterpart upstream."""

    type: Literal["__customToThinkProvider"] = "__customToThinkProvider"


class InjectUserMessage(Message):
    """Adds a text of the user's to the conversation."""

    type: Literal["InjectUserMessage"] = "InjectUserMessage"
    content: str = Field(min_length=1)


class InjectAgentMessage(Message):
    """Makes the agent speak: the message word for word, or freely (`is_dynamic`)."""

    type: Literal["InjectAgentMessage"] = "InjectAgentMessage"
    message: str | None = Field(None, description="or `content`, as the React component says")
    is_dynamic: bool = False
    behavior: Literal["default", "queue", "interrupt"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _content_is_the_message(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("message") is None and "content" in value:
            rest = {name: field for name, field in value.items() if name != "content"}
            return {**rest, "message": value["content"]}
        return value

    @model_validator(mode="after")
    def _says_something(self) -> InjectAgentMessage:
        if not self.message and not self.is_dynamic:
            raise ValueError("message: give the words to say, or set is_dynamic")
        return self


class FunctionCallResponse(Message):
    """Returns the result of a function call: `content` in the protocol; other clients use other names."""

    type: Literal["FunctionCallResponse"] = "FunctionCallResponse"
    id: str = Field(min_length=1, max_length=512)
    name: str | None = None
    content: Any = Field(None, description="one of these five is required")
    output: Any = None
    result: Any = None
    response: Any = None
    error: Any = None

    @model_validator(mode="after")
    def _has_a_result(self) -> FunctionCallResponse:
        if all(value is None for value in (self.content, self.output, self.result, self.response, self.error)):
            raise ValueError(
                "content: is missing; give the function's result, as content, output, result or response, or its error"
            )
        return self


class ForceEndTurn(Message):
    """Ends the user's turn."""

    type: Literal["ForceEndTurn"] = "ForceEndTurn"


class KeepAlive(Message):
    """Keeps the connection open."""

    type: Literal["KeepAlive"] = "KeepAlive"


ClientMessage = (
    Settings
    | UpdatePrompt
    | UpdateThink
    | UpdateSpeak
    | UpdateListen
    | UpdateThinkLive
    | CustomToThinkProvider
    | InjectUserMessage
    | InjectAgentMessage
    | FunctionCallResponse
    | ForceEndTurn
    | KeepAlive
)
_MESSAGES: dict[str, Callable[[Any], ClientMessage]] = {
    kind.model_fields["type"].default: TypeAdapter(kind).validator.validate_python for kind in get_args(ClientMessage)
}
MESSAGE_TYPES = tuple(_MESSAGES)


def parse_client_message(data: bytes, bounds: JsonBounds = JSON_BOUNDS) -> ClientMessage:
    """Parse one text frame of the client.

    Args:
        data: UTF-8 JSON.
        bounds: Those of its values.

    Raises:
        ClientProtocolError: It is not a valid message; names the field and the fix.
    """
    if len(data) > bounds.least_bytes:
        bounds.check(data)
    try:
        value = jsontext.loads(data)
    except ValueError as error:
        raise ClientProtocolError(
            "invalid_json", f"The message is not JSON ({error}); send one object a frame."
        ) from None
    if not isinstance(value, dict):
        raise ClientProtocolError("invalid_message", 'The message is JSON, but not an object; send {"type": ...}.')
    kind = value.get("type")
    if not isinstance(kind, str):
        text = f"type: is missing or not text; give one of {', '.join(MESSAGE_TYPES)}."
        raise ClientProtocolError("missing_type", text)
    read = _MESSAGES.get(kind)
    if read is None:
        text = f"type: {kind[:64]!r} is not known; give one of {', '.join(MESSAGE_TYPES)}."
        raise ClientProtocolError("unknown_message_type", text)
    try:
        return read(value)
    except ValidationError as error:
        raise ClientProtocolError("invalid_message", describe(kind, value, error), kind) from None
