"""Conversion of a stream is that of the whole: no clicks where frames meet, no drift, whatever the frames."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K, SAMPLE_RATES, AudioFormat

RATES = [rate for rate in SAMPLE_RATES if rate != 24_000]
PAIRS = [*((rate, 24_000) for rate in RATES), *((24_000, rate) for rate in RATES)]
# How far a stream may be from the whole, of 32,767: the last bit, since sums of other sizes are rounded otherwise.
LAST_BIT = 1


def noise(seconds, rate, seed=1):
    """Return noise below 0.4 of the lower Nyquist frequency, loud but not clipped."""
    white = np.random.default_rng(seed).normal(0, 6_000, int(seconds * rate))
    return np.clip(white, -30_000, 30_000).astype("<i2")


def sweep(seconds, rate, top):
    """Return a tone that rises by equal steps of pitch from 20 Hz to `top`."""
    moments = np.arange(int(seconds * rate)) / rate
    pace = np.log(top / 20)
    phase = 2 * np.pi * 20 * seconds / pace * (np.exp(moments * pace / seconds) - 1)
    return (24_000 * np.sin(phase)).astype("<i2")


def cut(data, seed=7, largest=3_000):
    """Cut bytes into frames of random sizes, odd ones included."""
    sizes = np.random.default_rng(seed).integers(1, largest, size=1 + len(data))
    start = 0
    for size in sizes:
        if start >= len(data):
            return
        yield data[start : start + int(size)]
        start += int(size)


def streamed(source, target, frames):
    converter = Converter(AudioFormat("linear16", source), AudioFormat("linear16", target))
    audio = b"".join([*(converter.feed(frame) for frame in frames), converter.flush()])
    return np.frombuffer(audio, "<i2").astype(int)


def compared(source, target, samples, frames):
    """Return the stream and the whole, of the same length."""
    one, other = streamed(source, target, frames), streamed(source, target, [samples.tobytes()])
    assert len(one) == len(other)
    return one, other


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_sweep_in_random_frames_is_converted_as_the_whole(source, target):
    samples = sweep(2, source, 0.45 * min(source, target))
    one, other = compared(source, target, samples, cut(samples.tobytes()))
    assert np.max(np.abs(one - other)) <= LAST_BIT


@pytest.mark.parametrize(("source", "target"), [(16_000, 24_000), (24_000, 16_000), (44_100, 24_000), (24_000, 8_000)])
def test_a_minute_of_noise_in_random_frames_neither_clicks_nor_drifts(source, target):
    samples = noise(60, source)
    one, other = compared(source, target, samples, cut(samples.tobytes()))
    assert np.max(np.abs(one - other)) <= LAST_BIT


@pytest.mark.parametrize("largest", [2, 3])
def test_frames_of_a_byte_or_two_are_frames_too(largest):
    samples = noise(0.5, 16_000)
    one, other = compared(16_000, 24_000, samples, cut(samples.tobytes(), largest=largest))
    assert np.max(np.abs(one - other)) <= LAST_BIT


def test_a_frame_may_be_as_large_as_a_message():
    samples = noise(32, 16_000)
    frames = [samples[start : start + 320].tobytes() for start in range(0, len(samples), 320)]
    one, other = compared(16_000, 24_000, samples, frames)
    assert np.max(np.abs(one - other)) <= LAST_BIT


def test_full_scale_does_not_wrap_around():
    samples = np.where(np.arange(16_000) % 80 < 40, 32_767, -32_768).astype("<i2")
    converted = streamed(16_000, 24_000, cut(samples.tobytes()))
    flat = converted[np.abs(np.diff(converted, prepend=0)) < 100]
    assert set(np.sign(flat)) <= {-1, 0, 1}
    assert np.min(np.abs(flat)) > 25_000


def test_each_turn_is_a_stream_of_its_own():
    converter = Converter(AudioFormat("linear16", 16_000), PCM_24K)
    samples = noise(1, 16_000).tobytes()
    turns = [b"".join([*(converter.feed(frame) for frame in cut(samples)), converter.flush()]) for _ in range(2)]
    one, other = (np.frombuffer(turn, "<i2").astype(int) for turn in turns)
    assert np.max(np.abs(one - other)) <= LAST_BIT


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_g711_passes_byte_for_byte_both_ways(law):
    form = AudioFormat(law, 8_000)
    data = bytes(range(256)) * 4
    for source, target in itertools.permutations((form, form.upstream)):
        converter = Converter(source, target)
        assert b"".join([*(converter.feed(frame) for frame in cut(data)), converter.flush()]) == data
