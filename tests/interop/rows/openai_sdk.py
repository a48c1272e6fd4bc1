"""OpenAI's SDK for Python; LiteLLM's proxy is reached with it too."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager

from openai import AsyncOpenAI
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

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Look up the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
WRITTEN = {"output_modalities": ["text"]}
# LiteLLM behind Turnstile says that its own upstream is gone, before it goes too; what an upstream says is passed on.
LITELLMS = "upstream websocket closed"


class Talk:
    """A connection of the SDK's, with what it has received."""

    def __init__(self, connection):
        self.connection = connection
        self.heard = Heard()

    def of(self, kind):
        return [event for event in self.heard.events if event.type == kind]

    async def until(self, found):
        """Wait until `found` returns something; an `error` ends the waiting."""

        def look(_):
            if errors := [event.error.message for event in self.of("error") if LITELLMS not in event.error.message]:
                raise AssertionError(errors[0])
            return found()

        return await self.heard.until(look)

    async def event(self, kind, count=1):
        """Wait for the n-th event of a type."""
        return await self.until(lambda: self.of(kind)[count - 1] if len(self.of(kind)) >= count else None)

    async def read(self):
        async for event in self.connection:
            self.heard.add(event)

    async def configure(self, **session):
        updates = len(self.of("session.updated"))
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

    async def completed(self, count):
        """Wait until so many responses are completed, whatever became of others."""
        await self.until(
            lambda: [done.response.status for done in self.of("response.done")].count("completed") >= count
        )

    async def recalls(self, count):
        """Ask what the agent remembers, and return its answer to the n-th such question."""
        await self.says(MEMORY)

        def found():
            spoken = [done.transcript for done in self.of("response.output_audio_transcript.done")]
            answers = [text for text in spoken if text.startswith(RECALLED)]
            return answers[count - 1] if len(answers) >= count else None

        return await self.until(found)

    async def tells_of_itself(self):
        """Tell the agent a name, and have it ask for the weather."""
        await self.says(NAME)
        await self.done()
        await self.asks_for_weather()
        await self.done(3)

    async def asks_for_weather(self):
        await self.says(QUESTION)
        call = await self.event("response.function_call_arguments.done")
        # Before its response is done, as clients do.
        output = {"type": "function_call_output", "call_id": call.call_id, "output": FORECAST}
        await self.connection.conversation.item.create(item=output)
        await self.connection.response.create()


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
        deltas = [event.delta for event in talk.of("response.output_audio.delta")]
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
        await talk.asks_for_weather()
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


async def renewal(place):
    """The link is replaced between two turns, without a word."""
    async with talking(place, tools=[WEATHER]) as talk:
        await talk.tells_of_itself()
        await recall_on_another_link(talk.recalls)
        assert len(talk.of("session.created")) == 1


async def loss(place):
    """The link breaks in mid-response: the answer is given again by another one, and nothing is reported."""
    async with talking(place, tools=[WEATHER]) as talk:
        await talk.tells_of_itself()
        await talk.says(STORY)
        await talk.completed(4)
        await recall_on_another_link(talk.recalls)
        await talk.done(4, status="cancelled")
        assert len(talk.of("session.created")) == 1


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
        "renewal": renewal,
        "loss": loss,
    }
)
