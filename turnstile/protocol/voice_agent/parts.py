"""The objects inside a client's messages (source: the message types of `deepgram-sdk`, Voice Agent v1).

Camel-case fields are extras of the React component's protocol. A field that is null counts as not given, and fields
that nothing upstream corresponds to are not read: they are kept aside, so that the client can be told of them. Values
that upstream would not take are read all the same, where a part of them, or something near, can be had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
"""How a function may be called."""

# How much of a field's name is worth repeating.
_SHOWN_NAME = 64


class Part(BaseModel):
    """An object inside a message, or a message; fields of other names are kept as extras."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, strict=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_given(cls, value: Any) -> Any:
        if isinstance(value, dict) and None in value.values():
            return {name: field for name, field in value.items() if field is not None}
        return value

    def unserved_fields(self, path: str = "") -> Iterator[str]:
        """Name the fields that nothing upstream corresponds to, each with its path as the client writes it."""
        prefix = f"{path}." if path else ""
        for name in self.model_extra or ():
            yield f"{prefix}{name[:_SHOWN_NAME]}"
        for name, field in type(self).model_fields.items():
            value, inner = getattr(self, name), f"{prefix}{field.alias or name}"
            if isinstance(value, Part):
                yield from value.unserved_fields(inner)
            elif isinstance(value, tuple):
                yield from _unserved_in(value, inner)


def _unserved_in(values: tuple[Any, ...], path: str) -> Iterator[str]:
    # One that is given alone may be given without a list, where the protocol takes both.
    alone = len(values) == 1 and isinstance(values[0], Think | Speak)
    for index, value in enumerate(values):
        if isinstance(value, Part):
            yield from value.unserved_fields(path if alone else f"{path}[{index}]")


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Number = Annotated[float, Field(allow_inf_nan=False)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Provider(Part):
    """Who thinks: a union of many in the protocol, of which these fields matter."""

    type: str | None = None
    version: str | None = None
    model: str | None = None


class FunctionEndpoint(Part):
    """Where the proxy calls a function."""

    url: str | None = None
    method: str = "POST"
    headers: dict[str, str] = Field(default={}, repr=False)

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        try:
            parts = urlsplit(value or "")
            is_http = parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            is_http = False
        if value is not None and (not is_http or parts.username is not None):
            raise ValueError("must be an http:// or https:// address without credentials; put them into headers")
        return value

    @field_validator("method")
    @classmethod
    def _is_served(cls, value: str) -> str:
        if value.upper() not in METHODS:
            raise ValueError(f"must be one of {', '.join(METHODS)}")
        return value.upper()


class Function(Part):
    """A function that the agent may call; the bounds are those of the Realtime API."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str | None = Field(None, description="the first 1024 characters are used")
    parameters: Json | None = None
    endpoint: FunctionEndpoint | None = None


class ManagedPrompt(Part):
    """A prompt that is kept upstream."""

    id: str
    version: str | None = Field(None, coerce_numbers_to_str=True)
    variables: Json | None = None


class NamedTool(Part):
    """One function that must be called; older APIs of OpenAI's have the name in an object ``function``."""

    type: Literal["function"] = "function"
    name: str

    @model_validator(mode="before")
    @classmethod
    def _name_is_inside(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("function"), dict):
            rest = {name: field for name, field in value.items() if name != "function"}
            return {**rest, "name": value["function"].get("name")}
        return value


class Think(Part):
    """How the agent thinks: ``agent.think``, or the whole of an `UpdateThink`."""

    provider: Provider | None = None
    prompt: str | None = None
    functions: tuple[Function, ...] | None = None
    tool_choice: str | NamedTool | None = Field(
        None, alias="toolChoice", description="`auto`, `none`, `required` or one function"
    )
    output_modalities: Texts | None = Field(None, alias="outputModalities", description="`text`, `audio`")
    max_output_tokens: Number | Literal["inf"] | None = Field(
        None, alias="maxOutputTokens", description="a whole number from 1 to 4096, brought into it; negative: no limit"
    )
    managed_prompt: ManagedPrompt | None = Field(None, alias="managedPrompt")

    @field_validator("functions")
    @classmethod
    def _names_differ(cls, value: tuple[Function, ...] | None) -> tuple[Function, ...] | None:
        names = [function.name for function in value or ()]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two are called {twice!r}; give each its own name")
        return value


class SpeakProvider(Part):
    """Who speaks."""

    type: str | None = None
    version: str | None = None
    model: str | None = None
    voice: str | Json | None = None
    speed: Number | None = Field(default=None, description="from 0.25 to 1.5, brought into it")


class Speak(Part):
    """How the agent speaks: ``agent.speak``, or the whole of an `UpdateSpeak`."""

    provider: SpeakProvider = SpeakProvider()


class ListenProvider(Part):
    """Who listens."""

    type: str | None = None
    version: str | None = None
    model: str | None = None
    language: str | None = None
    language_hints: Texts | None = None
    keyterms: Texts | None = None


class Listen(Part):
    """How the agent listens: ``agent.listen``, or the whole of an `UpdateListen`."""

    provider: ListenProvider = ListenProvider()


class Context(Part):
    """The conversation that came before; older clients give the messages alone."""

    messages: tuple[Json, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _messages_may_stand_alone(cls, value: Any) -> Any:
        return {"messages": value} if isinstance(value, list) else value


Thinks = Annotated[tuple[Think, ...], BeforeValidator(_listed), Field(min_length=1)]
Speaks = Annotated[tuple[Speak, ...], BeforeValidator(_listed), Field(min_length=1)]


class SessionAudioOutput(Part):
    """The voice in the words of the Realtime API (``agent.sessionAudioOutput``)."""

    voice: str | Json | None = None
    speed: Number | None = Field(default=None, description="from 0.25 to 1.5, brought into it")


class Agent(Part):
    """The agent of Settings; `messages` beside the context is how older clients give it."""

    language: str | None = None
    context: Context | None = None
    listen: Listen | None = None
    think: Thinks | None = None
    speak: Speaks | None = None
    greeting: str | None = None
    idle_timeout_ms: Number | None = Field(
        None, alias="idleTimeoutMs", description="a whole number from 5000 to 30000, brought into it; negative: none"
    )
    manual_commit: bool = Field(default=False, alias="useOpenAIManualAudioCommit")
    session_audio_output: SessionAudioOutput | None = Field(None, alias="sessionAudioOutput")

    @model_validator(mode="before")
    @classmethod
    def _messages_are_context(cls, value: Any) -> Any:
        if isinstance(value, dict) and "messages" in value and "context" not in value:
            rest = {name: field for name, field in value.items() if name != "messages"}
            return {**rest, "context": {"messages": value["messages"]}}
        return value


class AudioIn(Part):
    """What the client speaks."""

    encoding: str | None = None
    sample_rate: int | None = None


class AudioOut(AudioIn):
    """What the client wants to hear."""

    container: Literal["none", "wav"] | None = None


class Audio(Part):
    """Both directions."""

    input: AudioIn = AudioIn()
    output: AudioOut = AudioOut()


class Flags(Part):
    """Switches."""

    history: bool = False
