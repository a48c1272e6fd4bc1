"""Writes the WAV header of a stream of unknown length, and reads WAV files of speech."""

from __future__ import annotations

import struct
import wave
from typing import TYPE_CHECKING

from turnstile.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from turnstile.audio.formats import AudioFormat

_UNKNOWN = 0xFFFFFFFF
_TAGS = {"linear16": 1, "alaw": 6, "mulaw": 7}
_LOWEST_RATE, _HIGHEST_RATE = 8_000, 192_000


def wav_header(audio: AudioFormat) -> bytes:
    """Return the 44 bytes before mono `audio`, with the lengths that stand for a stream of unknown length."""
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


def read_wav(path: Path) -> tuple[int, bytes]:
    """Read a file of one channel of 16-bit PCM; return its samples a second and its samples, whole ones only.

    Raises:
        ConfigError: It is no such file; describes the fault and the expected format.
        OSError: It cannot be read.
    """
    try:
        with wave.open(str(path), "rb") as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            data = file.readframes(file.getnframes())
    except EOFError:
        raise ConfigError("invalid_audio", f"{path}: is no WAV file; it ends too soon.") from None
    except wave.Error as error:
        raise ConfigError("invalid_audio", f"{path}: is no WAV file of PCM: {error}.") from None
    if (width, channels) != (2, 1):
        words = f"{path}: has {channels} channels of {8 * width} bits; give one channel of 16 bits."
        raise ConfigError("invalid_audio", words)
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        words = f"{path}: has {rate} samples a second; give {_LOWEST_RATE} to {_HIGHEST_RATE}."
        raise ConfigError("invalid_audio", words)
    return rate, data[: len(data) & ~1]
