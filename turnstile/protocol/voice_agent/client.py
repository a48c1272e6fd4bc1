"""What a Voice Agent client sends, read and checked (source: the message types of `deepgram-sdk`, Voice Agent v1).

Fields that a message does not have are kept aside, so that the client can be told that nothing comes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from turnstile.errors import ClientProtocolError
from turnstile.protocol.voice_agent.faults import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


class Part(BaseModel):
    """An object inside a message, or a message; fields of other names are kept as extras."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, strict=False)

    def unknown_fields(self, path: str = "") -> Iterator[str]:
        """Name the fields that mean nothing here, each with its path."""
        prefix = f"{path}." if path else ""
        for name in self.model_extra or ():
            yield f"{prefix}{name}"
        for name, value in self:
            if isinstance(value, Part):
                yield from value.unknown_fields(f"{prefix}{name}")
            elif isinstance(value, tuple):
                for index, part in enumerate(value):
                    if isinstance(part, Part):
                        yield from part.unknown_fields(f"{prefix}{name}[{index}]")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class Provider(Part):
    """Who thinks, speaks or listens; a union of many in the protocol, of which these fields matter."""

    type: str | None = None
    version: str | None = None
    model: str | None = None
    temperature: float | None = None


class FunctionEndpoint(Part):
    """Where the server calls a function."""

    url: str
    method: str | None = None
    headers: dict[str, str] | None = None


class Function(Part):
    """A function that the agent may call."""

    name: str = Field(min_length=1)
    description: str | None = None
    parameters: Json | None = None
    endpoint: FunctionEndpoint | None = None


class ManagedPrompt(Part):
    """A prompt that is kept upstream."""

    id: str
    version: str | None = None
    variables: Json | None = None


class NamedTool(Part):
    """One function that must be called."""

    type: Literal["function"] = "function"
    name: str


class Think(Part):
    """How the agent thinks: ``agent.think``, or the whole of an `UpdateThink`."""

    provider: Provider | None = None
    prompt: str | None = None
    functions: tuple[Function, ...] | None = None
    endpoint: Json | None = None
    context_length: int | str | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedTool | None = Field(None, alias="toolChoice")
    output_modalities: tuple[Literal["text", "audio"], ...] | None = Field(None, alias="outputModalities")
    max_output_tokens: int | None = Field(None, alias="maxOutputTokens", ge=1)
    managed_prompt: ManagedPrompt | None = Field(None, alias="managedPrompt")


class SpeakProvider(Part):
    """Who speaks."""

    type: str | None = None
    version: str | None = None
    model: str | None = None
    voice: str | Json | None = None
    speed: float | None = Field(default=None, ge=0.25, le=1.5)


class Speak(Part):
    """How the agent speaks: ``agent.speak``, or the whole of an `UpdateSpeak`."""

    provider: SpeakProvider = SpeakProvider()
    endpoint: Json | None = None


class ListenProvider(Part):
    """Who listens."""

    type: str | None = None
    version: str | None = None
    model: str | None = None
    language: str | None = None
    language_hints: tuple[str, ...] | None = None
    keyterms: tuple[str, ...] | None = None


class Listen(Part):
    """How the agent listens: ``agent.listen``, or the whole of an `UpdateListen`."""

    provider: ListenProvider = ListenProvider()


class Context(Part):
    """The conversation that came before."""

    messages: tuple[Json, ...] = ()


Thinks = Annotated[tuple[Think, ...], BeforeValidator(_listed), Field(min_length=1)]
Speaks = Annotated[tuple[Speak, ...], BeforeValidator(_listed), Field(min_length=1)]


class SessionAudioOutput(Part):
    """The voice in the words of the Realtime API (``agent.sessionAudioOutput``, an extra of the component)."""

    voice: str | None = None
    speed: float | None = Field(default=None, ge=0.25, le=1.5)


class Agent(Part):
    """The agent of `Settings`."""

    language: str | None = None
    context: Context | None = None
    listen: Listen | None = None
    think: Thinks | None = None
    speak: Speaks | None = None
    greeting: str | None = None
    idle_timeout_ms: int | None = Field(None, alias="idleTimeoutMs")
    manual_commit: bool = Field(default=False, alias="useOpenAIManualAudioCommit")
    session_audio_output: SessionAudioOutput | None = Field(None, alias="sessionAudioOutput")

    @model_validator(mode="after")
    def _idle_timeout_in_bounds(self) -> Agent:
        timeout = self.idle_timeout_ms
        if timeout is not None and timeout != -1 and not 5_000 <= timeout <= 30_000:  # noqa: PLR2004 - the API's bounds
            raise ValueError("idleTimeoutMs must be from 5000 to 30000, or -1 for none")
        return self


class AudioIn(Part):
    """What the client speaks."""

    encoding: str | None = None
    sample_rate: int | None = None


class AudioOut(AudioIn):
    """What the client wants to hear."""

    container: Literal["none", "wav"] | None = None
    bitrate: int | None = None


class Audio(Part):
    """Both directions."""

    input: AudioIn = AudioIn()
    output: AudioOut = AudioOut()


class Flags(Part):
    """Switches."""

    history: bool = False


class Message(Part):
    """A message of the client's."""


class Settings(Message):
    """Configures the session: first, and later as an ordinary update."""

    type: Literal["Settings"] = "Settings"
    tags: tuple[str, ...] | None = None
    experimental: bool | None = None
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


class InjectUserMessage(Message):
    """The user says something in writing."""

    type: Literal["InjectUserMessage"] = "InjectUserMessage"
    content: str = Field(min_length=1)


class InjectAgentMessage(Message):
    """The agent says something: given word for word, or of its own making (`is_dynamic`)."""

    type: Literal["InjectAgentMessage"] = "InjectAgentMessage"
    message: str | None = None
    is_dynamic: bool = False
    behavior: Literal["default", "queue", "interrupt"] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> InjectAgentMessage:
        if not self.message and not self.is_dynamic:
            raise ValueError("message: give the words to say, or set is_dynamic")
        return self


class FunctionCallResponse(Message):
    """The result of a function call: `content` by the protocol; the React component also sends `result` or `error`."""

    type: Literal["FunctionCallResponse"] = "FunctionCallResponse"
    id: str = Field(min_length=1)
    name: str | None = None
    content: Any = None
    result: Any = None
    error: Any = None


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
    | InjectUserMessage
    | InjectAgentMessage
    | FunctionCallResponse
    | ForceEndTurn
    | KeepAlive
)
_MESSAGES: dict[str, TypeAdapter[Any]] = {
    str(kind.model_fields["type"].default): TypeAdapter(kind)
    for kind in (
        Settings,
        UpdatePrompt,
        UpdateThink,
        UpdateSpeak,
        UpdateListen,
        UpdateThinkLive,
        InjectUserMessage,
        InjectAgentMessage,
        FunctionCallResponse,
        ForceEndTurn,
        KeepAlive,
    )
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
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ClientProtocolError(
            "invalid_json", f"The message is no JSON ({error}); send one object a frame."
        ) from None
    if not isinstance(value, dict):
        raise ClientProtocolError("invalid_message", 'The message is JSON, but no object; send {"type": ...}.')
    kind = value.get("type")
    if not isinstance(kind, str):
        raise ClientProtocolError("missing_type", f"type: is missing or no text; give one of {', '.join(_MESSAGES)}.")
    adapter = _MESSAGES.get(kind)
    if adapter is None:
        text = f"type: {kind[:64]!r} is not known; give one of {', '.join(_MESSAGES)}."
        raise ClientProtocolError("unknown_message_type", text)
    try:
        message: ClientMessage = adapter.validate_python(value)
    except ValidationError as error:
        raise ClientProtocolError("invalid_message", describe(kind, error)) from None
    return message
