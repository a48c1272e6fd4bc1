"""Streaming conversion between formats; nothing is done, and nothing copied, where they are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

from turnstile.audio import g711

if TYPE_CHECKING:
    from turnstile.audio.formats import AudioFormat
    from turnstile.audio.g711 import Samples


def converted(data: bytes, source: AudioFormat, target: AudioFormat) -> bytes:
    """Return audio that is there as a whole in another format."""
    converter = Converter(source, target)
    return converter.feed(data) + converter.flush()


_SAMPLE = np.dtype("<i2")


class Converter:
    """Converts a stream of audio from one format to another, whatever the frames it comes in.

    Args:
        source: What is fed.
        target: What comes out.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._source = source.encoding
        self._target = target.encoding
        self._is_identity = source == target
        self._odd = b""
        self._rates = (source.sample_rate, target.sample_rate)
        self._resamples = source.sample_rate != target.sample_rate
        # Made with the first audio: its filter takes 50 KB, more than all else of a session at rest.
        self._stream: Any = None

    def feed(self, data: bytes) -> bytes:
        """Convert the next piece; half a sample at its end waits for the next one."""
        if self._source == "linear16" and (self._odd or len(data) & 1):
            data = self._whole(data)
        if self._is_identity or not data:
            return data
        samples = self._decoded(data)
        if self._resamples:
            if self._stream is None:
                self._stream = soxr.ResampleStream(*self._rates, 1, dtype="int16", quality="HQ")
            samples = self._stream.resample_chunk(samples.reshape(-1, 1))
        return self._encoded(samples)

    def flush(self) -> bytes:
        """Return what the filter still holds; the stream begins anew, and half a sample left over is dropped."""
        self._odd = b""
        if self._stream is None:
            return b""
        rest = self._stream.resample_chunk(np.empty((0, 1), _SAMPLE), last=True)
        self._stream.clear()
        return self._encoded(rest)

    def _whole(self, data: bytes) -> bytes:
        data = self._odd + data
        cut = len(data) & ~1
        self._odd = data[cut:]
        return data[:cut]

    def _decoded(self, data: bytes) -> Samples:
        if self._source != "linear16":
            return g711.decode(self._source, data)
        return np.frombuffer(data, _SAMPLE)

    def _encoded(self, samples: Samples) -> bytes:
        if self._target != "linear16":
            return g711.encode(self._target, samples)
        return samples.tobytes()
