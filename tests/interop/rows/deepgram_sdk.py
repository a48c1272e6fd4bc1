"""Deepgram's SDK for Python: its Voice Agent client."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from deepgram import AsyncDeepgramClient
from deepgram.agent.v1 import types as sdk
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from row import (
    FORECAST,
    KEY,
    MEMORY,
    NAME,
    QUESTION,
    RECALLED,
    STORY,
    Heard,
    recall_on_another_link,
    run,
    speech,
)

WEATHER = {"name": "get_weather", "description": "Look up the weather.", "parameters": {"type": "object"}}
LINEAR = {"encoding": "linear16", "sample_rate": 24_000}
SETTINGS = {
    "audio": {"input": LINEAR, "output": {**LINEAR, "container": "none"}},
    "agent": {
        "think": {
            "provider": {"type": "open_ai", "model": "gpt-realtime"},
            "prompt": "Be brief.",
            "functions": [WEATHER],
        },
        "speak": {"provider": {"type": "open_ai", "model": "tts-1", "voice": "marin"}},
    },
}


class Talk:
    """A connection of the SDK's, with what it has received."""

    def __init__(self, connection):
        self.connection = connection
        self.heard = Heard()
        connection.on(EventType.MESSAGE, self.heard.add)

    def of(self, kind):
        return [message for message in self.heard.events if isinstance(message, kind)]

    async def event(self, kind, count=1):
        """Wait for the n-th message of a type; an `Error` or a `Warning` ends the waiting."""

        def found(_):
            if faults := self.of((sdk.AgentV1Error, sdk.AgentV1Warning)):
                raise AssertionError(f"{faults[0].code}: {faults[0].description}")
            return self.of(kind)[count - 1] if len(self.of(kind)) >= count else None

        return await self.heard.until(found)

    async def asks(self, text):
        await self.connection.send_inject_user_message(sdk.AgentV1InjectUserMessage(content=text))

    async def speaks(self):
        await self.connection.send_media(speech())

    @property
    def said(self):
        return [text.content for text in self.of(sdk.AgentV1ConversationText) if text.role == "assistant"]

    async def says(self, words):
        """Wait until the agent's words contain these."""
        return await self.heard.until(lambda _: next((text for text in self.said if words in text), None))

    async def recalls(self, count):
        """Ask what the agent remembers, and return its answer to the n-th such question."""
        await self.asks(MEMORY)

        def found(_):
            answers = [text for text in self.said if text.startswith(RECALLED)]
            return answers[count - 1] if len(answers) >= count else None

        return await self.heard.until(found)

    async def tells_of_itself(self):
        """Tell the agent a name, and have it ask for the weather."""
        await self.asks(NAME)
        await self.says(f"You said: {NAME}")
        await self.asks_for_weather()

    async def asks_for_weather(self):
        await self.asks(QUESTION)
        call = (await self.event(sdk.AgentV1FunctionCallRequest)).functions[0]
        assert call.name == "get_weather", call
        await self.connection.send_function_call_response(
            sdk.AgentV1SendFunctionCallResponse(id=call.id, name=call.name, content=FORECAST)
        )
        await self.says(FORECAST)


@asynccontextmanager
async def talking(place, *, is_configured=True):
    environment = DeepgramClientEnvironment(
        base=place.http, production=place.url, agent=place.url, agent_rest=place.http
    )
    client = AsyncDeepgramClient(api_key=KEY, environment=environment)
    async with client.agent.v1.connect() as connection:
        talk = Talk(connection)
        reading = asyncio.create_task(connection.start_listening())
        try:
            if is_configured:
                await connection.send_settings(sdk.AgentV1Settings.model_validate(SETTINGS))
                await talk.event(sdk.AgentV1SettingsApplied)
            yield talk
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def connect(place):
    async with talking(place, is_configured=False) as talk:
        welcome = await talk.event(sdk.AgentV1Welcome)
        assert welcome.request_id, welcome
        # Whether anybody is there beyond the door shows in the answer to Settings.
        await talk.connection.send_settings(sdk.AgentV1Settings.model_validate(SETTINGS))
        await talk.event(sdk.AgentV1SettingsApplied)


async def configure(place):
    async with talking(place) as talk:
        await talk.connection.send_update_prompt(sdk.AgentV1UpdatePrompt(prompt="Be kind."))
        await talk.event(sdk.AgentV1PromptUpdated)
        await talk.asks("Hello there")
        await talk.says("Be brief. Be kind.")


async def text(place):
    async with talking(place) as talk:
        await talk.asks("Hello there")
        await talk.event(sdk.AgentV1AgentStartedSpeaking)
        await talk.says("You said: Hello there")
        await talk.event(sdk.AgentV1AgentAudioDone)


async def audio(place):
    async with talking(place) as talk:
        await talk.speaks()
        await talk.event(sdk.AgentV1UserStartedSpeaking)
        await talk.says("You said: hello")
        await talk.event(sdk.AgentV1AgentAudioDone)
        assert sum(map(len, talk.of(bytes))) > 10_000


async def forced_end_of_turn(place):
    """End the turn by a message, sent in the breath that the audio is sent in."""
    async with talking(place) as talk:
        await talk.connection.send_media(speech(silence=0))
        await talk.connection.send_force_end_turn()
        await talk.says("You said: hello")
        await talk.event(sdk.AgentV1AgentAudioDone)


async def function_call(place):
    async with talking(place) as talk:
        await talk.asks_for_weather()
        await talk.event(sdk.AgentV1AgentAudioDone)


async def update(place):
    async with talking(place) as talk:
        await talk.asks(STORY)
        await talk.event(sdk.AgentV1AgentStartedSpeaking)
        await talk.connection.send_update_prompt(sdk.AgentV1UpdatePrompt(prompt="Rhyme."))
        await talk.event(sdk.AgentV1PromptUpdated)
        assert talk.of(sdk.AgentV1AgentAudioDone), talk.heard
        await talk.asks("And now?")
        await talk.says("Rhyme.")


async def second_create(place):
    async with talking(place) as talk:
        await talk.asks(STORY)
        await talk.event(sdk.AgentV1AgentStartedSpeaking)
        await talk.asks("And you?")
        await talk.says("You said: And you?")
        await talk.event(sdk.AgentV1AgentAudioDone, 2)


async def interruption(place):
    async with talking(place) as talk:
        await talk.asks(STORY)
        await talk.event(sdk.AgentV1AgentStartedSpeaking)
        await talk.speaks()
        await talk.event(sdk.AgentV1UserStartedSpeaking)
        await talk.says("You said: hello")
        await talk.event(sdk.AgentV1AgentAudioDone, 2)


async def renewal(place):
    """The link is replaced between two turns, without a word."""
    async with talking(place) as talk:
        await talk.tells_of_itself()
        await recall_on_another_link(talk.recalls)
        assert not talk.of((sdk.AgentV1Error, sdk.AgentV1Warning)), talk.heard


async def loss(place):
    """The link breaks in mid-response: the answer is given again by another one."""
    async with talking(place) as talk:
        await talk.tells_of_itself()
        await talk.event(sdk.AgentV1AgentAudioDone, 2)
        await talk.asks(STORY)
        await talk.heard.until(lambda _: len(talk.of(sdk.AgentV1Warning)) > 1)
        await talk.heard.until(lambda _: len(talk.of(sdk.AgentV1AgentAudioDone)) > 2)
        await recall_on_another_link(talk.recalls)
        assert [warning.code for warning in talk.of(sdk.AgentV1Warning)] == ["upstream_lost", "upstream_restored"]
        assert not talk.of(sdk.AgentV1Error), talk.heard


async def both_ways_of_audio(place):
    await asyncio.gather(audio(place), forced_end_of_turn(place))


run(
    {
        "connect": connect,
        "configure": configure,
        "text": text,
        "audio": both_ways_of_audio,
        "function call": function_call,
        "update": update,
        "second create": second_create,
        "interruption": interruption,
        "renewal": renewal,
        "loss": loss,
    }
)
