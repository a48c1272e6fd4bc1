from __future__ import annotations

import struct
import wave

import pytest

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.wav_format import read_wav, wav_header
from turnstile.errors import ConfigError


@pytest.mark.parametrize(
    ("audio", "layout"),
    [
        # Format tag, channels, samples a second, bytes a second, bytes a frame, bits a sample.
        (PCM_24K, (1, 1, 24_000, 48_000, 2, 16)),
        (AudioFormat("alaw", 8_000), (6, 1, 8_000, 8_000, 1, 8)),
        (AudioFormat("mulaw", 8_000), (7, 1, 8_000, 8_000, 1, 8)),
    ],
)
def test_a_header_says_the_format(audio, layout):
    header = wav_header(audio)
    assert len(header) == 44
    assert (header[:4], header[8:16], header[36:40]) == (b"RIFF", b"WAVEfmt ", b"data")
    assert struct.unpack("<HHIIHH", header[20:36]) == layout


def test_a_header_leaves_the_lengths_open():
    header = wav_header(PCM_24K)
    assert header[4:8] == header[40:44] == b"\xff\xff\xff\xff"


def write(path, rate=16_000, channels=1, width=2, data=b"\x01\x02\x03\x04"):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def test_the_samples_of_a_file_are_read_with_their_rate(tmp_path):
    assert read_wav(write(tmp_path / "said.wav", 11_025)) == (11_025, b"\x01\x02\x03\x04")


def test_half_a_sample_at_the_end_is_left_out_when_a_file_was_cut_off(tmp_path):
    path = write(tmp_path / "cut.wav")
    path.write_bytes(path.read_bytes()[:-1])
    assert read_wav(path) == (16_000, b"\x01\x02")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: write(path, channels=2), "has 2 channels of 16 bits; give one channel of 16 bits"),
        (lambda path: write(path, width=1), "has 1 channels of 8 bits; give one channel of 16 bits"),
        (lambda path: write(path, rate=4_000), "has 4000 samples a second; give 8000 to 192000"),
        (lambda path: path.write_bytes(b"RIFF"), "is no WAV file; it ends too soon"),
        (lambda path: path.write_bytes(b"no sound at all, nor a header"), "is no WAV file of PCM: "),
    ],
)
def test_a_file_of_another_kind_is_refused_with_what_is_wanted(tmp_path, change, words):
    path = tmp_path / "bad.wav"
    change(path)
    with pytest.raises(ConfigError, match=rf"bad\.wav: {words}"):
        read_wav(path)


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "none.wav")
