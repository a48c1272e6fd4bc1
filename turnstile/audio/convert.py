"""Streaming conversion between formats; nothing is done, and nothing copied, where they are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

if TYPE_CHECKING:
    from turnstile.audio.formats import AudioFormat


class Converter:
    """Converts a stream of linear PCM from one sample rate to another, whatever the frames it comes in.

    G.711 travels unchanged, since the API speaks both laws: source and target differ in the rate of PCM only.

    Args:
        source: What is fed.
        target: What comes out.

    Raises:
        ValueError: The two differ in more than the rate of linear PCM.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        if source != target and not source.encoding == target.encoding == "linear16":
            raise ValueError(f"{source} cannot be converted to {target}")
        self._identical = source == target
        self._odd = b""
        self._stream: Any = None
        if not self._identical:
            self._stream = soxr.ResampleStream(source.sample_rate, target.sample_rate, 1, dtype="int16", quality="HQ")

    def feed(self, data: bytes) -> bytes:
        """Convert the next piece; half a sample at its end waits for the next one."""
        if self._identical:
            return data
        if self._odd:
            data = self._odd + data
        cut = len(data) & ~1
        self._odd = data[cut:]
        return self._resample(data[:cut], last=False)

    def flush(self) -> bytes:
        """Return what the filter still holds; the stream begins anew."""
        if self._identical:
            return b""
        self._odd = b""
        rest = self._resample(b"", last=True)
        self._stream.clear()
        return rest

    def _resample(self, data: bytes, *, last: bool) -> bytes:
        samples = np.frombuffer(data, dtype="<i2")
        result: bytes = self._stream.resample_chunk(samples, last=last).astype("<i2", copy=False).tobytes()
        return result
