"""WAV files in place of a microphone and a speaker."""

from __future__ import annotations

import threading
import time
import wave
from typing import TYPE_CHECKING

from turnstile.audio.convert import converted
from turnstile.audio.formats import PCM_24K, SAMPLE_RATES, AudioFormat
from turnstile.audio.wav_format import read_wav
from turnstile.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from turnstile.ports import Clock

_PIECE_MS = 20
# The API takes half a second of silence for the end of a turn; a slow one is given more.
_SILENCE_MS = 2_000


class WavSource:
    """A file, sent in real time, and then silence, by which the API detects the end of the turn.

    Args:
        path: One channel of 16-bit PCM; resampled where the proxy does not take its rate.
        clock: Seconds.
        wait: Waits until the event is set, for so many seconds at most, and returns whether it is.

    Raises:
        ConfigError: It cannot be used; its text says why, and what is wanted.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock = time.monotonic,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self._clock = clock
        self._wait = wait
        self._closed = threading.Event()
        try:
            self.rate, speech = read_wav(path)
        except OSError as error:
            raise ConfigError("invalid_audio", f"{path}: cannot be read: {error.strerror}.") from None
        if self.rate not in SAMPLE_RATES:
            speech = converted(speech, AudioFormat("linear16", self.rate), PCM_24K)
            self.rate = PCM_24K.sample_rate
        audio = AudioFormat("linear16", self.rate)
        self._data = speech + audio.silence(audio.size(_SILENCE_MS))
        self._step = audio.size(_PIECE_MS)

    def pieces(self) -> Iterator[bytes]:
        """Yield the file piece by piece, each at its time."""
        begin = self._clock()
        for number, start in enumerate(range(0, len(self._data), self._step)):
            due = begin + number * _PIECE_MS / 1000
            if self._wait(self._closed, max(0.0, due - self._clock())):
                return
            yield self._data[start : start + self._step]

    def close(self) -> None:
        """End the audio."""
        self._closed.set()


class WavSink:
    """A file of the agent's audio, one answer after the other without the pauses.

    Args:
        path: The file; replaced if it exists.
        rate: Samples a second.

    Raises:
        ConfigError: It cannot be written.
    """

    def __init__(self, path: Path, rate: int) -> None:
        self.rate = rate
        self._path = path
        self._fault: OSError | None = None
        try:
            self._stream = path.open("wb")
        except OSError as error:
            raise self._unwritable(error) from None
        self._file = wave.open(self._stream, "wb")  # noqa: SIM115 - closed by `close`
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(rate)

    def play(self, data: bytes) -> None:
        """Write the next piece; the first that cannot be written is the last, and `close` raises its error."""
        if self._fault is None:
            try:
                self._file.writeframes(data)
            except OSError as error:
                self._fault = error

    def drop(self) -> None:
        """Keep all: audio that the user has interrupted is recorded too."""

    def close(self) -> None:
        """End the file.

        Raises:
            ConfigError: Not all of it could be written.
        """
        try:
            self._file.close()
            self._stream.close()
        except OSError as error:
            self._fault = self._fault or error
        if self._fault is not None:
            raise self._unwritable(self._fault)

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError("unwritable_audio", f"{self._path}: cannot be written: {error.strerror}; save elsewhere.")
