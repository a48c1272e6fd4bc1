"""What the parts of a frame's way cost, each by itself: ``make bench-micro``.

Not collected with the tests: its name is no test's.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from dataclasses import replace

import numpy as np
import pytest
from websockets.protocol import CLIENT, SERVER, Protocol

from actors.dispatch import DispatchedActor, inbox_of
from actors.dispatcher import ThreadDispatcher
from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.input_audio import InputAudio
from turnstile.ports import Inbox
from turnstile.protocol import realtime
from turnstile.protocol.voice_agent.client import parse_client_message
from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.session.client_requests import ConfigRequested
from turnstile.session.events import ResponseFinished, ResponseProgressed, ResponseStarted
from turnstile.session.facts import FactReader
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.translate.permissions import Permissions
from turnstile.translate.session_start import settings_to_session
from turnstile.translate.to_voice_agent import VoiceAgentTranslator
from turnstile.transports.limits import ConnectionLimits
from turnstile.transports.loop import READ, IoLoop
from turnstile.transports.message_joiner import MessageJoiner
from turnstile.transports.websocket import WebSocketConnection

PCM_16K = AudioFormat("linear16", 16_000)
NOISE = np.random.default_rng(1).integers(-9000, 9000, 2400, dtype="<i2").tobytes()
FRAME, APPEND = NOISE[:640], NOISE[:960]  # 20 ms at 16 and at 24 kHz
ALL = Permissions(lambda _: True, lambda _: True)
SETTINGS = {
    "type": "Settings",
    "audio": {"input": {"encoding": "linear16", "sample_rate": 16_000}},
    "agent": {"think": {"prompt": "Be brief."}},
}


def delta(size):
    event = {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "r1",
        "item_id": "i1",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode((NOISE * 2)[:size]).decode(),
    }
    return json.dumps(event).encode()


@pytest.fixture
def translator():
    """A client's translator in mid-answer."""
    translator = VoiceAgentTranslator(COMPONENT)
    translator.configure_output(PCM_24K, "none", keeps_history=False)
    translator.translate({"type": "response.created", "response": {"id": "r1", "output": []}}, 0.0)
    translator.audio(json.loads(delta(960)), 0.0)
    return translator


# The core.


def open_state():
    return State(link="open", configured=True, audio_open=True)


def test_core_a_fact_that_changes_little(benchmark):
    session = Session(Policy(), open_state())
    session.handle(ResponseStarted("r1"))
    benchmark(session.handle, ResponseProgressed("r1"))


def test_core_a_response_begins_and_ends(benchmark):
    session = Session(Policy(), open_state())

    def respond():
        session.handle(ResponseStarted("r1"))
        session.handle(ResponseFinished("r1"))

    benchmark(respond)


def test_core_an_update_is_held_under_a_response_and_released(benchmark):
    def begin():
        session = Session(Policy(), open_state())
        session.handle(ResponseStarted("r1"))
        return (session,), {}

    def hold(session):
        session.handle(ConfigRequested(1, {"instructions": "Be brief."}))
        session.handle(ResponseFinished("r1"))

    benchmark.pedantic(hold, setup=begin, rounds=5000)


# Audio.


def test_resampler_a_frame_of_20_ms_from_16_to_24_khz(benchmark):
    benchmark(Converter(PCM_16K, PCM_24K).feed, FRAME)


def test_resampler_100_ms_from_16_to_24_khz(benchmark):
    benchmark(Converter(PCM_16K, PCM_24K).feed, (NOISE * 2)[:3200])


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_resampler_100_ms_down_from_24_khz(benchmark, rate):
    benchmark(Converter(PCM_24K, AudioFormat("linear16", rate)).feed, (NOISE * 2)[:4800])


def test_resampler_a_frame_of_20_ms_from_mulaw_16_khz(benchmark):
    benchmark(Converter(AudioFormat("mulaw", 16_000), PCM_24K).feed, FRAME[:320])


def test_audio_up_a_frame_to_its_pieces(benchmark):
    audio = InputAudio()
    audio.set_client_format(PCM_16K)
    benchmark(lambda: list(audio.feed(FRAME)))


def test_audio_up_a_piece_to_its_event(benchmark):
    benchmark(realtime.input_audio_append, APPEND)


@pytest.mark.parametrize("size", [960, 4800], ids=["20ms", "100ms"])
def test_audio_down_an_event_is_parsed(benchmark, size):
    benchmark(realtime.parse_server_event, delta(size))


@pytest.mark.parametrize("size", [960, 4800], ids=["20ms", "100ms"])
def test_audio_down_a_parsed_event_to_its_frames(benchmark, translator, size):
    benchmark(translator.audio, json.loads(delta(size)), 1.0)


# Control.


def test_control_settings_are_parsed(benchmark):
    benchmark(parse_client_message, json.dumps(SETTINGS).encode())


def test_control_settings_to_a_session(benchmark):
    benchmark(settings_to_session, parse_client_message(json.dumps(SETTINGS).encode()), COMPONENT, ALL)


def test_control_a_transcript_delta_to_its_frames(benchmark, translator):
    fields = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
    event = {"type": "response.output_audio_transcript.delta", **fields, "delta": ""}
    benchmark(translator.translate, event, 1.0)


def test_control_an_event_to_its_fact(benchmark):
    event = {"type": "conversation.item.done", "item": {"id": "i1", "type": "message", "role": "user"}}
    benchmark(FactReader().fact, event)


# The dispatcher.


class Last(DispatchedActor):
    """Says when it was told the last of what it is told."""

    def __init__(self, dispatcher, done):
        super().__init__(dispatcher)
        self._done = done

    def on_receive(self, message):
        if message == 0:
            self._done.set()


class Relay(DispatchedActor):
    """Tells the next one."""

    def __init__(self, dispatcher, following):
        super().__init__(dispatcher)
        self._following = following

    def on_receive(self, message):
        self._following.tell(message)


@pytest.fixture
def actors():
    dispatcher, done = ThreadDispatcher(), threading.Event()
    last = Last.start(dispatcher, done)
    relay = Relay.start(dispatcher, inbox_of(last))
    yield inbox_of(relay), inbox_of(last), done
    relay.stop()
    last.stop()
    assert dispatcher.stop(5)


def _until_done(benchmark, inbox, done, messages):
    """Measure from the first message to the end of the last, which is 0."""

    def hop():
        done.clear()
        for message in messages:
            inbox.tell(message)
        done.wait()

    benchmark(hop)


def test_dispatcher_one_hop_at_rest(benchmark, actors):
    _, last, done = actors
    _until_done(benchmark, last, done, (0,))


def test_dispatcher_two_hops_at_rest(benchmark, actors):
    relay, _, done = actors
    _until_done(benchmark, relay, done, (0,))


def test_dispatcher_a_thousand_messages_over_two_hops(benchmark, actors):
    relay, _, done = actors
    _until_done(benchmark, relay, done, range(999, -1, -1))


# Framing: by the library, and by a connection of the proxy's with its socket.


@pytest.mark.parametrize("side", [SERVER, CLIENT], ids=["to_a_client", "to_upstream"])
def test_framing_a_frame_out(benchmark, side):
    protocol = Protocol(side)

    def send():
        protocol.send_binary(FRAME)
        return protocol.data_to_send()

    benchmark(send)


@pytest.mark.parametrize("side", [SERVER, CLIENT], ids=["of_a_client", "of_upstream"])
def test_framing_a_frame_in(benchmark, side):
    far, near, joiner = Protocol(CLIENT if side is SERVER else SERVER), Protocol(side), MessageJoiner()
    far.send_binary(FRAME)
    data = b"".join(far.data_to_send())

    def receive():
        near.receive_data(data)
        return joiner.join(near.events_received())

    benchmark(receive)


class Forgetful(Inbox):
    """Forgets what it is told."""

    def tell(self, message):
        pass


@pytest.fixture
def connection():
    """A client's connection, read and written by hand, and the other end of its socket."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    connection = WebSocketConnection(
        IoLoop(), ours, Protocol(SERVER), replace(ConnectionLimits(), read_high_water=2**62)
    )
    connection._inbox = Forgetful()
    with ours, theirs:
        yield connection, theirs


@pytest.mark.parametrize("count", [1, 8], ids=["alone", "of_eight"])
def test_connection_frames_in(benchmark, connection, count):
    connection, theirs = connection
    peer = Protocol(CLIENT)
    for _ in range(count):
        peer.send_binary(FRAME)
    data = b"".join(peer.data_to_send())

    def receive():
        theirs.send(data)
        connection.ready(READ)

    benchmark(receive)


def test_connection_a_frame_out(benchmark, connection):
    connection, theirs = connection

    def send():
        connection.send_binary(FRAME)
        connection.flush()
        theirs.recv(65_536)

    benchmark(send)
