"""Voice activity detection by energy: where in the audio speech begins and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from turnstile.simulator.speech import bytes_per_ms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.simulator.settings import Json

WINDOW_MS: Final = 20
"""The length of the pieces whose loudness is told."""
FULL_SCALE: Final = 32_768
"""The largest sample."""
# A threshold of 0.5 is one per cent of full scale: speech is far above it, the noise of a quiet room far below.
_PART_OF_SCALE: Final = 0.02
_LOUD_WINDOWS: Final = 2
_SEMANTIC_SILENCE_MS: Final = {"low": 800, "medium": 500, "auto": 500, "high": 300}
_SEMANTIC_THRESHOLD: Final = 0.5
_SEMANTIC_PADDING_MS: Final = 300


class SpeechStarted(NamedTuple):
    """Speech began.

    Args:
        audio_start_ms: Where the turn begins, padding included, in milliseconds of all audio appended.
    """

    audio_start_ms: int


class SpeechStopped(NamedTuple):
    """Speech ended: silence lasted as long as the turn detection asks for.

    Args:
        audio_end_ms: Where the turn ends, silence included, in milliseconds of all audio appended.
    """

    audio_end_ms: int


def windows_ms(size: int, encoding: str) -> list[float]:
    """Return the length of each window in some audio of `size` bytes, in milliseconds; the last may be shorter."""
    whole, rest = divmod(size / bytes_per_ms(encoding), WINDOW_MS)
    return [float(WINDOW_MS)] * int(whole) + ([rest] if rest else [])


def is_loud(level: float, threshold: float = _SEMANTIC_THRESHOLD) -> bool:
    """Return whether a loudness is that of speech; `threshold` is the session's, from 0 to 1."""
    return level > max(threshold * _PART_OF_SCALE, 1 / FULL_SCALE)


class VoiceDetector:
    """Finds turns in the loudness of successive windows. Counts audio, not time: a pause in sending is no silence."""

    def __init__(self) -> None:
        self.is_speech = False
        self._loud = 0
        self._quiet_ms = 0.0

    def feed(
        self, level: float, begin_ms: float, end_ms: float, settings: Json
    ) -> Iterator[SpeechStarted | SpeechStopped]:
        """Yield the beginning or end of speech that one window brings.

        Args:
            level: The window's loudness.
            begin_ms: Its start in all audio appended.
            end_ms: Its end.
            settings: The session's turn detection.
        """
        loud = is_loud(level, settings.get("threshold", _SEMANTIC_THRESHOLD))
        if not self.is_speech:
            self._loud = self._loud + 1 if loud else 0
            if self._loud >= _LOUD_WINDOWS:
                padding = settings.get("prefix_padding_ms", _SEMANTIC_PADDING_MS)
                self.is_speech, self._quiet_ms = True, 0.0
                yield SpeechStarted(max(0, int(begin_ms - WINDOW_MS * (_LOUD_WINDOWS - 1) - padding)))
            return
        self._quiet_ms = 0.0 if loud else self._quiet_ms + end_ms - begin_ms
        if self._quiet_ms >= _silence_ms(settings):
            self.reset()
            yield SpeechStopped(int(end_ms))

    def reset(self) -> None:
        """Forget the turn, after a commit or a clear of the client."""
        self.is_speech = False
        self._loud = 0
        self._quiet_ms = 0.0


def _silence_ms(settings: Json) -> float:
    if settings["type"] == "semantic_vad":
        return _SEMANTIC_SILENCE_MS[settings["eagerness"]]
    return float(settings["silence_duration_ms"])
