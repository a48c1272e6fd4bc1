"""Converts streams of audio between formats; without work or copy where they are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from turnstile.audio import g711
from turnstile.audio.resample import resampler

if TYPE_CHECKING:
    from turnstile.audio.formats import AudioFormat


def converted(data: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """Return a complete piece of audio in another format."""
    converter = Converter(source, target)
    return converter.feed(data) + converter.flush()


_SAMPLE = np.dtype("<i2")


class Converter:
    """Convert a stream of audio, cut anywhere, from one format to another.

    Args:
        source: The format of the input.
        target: The format of the output.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._source = source.encoding
        self._target = target.encoding
        rates = source.sample_rate, target.sample_rate
        self._resampler = None if rates[0] == rates[1] else resampler(*rates)
        self._odd = b""

    def feed(self, data: bytes) -> bytes:
        """Convert the next piece; half a sample at its end waits for the next one."""
        if self._source != "linear16":
            if self._resampler is None and self._source == self._target:
                return data
            data = g711.decode(self._source, data).tobytes()
        if self._resampler is not None:
            data = self._resampler.feed(data)
        elif self._odd or len(data) & 1:
            data = self._whole(data)
        if self._target != "linear16":
            return g711.encode(self._target, np.frombuffer(data, _SAMPLE))
        return data

    def flush(self) -> bytes:
        """Return what the filter still holds; the stream begins anew, and half a sample left over is dropped."""
        self._odd = b""
        if self._resampler is None:
            return b""
        rest = self._resampler.flush()
        return rest if self._target == "linear16" else g711.encode(self._target, np.frombuffer(rest, _SAMPLE))

    def _whole(self, data: bytes) -> bytes:
        data = self._odd + data
        cut = len(data) & ~1
        self._odd = data[cut:]
        return data[:cut]
