"""The WAV header of a stream whose length is not known yet."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnstile.audio.formats import AudioFormat

_UNKNOWN = 0xFFFFFFFF
_TAGS = {"linear16": 1, "alaw": 6, "mulaw": 7}


def wav_header(audio: AudioFormat) -> bytes:
    """Return the 44 bytes that go before mono `audio`, with the lengths that players take for "until it ends"."""
    width, rate = audio.sample_width, audio.sample_rate
    layout = struct.pack("<HHIIHH", _TAGS[audio.encoding], 1, rate, rate * width, width, width * 8)
    return b"".join(
        (
            b"RIFF",
            struct.pack("<I", _UNKNOWN),
            b"WAVEfmt ",
            struct.pack("<I", len(layout)),
            layout,
            b"data",
            struct.pack("<I", _UNKNOWN),
        )
    )
