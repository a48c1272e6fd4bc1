"""Speech as tones: one for each word."""

from __future__ import annotations

import math
import zlib
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pybase64

from turnstile.audio import g711

if TYPE_CHECKING:
    from collections.abc import Callable

PCM, PCMU, PCMA = "audio/pcm", "audio/pcmu", "audio/pcma"
_RATES: Final = {PCM: 24_000, PCMU: 8_000, PCMA: 8_000}
_SAMPLE_BYTES: Final = {PCM: 2, PCMU: 1, PCMA: 1}
_AMPLITUDE: Final = 8_000
_FADE_MS: Final = 5
_MS_PER_LETTER: Final = 20
_SHORTEST_MS: Final = 80
_LONGEST_MS: Final = 300
_GAP_MS: Final = 20


_ENCODERS: Final[dict[str, Callable[[np.ndarray[Any, Any]], bytes]]] = {
    PCM: lambda samples: samples.tobytes(),
    PCMU: partial(g711.encode, "mulaw"),
    PCMA: partial(g711.encode, "alaw"),
}


class SpokenWord(NamedTuple):
    """The audio of one word.

    Args:
        base64: The audio, as a delta carries it.
        milliseconds: Its length.
    """

    base64: str
    milliseconds: float


def bytes_per_ms(encoding: str) -> float:
    """Return the bytes of a millisecond in an audio format."""
    return _RATES[encoding] * _SAMPLE_BYTES[encoding] / 1000


def sample_bytes(encoding: str) -> int:
    """Return the bytes of a sample in an audio format."""
    return _SAMPLE_BYTES[encoding]


def spoken(word: str, encoding: str, speed: float) -> SpokenWord:
    """Return a word as a tone, with a length by its letters and a pitch of its own.

    Args:
        word: The word.
        encoding: ``audio/pcm`` (24 kHz, 16 bit little endian), ``audio/pcmu`` or ``audio/pcma`` (8 kHz).
        speed: The speed of the speech; 1 is normal.
    """
    letters = len(word.strip())
    milliseconds = min(max(_MS_PER_LETTER * letters, _SHORTEST_MS), _LONGEST_MS)
    pitch = 200 + 25 * (zlib.crc32(word.strip().lower().encode("utf-8", "surrogatepass")) % 16)
    return _tone(pitch, round(milliseconds / speed), encoding)


@lru_cache(maxsize=1024)
def _tone(pitch: int, milliseconds: int, encoding: str) -> SpokenWord:
    rate = _RATES[encoding]
    count = rate * milliseconds // 1000
    seconds = np.arange(count) / rate
    fade = np.minimum(1.0, np.minimum(np.arange(count), np.arange(count)[::-1]) / (rate * _FADE_MS / 1000))
    wave = np.sin(2 * math.pi * pitch * seconds) * fade * _AMPLITUDE
    samples: np.ndarray[Any, Any] = np.concatenate([wave, np.zeros(rate * _GAP_MS // 1000)]).astype("<i2")
    data = _ENCODERS[encoding](samples)
    return SpokenWord(pybase64.b64encode(data).decode("ascii"), milliseconds + _GAP_MS)
