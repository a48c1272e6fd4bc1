"""A session's input audio on its way upstream: converted, cut to what one append takes, counted for its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K, read_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.audio.formats import AudioFormat

# The API takes at most 15 MiB in one append, and wants at least 100 ms before a commit (API reference,
# `input_audio_buffer.append` and `.commit`).
APPEND_LIMIT = 15 * 1024 * 1024
COMMIT_MINIMUM_MS = 100


class InputAudio:
    """Input audio of one session, as the API takes it."""

    def __init__(self) -> None:
        self._source: AudioFormat | None = None
        self._confirmed: AudioFormat | None = None
        self._wire = PCM_24K
        self._converter: Converter | None = None
        self._uncommitted = 0

    @property
    def is_agreed(self) -> bool:
        """Whether it is known what the client speaks."""
        return self._converter is not None

    def agree(self, source: AudioFormat) -> None:
        """From now on the client speaks `source`; said again, it changes nothing about the stream that is under way."""
        if source != self._source:
            self._source = source
            self._convert(source)

    def upstream_hears(self, shown: object) -> None:
        """Upstream takes the format that it shows, in the API's words; where it cannot be made, what was asked for."""
        self._confirmed = read_format(shown)
        if self._source is not None and self._wire != (self._confirmed or self._source.upstream):
            self._convert(self._source)

    def _convert(self, source: AudioFormat) -> None:
        uncommitted = self._wire.milliseconds(self._uncommitted)
        self._wire = self._confirmed or source.upstream
        self._uncommitted = self._wire.size(uncommitted)
        self._converter = Converter(source, self._wire)

    def feed(self, *frames: bytes) -> Sequence[bytes]:
        """Return the pieces to append for some frames of the client's; none while it is not known what they are."""
        if self._converter is None:
            return ()
        return self._pieces(self._converter.feed(frames[0] if len(frames) == 1 else b"".join(frames)))

    def finish(self) -> Sequence[bytes]:
        """Return the last of what was fed, which the converter still holds: the turn ends here."""
        return () if self._converter is None else self._pieces(self._converter.flush())

    def _pieces(self, audio: bytes) -> Sequence[bytes]:
        self._uncommitted += len(audio)
        if len(audio) <= APPEND_LIMIT:
            return (audio,) if audio else ()
        return [audio[start : start + APPEND_LIMIT] for start in range(0, len(audio), APPEND_LIMIT)]

    @property
    def uncommitted(self) -> float:
        """How many milliseconds wait to be committed."""
        return self._wire.milliseconds(self._uncommitted)

    def milliseconds(self, piece: bytes) -> float:
        """Return how long a piece that `feed` gave lasts."""
        return self._wire.milliseconds(len(piece))

    def padding(self) -> bytes:
        """Return the silence that a commit needs besides what was heard; empty when that is enough."""
        missing = self._wire.size(COMMIT_MINIMUM_MS) - self._uncommitted
        return self._wire.silence(missing) if missing > 0 else b""

    def committed(self) -> None:
        """What was heard is committed, or lost with its link."""
        self._uncommitted = 0
