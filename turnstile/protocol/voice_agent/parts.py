"""The objects inside a client's messages (source: the message types of `deepgram-sdk`, Voice Agent v1).

Camel-case fields are extras of the React component's protocol.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from turnstile.protocol.voice_agent.functions import Function, NamedTool
from turnstile.protocol.voice_agent.part import Number, Part, Texts, at_most, listed

Json = dict[str, Any]

# The API takes 128 functions; more alternatives than a few are never tried. Each is an object that takes time to read.
_FUNCTIONS = 512
_ALTERNATIVES = 64


class Provider(Part):
    """The provider of the language model: a union of many in the protocol, of which these fields are read."""

    type: str | None = None
    version: str | None = None
    model: str | None = None


class ManagedPrompt(Part):
    """A prompt stored upstream."""

    id: str
    version: str | None = Field(None, coerce_numbers_to_str=True)
    variables: Json | None = None


class Think(Part):
    """The language model, its prompt, its functions and limits: ``agent.think``, or the whole of an `UpdateThink`."""

    may_stand_alone = True

    provider: Provider | None = None
    prompt: str | None = None
    functions: Annotated[tuple[Function, ...], Field(fail_fast=True), at_most(_FUNCTIONS)] | None = None
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
        names: set[str] = set()
        for function in value or ():
            if function.name in names:
                raise ValueError(f"two are called {function.name!r}; give each its own name")
            names.add(function.name)
        return value


class SpeakProvider(Part):
    """The provider of the voice."""

    type: str | None = None
    version: str | None = None
    model: str | None = None
    voice: str | Json | None = None
    speed: Number | None = Field(default=None, description="from 0.25 to 1.5, brought into it")


class Speak(Part):
    """The voice: ``agent.speak``, or the whole of an `UpdateSpeak`."""

    may_stand_alone = True

    provider: SpeakProvider = SpeakProvider()


class ListenProvider(Part):
    """The provider of the transcription."""

    type: str | None = None
    version: str | None = None
    model: str | None = None
    language: str | None = None
    language_hints: Texts | None = None
    keyterms: Texts | None = None


class Listen(Part):
    """The transcription: ``agent.listen``, or the whole of an `UpdateListen`."""

    provider: ListenProvider = ListenProvider()


class Context(Part):
    """The conversation's history; older clients give the messages alone."""

    messages: Annotated[tuple[Json, ...], Field(fail_fast=True)] = ()

    @model_validator(mode="before")
    @classmethod
    def _messages_may_stand_alone(cls, value: Any) -> Any:
        return {"messages": value} if isinstance(value, list) else value


def _given(value: Any) -> Any:
    """Return a list as it is, unless it is empty, and anything else as a list of one."""
    if value == []:
        raise ValueError("must not be empty")
    return listed(value)


Thinks = Annotated[tuple[Think, ...], Field(fail_fast=True), at_most(_ALTERNATIVES), BeforeValidator(_given)]
Speaks = Annotated[tuple[Speak, ...], Field(fail_fast=True), at_most(_ALTERNATIVES), BeforeValidator(_given)]


class SessionAudioOutput(Part):
    """The voice under the Realtime API's names: ``agent.sessionAudioOutput``."""

    voice: str | Json | None = None
    speed: Number | None = Field(default=None, description="from 0.25 to 1.5, brought into it")


class Agent(Part):
    """The agent of Settings; older clients give `messages` in place of the context."""

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
    """The format of the client's audio."""

    encoding: str | None = None
    sample_rate: int | None = None


class AudioOut(AudioIn):
    """The format of the audio to the client."""

    container: Literal["none", "wav"] | None = None


class Audio(Part):
    """The audio formats of both directions."""

    input: AudioIn = AudioIn()
    output: AudioOut = AudioOut()


class Flags(Part):
    """The switches of Settings."""

    history: bool = False
