"""Talking aloud with a proxy and the simulator behind it, which hears when somebody speaks."""

from __future__ import annotations

import io
import sys
import threading
import wave

import numpy as np
import pytest
from sound_card import FakeSounddevice

from actors.system import ProxySystem
from turnstile.config import SIMULATOR, load_config
from turnstile.terminal.audio_io import AudioIO, open_audio
from turnstile.terminal.talk import talk
from turnstile.terminal.wav_devices import WavSink, WavSource
from turnstile.testing import patience

PIECE = 960


class Output(io.StringIO):
    """Where a conversation is printed; can be waited for."""

    def __init__(self):
        super().__init__()
        self._changed = threading.Condition()

    def write(self, text):
        with self._changed:
            self._changed.notify_all()
            return super().write(text)

    def wait_for(self, words, count=1):
        with self._changed:
            is_there = self._changed.wait_for(lambda: self.getvalue().count(words) >= count, patience())
        assert is_there, f"waited for {count} {words}; printed was:\n{self.getvalue()}"


@pytest.fixture
def url():
    with ProxySystem(load_config(flags={"server.port": "0", "upstream.url": SIMULATOR})) as proxy:
        host, port = proxy.address
        yield f"ws://{host}:{port}/openai"


def at_once(closed, _seconds):
    return closed.is_set()


def read(path):
    with wave.open(str(path)) as file:
        return file.getparams()[:3], file.readframes(file.getnframes())


def speak(microphone):
    """Say something, and then nothing for long enough."""
    tone = (8_000 * np.sin(np.arange(24_000 * 3 // 10) / 25)).astype("<i2").tobytes()
    said = tone + bytes(48_000)
    for start in range(0, len(said), PIECE):
        microphone.hear(said[start : start + PIECE])


@pytest.mark.parametrize("rate", [8_000, 11_025, 24_000])
def test_a_file_is_heard_and_its_answer_printed_and_saved(url, write_wav, tmp_path, rate):
    out = io.StringIO()
    question = WavSource(write_wav(rate=rate), wait=at_once)
    with AudioIO(question, WavSink(tmp_path / "answer.wav", 24_000)) as audio:
        assert talk(url, "Be kind.", None, out, patience(), audio), out.getvalue()
    lines = out.getvalue().splitlines()
    assert "you: hello, can you hear me?" in lines
    assert [line for line in lines if line.startswith("agent: You said: hello, can you hear me?")]
    layout, voice = read(tmp_path / "answer.wav")
    assert layout == (1, 2, 24_000)
    assert len(voice) > 24_000
    assert max(np.frombuffer(voice, "<i2")) > 4_000


def test_a_file_is_answered_in_writing_when_nobody_listens(url, write_wav):
    out = io.StringIO()
    heard = AudioIO(WavSource(write_wav(), wait=at_once))
    heard.play = lambda data: pytest.fail(f"{len(data)} bytes of audio")
    assert talk(url, "Be kind.", None, out, patience(), heard), out.getvalue()
    assert "agent: You said: hello, can you hear me?" in out.getvalue()


def test_lines_are_answered_aloud_when_the_answer_is_saved(url, tmp_path):
    with open_audio(save=tmp_path / "answer.wav") as audio:
        assert talk(url, "Be kind.", ["Hello"], io.StringIO(), patience(), audio)
    assert any(read(tmp_path / "answer.wav")[1])


def test_the_user_speaks_and_hears_the_agent_and_breaking_in_silences_it(url, monkeypatch, tmp_path):
    card = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    out = Output()

    def speak_twice():
        microphone = card.streams[1]
        speak(microphone)
        out.wait_for("agent: ")
        speak(microphone)  # nothing of the first answer has been played yet
        out.wait_for("agent: ", 2)
        yield "/help"

    with open_audio(audio=True, save=tmp_path / "answer.wav") as audio:
        assert talk(url, "Be kind.", speak_twice(), out, patience(), audio), out.getvalue()
        speaker = card.streams[0]
        played = speaker.take(10_000_000).rstrip(b"\x00")
    said = read(tmp_path / "answer.wav")[1].rstrip(b"\x00")
    assert said.endswith(played)
    assert 0 < len(played) < len(said)
    assert [stream.calls[-1] for stream in card.streams] == ["close", "close"]
