"""Converts streams of audio between formats; without work or copy where they are the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.audio.formats import AudioFormat, Encoding
    from turnstile.audio.resample import Resampler

    Recoded = Callable[[bytes], bytes]


def converted(data: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """Return a complete piece of audio in another format."""
    converter = Converter(source, target)
    return converter.feed(data) + converter.flush()


def load_conversions() -> None:
    """Import what conversions compute with: the first session that needs one need not wait for that."""
    from turnstile.audio import g711, resample  # noqa: F401, PLC0415


class Converter:
    """Convert a stream of audio, cut anywhere, from one format to another.

    Args:
        source: The format of the input.
        target: The format of the output.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        rates = source.sample_rate, target.sample_rate
        self._resampler = None if rates[0] == rates[1] else _resampler(*rates)
        self._passes_on = source == target and source.encoding != "linear16"
        self._decode = None if source.encoding == "linear16" or self._passes_on else _decoder(source.encoding)
        self._encode = None if target.encoding == "linear16" or self._passes_on else _encoder(target.encoding)
        self._odd = b""

    def feed(self, data: bytes) -> bytes:
        """Convert the next piece; half a sample at its end waits for the next one."""
        if self._passes_on:
            return data
        if self._decode is not None:
            data = self._decode(data)
        if self._resampler is not None:
            data = self._resampler.feed(data)
        elif self._odd or len(data) & 1:
            data = self._whole(data)
        return data if self._encode is None else self._encode(data)

    def flush(self) -> bytes:
        """Return what the filter still holds; the stream begins anew, and half a sample left over is dropped."""
        self._odd = b""
        if self._resampler is None:
            return b""
        rest = self._resampler.flush()
        return rest if self._encode is None else self._encode(rest)

    def _whole(self, data: bytes) -> bytes:
        data = self._odd + data
        cut = len(data) & ~1
        self._odd = data[cut:]
        return data[:cut]


# Imported where they are used: numpy behind them takes a good part of a process's start, and many conversions are none.


def _resampler(source: int, target: int) -> Resampler:
    from turnstile.audio.resample import resampler  # noqa: PLC0415

    return resampler(source, target)


def _decoder(law: Encoding) -> Recoded:
    from turnstile.audio import g711  # noqa: PLC0415

    return partial(g711.decoded, law)


def _encoder(law: Encoding) -> Recoded:
    from turnstile.audio import g711  # noqa: PLC0415

    return partial(g711.encoded, law)
