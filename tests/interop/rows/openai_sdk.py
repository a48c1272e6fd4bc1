"""OpenAI's SDK for Python; LiteLLM's proxy is reached with it too."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager

from openai import AsyncOpenAI
from row import FORECAST, KEY, QUESTION, STORY, Heard, run, speech

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Look up the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
WRITTEN = {"output_modalities": ["text"]}


class Talk:
    """A connection of the SDK's, with what it has received."""

    def __init__(self, connection):
        self.connection = connection
        self.heard = Heard()

    async def event(self, kind, count=1):
        """Wait for the n-th event of a type; an `error` ends the waiting."""

        def found(events):
            if errors := [event for event in events if event.type == "error"]:
                raise AssertionError(errors[0].error.message)
            hits = [event for event in events if event.type == kind]
            return hits[count - 1] if len(hits) >= count else None

        return await self.heard.until(found)

    async def read(self):
        async for event in self.connection:
            self.heard.add(event)

    async def configure(self, **session):
        updates = sum(event.type == "session.updated" for event in self.heard.events)
        await self.connection.session.update(session={"type": "realtime", **session})
        return (await self.event("session.updated", updates + 1)).session

    async def says(self, text):
        part = {"type": "input_text", "text": text}
        await self.connection.conversation.item.create(item={"type": "message", "role": "user", "content": [part]})
        await self.connection.response.create()

    async def speaks(self):
        await self.connection.input_audio_buffer.append(audio=base64.b64encode(speech()).decode())

    async def done(self, count=1, status="completed"):
        event = await self.event("response.done", count)
        assert event.response.status == status, event.response
        return event.response

    async def said(self, count=1):
        return (await self.event("response.output_text.done", count)).text


@asynccontextmanager
async def talking(place, **session):
    async with AsyncOpenAI(api_key=KEY, base_url=f"{place.http}/v1", websocket_base_url=f"{place.url}/v1") as client:
        connection = await client.realtime.connect(model=place.model).enter()
        talk = Talk(connection)
        reading = asyncio.create_task(talk.read())
        try:
            if session:
                await talk.configure(**session)
            yield talk
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await connection.close()


async def connect(place):
    async with talking(place) as talk:
        created = await talk.event("session.created")
        assert created.session.model.startswith("gpt-realtime"), created


async def configure(place):
    async with talking(place) as talk:
        session = await talk.configure(instructions="Be brief.", tools=[WEATHER], max_output_tokens=500)
        assert session.instructions == "Be brief.", session
        assert [tool.name for tool in session.tools] == ["get_weather"], session


async def text(place):
    async with talking(place, **WRITTEN) as talk:
        await talk.says("Hello there")
        words = await talk.said()
        assert words.startswith("You said: Hello there"), words
        await talk.done()


async def audio(place):
    async with talking(place, instructions="Be brief.") as talk:
        await talk.speaks()
        await talk.event("input_audio_buffer.committed")
        await talk.done()
        deltas = [event.delta for event in talk.heard.events if event.type == "response.output_audio.delta"]
        assert sum(len(base64.b64decode(delta)) for delta in deltas) > 10_000


async def committed_audio(place):
    """Speak with turn detection off: all in one breath, and answered once."""
    async with talking(place) as talk:
        off = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await talk.connection.session.update(session=off)
        for _ in range(5):
            await talk.speaks()
        await talk.connection.input_audio_buffer.commit()
        await talk.connection.response.create()
        await talk.done()
        words = (await talk.event("response.output_audio_transcript.done")).transcript
        assert "You said: hello" in words, words


async def function_call(place):
    async with talking(place, tools=[WEATHER], **WRITTEN) as talk:
        await talk.says(QUESTION)
        call = await talk.event("response.function_call_arguments.done")
        # Before its response is done, as clients do.
        output = {"type": "function_call_output", "call_id": call.call_id, "output": FORECAST}
        await talk.connection.conversation.item.create(item=output)
        await talk.connection.response.create()
        words = await talk.said()
        assert FORECAST in words, words
        await talk.done(2)


async def update(place):
    async with talking(place, **WRITTEN) as talk:
        await talk.says(STORY)
        await talk.event("response.output_text.delta")
        session = await talk.configure(instructions="Rhyme.")
        assert session.instructions == "Rhyme.", session
        await talk.done()
        await talk.says("And now?")
        words = await talk.said(2)
        assert "Rhyme." in words, words


async def second_create(place):
    async with talking(place, **WRITTEN) as talk:
        await talk.says(STORY)
        await talk.event("response.output_text.delta")
        await talk.connection.response.create(
            response={"instructions": 'Say exactly: "The second."', "metadata": {"client_event_id": "mine"}}
        )
        words = await talk.said(2)
        assert words == "The second.", words
        assert (await talk.done()).metadata is None
        second = await talk.done(2)
        assert second.metadata == {"client_event_id": "mine"}, second


async def interruption(place):
    async with talking(place, instructions="Be brief.") as talk:
        await talk.says(STORY)
        await talk.event("response.output_audio.delta", 3)
        await talk.speaks()
        await talk.event("input_audio_buffer.speech_started")
        item = (await talk.event("response.output_item.added")).item
        await talk.connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=10)
        await talk.done(status="cancelled")
        await talk.event("conversation.item.truncated")
        await talk.done(2)


async def cancellation(place):
    async with talking(place, **WRITTEN) as talk:
        await talk.says(STORY)
        await talk.event("response.output_text.delta")
        await talk.connection.response.cancel()
        await talk.done(status="cancelled")
        await talk.says("Something else")
        words = await talk.said(2)
        assert "You said: Something else" in words, words


def both(*checks):
    async def check(place):
        await asyncio.gather(*(one(place) for one in checks))

    return check


run(
    {
        "connect": connect,
        "configure": configure,
        "text": text,
        "audio": both(audio, committed_audio),
        "function call": function_call,
        "update": update,
        "second create": second_create,
        "interruption": both(interruption, cancellation),
    }
)
