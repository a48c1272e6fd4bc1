"""What the filter does to sound: nothing to what both rates can carry, and away with what the lower one cannot."""

from __future__ import annotations

import itertools
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnstile.audio import resample
from turnstile.audio.formats import SAMPLE_RATES
from turnstile.audio.resample import PhaseResampler, RowResampler, resampler

SERVED = list(itertools.permutations(SAMPLE_RATES, 2))
SPOKEN = [pair for pair in SERVED if 24_000 in pair]
UNUSUAL = [(24_000, 23_999), (8_003, 24_000), (24_000, 11_025), (47_999, 8_000), (44_100, 32_000)]
PAIRS = [*SERVED, *UNUSUAL]
PERIODIC = [pair for pair in PAIRS if isinstance(resampler(*pair), RowResampler)]
LOUD = 16_384


def tone(rate, hertz, seconds=0.25):
    return np.rint(LOUD * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("<i2")


def resampled(source, target, samples, size=None):
    """Return what comes of samples that are fed in frames of so many, 20 ms unless said."""
    stream, data, size = resampler(source, target), samples.tobytes(), 2 * (size or source // 50)
    pieces = [stream.feed(data[start : start + size]) for start in range(0, len(data), size)]
    return np.frombuffer(b"".join([*pieces, stream.flush()]), "<i2").astype(float)


def decibels(ratio):
    return 20 * math.log10(ratio)


def gain_and_noise(samples, rate, hertz):
    """Return in dB how loud a tone came out, and how much louder it is than all else, its ends left out."""
    samples = samples[len(samples) // 5 : -len(samples) // 5]
    angle = 2 * np.pi * hertz * np.arange(len(samples)) / rate
    waves = np.stack([np.sin(angle), np.cos(angle)], 1)
    parts = np.linalg.lstsq(waves, samples, rcond=None)[0]
    loud = np.hypot(*parts)
    rest = np.sqrt(np.mean((samples - waves @ parts) ** 2))
    return decibels(loud / LOUD), decibels(loud / math.sqrt(2) / rest)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_tone_comes_out_as_it_was_when_both_rates_can_carry_it(source, target):
    best = 80 if isinstance(resampler(source, target), RowResampler) else 70
    for part in (0.03, 0.2, 0.4, 0.6, 0.7, 0.8, 7 / 8):
        hertz = part * min(source, target) / 2
        gain, distance = gain_and_noise(resampled(source, target, tone(source, hertz)), target, hertz)
        assert abs(gain) < 0.002
        assert distance >= best


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[0] > pair[1] * 9 / 8])
def test_a_tone_vanishes_when_the_lower_rate_cannot_carry_it(source, target):
    for hertz in np.linspace(9 / 8 * target / 2, 0.99 * source / 2, 8):
        heard = resampled(source, target, tone(source, hertz))[300:-300]
        assert decibels(max(np.sqrt(np.mean(heard**2)), 0.01) / (LOUD / math.sqrt(2))) <= -80


@pytest.mark.parametrize(("source", "target"), [pair for pair in PERIODIC if pair[1] > pair[0] * 9 / 8])
def test_no_image_of_the_sound_appears_above_it_when_the_rate_rises(source, target):
    sounds = sum(tone(source, part * source / 2, 0.5).astype(float) / 4 for part in (0.1, 0.3, 0.6, 7 / 8))
    heard = resampled(source, target, np.rint(sounds).astype("<i2"))[500:-500]
    spectrum = np.abs(np.fft.rfft(heard * np.blackman(len(heard))))
    above = spectrum[int(9 / 8 * source / target * len(spectrum)) :]
    assert decibels(above.max() / spectrum.max()) <= -80


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_an_impulse_comes_out_at_its_moment(source, target):
    samples = np.zeros(source // 5, "<i2")
    samples[source // 10] = LOUD
    heard = resampled(source, target, samples) ** 2
    late = np.sum(heard * np.arange(len(heard))) / np.sum(heard) / target - source // 10 / source
    assert abs(late) < 0.5 / min(source, target)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_what_is_held_back_is_what_the_filter_sees_of_the_future(source, target):
    stream, fed, came = resampler(source, target), 0, 0
    for size in (*[source // 50] * 9, 1, 2, 3, 50, 441, 7):
        fed += size
        came += len(stream.feed(bytes(2 * size))) // 2
        assert 0 <= fed - came * source / target <= math.ceil(16 * max(1, source / target))


@pytest.mark.parametrize(("source", "target", "milliseconds"), [
    (8_000, 24_000, 2.1), (24_000, 8_000, 2.1), (16_000, 24_000, 1.1), (24_000, 16_000, 1.1), (44_100, 24_000, 1.1),
    (24_000, 44_100, 1.1), (48_000, 24_000, 1.1), (22_050, 24_000, 1.1),
])  # fmt: skip
def test_frames_of_20_ms_are_held_back_by_no_more_than_a_promise(source, target, milliseconds):
    stream, came = resampler(source, target), 0
    for frame in range(1, 51):
        came += len(stream.feed(bytes(2 * (source // 50)))) // 2
        assert 1000 * (frame * (source // 50) / source - came / target) <= milliseconds


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("fed", [0, 1, 2, 15, 16, 17, 320, 441, 4_000])
def test_a_stream_lasts_as_long_as_what_was_fed(source, target, fed):
    stream = resampler(source, target)
    assert len(stream.feed(bytes(2 * fed)) + stream.flush()) // 2 == math.ceil(fed * target / source)


CUTS = st.lists(st.integers(0, 4_000), max_size=12)


@pytest.mark.parametrize(("source", "target"), [*SPOKEN, *UNUSUAL, (44_100, 16_000), (8_000, 48_000)])
@settings(max_examples=25)
@given(cuts=CUTS)
def test_pieces_come_to_the_same_as_the_whole_wherever_they_are_cut(source, target, cuts):
    data = np.random.default_rng(3).integers(-0x8000, 0x8000, 2_000).astype("<i2").tobytes()
    whole, pieces = resampler(source, target), resampler(source, target)
    bounds = [0, *sorted(cuts), len(data)]
    came = b"".join([pieces.feed(data[start:end]) for start, end in itertools.pairwise(bounds)]) + pieces.flush()
    expected = whole.feed(data) + whole.flush()
    assert len(came) == len(expected)
    assert np.max(np.abs(np.frombuffer(came, "<i2").astype(int) - np.frombuffer(expected, "<i2"))) <= 1


@pytest.mark.parametrize(("source", "target"), [(16_000, 24_000), (24_000, 23_999)])
def test_half_a_sample_is_dropped_when_the_stream_is_flushed_and_begins_anew(source, target):
    sound, stream = tone(source, 300).tobytes(), resampler(source, target)
    first = stream.feed(sound) + stream.feed(b"x") + stream.flush()
    second = stream.feed(sound) + stream.flush()
    assert first == second


@pytest.mark.parametrize(("source", "target"), [(16_000, 24_000), (24_000, 23_999)])
def test_what_is_louder_than_a_sample_can_be_is_cut_off(source, target):
    samples = np.where(np.arange(source // 10) % 80 < 40, 0x7FFF, -0x8000).astype("<i2")
    heard = resampled(source, target, samples)
    assert (heard.max(), heard.min()) == (0x7FFF, -0x8000)
    assert np.count_nonzero(np.abs(np.diff(heard)) > 0x8000) <= 2 * len(samples) // 40


@pytest.mark.parametrize(("source", "target"), PERIODIC)
@pytest.mark.parametrize("size", [1, 160, 1_000_000])
def test_no_product_is_so_large_that_threads_would_share_it(source, target, size, monkeypatch):
    products = []
    rounded = resample._rounded

    def rounding(samples):
        products.append(samples.shape[0] * resampler(source, target)._rows.matrix.size)
        return rounded(samples)

    monkeypatch.setattr(resample, "_rounded", rounding)
    stream = resampler(source, target)
    stream.feed(bytes(2 * size))
    stream.flush()
    assert max(products) < 1 << 19


def test_streams_share_the_filter_of_their_rates_and_keep_little_of_their_own():
    streams = [resampler(16_000, 24_000) for _ in range(3)]
    assert len({id(stream._rows) for stream in streams}) == 1
    for stream in streams:
        stream.feed(bytes(640))
        assert sys.getsizeof(stream) + sys.getsizeof(stream._rest) < 250


@pytest.mark.parametrize("pair", [(16_000, 24_000), (24_000, 23_999)])
def test_a_shared_filter_cannot_be_changed(pair):
    stream = resampler(*pair)
    weights = stream._rows.matrix if isinstance(stream, RowResampler) else stream._phases
    with pytest.raises(ValueError, match="read-only"):
        weights[0, 0] = 1


class Counted(np.ndarray):
    """An array that counts how many numbers are worked on wherever it takes part."""

    work = 0

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        arrays = [np.asarray(each) for each in inputs]
        result = getattr(ufunc, method)(*arrays, **options)
        Counted.work += sum(each.size for each in arrays)
        if out is None:
            return result.view(Counted) if isinstance(result, np.ndarray) else result
        out[0].view(np.ndarray)[...] = result
        return out[0]


@pytest.mark.parametrize(("source", "target"), [*PAIRS, (47_999, 8_001)])
def test_a_filter_is_built_by_one_solution_whose_work_is_the_square_of_what_it_sees(source, target, monkeypatch):
    solutions, solution = [], resample._solution

    def counted(noise, right):
        Counted.work = 0
        solved = solution(noise.view(Counted), right.view(Counted))
        solutions.append((*right.shape, Counted.work))
        return solved

    monkeypatch.setattr(resample, "_solution", counted)
    for kept in (resample._rows, resample._phases):
        kept.cache_clear()
    resampler(source, target)
    [(phases, seen, work)] = solutions
    assert (phases, seen <= 264) == (10, True)
    assert seen**2 < work < 3 * phases * seen**2


@pytest.mark.parametrize(("source", "target"), [(16_000, 24_000), (48_000, 8_000), (24_000, 23_999), (44_100, 8_000)])
def test_a_filter_has_the_least_error_on_noise_at_each_phase(source, target):
    up, down = target // math.gcd(source, target), source // math.gcd(source, target)
    weights, phases = resample._weights(up, down, min(up, 300)), min(up, 300)
    places = np.arange(1 - math.ceil(28 * max(1, down / up)), math.ceil(16 * max(1, down / up)) + 1)
    band = min(1, up / down)
    apart = np.subtract.outer(places, places)
    begin = min(1, 1.122 * band)
    noise = 0.878 * band * np.sinc(0.878 * band * apart) - begin * np.sinc(begin * apart) + (1 + 1e-7) * (apart == 0)
    right = 0.878 * band * np.sinc(0.878 * band * (places - np.arange(phases)[:, None] / phases))
    best = np.linalg.solve(noise, right.T).T
    assert weights.shape == best.shape
    assert np.abs(weights - best / best.sum(1, keepdims=True)).max() < 2e-7


def test_a_filter_is_small_whatever_the_rates():
    assert max(resampler(*pair)._rows.matrix.nbytes for pair in PERIODIC) < 1 << 19
    for pair in UNUSUAL:
        stream = resampler(*pair)
        assert isinstance(stream, RowResampler) or stream._phases.nbytes <= 1 << 19


def test_rates_of_little_in_common_have_a_filter_of_their_own_kind():
    assert [type(resampler(*pair)) for pair in [(24_000, 11_025), (24_000, 23_999)]] == [RowResampler, PhaseResampler]


def spoken(rate, seconds=1.5):
    """Return something like speech: a gliding voice through three formants, a hiss, and a stop with its burst."""
    moments = np.arange(int(rate * seconds)) / rate
    pitch = 110 + 40 * np.sin(2 * np.pi * 1.3 * moments)
    source = np.diff(np.floor(np.cumsum(pitch) / rate), prepend=0)  # a pulse at each opening of the glottis
    noise = np.random.default_rng(5).normal(0, 0.3, len(moments))
    source = np.where(moments % 0.5 < 0.35, source, np.where(moments % 0.5 < 0.45, noise, 0))
    heard = np.zeros(len(moments))
    for hertz, width in ((700, 90), (1_220, 110), (2_600, 160)):
        decay = np.exp(-np.pi * width * moments[: rate // 20]) * np.sin(2 * np.pi * hertz * moments[: rate // 20])
        heard += np.convolve(source, decay)[: len(moments)]
    return np.rint(20_000 * heard / np.abs(heard).max()).astype("<i2")


def bend_at_borders(samples, borders):
    """Return the largest second difference where pieces meet, as a part of the largest anywhere else."""
    bends = np.abs(np.diff(samples, 2))
    near = np.zeros(len(bends), bool)
    for border in borders:
        near[max(0, border - 2) : border + 1] = True
    return bends[near].max() / bends[~near].max()


@pytest.mark.parametrize(("source", "target"), SPOKEN)
def test_no_click_is_heard_where_the_pieces_of_speech_meet(source, target):
    speech, size = spoken(source), source // 50
    stream = resampler(source, target)
    pieces = [stream.feed(speech[start : start + size].tobytes()) for start in range(0, len(speech), size)]
    borders = np.cumsum([len(piece) // 2 for piece in pieces])[:-1]
    assert bend_at_borders(np.frombuffer(b"".join(pieces), "<i2").astype(float), borders) <= 1


def test_a_click_would_be_heard_if_each_piece_of_speech_were_a_stream_of_its_own():
    speech = spoken(16_000)
    pieces = [resampled(16_000, 24_000, speech[start : start + 320]) for start in range(0, len(speech), 320)]
    borders = np.cumsum([len(piece) for piece in pieces])[:-1]
    assert bend_at_borders(np.concatenate(pieces), borders) > 1


def test_streams_that_share_a_filter_do_not_disturb_each_other_on_threads_of_their_own():
    speech = spoken(16_000)
    with ThreadPoolExecutor(4) as threads:
        heard = list(threads.map(lambda _: resampled(16_000, 24_000, speech), range(8)))
    assert all(np.array_equal(one, heard[0]) for one in heard)
