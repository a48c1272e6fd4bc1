"""Prepares input audio for upstream: converts it, cuts it to the size of an append, counts it for the commit."""

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
    """Convert and count the input audio of one session."""

    def __init__(self) -> None:
        self._source: AudioFormat | None = None
        self._confirmed: AudioFormat | None = None
        self._target = PCM_24K
        self._converter: Converter | None = None
        self._uncommitted = 0

    @property
    def has_format(self) -> bool:
        """Whether the format of the client's audio is known."""
        return self._converter is not None

    def set_client_format(self, source: AudioFormat) -> None:
        """Set the format of the client's audio; the same format again does not restart the stream."""
        if source != self._source:
            self._source = source
            self._set_target(self._confirmed or source.upstream)

    def set_upstream_format(self, shown: object) -> None:
        """Set the format that upstream has confirmed, in the API's form; one that is not supported is ignored."""
        self._confirmed = read_format(shown)
        target = self._confirmed or (self._source.upstream if self._source else PCM_24K)
        if target != self._target:
            self._set_target(target)

    def _set_target(self, target: AudioFormat) -> None:
        uncommitted = self.uncommitted
        self._target = target
        self._uncommitted = target.size(uncommitted)
        if self._source is not None:
            self._converter = Converter(self._source, target)

    def feed(self, *frames: bytes) -> Sequence[bytes]:
        """Return the pieces to append for some frames of the client's; none while their format is unknown."""
        if self._converter is None:
            return ()
        return self._pieces(self._converter.feed(frames[0] if len(frames) == 1 else b"".join(frames)))

    def finish(self) -> Sequence[bytes]:
        """Return the pieces that the converter still holds: the turn ends here."""
        return () if self._converter is None else self._pieces(self._converter.flush())

    def _pieces(self, audio: bytes) -> Sequence[bytes]:
        self._uncommitted += len(audio)
        if len(audio) <= APPEND_LIMIT:
            return (audio,) if audio else ()
        return [audio[start : start + APPEND_LIMIT] for start in range(0, len(audio), APPEND_LIMIT)]

    def count(self, size: int) -> None:
        """Count bytes of audio that the client has sent in upstream's format."""
        self._uncommitted += size

    @property
    def uncommitted(self) -> float:
        """How many milliseconds are not committed yet."""
        return self._target.milliseconds(self._uncommitted)

    def milliseconds(self, piece: bytes) -> float:
        """Return the milliseconds of a piece that `feed` returned."""
        return self._target.milliseconds(len(piece))

    def padding(self) -> bytes:
        """Return the silence that is missing for a commit; empty when the audio is enough."""
        missing = self._target.size(COMMIT_MINIMUM_MS) - self._uncommitted
        return self._target.silence(missing) if missing > 0 else b""

    def committed(self) -> None:
        """Reset the count: the audio is committed, or lost with its link."""
        self._uncommitted = 0
