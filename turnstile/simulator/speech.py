"""Speech as tones: one for each word."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Final, NamedTuple

import pybase64

PCM, PCMU, PCMA = "audio/pcm", "audio/pcmu", "audio/pcma"
_RATES: Final = {PCM: 24_000, PCMU: 8_000, PCMA: 8_000}
_SAMPLE_BYTES: Final = {PCM: 2, PCMU: 1, PCMA: 1}
_LAWS: Final = {PCMU: "mulaw", PCMA: "alaw"}
_MS_PER_LETTER: Final = 20
_SHORTEST_MS: Final = 80
_LONGEST_MS: Final = 300
_GAP_MS: Final = 20


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
    # Imported where it is used, for numpy behind it: not every simulator speaks.
    from turnstile.simulator.tones import tone  # noqa: PLC0415

    data = tone(pitch, milliseconds, _GAP_MS, _RATES[encoding], _LAWS.get(encoding))
    return SpokenWord(pybase64.b64encode(data).decode("ascii"), milliseconds + _GAP_MS)
