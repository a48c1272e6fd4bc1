"""A client of one simulated session in virtual time, which checks all that it sends and gets."""

from __future__ import annotations

import base64
import itertools
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from pydantic import TypeAdapter

from turnstile.simulator.api_errors import ApiError
from turnstile.simulator.faults import NO_FAULTS, Pace
from turnstile.simulator.scenario import Scenario
from turnstile.simulator.schema import check_event
from turnstile.simulator.session import SimulatedSession

if TYPE_CHECKING:
    from turnstile.protocol.frames import Frame

Json = dict[str, Any]

SERVER_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
CLIENT_EVENT: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)
FRAME_MS = 20


def pcm(milliseconds: int, *, loud: bool) -> bytes:
    count = 24 * milliseconds
    wave = np.sin(np.arange(count) / 8) * 8000 if loud else np.zeros(count)
    return wave.astype("<i2").tobytes()


class Player:
    """Plays a client.

    `seen` holds every event of the server so far, `times` when it came, `frames` what it came in. Unless `is_api` is
    false, each is one of the API's own types.
    """

    def __init__(self, scenario: Scenario, model: str = "gpt-realtime", **options: Any) -> None:
        self.now = 0.0
        self.session = SimulatedSession(scenario, model=model, seed=7, now=0.0, **options)
        self.log = self.session.log
        self.seen: list[Json] = []
        self.frames: list[Frame] = []
        self.is_api = True
        self.times: list[float] = []

    def send(self, kind: str, **fields: Any) -> None:
        event = {"type": kind, **fields}
        self._check_parity(event)
        self.session.receive(orjson.dumps(event), self.now)

    def _check_parity(self, event: Json) -> None:
        """What the simulator's schema accepts, the API's own types accept."""
        try:
            check_event(event)
        except ApiError:
            return
        if "item_reference" not in str(event):  # documented, but not among the types
            CLIENT_EVENT.validate_python(event)

    def advance(self, seconds: float) -> list[Json]:
        """Let time pass, and return what came."""
        before, end = len(self.seen), self.now + seconds
        while (due := self.session.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self._take()
        self.now = end
        self._take()
        return self.seen[before:]

    def _take(self) -> None:
        for frame in self.session.due(self.now):
            self.frames.append(frame)
            if not frame.data.startswith(b"{"):
                continue
            event = json.loads(frame.data)
            if self.is_api:
                assert SERVER_EVENT.validate_python(event).type == event["type"]
            assert list(event)[:2] == ["type", "event_id"]
            self.seen.append(event)
            self.times.append(self.now)

    def until(self, kind: str, seconds: float = 60.0) -> Json:
        """Let time pass until an event of this kind comes that has not come before."""
        before, end = len(self.seen), self.now + seconds
        while (due := self.session.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self._take()
            for event in self.seen[before:]:
                if event["type"] == kind:
                    return event
        raise AssertionError(f"no {kind}, only {[event['type'] for event in self.seen[before:]]}")

    def answer(self, kind: str, **fields: Any) -> Json:
        """Send an event and return the first that comes."""
        self.send(kind, **fields)
        return self.advance(0.003)[0]

    def error(self, kind: str, **fields: Any) -> Json:
        """Send an event and return the error that it meets."""
        event = self.answer(kind, **fields)
        assert event["type"] == "error", event
        return event["error"]

    def update(self, **session: Any) -> Json:
        return self.answer("session.update", session={"type": "realtime", **session})

    def say(self, text: str, **fields: Any) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields}
        self.send("conversation.item.create", item=item)

    def ask(self, text: str, **response: Any) -> Json:
        """Say something, have it answered, and return the whole `response.done`."""
        self.say(text)
        self.send("response.create", response=response)
        return self.until("response.done")["response"]

    def hear(self, data: bytes, frame: int = FRAME_MS * 48) -> None:
        for start in range(0, len(data), frame):
            piece = base64.b64encode(data[start : start + frame]).decode()
            self.send("input_audio_buffer.append", audio=piece)

    def speak(self, milliseconds: int = 500) -> None:
        self.hear(pcm(milliseconds, loud=True))

    def hush(self, milliseconds: int = 600) -> None:
        self.hear(pcm(milliseconds, loud=False))

    def turn(self) -> None:
        self.speak()
        self.hush()

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.seen]

    def of(self, kind: str) -> list[Json]:
        return [event for event in self.seen if event["type"] == kind]


@pytest.fixture
def player():
    """Make a `Player`; it has got its `session.created`."""

    def make(*steps: Any, model: str = "gpt-realtime", created: bool = True, **options: Any) -> Player:
        named = {name: options.pop(name) for name in ("transcripts", "otherwise", "interleaved") if name in options}
        options.setdefault("faults", NO_FAULTS)
        options.setdefault("pace", Pace())
        made = Player(Scenario(steps=steps, **named), model, **options)
        if created:
            assert made.until("session.created")["session"]["model"] == model
        return made

    return make


@pytest.fixture
def runs():
    """Return the kinds of some events, those that repeat named once."""

    def collapse(events: list[Json]) -> list[str]:
        return [kind for kind, _ in itertools.groupby(event["type"] for event in events)]

    return collapse


@pytest.fixture
def client_event():
    """Return pydantic's view of the API's client events."""
    return CLIENT_EVENT
