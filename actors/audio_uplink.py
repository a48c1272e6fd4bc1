"""The client's audio on its way upstream: appended as it comes, committed on command, reported where it is observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.audio.waiting import WaitingAudio
from turnstile.protocol import realtime

if TYPE_CHECKING:
    from collections.abc import Iterable

    from turnstile.audio.formats import AudioFormat
    from turnstile.audio.uplink import InputAudio
    from turnstile.ports import Connection


class AudioUplink:
    """What the UpstreamActor does with audio.

    Args:
        audio: The input audio of the session.
        max_held: How many bytes of a client's own audio events wait for their turn; past it the oldest are dropped.
    """

    def __init__(self, audio: InputAudio, max_held: int) -> None:
        self._audio = audio
        self._held = WaitingAudio(max_held)
        self._connection: Connection | None = None
        self._is_configured = False
        self._waits = False
        self._observes = False
        self._heard = 0.0

    @property
    def dropped(self) -> int:
        """Bytes of audio that could not be held, so far."""
        return self._audio.dropped + self._held.dropped

    def connect(self, connection: Connection) -> None:
        """A link is open; audio goes there once it is configured, a client's own events unless they are to wait."""
        self._connection = connection
        self._let_go()

    def wait(self, *, on: bool) -> None:
        """Hold a client's own events back from now on, or let them go."""
        self._waits = on
        self._let_go()

    def disconnect(self) -> None:
        """The link is gone, and what it had heard and not committed."""
        self._connection = None
        self._is_configured = False
        self._audio.close()

    def configured(self) -> None:
        """Upstream is configured: audio may flow, if its format is agreed."""
        self._is_configured = True
        self._flow(self._audio.open())

    def agree(self, source: AudioFormat) -> None:
        """The client's format is agreed: audio may flow, if upstream is configured."""
        self._audio.agree(source)
        if self._is_configured:
            self._flow(self._audio.open())

    def observe(self, *, on: bool) -> None:
        """Begin to count what goes upstream, or cease to."""
        self._observes = on

    def take_heard(self) -> float:
        """Return the milliseconds of audio that went upstream since the last time, while that is observed."""
        heard, self._heard = self._heard, 0.0
        return heard

    def append(self, *frames: bytes) -> None:
        """Send some frames of the client's, in one piece."""
        self._flow(self._audio.feed(*frames))

    def pass_on(self, event: bytes) -> None:
        """Send an event about the audio that is the client's own."""
        if self._connection is None or self._waits:
            self._held.put(event)
        else:
            self._connection.send_text(event)

    def commit(self, event_id: str) -> bytes | None:
        """Send what is left, padded to what a commit needs; return the commit, or None when there is nothing for it."""
        self._flow(self._audio.finish())
        if not self._audio.has_uncommitted:
            return None
        padding = self._audio.padding()
        if padding and self._connection is not None:
            self._connection.send_text(realtime.input_audio_append(padding))
        self._audio.committed()
        return realtime.input_audio_commit(event_id)

    def committed(self) -> None:
        """Upstream committed by itself what it had heard."""
        self._audio.committed()

    def _let_go(self) -> None:
        if self._connection is not None and not self._waits:
            for event in self._held.take():
                self._connection.send_text(event)

    def _flow(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            if self._connection is not None:
                self._connection.send_text(realtime.input_audio_append(piece))
            if self._observes:
                self._heard += self._audio.milliseconds(piece)
