"""G.711 by table (ITU-T G.711): both laws from and to 16 bit samples."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

Samples = np.ndarray[Any, np.dtype[np.int16]]

_CODES: Final = np.arange(256, dtype=np.int32)


def _ulaw_table() -> Samples:
    code = ~_CODES & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 0x07)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_table() -> Samples:
    code = _CODES ^ 0x55
    segment, step = (code >> 4) & 0x07, (code & 0x0F) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


ULAW: Final = _ulaw_table()
ALAW: Final = _alaw_table()
_ULAW_ORDER: Final = np.argsort(ULAW, kind="stable")
_ALAW_ORDER: Final = np.argsort(ALAW, kind="stable")


def decode_ulaw(data: bytes) -> Samples:
    """Return the samples of mu-law bytes."""
    return ULAW[np.frombuffer(data, dtype=np.uint8)]


def decode_alaw(data: bytes) -> Samples:
    """Return the samples of A-law bytes."""
    return ALAW[np.frombuffer(data, dtype=np.uint8)]


def encode_ulaw(samples: Samples) -> bytes:
    """Return the mu-law bytes of samples: the nearest code at or above each."""
    return _encode(samples, ULAW, _ULAW_ORDER)


def encode_alaw(samples: Samples) -> bytes:
    """Return the A-law bytes of samples: the nearest code at or above each."""
    return _encode(samples, ALAW, _ALAW_ORDER)


def _encode(samples: Samples, table: Samples, order: np.ndarray[Any, Any]) -> bytes:
    places = np.minimum(np.searchsorted(table[order], samples), len(table) - 1)
    return order[places].astype(np.uint8).tobytes()
