"""The stock `openai-agents` SDK against the running proxy, at nothing but another URL."""

from __future__ import annotations

import asyncio
import importlib
import time
from contextlib import asynccontextmanager

import numpy as np
import pytest

from actors.timers import TimerThread
from turnstile.simulator.faults import Pace
from turnstile.simulator.scenario import Call, Expect, Reply, Scenario, Step
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

VAD = {"type": "server_vad", "create_response": True, "interrupt_response": True}


def voice(seconds):
    """Return a tone and the silence after it, in 24 kHz PCM."""
    tone = (12_000 * np.sin(np.arange(int(24_000 * seconds)) / 10)).astype("<i2").tobytes()
    return tone + bytes(24_000)


class Talk:
    """A session of the SDK's, with what it has told."""

    def __init__(self, session, sdk):
        self.session = session
        self._sdk = sdk
        self.events = []
        self._told = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def _read(self):
        async for event in self.session:
            self.events.append(event)
            self._told.set()

    async def until(self, found):
        """Wait until `found` gives something for one of the events; return that."""
        async with asyncio.timeout(patience()):
            while True:
                for event in self.events:
                    if result := found(event):
                        return result
                self._told.clear()
                await self._told.wait()

    async def event(self, kind, count=1):
        return await self.until(lambda _: self.of(kind)[count - 1] if len(self.of(kind)) >= count else None)

    async def raw(self, kind, count=1):
        """Wait for an event as it came over the wire."""
        return await self.until(lambda _: self.wire(kind)[count - 1] if len(self.wire(kind)) >= count else None)

    async def says(self, words):
        """Wait until the agent has said something."""
        return await self.until(lambda event: next((text for text in assistant_texts(event) if words in text), None))

    async def send(self, kind, **fields):
        await self.session.model.send_event(
            self._sdk.RealtimeModelSendRawMessage(message={"type": kind, "other_data": fields})
        )

    def of(self, kind):
        return [event for event in self.events if event.type == kind]

    def wire(self, kind):
        raw = (event.data.data for event in self.of("raw_model_event") if event.data.type == "raw_server_event")
        return [data for data in raw if data["type"] == kind]

    async def close(self):
        await self.session.close()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)


def assistant_texts(event):
    if event.type not in {"history_updated", "history_added"}:
        return
    items = event.history if event.type == "history_updated" else [event.item]
    for item in items:
        if getattr(item, "role", None) == "assistant":
            for part in item.content:
                yield getattr(part, "text", None) or getattr(part, "transcript", None) or ""


@pytest.fixture
def sdk():
    """The SDK, whose import takes seconds: only of a process that uses it."""
    return importlib.import_module("agents.realtime")


@pytest.fixture
def served(start_proxy):
    timers = TimerThread()

    def serve(**options):
        simulator = Simulator(clock=time.monotonic, timers=timers, **options)
        return start_proxy(None, simulator=simulator)

    yield serve
    assert timers.stop(patience())


@pytest.fixture
def talk(served, sdk):
    """Open a session of an agent's, and close it."""

    @asynccontextmanager
    async def opened(agent, *, settings=None, **options):
        proxy = served(**options)
        config = {
            "url": f"{proxy.url('/v1/realtime')}?model=gpt-realtime",
            "api_key": "made-up",
            "initial_model_settings": {"model_name": "gpt-realtime", **(settings or {})},
        }
        session = await sdk.RealtimeRunner(agent).run(model_config=config)
        await session.enter()
        talking = Talk(session, sdk)
        talking.proxy = proxy
        try:
            yield talking
        finally:
            await talking.close()

    return opened


WRITTEN = {"output_modalities": ["text"]}


def test_a_turn_in_writing(talk, sdk):
    async def go():
        async with talk(sdk.RealtimeAgent(name="Ada", instructions="Be brief."), settings=WRITTEN) as talking:
            await talking.session.send_message("Hello there")
            assert "You said: Hello there" in await talking.says("You said")
            assert talking.of("error") == []

    asyncio.run(go())


def test_a_turn_aloud(talk, sdk):
    async def go():
        settings = {"turn_detection": VAD}
        async with talk(sdk.RealtimeAgent(name="Ada"), settings=settings) as talking:
            await talking.session.send_audio(voice(0.6))
            await talking.event("audio_end")
            assert sum(len(event.audio.data) for event in talking.of("audio")) > 10_000
            assert talking.of("error") == []

    asyncio.run(go())


def test_a_turn_aloud_with_the_sdks_own_settings_is_heard_as_they_say(talk, sdk):
    async def go():
        async with talk(sdk.RealtimeAgent(name="Ada", instructions="Be brief.")) as talking:
            await talking.session.send_audio(voice(0.6))
            await talking.event("audio_end")
            assert next(iter(talking.proxy.log.received)) == "session.update"
            assert talking.proxy.log.updates_under_way == 0
            (response,) = talking.proxy.log.responses
            assert response.started["instructions"] == "Be brief."
            assert response.started["audio"]["input"]["turn_detection"]["type"] == "semantic_vad"
            assert talking.of("error") == []

    asyncio.run(go())


def get_weather(city: str) -> str:
    """Look up the weather."""
    return f"sunny in {city}"


def test_a_tool_is_called_and_its_result_spoken_of(talk, sdk):
    async def go():
        agent = sdk.RealtimeAgent(name="Ada", tools=[importlib.import_module("agents.tool").function_tool(get_weather)])
        async with talk(agent, settings=WRITTEN) as talking:
            await talking.session.send_message("What is the weather in London?")
            ended = await talking.event("tool_end")
            assert ended.output == "sunny in London"
            await talking.says("sunny in London")
            assert talking.of("error") == []
            assert talking.proxy.log.collisions == 0

    asyncio.run(go())


def test_an_agent_hands_over_to_another(talk, sdk):
    async def go():
        billing = sdk.RealtimeAgent(name="Billing", instructions="You know the bills.")
        front = sdk.RealtimeAgent(
            name="Front", instructions="You are at the door.", handoffs=[sdk.realtime_handoff(billing)]
        )
        scenario = Scenario(
            steps=(Step(Expect(contains="my bill"), Reply(calls=(Call("transfer_to_billing"),)), once=True),)
        )
        async with talk(front, settings=WRITTEN, scenario=scenario) as talking:
            await talking.session.send_message("What of my bill?")
            handed = await talking.event("handoff")
            assert (handed.from_agent.name, handed.to_agent.name) == ("Front", "Billing")
            await talking.raw("response.done", 2)
            await talking.session.send_message("Who are you?")
            await talking.says("You know the bills.")
            assert talking.of("error") == []
            assert talking.proxy.log.collisions == 0

    asyncio.run(go())


def test_an_answer_is_interrupted_by_the_program(talk, sdk):
    async def go():
        pace = Pace(step=0.02)
        settings = {"turn_detection": {**VAD, "interrupt_response": False}}
        async with talk(sdk.RealtimeAgent(name="Ada"), settings=settings, pace=pace) as talking:
            await talking.session.send_message("Tell me a long story about a long journey of many days")
            await talking.event("audio")
            await talking.session.interrupt()
            done = await talking.raw("response.done")
            assert done["response"]["status"] == "cancelled"
            assert talking.of("error") == []

    asyncio.run(go())


def test_an_answer_is_interrupted_by_the_user(talk, sdk):
    async def go():
        pace = Pace(step=0.02)
        async with talk(sdk.RealtimeAgent(name="Ada"), settings={"turn_detection": VAD}, pace=pace) as talking:
            await talking.session.send_message("Tell me a long story about a long journey of many days")
            await talking.event("audio")
            await talking.session.send_audio(voice(0.6))
            await talking.event("audio_interrupted")
            done = await talking.raw("response.done")
            assert done["response"]["status"] == "cancelled"
            await talking.raw("conversation.item.truncated")
            second = await talking.raw("response.done", 2)
            assert second["response"]["status"] == "completed"
            assert talking.of("error") == []

    asyncio.run(go())


def test_an_agent_that_changes_in_mid_response_is_in_force_after_it(talk, sdk):
    async def go():
        pace = Pace(step=0.02)
        first = sdk.RealtimeAgent(name="First", instructions="The first.")
        second = sdk.RealtimeAgent(name="Second", instructions="The second.")
        async with talk(first, settings=WRITTEN, pace=pace) as talking:
            await talking.session.send_message("Tell me a long story about a long journey of many days")
            await talking.raw("response.output_text.delta")
            updated = len(talking.wire("session.updated"))
            await talking.session.update_agent(second)
            await talking.raw("session.updated", updated + 1)
            kinds = [
                event.data.data["type"]
                for event in talking.of("raw_model_event")
                if event.data.type == "raw_server_event"
            ]
            assert kinds.index("response.done") < len(kinds) - 1 - kinds[::-1].index("session.updated")
            assert talking.proxy.log.updates_under_way == 0
            await talking.session.send_message("And who are you?")
            await talking.says("The second.")
            assert talking.of("error") == []

    asyncio.run(go())


def test_a_message_in_mid_response_is_answered_after_it(talk, sdk):
    async def go():
        pace = Pace(step=0.02)
        async with talk(sdk.RealtimeAgent(name="Ada"), settings=WRITTEN, pace=pace) as talking:
            await talking.session.send_message("Tell me a long story about a long journey of many days")
            await talking.raw("response.output_text.delta")
            await talking.send(
                "conversation.item.create",
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "And you?"}]},
            )
            await talking.send("response.create")
            await talking.says("You said: And you?")
            assert talking.of("error") == []
            assert talking.proxy.log.collisions == 0

    asyncio.run(go())
