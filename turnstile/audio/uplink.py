"""A session's input audio on its way upstream: held until it may go, converted, cut to what one append takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K
from turnstile.audio.waiting import WaitingAudio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.audio.formats import AudioFormat

# The API takes at most 15 MiB in one append, and wants at least 100 ms before a commit (API reference,
# `input_audio_buffer.append` and `.commit`).
APPEND_LIMIT = 15 * 1024 * 1024
COMMIT_MINIMUM_MS = 100


class InputAudio:
    """Input audio of one session.

    Args:
        max_held: How many bytes wait while the session is not ready; past it the oldest audio is dropped.
    """

    def __init__(self, max_held: int) -> None:
        # Half a sample gone would swap the bytes of all that come behind it.
        self._held = WaitingAudio(max_held, unit=2)
        self._source: AudioFormat | None = None
        self._wire = PCM_24K
        self._converter: Converter | None = None
        self._flowing = False
        self._uncommitted = 0

    @property
    def dropped(self) -> int:
        """Bytes dropped so far."""
        return self._held.dropped

    def agree(self, source: AudioFormat) -> None:
        """From now on the client speaks `source`; said again, it changes nothing about the stream that is under way."""
        if source == self._source:
            return
        self._source = source
        self._wire = source.upstream
        self._converter = Converter(source, self._wire)

    def open(self) -> Sequence[bytes]:
        """Upstream is ready, if a format was agreed: return what waited, as `feed` would have."""
        if self._converter is None:
            return ()
        self._flowing = True
        return self._pieces(self._converter.feed(b"".join(self._held.take())))

    def close(self) -> None:
        """Upstream is gone, and so is what it had heard and not committed."""
        self._flowing = False
        self._uncommitted = 0

    def feed(self, *frames: bytes) -> Sequence[bytes]:
        """Return the pieces to append for some frames of the client's; while nothing may go, hold them."""
        if not self._flowing or self._converter is None:
            for frame in frames:
                self._held.put(frame)
            return ()
        return self._pieces(self._converter.feed(frames[0] if len(frames) == 1 else b"".join(frames)))

    def finish(self) -> Sequence[bytes]:
        """Return the last of what was fed, which the converter still holds: the turn ends here."""
        if self._flowing and self._converter is not None:
            return self._pieces(self._converter.flush())
        return ()

    def _pieces(self, audio: bytes) -> Sequence[bytes]:
        self._uncommitted += len(audio)
        if len(audio) <= APPEND_LIMIT:
            return (audio,) if audio else ()
        return [audio[start : start + APPEND_LIMIT] for start in range(0, len(audio), APPEND_LIMIT)]

    @property
    def has_uncommitted(self) -> bool:
        """Whether there is anything to commit."""
        return self._uncommitted > 0

    def milliseconds(self, piece: bytes) -> float:
        """Return how long a piece that `feed` gave lasts."""
        return self._wire.milliseconds(len(piece))

    def padding(self) -> bytes:
        """Return the silence that a commit needs besides what was heard; empty when that is enough."""
        missing = self._wire.size(COMMIT_MINIMUM_MS) - self._uncommitted
        return self._wire.silence(missing) if missing > 0 else b""

    def committed(self) -> None:
        """What was heard is committed."""
        self._uncommitted = 0
