"""OpenAI's agents SDK for Python: a RealtimeSession of its runner's."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from agents.realtime import RealtimeAgent, RealtimeRunner
from agents.realtime.model_inputs import RealtimeModelSendRawMessage
from agents.tool import function_tool
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

WRITTEN = {"output_modalities": ["text"]}
SPOKEN = {"turn_detection": {"type": "server_vad", "create_response": True, "interrupt_response": True}}


@function_tool
def get_weather(city: str) -> str:  # noqa: ARG001 - the schema is what counts
    """Look up the weather."""
    return FORECAST


class Talk:
    """A session of the SDK's, with what it has told."""

    def __init__(self, session):
        self.session = session
        self.heard = Heard()

    async def read(self):
        async for event in self.session:
            self.heard.add(event)

    def of(self, kind):
        return [event for event in self.heard.events if event.type == kind]

    def wire(self, kind):
        """Return the events of a type as they came over the wire."""
        raw = [event.data.data for event in self.of("raw_model_event") if event.data.type == "raw_server_event"]
        return [data for data in raw if data["type"] == kind]

    async def _until(self, found):
        def look(_):
            if errors := self.of("error"):
                raise AssertionError(errors[0].error)
            return found()

        return await self.heard.until(look)

    async def event(self, kind, count=1):
        """Wait for the n-th event that the SDK tells; an `error` ends the waiting."""
        return await self._until(lambda: self.of(kind)[count - 1] if len(self.of(kind)) >= count else None)

    async def raw(self, kind, count=1):
        """Wait for the n-th event of a type on the wire."""
        return await self._until(lambda: self.wire(kind)[count - 1] if len(self.wire(kind)) >= count else None)

    async def done(self, count=1, status="completed"):
        event = await self.raw("response.done", count)
        assert event["response"]["status"] == status, event

    async def said(self, count=1):
        return (await self.raw("response.output_text.done", count))["text"]

    async def completed(self, count):
        """Wait until so many responses are completed, whatever became of others."""
        await self._until(
            lambda: [done["response"]["status"] for done in self.wire("response.done")].count("completed") >= count
        )

    async def recalls(self, count):
        """Ask what the agent remembers, and return its answer to the n-th such question."""
        await self.session.send_message(MEMORY)

        def found():
            spoken = [done["transcript"] for done in self.wire("response.output_audio_transcript.done")]
            answers = [text for text in spoken if text.startswith(RECALLED)]
            return answers[count - 1] if len(answers) >= count else None

        return await self._until(found)

    async def tells_of_itself(self):
        """Tell the agent a name, and have it ask for the weather."""
        await self.session.send_message(NAME)
        await self.done()
        await self.session.send_message(QUESTION)
        await self.done(3)


@asynccontextmanager
async def talking(place, agent=None, **settings):
    agent = agent or RealtimeAgent(name="Ada", instructions="Be brief.")
    config = {
        "url": f"{place.url}/v1/realtime?model={place.model}",
        "api_key": KEY,
        "initial_model_settings": settings,
    }
    session = await RealtimeRunner(agent).run(model_config=config)
    await session.enter()
    talk = Talk(session)
    reading = asyncio.create_task(talk.read())
    try:
        yield talk
    finally:
        await session.close()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def connect(place):
    async with talking(place) as talk:
        await talk.raw("session.created")


async def configure(place):
    agent = RealtimeAgent(name="Ada", instructions="Be brief.", tools=[get_weather])
    async with talking(place, agent) as talk:
        session = (await talk.raw("session.updated"))["session"]
        assert session["instructions"] == "Be brief.", session
        assert [tool["name"] for tool in session["tools"]] == ["get_weather"], session


async def text(place):
    async with talking(place, **WRITTEN) as talk:
        await talk.session.send_message("Hello there")
        words = await talk.said()
        assert words.startswith("You said: Hello there"), words
        await talk.done()


async def audio(place):
    async with talking(place, **SPOKEN) as talk:
        await talk.session.send_audio(speech())
        await talk.event("audio_end")
        assert sum(len(event.audio.data) for event in talk.of("audio")) > 10_000
        await talk.done()


async def function_call(place):
    agent = RealtimeAgent(name="Ada", tools=[get_weather])
    async with talking(place, agent, **WRITTEN) as talk:
        await talk.session.send_message(QUESTION)
        await talk.event("tool_end")
        words = await talk.said()
        assert FORECAST in words, words
        await talk.done(2)


async def update(place):
    async with talking(place, **WRITTEN) as talk:
        await talk.session.send_message(STORY)
        await talk.raw("response.output_text.delta")
        updates = len(talk.wire("session.updated"))
        await talk.session.update_agent(RealtimeAgent(name="Bob", instructions="Rhyme."))
        session = (await talk.raw("session.updated", updates + 1))["session"]
        assert session["instructions"] == "Rhyme.", session
        await talk.done()
        await talk.session.send_message("And now?")
        words = await talk.said(2)
        assert "Rhyme." in words, words


async def second_create(place):
    async with talking(place, **WRITTEN) as talk:
        await talk.session.send_message(STORY)
        await talk.raw("response.output_text.delta")
        response = {"response": {"instructions": 'Say exactly: "The second."'}}
        await talk.session.model.send_event(
            RealtimeModelSendRawMessage(message={"type": "response.create", "other_data": response})
        )
        words = await talk.said(2)
        assert words == "The second.", words
        await talk.done(2)


async def interruption(place):
    async with talking(place, **SPOKEN) as talk:
        await talk.session.send_message(STORY)
        await talk.event("audio")
        await talk.session.send_audio(speech())
        await talk.event("audio_interrupted")
        await talk.done(status="cancelled")
        await talk.raw("conversation.item.truncated")
        await talk.done(2)


async def renewal(place):
    """The link is replaced between two turns, without a word."""
    agent = RealtimeAgent(name="Ada", tools=[get_weather])
    async with talking(place, agent) as talk:
        await talk.tells_of_itself()
        await recall_on_another_link(talk.recalls)
        assert len(talk.wire("session.created")) == 1


async def loss(place):
    """The link breaks in mid-response: the answer is given again by another one, and nothing is reported."""
    agent = RealtimeAgent(name="Ada", tools=[get_weather])
    async with talking(place, agent) as talk:
        await talk.tells_of_itself()
        await talk.session.send_message(STORY)
        await talk.completed(4)
        await recall_on_another_link(talk.recalls)
        await talk.done(4, status="cancelled")
        assert len(talk.wire("session.created")) == 1


run(
    {
        "connect": connect,
        "configure": configure,
        "text": text,
        "audio": audio,
        "function call": function_call,
        "update": update,
        "second create": second_create,
        "interruption": interruption,
        "renewal": renewal,
        "loss": loss,
    }
)
