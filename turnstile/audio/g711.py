"""Encodes and decodes G.711 (ITU-T G.711) by table: both laws, 16-bit samples."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_CODE: Final = np.dtype(np.uint8)
_BITS: Final = np.dtype("<u2")
Samples = np.ndarray[Any, np.dtype[np.int16]]


def _mulaw() -> Samples:
    """Return the sample of each code: sign, three bits of segment, four of step, all inverted."""
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << (code >> 4 & 0x07)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw() -> Samples:
    """Return the sample of each code: sign, three bits of segment, four of step, every other bit inverted."""
    code = np.arange(256) ^ 0x55
    segment, step = code >> 4 & 0x07, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _codes(decoded: Samples) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return the code of each of the 65,536 samples, by the sample's bits: the code of the nearest one."""
    order = np.argsort(decoded, kind="stable")
    levels = decoded[order].astype(np.int32)
    samples = np.arange(-0x8000, 0x8000)
    nearest = order[np.searchsorted((levels[:-1] + levels[1:]) / 2, samples)].astype(np.uint8)
    return np.roll(nearest, 0x8000)


_SAMPLES: Final[dict[str, Samples]] = {"mulaw": _mulaw(), "alaw": _alaw()}
_CODES: Final = {law: _codes(decoded) for law, decoded in _SAMPLES.items()}


def decode(law: str, data: bytes) -> Samples:
    """Return the samples of G.711 bytes; `law` is ``mulaw`` or ``alaw``."""
    return _SAMPLES[law].take(np.frombuffer(data, _CODE))


def encode(law: str, samples: Samples) -> bytes:
    """Return the G.711 bytes of samples: the code nearest to each."""
    return _CODES[law].take(samples.view(_BITS)).tobytes()


def decoded(law: str, data: bytes) -> bytes:
    """Return the samples of G.711 bytes, as little-endian PCM."""
    return _SAMPLES[law].take(np.frombuffer(data, _CODE)).tobytes()


def encoded(law: str, data: bytes) -> bytes:
    """Return the G.711 bytes of little-endian PCM, whole samples: the code nearest to each."""
    return _CODES[law].take(np.frombuffer(data, _BITS)).tobytes()
