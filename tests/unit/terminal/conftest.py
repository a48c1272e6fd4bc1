"""Proxies of a few lines, on real sockets."""

from __future__ import annotations

import json
import sys
import threading
import wave
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from turnstile.testing import patience

sys.path.insert(0, str(Path(__file__).parent))  # the tests import the sound card by name


class Peer:
    """The proxy's side of one connection, for a test's script."""

    def __init__(self, connection):
        self.connection = connection
        self.gone = threading.Event()
        self._heard = []

    @property
    def heard(self):
        """All that the client has said, once it is gone."""
        assert self.gone.wait(patience()), "the client has not gone"
        return self._heard

    def take(self):
        """Wait for the next message."""
        message = json.loads(self.connection.recv(timeout=patience()))
        self._heard.append(message)
        return message

    def tell(self, kind, **fields):
        self.connection.send(json.dumps({"type": kind, **fields}))

    def say(self, content, role="assistant"):
        self.tell("ConversationText", role=role, content=content)

    def answer(self, content):
        """All that the proxy tells of an answer in writing."""
        self.tell("AgentStartedSpeaking")
        self.say(content)
        self.tell("AgentAudioDone")
        self.tell("AgentDone")


@contextmanager
def _serving(script):
    peers = []

    def play(connection):
        peer = Peer(connection)
        peers.append(peer)
        try:
            script(peer)
            while True:
                peer.take()
        except ConnectionClosed:
            pass
        finally:
            peer.gone.set()

    with serve(play, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.socket.getsockname()
        yield f"ws://{host}:{port}/openai", peers
        server.shutdown()
        thread.join(patience())


@pytest.fixture
def start():
    """Start a proxy that plays `script(peer)` with each client; gives its address and the list of its peers."""
    with ExitStack() as running:
        yield lambda script: running.enter_context(_serving(script))


@pytest.fixture
def write_wav(tmp_path):
    """Write a WAV file: `samples` of 16 bits, or a tone of `seconds`; gives its path."""

    def write(name="question.wav", *, seconds=0.3, rate=24_000, channels=1, width=2, samples=None):
        tone = (8_000 * np.sin(np.arange(int(seconds * rate)) * 1_000 / rate)).astype("<i2").tobytes()
        path = tmp_path / name
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(width)
            file.setframerate(rate)
            file.writeframes(tone if samples is None else samples)
        return path

    return write
