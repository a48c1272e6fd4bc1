"""pipecat's service for OpenAI's Realtime API, in a pipeline without transports."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from pipecat.adapters.schemas.function_schema import FunctionSchema
from pipecat.adapters.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    ErrorFrame,
    FunctionCallResultFrame,
    InputAudioRawFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    LLMTextFrame,
    LLMUpdateSettingsFrame,
    ProposedUserStartedSpeakingFrame,
    TTSAudioRawFrame,
)
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.workers.runner import WorkerRunner
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

WEATHER = FunctionSchema("get_weather", "Look up the weather.", {"city": {"type": "string"}}, ["city"])
# 20 ms of 24 kHz, as a transport would bring them.
CHUNK = 960


class Talk(BaseObserver):
    """A pipeline, with the frames that the service has pushed."""

    def __init__(self, place, context, properties):
        super().__init__()
        settings = OpenAIRealtimeLLMService.Settings(
            model=place.model,
            system_instruction="Be brief.",
            session_properties=events.SessionProperties(**properties),
        )
        self.llm = OpenAIRealtimeLLMService(api_key=KEY, base_url=f"{place.url}/v1/realtime", settings=settings)
        user, assistant = LLMContextAggregatorPair(
            context, user_params=LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies())
        )
        self.worker = PipelineWorker(
            Pipeline([user, self.llm, assistant]), observers=[self], enable_rtvi=False, idle_timeout_secs=None
        )
        self.heard = Heard()

    async def on_push_frame(self, data):
        """Keep what the service pushed."""
        if data.source is self.llm:
            self.heard.add(data.frame)

    async def until(self, found):
        def look(frames):
            if errors := [frame for frame in frames if isinstance(frame, ErrorFrame)]:
                raise AssertionError(errors[0].error)
            return found(frames)

        return await self.heard.until(look)

    async def frame(self, kind, count=1):
        """Wait for the n-th frame of a type."""

        def found(frames):
            hits = [frame for frame in frames if isinstance(frame, kind)]
            return hits[count - 1] if len(hits) >= count else None

        return await self.until(found)

    async def answers(self, words):
        """Wait until a response has said these words, and ended after them; return what was said."""

        def found(frames):
            text = ""
            for frame in frames:
                if isinstance(frame, LLMTextFrame):
                    text += frame.text
                elif isinstance(frame, LLMFullResponseEndFrame) and words in text:
                    return text
            return None

        return await self.until(found)

    async def recalls(self, count):
        """Ask what the agent remembers, and return its answer to the n-th such question."""
        await self.says(MEMORY)

        def found(frames):
            answers, text = [], ""
            for frame in frames:
                if isinstance(frame, LLMTextFrame):
                    text += frame.text
                elif isinstance(frame, LLMFullResponseEndFrame):
                    answers += [text] if text.startswith(RECALLED) else []
                    text = ""
            return answers[count - 1] if len(answers) >= count else None

        return await self.until(found)

    async def says(self, text):
        item = events.ConversationItem(
            type="message", role="user", content=[events.ItemContent(type="input_text", text=text)]
        )
        await self.llm.send_client_event(events.ConversationItemCreateEvent(item=item))
        await self.llm.send_client_event(events.ResponseCreateEvent())

    async def speaks(self):
        pcm = speech()
        for start in range(0, len(pcm), CHUNK):
            frame = InputAudioRawFrame(audio=pcm[start : start + CHUNK], sample_rate=24_000, num_channels=1)
            await self.worker.queue_frame(frame)


@asynccontextmanager
async def talking(place, text=None, tools=(), **properties):
    messages = [{"role": "user", "content": text}] if text else []
    context = LLMContext(messages, ToolsSchema(list(tools))) if tools else LLMContext(messages)
    talk = Talk(place, context, properties)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(talk.worker)
    running = asyncio.create_task(runner.run())
    try:
        if text:
            await talk.worker.queue_frame(LLMRunFrame())
        yield talk
    finally:
        await runner.cancel()
        await asyncio.gather(running, return_exceptions=True)


WRITTEN = {"output_modalities": ["text"]}


async def connect(place):
    # Ready is the service when its first update was confirmed; what it does then is to answer.
    async with talking(place, "Hello there") as talk:
        await talk.answers("You said: Hello there")


async def configure(place):
    async with talking(place, "Hello there", **WRITTEN) as talk:
        await talk.answers("(My instructions: Be brief.)")
        assert not [frame for frame in talk.heard.events if isinstance(frame, TTSAudioRawFrame)]


async def text(place):
    async with talking(place, "Hello there", **WRITTEN) as talk:
        await talk.answers("You said: Hello there")


async def audio(place):
    async with talking(place) as talk:
        await talk.speaks()
        await talk.answers("You said: hello")
        frames = [frame for frame in talk.heard.events if isinstance(frame, TTSAudioRawFrame)]
        assert sum(len(frame.audio) for frame in frames) > 10_000


async def get_weather(params):
    await params.result_callback(FORECAST)


async def function_call(place):
    async with talking(place, QUESTION, [WEATHER], **WRITTEN) as talk:
        talk.llm.register_function("get_weather", get_weather)
        await talk.frame(FunctionCallResultFrame)
        await talk.answers(FORECAST)


async def update(place):
    async with talking(place, STORY, **WRITTEN) as talk:
        await talk.frame(LLMTextFrame)
        delta = OpenAIRealtimeLLMService.Settings(system_instruction="Rhyme.")
        await talk.worker.queue_frame(LLMUpdateSettingsFrame(delta=delta))
        first = await talk.answers("You said: Tell me")
        assert "Rhyme." not in first, first
        await talk.says("And now?")
        await talk.answers("And now?. (My instructions: Rhyme.)")


async def second_create(place):
    async with talking(place, STORY, **WRITTEN) as talk:
        await talk.frame(LLMTextFrame)
        response = events.ResponseProperties(instructions='Say exactly: "The second."')
        await talk.llm.send_client_event(events.ResponseCreateEvent(response=response))
        await talk.answers("The second.")


async def interruption(place):
    async with talking(place, STORY) as talk:
        await talk.frame(TTSAudioRawFrame)
        await talk.speaks()
        await talk.frame(ProposedUserStartedSpeakingFrame)
        said = await talk.answers("You said: hello")
        assert "many days" not in said, said


@asynccontextmanager
async def introduced(place):
    """Tell the agent a name, and have it ask for the weather."""
    async with talking(place, NAME, [WEATHER]) as talk:
        talk.llm.register_function("get_weather", get_weather)
        await talk.answers(f"You said: {NAME}")
        await talk.says(QUESTION)
        await talk.answers(FORECAST)
        yield talk


async def renewal(place):
    """The link is replaced between two turns, without a word."""
    async with introduced(place) as talk:
        await recall_on_another_link(talk.recalls)


async def loss(place):
    """The link breaks in mid-response: the answer is given again by another one, and nothing is reported."""
    async with introduced(place) as talk:
        await talk.says(STORY)
        said = await talk.answers(STORY)
        assert said.count("Tell me") > STORY.count("Tell me"), said
        await recall_on_another_link(talk.recalls)


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
