"""Tones, computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from turnstile.audio import g711

if TYPE_CHECKING:
    Samples = np.ndarray[Any, Any]

_AMPLITUDE: Final = 8_000
_FADE_MS: Final = 5


def tone(pitch: int, milliseconds: int, gap_ms: int, rate: int, law: str | None) -> bytes:
    """Return a tone that fades in and out, and the silence behind it.

    Args:
        pitch: In hertz.
        milliseconds: Its length.
        gap_ms: The length of the silence.
        rate: Samples a second.
        law: Of G.711, ``mulaw`` or ``alaw``; None for 16-bit little-endian PCM.
    """
    count = rate * milliseconds // 1000
    seconds = np.arange(count) / rate
    fade = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / (rate * _FADE_MS / 1000))
    wave = np.sin(2 * math.pi * pitch * seconds) * fade * _AMPLITUDE
    samples: Samples = np.concatenate([wave, np.zeros(rate * gap_ms // 1000)]).astype("<i2")
    return samples.tobytes() if law is None else g711.encode(law, samples)
