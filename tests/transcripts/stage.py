"""A whole session on one thread and on made-up time: the three actors as they are, both wires written down.

A transcript is a list of lines, one a frame, in the order in which they passed::

    {"at": 0.02, "from": "client", "text": {"type": "KeepAlive"}}
    {"at": 0.02, "from": "client", "speech": 200}            200 ms of a tone, in the format of the Settings
    {"at": 0.02, "to": "upstream", "text": {...}}
    {"at": 0.05, "from": "upstream", "text": {...}}
    {"at": 0.05, "to": "client", "audio": 960}                so many bytes; from the client: of silence
    {"at": 0.05, "from": "function", "call_id": "call_1", "output": "hail"}    what a function returns that was called

What comes ``from`` somewhere is played to the session; what goes ``to`` somewhere is what it must come to. Audio in
Realtime events is written as its number of bytes: upstream speaks silence, which is what is played.
"""

from __future__ import annotations

import json
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pybase64

from actors.audio_router import AudioRouter
from actors.audio_uplink import AudioUplink
from actors.client import ClientActor
from actors.coordinator import SessionCoordinatorActor
from actors.dialects.realtime import RealtimeDialect
from actors.dialects.voice_agent import VoiceAgentDialect
from actors.dispatch import inbox_of
from actors.messages import Peers
from actors.upstream import UpstreamActor
from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.input_audio import InputAudio
from turnstile.ports import LinkReady, UpstreamTarget
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.testing import ManualClock, ManualTimers, RecordingConnection, session_journal
from turnstile.translate.permissions import Permissions
from turnstile.translate.to_realtime_client import RealtimeTranslator
from turnstile.translate.to_voice_agent import VoiceAgentTranslator
from turnstile.transports.function_call import PendingCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.protocol.voice_agent.profile import Profile

TONE_HZ = 440
_AUDIO = {"response.output_audio.delta": "delta", "input_audio_buffer.append": "audio"}


class ManualDispatcher:
    """Runs actors one after another, when it is told to."""

    def __init__(self):
        self._runs = deque()

    def schedule(self, run: Callable[[], None]) -> None:
        self._runs.append(run)

    def waker(self, run):
        return partial(self.schedule, run)

    def run_all(self) -> None:
        while self._runs:
            self._runs.popleft()()


class Wire(RecordingConnection):
    """A connection whose frames are written down as they are sent."""

    def __init__(self, name, stage):
        super().__init__()
        self._name = name
        self._stage = stage

    def send_text(self, data):
        self._stage.note("to", self._name, text=readable(json.loads(data)))

    def send_binary(self, data):
        self._stage.note("to", self._name, audio=len(data))

    def send_all(self, frames):
        for frame in frames:
            (self.send_text if isinstance(frame, TextFrame) else self.send_binary)(frame.data)

    def close(self, code, reason=""):
        if self.closed is None:
            self._stage.note("to", self._name, close=[code, reason])
        super().close(code, reason)


class Stage:
    """One session; plays what comes, and writes down everything.

    Args:
        profile: Which kind of client it has; None: a Realtime client.
        functions: What functions with an endpoint return, by URL, at once; others when a line says so.
        policy: The session's.
        model: The model in a Realtime client's address.
        first: The session's first state and data, where they are not empty.
        may_call: Returns whether the proxy may call a function at a URL.
    """

    def __init__(
        self,
        profile: Profile | None,
        functions=None,
        policy=None,
        *,
        model=None,
        first=(),
        may_call=lambda url: "example.com" in url,
    ):
        self.lines = []
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self._functions = functions or {}
        self._calls = {}
        self._dispatcher = ManualDispatcher()
        self._milliseconds = 0
        self._waits = False
        self._links = {}
        self._input = AudioFormat("linear16", profile.input_rate if profile else 24_000)
        self.client_wire = Wire("client", self)
        policy = policy or Policy(id_prefix="ts_")
        permissions = Permissions(lambda model: "realtime" in model, may_call)
        dialect = VoiceAgentDialect(profile, "s1", permissions) if profile else RealtimeDialect(model, is_beta=False)
        translator = VoiceAgentTranslator(profile) if profile else RealtimeTranslator("ts_", is_beta=False)
        journal = session_journal()
        shared = "s1", self._dispatcher, _nobody_minds
        started = [
            ClientActor.start(*shared, connection=self.client_wire, dialect=dialect, journal=journal),
            SessionCoordinatorActor.start(
                *shared,
                session=Session(policy, *first),
                timers=self.timers,
                clock=self.clock,
                journal=journal,
            ),
            UpstreamActor.start(
                *shared,
                connector=self,
                target=lambda model: UpstreamTarget(f"simulator:?model={model or 'gpt-realtime'}"),
                audio=AudioUplink(InputAudio(), 1_000_000, takes_events=profile is None),
                translator=translator,
                shows_session=dialect.shows_session,
                host_functions=None,
                labels={},
                functions=self,
                source=self.client_wire,
                clock=self.clock,
                wall_clock=lambda: 1.8e9,
                journal=journal,
            ),
        ]
        inboxes = Peers(*(inbox_of(actor) for actor in started))
        self.client_inbox = AudioRouter(inboxes.client, inboxes.upstream)
        for inbox in (inboxes.upstream, inboxes.coordinator, inboxes.client):
            inbox.tell(inboxes)
        self.settle()

    def note(self, way, name, **what):
        self.lines.append({"at": round(self.clock.now, 3), way: name, **what})

    def settle(self):
        """Let everybody work until nobody has anything to do."""
        if not self._waits:
            self._dispatcher.run_all()

    @contextmanager
    def nobody_works(self):
        """Let what comes within this wait for what comes next."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def tick(self):
        """Let a millisecond pass, and what is due happen."""
        self._milliseconds += 1
        self.timers.advance(self._milliseconds / 1000 - self.clock.now)
        self.settle()

    def advance_to(self, moment):
        """Let time pass until `moment`, in seconds."""
        while self._milliseconds < round(moment * 1000):
            self.tick()

    # What comes.

    def client_says(self, message):
        if message.get("type") == "Settings":
            given = message.get("audio", {}).get("input", {})
            rate = given.get("sample_rate", self._input.sample_rate)
            self._input = AudioFormat(given.get("encoding", "linear16"), rate)
        self.note("from", "client", text=message)
        self.client_inbox.tell(TextFrame(json.dumps(playable(message)).encode()))
        self.settle()

    def client_sends_audio(self, size):
        self.note("from", "client", audio=size)
        self.client_inbox.tell(BinaryFrame(bytes(size)))
        self.settle()

    def client_speaks(self, milliseconds):
        self.note("from", "client", speech=milliseconds)
        self.client_inbox.tell(BinaryFrame(tone(self._input, milliseconds)))
        self.settle()

    def client_is_silent(self, milliseconds):
        self.note("from", "client", silence=milliseconds)
        self.client_inbox.tell(BinaryFrame(self._input.silence(self._input.size(milliseconds))))
        self.settle()

    def client_leaves(self, code=1000, reason=""):
        self.note("from", "client", close=[code, reason])
        self.client_inbox.tell(Closed(code, reason))
        self.settle()

    def upstream_says(self, event, link="upstream"):
        self.note("from", link, text=readable(event))
        self._links[link].tell(TextFrame(json.dumps(playable(event)).encode()))
        self.settle()

    def upstream_closes(self, code, reason, link="upstream"):
        self.note("from", link, close=[code, reason])
        self._links[link].tell(Closed(code, reason))
        self.settle()

    def function_returns(self, call_id, output):
        self.note("from", "function", call_id=call_id, output=output)
        self._calls.pop(call_id).returns(output)
        self.settle()

    @property
    def has_link(self):
        return bool(self._links)

    def tell_link(self, said):
        [*self._links.values()][-1].tell(said)

    # The ports.

    def connect(self, target, inbox):
        """Be the `Connector`."""
        del target
        inbox.tell(LinkReady(Wire(self.begin_link(inbox), self)))

    def begin_link(self, inbox):
        """Return the name of a new link: ``upstream``, ``upstream 2`` ..."""
        name = f"upstream {len(self._links) + 1}" if self._links else "upstream"
        self._links[name] = inbox
        return name

    def call(self, request, inbox, identity=""):
        """Be the `FunctionCaller`."""
        del identity
        call = PendingCall(request.call_id, inbox)
        if request.url in self._functions:
            call.returns(self._functions[request.url])
        else:
            self._calls[request.call_id] = call
        return call


def _nobody_minds(_end):
    """Take notice of an actor's end."""


def tone(form, milliseconds):
    samples = np.sin(np.arange(PCM_24K.size(milliseconds) // 2) * TONE_HZ * 2 * np.pi / PCM_24K.sample_rate)
    pcm = (samples * 12_000).astype("<i2").tobytes()
    converter = Converter(PCM_24K, form)
    return converter.feed(pcm) + converter.flush()


def readable(event):
    """Return an event with audio as its number of bytes."""
    name = _AUDIO.get(event.get("type"))
    if name is None or isinstance(event[name], dict):
        return event
    return {**event, name: {"bytes": len(pybase64.b64decode(event[name]))}}


def playable(event):
    """Return an event with audio as it is sent: so many bytes of silence."""
    name = _AUDIO.get(event.get("type"))
    if name is not None and isinstance(event.get(name), dict):
        return {**event, name: pybase64.b64encode(bytes(event[name]["bytes"])).decode()}
    return event
