"""A Realtime client's translator that also knows how long the client plays what it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from turnstile.audio.formats import PCM_24K, read_format
from turnstile.translate.playback_clock import PlaybackClock
from turnstile.translate.to_realtime_client import RealtimeTranslator

if TYPE_CHECKING:
    from turnstile.protocol.frames import Frame
    from turnstile.translate.to_realtime_client import Json

# After these events a client plays no more of what it has: of the user who breaks in, and of what it cut off itself.
_STOPS: Final = frozenset({"input_audio_buffer.speech_started", "conversation.item.truncated"})
# Characters of base64 for each byte.
_EXPANSION = 4 / 3


class PlayedRealtimeTranslator(RealtimeTranslator):
    """The translator for one Realtime client whose session ends when it is idle: while the agent is heard it is not."""

    def __init__(self, id_prefix: str, *, is_beta: bool) -> None:
        super().__init__(id_prefix, is_beta=is_beta)
        self._playback = PlaybackClock()
        self.set_upstream_format(None)

    @property
    def played_until(self) -> float:
        """When the client has played what it was sent, if it plays at once and in order."""
        return self._playback.ends

    def set_upstream_format(self, shown: object) -> None:
        """Measure audio in this format; as the API's default where none is shown, or one that is not known."""
        audio = (None if shown is None else read_format(shown)) or PCM_24K
        self._characters_per_ms = audio.sample_width * audio.sample_rate / 1000 * _EXPANSION

    def audio(self, event: Json, now: float, data: bytes | None = None) -> list[Frame]:
        """Return one ``response.output_audio.delta`` as received, and measure it."""
        item_id, delta = event.get("item_id"), event.get("delta")
        if isinstance(item_id, str) and isinstance(delta, str):
            self._playback.play(item_id, len(delta) / self._characters_per_ms, now)
        return super().audio(event, now, data)

    def translate(self, event: Json, now: float, data: bytes | None = None, *, is_valid: bool = False) -> list[Frame]:
        """Return the event without what the proxy added; the playing stops where the client stops it."""
        if event["type"] in _STOPS:
            self._playback.stop()
        return super().translate(event, now, data, is_valid=is_valid)
