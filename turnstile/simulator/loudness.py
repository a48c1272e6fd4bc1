"""How loud audio is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from turnstile.audio import g711
from turnstile.simulator.speech import PCM, PCMU, bytes_per_ms, sample_bytes
from turnstile.simulator.vad import FULL_SCALE, WINDOW_MS


def loudness(data: bytes, encoding: str) -> list[float]:
    """Return the root mean square of each window of some audio, as a part of full scale.

    Args:
        data: Whole samples.
        encoding: ``audio/pcm``, ``audio/pcmu`` or ``audio/pcma``.
    """
    if not data:
        return []
    samples = _samples(data, encoding).astype(np.float32)
    window = int(bytes_per_ms(encoding) * WINDOW_MS) // sample_bytes(encoding)
    if len(samples) <= window:  # nearly every frame of a live client
        return [math.sqrt(float(np.dot(samples, samples)) / len(samples)) / FULL_SCALE]
    starts = np.arange(0, len(samples), window)
    energy = np.add.reduceat(samples * samples, starts)
    lengths = np.minimum(window, len(samples) - starts)
    values: list[float] = (np.sqrt(energy / lengths) / FULL_SCALE).tolist()
    return values


def _samples(data: bytes, encoding: str) -> np.ndarray[Any, Any]:
    if encoding == PCM:
        return np.frombuffer(data, dtype="<i2")
    return g711.decode("mulaw" if encoding == PCMU else "alaw", data)
