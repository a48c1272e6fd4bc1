"""Audio formats: those that a client may use, and those that the Realtime API takes.

The API takes 16-bit PCM at 24 kHz, and G.711 at 8 kHz in both laws (API reference, ``session.audio.input.format``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from turnstile.errors import ClientProtocolError

if TYPE_CHECKING:
    from collections.abc import Mapping

# How many characters of the client's value an error repeats.
_SHOWN = 40

Encoding = Literal["linear16", "mulaw", "alaw"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
SAMPLE_RATES = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
G711_SAMPLE_RATES = (8_000, 16_000)


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """A format of mono audio.

    Args:
        encoding: 16-bit little-endian PCM, or one of the two laws of G.711.
        sample_rate: Samples a second.
    """

    encoding: Encoding
    sample_rate: int

    @property
    def sample_width(self) -> int:
        """Bytes a sample."""
        return 2 if self.encoding == "linear16" else 1

    @property
    def upstream(self) -> AudioFormat:
        """The format on the upstream link: itself where the API takes it, 24 kHz PCM otherwise."""
        return self if self in _NAMES else PCM_24K

    def milliseconds(self, size: int) -> float:
        """Return how long `size` bytes last."""
        return size * 1000 / (self.sample_width * self.sample_rate)

    def size(self, milliseconds: float) -> int:
        """Return how many bytes last `milliseconds`, whole samples."""
        return int(milliseconds * self.sample_rate / 1000) * self.sample_width

    def silence(self, size: int) -> bytes:
        """Return `size` bytes of silence."""
        return _SILENCE[self.encoding] * size

    def realtime(self) -> dict[str, str | int]:
        """Return the format on the upstream link, in the API's form."""
        return {**_NAMES[self.upstream]}


_SILENCE = {"linear16": b"\x00", "mulaw": b"\xff", "alaw": b"\xd5"}
PCM_24K = AudioFormat("linear16", 24_000)
_NAMES: dict[AudioFormat, dict[str, str | int]] = {
    PCM_24K: {"type": "audio/pcm", "rate": 24_000},
    AudioFormat("mulaw", 8_000): {"type": "audio/pcmu"},
    AudioFormat("alaw", 8_000): {"type": "audio/pcma"},
}

# The names of the API and those of its beta, with the rate where none is given.
_NAMED: dict[object, AudioFormat] = {
    **dict.fromkeys(("audio/pcm", "pcm16"), PCM_24K),
    **dict.fromkeys(("audio/pcmu", "g711_ulaw"), AudioFormat("mulaw", 8_000)),
    **dict.fromkeys(("audio/pcma", "g711_alaw"), AudioFormat("alaw", 8_000)),
}
_RATES = range(8_000, 48_001)


def read_format(shown: object) -> AudioFormat | None:
    """Return the format that upstream shows, or None for one that cannot be converted.

    Args:
        shown: ``{"type": "audio/pcm", "rate": 24000}``, or a name of the beta's; some servers give other rates.
    """
    name, rate = (shown.get("type"), shown.get("rate")) if isinstance(shown, dict) else (shown, None)
    known = _NAMED.get(name) if isinstance(name, str) else None
    if known is None or rate is None:
        return known
    return AudioFormat(known.encoding, int(rate)) if isinstance(rate, int | float) and rate in _RATES else None


def parse_format(field: str, encoding: str | None, sample_rate: int | None, default: AudioFormat) -> AudioFormat:
    """Read an audio format of Settings; what is not given is as in `default`.

    Args:
        field: The field that it is in, for the error.
        encoding: ``linear16``, ``mulaw`` or ``alaw``.
        sample_rate: Samples a second.
        default: The profile's.

    Raises:
        ClientProtocolError: The format is not supported; names the field and the values that are.
    """
    if encoding is None:
        encoding = default.encoding
    known: Mapping[str, Encoding] = {name: name for name in ENCODINGS}
    if encoding not in known:
        text = f"Settings: {field}.encoding: {encoding[:_SHOWN]!r} is not served; use {_or(ENCODINGS)}."
        raise ClientProtocolError("unsupported_encoding", text, "Settings")
    if sample_rate is None:
        sample_rate = default.sample_rate if encoding == "linear16" else G711_SAMPLE_RATES[0]
    rates = SAMPLE_RATES if encoding == "linear16" else G711_SAMPLE_RATES
    if sample_rate not in rates:
        raise ClientProtocolError(
            "unsupported_sample_rate",
            f"Settings: {field}.sample_rate: {sample_rate} is not served with {encoding}; use {_or(rates)}.",
            "Settings",
        )
    return AudioFormat(known[encoding], sample_rate)


def _or(values: tuple[object, ...]) -> str:
    *most, last = (str(value) for value in values)
    return f"{', '.join(most)} or {last}"
