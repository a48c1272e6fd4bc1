"""Frames that arrive in one read, over real sockets and with actors on several threads: each race forty times."""

from __future__ import annotations

import base64
import json
import time

import pytest
import websocket
from websocket import ABNF

from actors.timers import TimerThread
from turnstile.simulator.faults import Pace
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

TIMES = 40
AT_ONCE = Pace(answer=0, first=0, step=0, transcription=0)
THREADS = {"dispatcher.workers": "4"}
SPEECH = bytes(14_400)  # 300 ms
SETTINGS = {"type": "Settings", "audio": {"input": {"encoding": "linear16", "sample_rate": 24_000}}, "agent": {}}
NO_DETECTION = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
APPEND = {"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(4_800)).decode()}


class Client:
    """A client on a socket of its own, which can send several messages in one write."""

    def __init__(self, url):
        self._socket = websocket.create_connection(url, timeout=patience())
        self.heard = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send_at_once(self, *messages):
        """Send messages, or audio as bytes, in one write."""
        frames = [
            ABNF.create_frame(message, ABNF.OPCODE_BINARY)
            if isinstance(message, bytes)
            else ABNF.create_frame(json.dumps(message), ABNF.OPCODE_TEXT)
            for message in messages
        ]
        self._socket.sock.sendall(b"".join(frame.format() for frame in frames))

    def hear(self, kind):
        """Return the next message of a type."""
        while True:
            data = self._socket.recv()
            if isinstance(data, str):
                message = json.loads(data)
                self.heard.append(message["type"])
                if message["type"] == kind:
                    return message


@pytest.fixture
def proxy(start_proxy):
    """A proxy whose upstream answers at once: its events come in one read."""
    timers = TimerThread()
    yield start_proxy(THREADS, simulator=Simulator(clock=time.monotonic, timers=timers, pace=AT_ONCE, keep=TIMES))
    assert timers.stop(patience())


def test_settings_and_speech_and_the_end_of_the_turn_in_one_write_are_answered_once(proxy):
    for number in range(TIMES):
        with Client(proxy.url()) as client:
            client.send_at_once(SETTINGS, SPEECH, {"type": "ForceEndTurn"})
            client.hear("AgentAudioDone")
            assert "Error" not in client.heard
        log = proxy.system.simulator.logs[number]
        assert (len(log.responses), log.broken) == (1, [])
        assert log.received["response.create"] == 1


def test_an_update_and_audio_and_a_create_in_one_write_are_answered(proxy):
    for number in range(TIMES):
        with Client(proxy.url("/v1/realtime")) as client:
            update = {"type": "session.update", "session": NO_DETECTION}
            commit = {"type": "input_audio_buffer.commit"}
            client.send_at_once(update, *[APPEND] * 5, commit, {"type": "response.create"})
            client.hear("response.done")
            assert "error" not in client.heard
        log = proxy.system.simulator.logs[number]
        (response,) = log.responses
        (turn,) = (item.id for item in log.items if item.type == "voice")
        assert response.seen == (turn,)
        assert log.broken == []


def test_a_forced_end_of_a_turn_commits_no_audio_that_was_sent_behind_it(proxy):
    for number in range(TIMES):
        with Client(proxy.url()) as client:
            client.send_at_once(SETTINGS)
            client.hear("SettingsApplied")
            client.send_at_once(SPEECH, {"type": "ForceEndTurn"}, SPEECH, {"type": "ForceEndTurn"})
            client.hear("AgentAudioDone")
            assert "Error" not in client.heard
        turns = [item for item in proxy.system.simulator.logs[number].items if item.type == "voice"]
        assert len(turns) == 2


def test_an_acknowledgement_comes_before_what_upstream_sent_behind_it(proxy):
    for _ in range(TIMES):
        with Client(proxy.url("/v1/realtime")) as client:
            client.hear("session.created")
            update = {"type": "session.update", "session": {"type": "realtime", "instructions": "Rhyme."}}
            aside = {"type": "response.create", "response": {"conversation": "none", "input": []}}
            client.send_at_once(update, aside)
            client.hear("response.done")
            assert client.heard.index("session.updated") < client.heard.index("response.created")
