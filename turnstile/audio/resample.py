"""Resamples a stream of audio: a low-pass filter, applied to rows of outputs as one matrix product.

The filter has the least error on noise (least squares): the lower seven eighths of the band that both rates have pass
unchanged and without phase shift; what is above nine eighths of it is removed. It covers 28 samples of the lower rate
up to each output, and the 16 after it. These 16 are the only delay of a stream: 1 ms at 16 kHz. More of the past than
of the future costs no delay, and lowers the error by 15 dB.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev

Doubles = np.ndarray[Any, np.dtype[np.float64]]
Floats = np.ndarray[Any, np.dtype[np.float32]]

_SAMPLE: Final = np.dtype("<i2")
_LOWEST: Final = np.array(-0x8000, np.float32)
_HIGHEST: Final = np.array(0x7FFF, np.float32)

# How many samples of the lower rate the filter covers up to an output, and after it.
_PAST: Final = 28
_FUTURE: Final = 16
# End of the pass band and beginning of the stop band, as parts of the band: a little nearer to each other than 7/8 and
# 9/8, since the error is largest at these ends. Additional noise of all frequencies keeps the weights small.
_PASS_END: Final = 0.878
_STOP_BEGIN: Final = 1.122
_NOISE: Final = 1e-7
# Of the polynomials for the weights as a function of the phase: exact to 32 bits.
_DEGREE: Final = 9

# OpenBLAS, numpy's own BLAS on most systems, computes larger products on several threads, which then spin for a while.
_LARGEST_PRODUCT: Final = (1 << 19) - 1
_LARGEST_MATRIX: Final = _LARGEST_PRODUCT // 4
# Of a filter for rates with a small common divisor, and the bytes that it takes at once.
_MOST_WEIGHTS: Final = 1 << 17
_PIECE: Final = 4_096
# Filters that are cached: one for each pair of supported rates, and some for upstreams that show others.
_PAIRS: Final = 64


def resampler(source: int, target: int) -> Resampler:
    """Return the resampler for a pair of rates.

    Args:
        source: Samples a second of the input.
        target: Samples a second of the output.
    """
    common = math.gcd(source, target)
    up, down = target // common, source // common
    has_short_period = up * (down + sum(_reach(up, down))) <= _LARGEST_MATRIX
    return RowResampler(up, down) if has_short_period else PhaseResampler(up, down)


class Resampler(ABC):
    """Resample a stream of 16-bit samples by the ratio `up` / `down`.

    Args:
        up: How many samples of output
        down: come of so many samples of input.
    """

    __slots__ = ("_next", "_ratio", "_rest")

    def __init__(self, up: int, down: int) -> None:
        self._ratio = (up, down)
        self._begin()

    def _begin(self) -> None:
        past, _ = _reach(*self._ratio)
        self._rest = bytes(2 * (past - 1))
        self._next = 0

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """Return the samples that the next piece of input, cut anywhere, completes."""

    def flush(self) -> bytes:
        """Return the rest of the output; half a sample is dropped, and a new stream begins."""
        _, future = _reach(*self._ratio)
        self._rest = self._rest[: len(self._rest) & ~1]
        rest = self.feed(bytes(2 * future))
        self._begin()
        return rest

    def _feed_all(self, data: bytes, limit: int) -> bytes:
        return b"".join([self.feed(data[start : start + limit]) for start in range(0, len(data), limit)])


class RowResampler(Resampler):
    """Resample between rates with a short period: some periods make a row, the rows of a piece one product."""

    __slots__ = ("_rows",)  # `_next` is an output of the first row

    def __init__(self, up: int, down: int) -> None:
        super().__init__(up, down)
        self._rows = _rows(up, down)

    def feed(self, data: bytes) -> bytes:
        """Return the samples that the next piece of input, cut anywhere, completes."""
        up, down, lead, width, stride, outputs, matrix, limit = self._rows
        if len(data) > limit:
            return self._feed_all(data, limit)
        data = self._rest + data
        complete = ((len(data) >> 1) * up - lead) // down
        given = self._next
        if complete <= given:
            self._rest = data
            return b""
        rows = complete // outputs
        self._rest = data[stride * rows :]
        self._next = complete - outputs * rows
        if self._next:  # the last row is not complete: its first outputs are
            rows += 1
            data += bytes(2 * width)
        samples = np.ndarray((rows, width), _SAMPLE, data, 0, (stride, 2)).dot(matrix)
        return _rounded(samples)[2 * given : 2 * complete]


class PhaseResampler(Resampler):
    """Resample between rates with a small common divisor: each output has the weights of its phase."""

    __slots__ = ("_phases",)  # `_next` is where the next output lies behind the first that can be, in steps

    def __init__(self, up: int, down: int) -> None:
        super().__init__(up, down)
        self._phases = _phases(up, down)

    def feed(self, data: bytes) -> bytes:
        """Return the samples that the next piece of input, cut anywhere, completes."""
        if len(data) > _PIECE:
            return self._feed_all(data, _PIECE)
        up, down = self._ratio
        phases, taps = self._phases.shape
        data = self._rest + data
        windows = (len(data) >> 1) - taps + 1
        places = np.arange(self._next, windows * up, down)
        passed, self._next = divmod(self._next + down * len(places), up)
        self._rest = data[2 * passed :]
        if not len(places):
            return b""
        first, step = np.divmod(places, up)
        inputs = np.ndarray((windows, taps), _SAMPLE, data, 0, (2, 2))[first].astype(np.float32)
        return _rounded(np.einsum("ij,ij->i", inputs, self._phases[step * phases // up]))


def _rounded(samples: Floats) -> bytes:
    np.minimum(samples, _HIGHEST, out=samples)
    np.maximum(samples, _LOWEST, out=samples)
    np.rint(samples, out=samples)
    return samples.astype(_SAMPLE).tobytes()


class _Rows(NamedTuple):
    up: int
    down: int
    lead: int  # how many steps from the first input to the last one of the first output
    width: int  # inputs of a row
    stride: int  # bytes from one row to the next
    outputs: int  # in a row
    matrix: Floats  # from a row's inputs to its outputs
    limit: int  # bytes in a piece: a larger one is cut


@lru_cache(_PAIRS)
def _rows(up: int, down: int) -> _Rows:
    past, future = _reach(up, down)
    taps = past + future
    # A row takes as many inputs as are held back, so that the outputs of a frame end where a row does.
    periods = max(1, future // down)
    outputs = periods * up
    weights = _weights(up, down, up)
    matrix = np.zeros(((outputs - 1) * down // up + taps, outputs), np.float32)
    for output in range(outputs):
        first, phase = divmod(output * down, up)
        matrix[first : first + taps, output] = weights[phase]
    matrix.flags.writeable = False
    stride = 2 * periods * down
    limit = stride * (_LARGEST_PRODUCT // matrix.size - 3)
    return _Rows(up, down, (taps - 1) * up - down + 1, len(matrix), stride, outputs, matrix, limit)


@lru_cache(_PAIRS)
def _phases(up: int, down: int) -> Floats:
    weights = _weights(up, down, min(up, _MOST_WEIGHTS // sum(_reach(up, down))))
    weights.flags.writeable = False
    return weights


def _reach(up: int, down: int) -> tuple[int, int]:
    """Return how many inputs the filter covers up to an output, and after it."""
    ratio = max(1, down / up)
    return math.ceil(_PAST * ratio), math.ceil(_FUTURE * ratio)


def _weights(up: int, down: int, phases: int) -> Floats:
    """Return a row of weights for each phase: the position of an output between two inputs, in equal steps.

    They solve the normal equations for an input of flat noise in the pass band and in the stop band. They change
    smoothly with the phase, so that a few are solved and the others interpolated.
    """
    past, future = _reach(up, down)
    places = np.arange(1 - past, future + 1)
    apart = np.arange(past + future)
    band = min(1, up / down)
    end, begin = _PASS_END * band, min(1, _STOP_BEGIN * band)
    noise = end * np.sinc(end * apart) - begin * np.sinc(begin * apart) + (1 + _NOISE) * (apart == 0)

    def solved(points: Any) -> Any:
        return _solution(noise, end * np.sinc(end * (places - (points[:, None] + 1) / 2)))

    terms = chebyshev.chebinterpolate(solved, _DEGREE)
    points = chebyshev.chebvander(np.linspace(-1, 1, phases, endpoint=False), _DEGREE)
    most = _LARGEST_PRODUCT // terms.size
    weights = np.concatenate([points[start : start + most] @ terms for start in range(0, phases, most)])
    weights /= weights.sum(1, keepdims=True)
    return weights.astype(np.float32)


def _solution(noise: Doubles, right: Doubles) -> Doubles:
    """Solve the equations of a symmetric positive definite Toeplitz matrix by Levinson's recursion.

    Elimination takes more than ten times as long, and `np.linalg.solve` has OpenBLAS start its threads.

    Args:
        noise: The first column of the matrix.
        right: Right sides, one a row.

    Returns:
        The solutions, one a row.
    """
    solution = np.zeros_like(right)
    solution[:, 0] = right[:, 0] / noise[0]
    error, rest = np.zeros(len(noise)), noise[0]  # of the best prediction from the samples before, as a filter
    error[0] = 1
    for size in range(1, len(noise)):
        others, grown = noise[size:0:-1], error[: size + 1]
        grown -= others.dot(error[:size]) / rest * grown[::-1]
        rest = noise[: size + 1].dot(grown)
        missing = right[:, size] - solution[:, :size].dot(others)
        solution[:, : size + 1] += np.multiply.outer(missing / rest, grown[::-1])
    return solution
