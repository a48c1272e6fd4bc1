from __future__ import annotations

import struct

import pytest

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.wav import wav_header


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
