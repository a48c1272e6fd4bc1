"""What a Voice Agent client sends, read and checked (source: the message types of `deepgram-sdk`, Voice Agent v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from turnstile.errors import ClientProtocolError
from turnstile.protocol import jsontext
from turnstile.protocol.voice_agent.faults import describe
from turnstile.protocol.voice_agent.part import Part
from turnstile.protocol.voice_agent.parts import Agent, Audio, Flags, Listen, Speaks, Thinks

if TYPE_CHECKING:
    from collections.abc import Callable


class Message(Part):
    """A message of the client's."""


class Settings(Message):
    """Configures the session: first, and later as an ordinary update."""

    type: Literal["Settings"] = "Settings"
    tags: tuple[str, ...] = ()
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
    """Adds to the prompt in force."""

    type: Literal["UpdatePrompt"] = "UpdatePrompt"
    prompt: str = Field(min_length=1)


class UpdateThink(Message):
    """Replaces how the agent thinks."""

    type: Literal["UpdateThink"] = "UpdateThink"
    think: Thinks


class UpdateSpeak(Message):
    """Replaces how the agent speaks."""

    type: Literal["UpdateSpeak"] = "UpdateSpeak"
    speak: Speaks


class UpdateListen(Message):
    """Changes how the agent listens."""

    type: Literal["UpdateListen"] = "UpdateListen"
    listen: Listen


class UpdateThinkLive(Message):
    """Changes how a live agent thinks, which nothing upstream can do."""

    type: Literal["UpdateThink_Live"] = "UpdateThink_Live"


class CustomToThinkProvider(Message):
    """A payload for the provider that thinks, which nothing upstream can take."""

    type: Literal["__customToThinkProvider"] = "__customToThinkProvider"


class InjectUserMessage(Message):
    """The user says something in writing."""

    type: Literal["InjectUserMessage"] = "InjectUserMessage"
    content: str = Field(min_length=1)


class InjectAgentMessage(Message):
    """The agent says something: given word for word, or of its own making (`is_dynamic`)."""

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
    """The result of a function call: `content` by the protocol; other clients have other names for it."""

    type: Literal["FunctionCallResponse"] = "FunctionCallResponse"
    id: str = Field(min_length=1)
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
    """Says that the client is there."""

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


def parse_client_message(data: bytes) -> ClientMessage:
    """Read one text frame of the client's.

    Args:
        data: UTF-8 JSON.

    Raises:
        ClientProtocolError: It is none of the messages, or not a valid one; names the field and the fix.
    """
    try:
        value = jsontext.loads(data)
    except ValueError as error:
        raise ClientProtocolError(
            "invalid_json", f"The message is no JSON ({error}); send one object a frame."
        ) from None
    if not isinstance(value, dict):
        raise ClientProtocolError("invalid_message", 'The message is JSON, but no object; send {"type": ...}.')
    kind = value.get("type")
    if not isinstance(kind, str):
        raise ClientProtocolError("missing_type", f"type: is missing or no text; give one of {', '.join(_MESSAGES)}.")
    read = _MESSAGES.get(kind)
    if read is None:
        text = f"type: {kind[:64]!r} is not known; give one of {', '.join(_MESSAGES)}."
        raise ClientProtocolError("unknown_message_type", text)
    try:
        return read(value)
    except ValidationError as error:
        raise ClientProtocolError("invalid_message", describe(kind, value, error), kind) from None
