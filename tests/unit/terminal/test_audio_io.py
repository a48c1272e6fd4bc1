import sys
import threading

import pytest
from sound_card import FakeSounddevice

from turnstile.errors import ConfigError
from turnstile.terminal.audio_io import AudioIO, open_audio
from turnstile.testing import patience


class Source:
    rate = 16_000

    def __init__(self, *pieces):
        self._pieces = pieces
        self.closed = threading.Event()

    def pieces(self):
        yield from self._pieces
        self.closed.wait(patience())

    def close(self):
        self.closed.set()


class Sink:
    rate = 48_000

    def __init__(self):
        self.calls = []

    def play(self, data):
        self.calls.append(data)

    def drop(self):
        self.calls.append("drop")

    def close(self):
        self.calls.append("close")


def test_silence_needs_no_settings_and_says_nothing():
    with AudioIO() as silence, silence.sending(pytest.fail):
        silence.wait_until_sent()
        silence.play(b"\x01\x02")
        silence.drop()
        assert not silence.has_output
        assert silence.settings == {}


def test_settings_declare_the_rates_of_both_sides():
    audio_io = AudioIO(Source(), Sink())
    assert audio_io.has_output
    assert audio_io.settings == {
        "audio": {
            "input": {"encoding": "linear16", "sample_rate": 16_000},
            "output": {"encoding": "linear16", "sample_rate": 48_000},
        }
    }


def test_the_source_is_heard_until_it_is_hushed():
    said = []
    audio_io = AudioIO(Source(b"a", b"b"))
    with audio_io.sending(said.append):
        audio_io.stop_source()
        audio_io.wait_until_sent()
    assert said == [b"a", b"b"]


def test_the_source_is_closed_when_the_conversation_is_over():
    source = Source()
    with AudioIO(source).sending(pytest.fail):
        pass
    assert source.closed.is_set()


def test_every_sink_hears_the_agent_and_is_closed_at_the_end():
    first, second = Sink(), Sink()
    with AudioIO(None, first, second) as audio_io:
        audio_io.play(b"a")
        audio_io.drop()
    assert first.calls == second.calls == [b"a", "drop", "close"]


def test_nobody_listens_to_the_end_when_there_was_an_error():
    sink = Sink()
    audio_io = AudioIO(None, sink)
    audio_io.play(b"a")
    with pytest.raises(KeyboardInterrupt), audio_io:
        raise KeyboardInterrupt
    assert sink.calls == [b"a", "drop", "close"]


def test_microphone_and_speaker_are_opened_with_a_recording_at_the_speakers_rate(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice(inputs=(16_000,), outputs=(48_000,)))
    with open_audio(audio=True, save=tmp_path / "answer.wav") as audio_io:
        assert {side: settings["sample_rate"] for side, settings in audio_io.settings["audio"].items()} == {
            "input": 16_000,
            "output": 48_000,
        }
    assert (tmp_path / "answer.wav").stat().st_size == 44


def test_the_devices_are_turned_off_when_the_recording_cannot_be_written(monkeypatch, tmp_path):
    card = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    with pytest.raises(ConfigError, match="cannot be written"):
        open_audio(audio=True, save=tmp_path)
    assert [stream.calls[-1] for stream in card.streams] == ["close", "close"]


def test_a_file_that_is_said_is_never_overwritten_with_its_answer(write_wav):
    path = write_wav()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is the file that is sent; save to another"):
        open_audio(wav=path, save=path.parent / "." / path.name)
    assert path.read_bytes() == before
