from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.audio import g711
from turnstile.audio.convert import Converter, converted
from turnstile.audio.formats import PCM_24K, AudioFormat

PCM_16K = AudioFormat("linear16", 16_000)
MULAW_8K = AudioFormat("mulaw", 8_000)
MULAW_16K = AudioFormat("mulaw", 16_000)
ALAW_8K = AudioFormat("alaw", 8_000)


def _tone(seconds, rate, hertz=440.0):
    return (12_000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("<i2").tobytes()


def _loudest_frequency(pcm, rate):
    samples = np.frombuffer(pcm, "<i2")
    return np.argmax(abs(np.fft.rfft(samples))) * rate / len(samples)


def _is_the_same_sound(first, second):
    """Whether two pieces of PCM differ in the last bit at most: sums of other sizes are rounded otherwise."""
    samples = [np.frombuffer(pcm, "<i2").astype(int) for pcm in (first, second)]
    return len(first) == len(second) and np.allclose(*samples, rtol=0, atol=1)


@pytest.mark.parametrize("audio", [PCM_24K, MULAW_8K])
def test_nothing_is_copied_when_the_formats_are_the_same(audio):
    data = bytes(320)
    assert Converter(audio, audio).feed(data) is data


def test_half_a_sample_waits_for_its_other_half_when_the_formats_are_the_same():
    converter = Converter(PCM_24K, PCM_24K)
    assert [converter.feed(piece) for piece in (b"abc", b"d", b"ef")] == [b"ab", b"cd", b"ef"]


def test_half_a_sample_is_dropped_when_the_stream_ends():
    converter = Converter(PCM_24K, PCM_24K)
    converter.feed(b"abc")
    assert converter.flush() == b""
    assert converter.feed(b"de") == b"de"


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_and_length_when_it_is_resampled(rate):
    converter = Converter(AudioFormat("linear16", rate), PCM_24K)
    heard = converter.feed(_tone(1, rate)) + converter.flush()
    assert len(heard) == pytest.approx(48_000, abs=4)
    assert _loudest_frequency(heard, 24_000) == pytest.approx(440, abs=2)


def test_audio_that_is_there_as_a_whole_keeps_its_length():
    assert len(converted(_tone(0.5, 16_000), PCM_16K, MULAW_8K)) == 4_000


def test_a_tone_is_heard_the_same_when_it_has_travelled_by_both_laws():
    out, back = Converter(PCM_16K, MULAW_8K), Converter(MULAW_8K, PCM_16K)
    coded = out.feed(_tone(1, 16_000)) + out.flush()
    heard = back.feed(coded) + back.flush()
    assert len(coded) == pytest.approx(8_000, abs=2)
    assert _loudest_frequency(heard, 16_000) == pytest.approx(440, abs=2)


def test_a_law_is_changed_without_resampling_when_the_rates_are_the_same():
    converter = Converter(MULAW_8K, ALAW_8K)
    samples = g711.decode("mulaw", bytes(range(256)))
    assert converter.feed(bytes(range(256))) == g711.encode("alaw", samples)
    assert converter.flush() == b""


def test_the_stream_begins_anew_when_it_was_flushed():
    converter = Converter(PCM_16K, PCM_24K)
    first = converter.feed(_tone(0.1, 16_000)) + converter.flush()
    second = converter.feed(_tone(0.1, 16_000)) + converter.flush()
    assert _is_the_same_sound(first, second)


def test_nothing_comes_of_a_stream_that_was_fed_nothing():
    converter = Converter(PCM_16K, PCM_24K)
    assert converter.feed(b"") == converter.flush() == b""


@pytest.mark.parametrize("source", [PCM_16K, MULAW_16K])
@given(cuts=st.lists(st.integers(0, 6_400), max_size=20))
def test_pieces_come_to_the_same_as_the_whole_wherever_it_is_cut(source, cuts):
    data = _tone(0.2, 16_000)
    whole, pieces = Converter(source, PCM_24K), Converter(source, PCM_24K)
    bounds = [0, *sorted(cuts), len(data)]
    parts = [pieces.feed(data[start:end]) for start, end in itertools.pairwise(bounds)]
    assert _is_the_same_sound(b"".join(parts) + pieces.flush(), whole.feed(data) + whole.flush())
