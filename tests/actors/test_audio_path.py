"""What a frame of audio costs, counted in calls of Python functions: a regression shows without a clock.

A session's real actors run on the test's own thread, with connections in memory; then one real connection without a
loop. Each bound is what was counted on CPython 3.11, and a tenth more.
"""

from __future__ import annotations

import base64
import gc
import json
import socket
import sys
from collections import deque
from contextlib import contextmanager
from functools import partial

import pytest
from websockets.protocol import CLIENT, SERVER, Protocol

from actors.dialects.registry import Dialects
from actors.messages import End
from actors.session_actors import SessionDependencies
from actors.sessions import Sessions
from turnstile.config import load_config
from turnstile.observability.journal import Journal
from turnstile.ports import LinkReady, UpstreamTarget
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.testing import ManualClock, ManualTimers, RecordingConnection, RecordingInbox, patience
from turnstile.transports.limits import ConnectionLimits
from turnstile.transports.loop import IoLoop
from turnstile.transports.websocket import WebSocketConnection

pytestmark = pytest.mark.usefixtures("no_collection")

FRAME = bytes(640)  # 20 ms at 16 kHz
UP, DOWN, IN, OUT = 33, 57, 47, 19  # counted: 29.8, 52.1, 42.1, 17.2
FRAMES = 30  # the resampler's own rhythm is over before
SETTINGS = {"type": "Settings", "audio": {"input": {"encoding": "linear16", "sample_rate": 16_000}}, "agent": {}}


class HandDispatcher:
    """The dispatcher by hand: runs what is scheduled when it is told to."""

    def __init__(self):
        self._runs = deque()

    def schedule(self, run):
        self._runs.append(run)

    def waker(self, run):
        return partial(self.schedule, run)

    def run(self):
        while self._runs:
            self._runs.popleft()()


class LinkOnDemand:
    """The `Connector` port: keeps the inbox of the latest link."""

    def connect(self, target, inbox):
        del target
        self.inbox = inbox


class Counter:
    """Counts the calls of Python functions on this thread while it is on."""

    def __init__(self):
        self.calls = 0

    @contextmanager
    def on(self):
        def count(_frame, event, _argument):
            self.calls += event == "call"

        before = sys.getprofile()
        gc.disable()  # what it would call here is left by other tests
        sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(before)
            gc.enable()
            self.calls -= 1  # this function's own second half


@contextmanager
def counted(calls_a_frame):
    """Fail if the frames of the block cost more calls each than that."""
    counter = Counter()
    with counter.on():
        yield
    assert counter.calls / FRAMES <= calls_a_frame


class Talk:
    """A session in mid-response, on this thread."""

    def __init__(self):
        clock = ManualClock()
        self.dispatcher, self.connector = HandDispatcher(), LinkOnDemand()
        self.client, self.link = RecordingConnection(), RecordingConnection()
        config = load_config(flags={"upstream.url": "simulator:"})
        self.sessions = Sessions(
            SessionDependencies(
                dispatcher=self.dispatcher,
                timers=ManualTimers(clock),
                connector=self.connector,
                target=lambda *_: UpstreamTarget("ws://upstream"),
                functions=None,
                host_functions=None,
                clock=clock,
                journal=Journal(ManualClock()),
            )
        )
        make_parts = Dialects(config, lambda _: False).named("component")
        self.inbox = self.sessions.begin(self.client, make_parts)
        self.says(TextFrame(json.dumps(SETTINGS).encode()))
        self.connector.inbox.tell(LinkReady(self.link))
        self.hears({"type": "session.created", "session": {}})
        self.hears({"type": "session.updated", "session": json.loads(self.link.sent[-1].data)["session"]})
        self.hears({"type": "response.created", "response": {"id": "r1", "output": []}})

    def says(self, frame):
        self.inbox.tell(frame)
        self.dispatcher.run()

    def hears(self, event):
        self.connector.inbox.tell(TextFrame(json.dumps(event).encode()))
        self.dispatcher.run()


@pytest.fixture
def talk():
    talk = Talk()
    yield talk
    talk.inbox.tell(End(1000, ""))
    talk.dispatcher.run()
    assert len(talk.sessions) == 0


def test_a_frame_of_the_users_takes_few_calls_from_its_inbox_to_the_link(talk):
    frame = BinaryFrame(FRAME)
    for _ in range(FRAMES):
        talk.says(frame)
    before = len(talk.link.sent)
    with counted(UP):
        for _ in range(FRAMES):
            talk.says(frame)
    heard = sum(len(base64.b64decode(json.loads(sent.data)["audio"])) for sent in talk.link.sent[before:])
    assert heard == pytest.approx(FRAMES * 960, abs=1500)


def test_a_delta_of_the_agents_takes_few_calls_from_the_link_to_the_client(talk):
    audio = bytes(960)
    fields = {"response_id": "r1", "item_id": "i1", "delta": base64.b64encode(audio).decode()}
    delta = TextFrame(json.dumps({"type": "response.output_audio.delta", **fields}).encode())
    talk.connector.inbox.tell(delta)
    talk.dispatcher.run()
    before = len(talk.client.sent)
    with counted(DOWN):
        for _ in range(FRAMES):
            talk.connector.inbox.tell(delta)
            talk.dispatcher.run()
    assert talk.client.sent[before:] == [BinaryFrame(audio)] * FRAMES


@pytest.fixture
def connection():
    ours, theirs = socket.socketpair()
    theirs.settimeout(patience())
    for sock in (ours, theirs):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    ours.settimeout(0)
    loop = IoLoop()
    connection = WebSocketConnection(loop, ours, Protocol(SERVER), ConnectionLimits())
    with ours, theirs:
        yield connection, theirs


def test_a_frame_takes_few_calls_from_the_socket_to_the_inbox(connection):
    connection, theirs = connection
    peer, inbox = Protocol(CLIENT), RecordingInbox()
    connection._inbox = inbox
    frames = []
    for _ in range(FRAMES):
        peer.send_binary(FRAME)
        frames.append(b"".join(peer.data_to_send()))
    with counted(IN):
        for data in frames:
            theirs.sendall(data)
            connection.ready(1)
    assert inbox.messages == [BinaryFrame(FRAME)] * FRAMES


def test_a_frame_takes_few_calls_from_send_to_the_socket(connection):
    connection, theirs = connection
    with counted(OUT):
        for _ in range(FRAMES):
            connection.send_binary(FRAME)
            connection.flush()
    wanted = FRAMES * (len(FRAME) + 4)
    assert len(theirs.recv(wanted, socket.MSG_WAITALL)) == wanted
