"""livekit's plugin for OpenAI's Realtime API: its RealtimeSession, without a room."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
from livekit import rtc
from livekit.agents import llm
from livekit.agents.types import APIConnectOptions
from livekit.plugins.openai.realtime import RealtimeModel
from row import (
    FORECAST,
    KEY,
    MEMORY,
    NAME,
    QUESTION,
    STORY,
    Heard,
    recall_on_another_link,
    run,
    speech,
)


@llm.function_tool
async def get_weather(city: str) -> str:  # noqa: ARG001 - the schema is what counts
    """Look up the weather."""
    return FORECAST


class Talk:
    """A session of the plugin's, with what it has told."""

    def __init__(self, session):
        self.session = session
        self.wire = Heard()
        self.generations = Heard()
        session.on("openai_server_event_received", self.wire.add)
        session.on("generation_created", self.generations.add)
        session.on("error", lambda error: self.wire.add({"type": "error", "error": str(error)}))

    async def event(self, kind, count=1):
        """Wait for the n-th event of a type; an `error` ends the waiting."""

        def found(events):
            if kind != "error" and (errors := [event for event in events if event["type"] == "error"]):
                raise AssertionError(errors[0])
            hits = [event for event in events if event["type"] == kind]
            return hits[count - 1] if len(hits) >= count else None

        return await self.wire.until(found)

    async def says(self, text):
        """Add a user's message to the chat context, as livekit's agents do."""
        context = self.session.chat_ctx.copy()
        context.add_message(role="user", content=text)
        await self.session.update_chat_ctx(context)

    async def asks(self, text):
        """Add a user's message, and return the words and the calls of the reply."""
        await self.says(text)
        words, _, calls = await read(await self.session.generate_reply())
        return words, calls

    async def asks_for_weather(self):
        _, (call,) = await self.asks(QUESTION)
        assert call.name == "get_weather", call
        context = self.session.chat_ctx.copy()
        output = llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output=FORECAST, is_error=False)
        context.items.append(output)
        await self.session.update_chat_ctx(context)
        words, _, _ = await read(await self.session.generate_reply())
        assert FORECAST in words, words

    async def recalls(self, _):
        """Ask what the agent remembers, and return its answer."""
        words, _ = await self.asks(MEMORY)
        return words

    async def done(self, count=1, status="completed"):
        event = await self.event("response.done", count)
        assert event["response"]["status"] == status, event


async def read(generation):
    """Return the words, the bytes of audio and the calls of a generation, when it has ended."""

    async def messages():
        words, size = "", 0
        async for message in generation.message_stream:
            words += "".join([str(text) async for text in message.text_stream])
            size += sum([len(frame.data) async for frame in message.audio_stream])
        return words, size

    async def functions():
        return [call async for call in generation.function_stream]

    (words, size), calls = await asyncio.gather(messages(), functions())
    return words, size, calls


@asynccontextmanager
async def talking(place, **options):
    # A retry would hide a connection that was lost.
    async with aiohttp.ClientSession() as http:
        model = RealtimeModel(
            base_url=f"{place.http}/v1",
            api_key=KEY,
            http_session=http,
            conn_options=APIConnectOptions(max_retry=0, timeout=10),
            **options,
        )
        session = model.session()
        try:
            yield Talk(session)
        finally:
            await session.aclose()
            await model.aclose()


async def connect(place):
    async with talking(place) as talk:
        await talk.event("session.created")


async def configure(place):
    async with talking(place) as talk:
        await talk.session.update_instructions("Be brief.")
        await talk.session.update_tools([get_weather])
        updated = await talk.event("session.updated", 3)
        assert updated["session"]["instructions"] == "Be brief.", updated
        assert [tool["name"] for tool in updated["session"]["tools"]] == ["get_weather"], updated


async def text(place):
    async with talking(place, modalities=["text"]) as talk:
        await talk.says("Hello there")
        words, _, _ = await read(await talk.session.generate_reply())
        assert "You said: Hello there" in words, words
        await talk.done()


async def audio(place):
    async with talking(place) as talk:
        pcm = speech()
        talk.session.push_audio(rtc.AudioFrame(pcm, 24_000, 1, len(pcm) // 2))
        generation = await talk.generations.until(lambda events: events and events[0])
        _, size, _ = await read(generation)
        assert size > 10_000, size
        await talk.done()


async def committed_audio(place):
    """Speak with turn detection off: the program ends the turn and asks for the reply."""
    async with talking(place, turn_detection=None) as talk:
        pcm = speech()
        talk.session.push_audio(rtc.AudioFrame(pcm, 24_000, 1, len(pcm) // 2))
        talk.session.commit_audio()
        _, size, _ = await read(await talk.session.generate_reply())
        assert size > 10_000, size
        await talk.done()
        assert len(talk.generations.events) == 1, talk.generations


async def function_call(place):
    async with talking(place, modalities=["text"]) as talk:
        await talk.session.update_tools([get_weather])
        await talk.asks_for_weather()
        await talk.done(2)


async def update(place):
    async with talking(place, modalities=["text"]) as talk:
        await talk.says(STORY)
        generation = await talk.session.generate_reply()
        await talk.event("response.output_text.delta")
        await talk.session.update_instructions("Rhyme.")
        await read(generation)
        updated = await talk.event("session.updated", 2)
        assert updated["session"]["instructions"] == "Rhyme.", updated
        await talk.says("And now?")
        words, _, _ = await read(await talk.session.generate_reply())
        assert "Rhyme." in words, words


async def second_create(place):
    async with talking(place, modalities=["text"]) as talk:
        await talk.says(STORY)
        first = await talk.session.generate_reply()
        await talk.event("response.output_text.delta")
        second = talk.session.generate_reply(instructions='Say exactly: "The second."')
        words, _, _ = await read(first)
        assert "You said: Tell me" in words, words
        words, _, _ = await read(await second)
        assert words == "The second.", words
        await talk.done(2)


async def interruption(place):
    async with talking(place) as talk:
        await talk.says(STORY)
        generation = await talk.session.generate_reply()
        message = await talk.event("response.output_item.added")
        await talk.event("response.output_audio.delta", 3)
        talk.session.interrupt()
        talk.session.truncate(message_id=message["item"]["id"], modalities=["audio", "text"], audio_end_ms=10)
        await read(generation)
        await talk.done(status="cancelled")
        await talk.event("conversation.item.truncated")
        await talk.says("Something else")
        words, _, _ = await read(await talk.session.generate_reply())
        assert "You said: Something else" in words, words


async def renewal(place):
    """The link is replaced between two turns, without a word."""
    async with talking(place) as talk:
        await talk.session.update_tools([get_weather])
        await talk.asks(NAME)
        await talk.asks_for_weather()
        await recall_on_another_link(talk.recalls)
        await talk.done()


async def loss(place):
    """The link breaks in mid-response: the answer is given again by another one, and nothing is reported."""
    async with talking(place) as talk:
        await talk.session.update_tools([get_weather])
        await talk.asks(NAME)
        await talk.asks_for_weather()
        words, _ = await talk.asks(STORY)
        assert STORY not in words, words
        again = await talk.generations.until(lambda events: events[4] if len(events) > 4 else None)
        words, _, _ = await read(again)
        assert STORY in words, words
        await recall_on_another_link(talk.recalls)
        await talk.done(4, status="cancelled")


async def either_audio(place):
    await asyncio.gather(audio(place), committed_audio(place))


run(
    {
        "connect": connect,
        "configure": configure,
        "text": text,
        "audio": either_audio,
        "function call": function_call,
        "update": update,
        "second create": second_create,
        "interruption": interruption,
        "renewal": renewal,
        "loss": loss,
    }
)
