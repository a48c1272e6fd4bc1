"""Microphone and speaker, through `sounddevice` and PortAudio; both are optional, and loaded on demand."""

from __future__ import annotations

import importlib
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from turnstile.errors import ConfigError
from turnstile.terminal.playback_buffer import PlaybackBuffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

T = TypeVar("T")

_OTHERWISE = "or use --wav and --save"
# The API's rate comes first, since it needs no resampling; then those that devices commonly take.
_RATES = (24_000, 48_000, 44_100, 32_000, 16_000)
_PIECES_A_SECOND = 50
# The pieces of the microphone that may wait for the socket: ten seconds.
_WAITING_PIECES = 500
# Seconds that the speaker may take beyond the length of what it plays.
_GRACE = 2.0


class Microphone:
    """The default microphone, from the first call of `pieces`.

    Args:
        sounddevice: The module.

    Raises:
        sounddevice.PortAudioError: There is none, or it cannot be used.
    """

    def __init__(self, sounddevice: ModuleType) -> None:
        self.rate = _rate(sounddevice.check_input_settings, sounddevice.PortAudioError)
        self._pieces: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._stream = sounddevice.RawInputStream(
            samplerate=self.rate,
            channels=1,
            dtype="int16",
            blocksize=self.rate // _PIECES_A_SECOND,
            callback=self._put,
        )

    def _put(self, indata: Any, _frames: int, _time: Any, _status: Any) -> None:
        # The sound card's thread must not block: where the socket does not keep up, audio is lost.
        if self._pieces.qsize() < _WAITING_PIECES:
            self._pieces.put(bytes(indata))

    def pieces(self) -> Iterator[bytes]:
        """Yield the microphone's audio as it comes."""
        with self._lock:
            if self._is_closed:
                return
            self._stream.start()
        while (piece := self._pieces.get()) is not None:
            yield piece

    def close(self) -> None:
        """Close the stream."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._stream.close()
        self._pieces.put(None)


class Speaker:
    """The default speaker; plays its `PlaybackBuffer`, and silence while that is empty.

    Args:
        sounddevice: The module.

    Raises:
        sounddevice.PortAudioError: There is none, or it cannot be used.
    """

    def __init__(self, sounddevice: ModuleType) -> None:
        self.rate = _rate(sounddevice.check_output_settings, sounddevice.PortAudioError)
        self._buffer = PlaybackBuffer(self.rate)
        self._stream = sounddevice.RawOutputStream(samplerate=self.rate, channels=1, dtype="int16", callback=self._fill)
        self._stream.start()

    def _fill(self, outdata: Any, _frames: int, _time: Any, _status: Any) -> None:
        outdata[:] = self._buffer.take(len(outdata))

    def play(self, data: bytes) -> None:
        """Play a piece behind what is queued."""
        self._buffer.put(data)

    def drop(self) -> None:
        """Discard what is queued."""
        self._buffer.drop()

    def close(self) -> None:
        """Play what is queued, then close the stream."""
        try:
            self._buffer.wait_until_empty(_GRACE)
            self._stream.stop()  # waits for what the device has taken
        finally:
            self._stream.close()


def open_devices() -> tuple[Microphone, Speaker]:
    """Open the default microphone and speaker.

    Raises:
        ConfigError: They cannot be used; it names the fix.
    """
    try:
        sounddevice = importlib.import_module("sounddevice")
    except ImportError:
        words = f'--audio: needs sounddevice; pip install "turnstile-realtime[audio]", {_OTHERWISE}.'
        raise ConfigError("missing_extra", words) from None
    except OSError:
        # The module is installed, the library that it loads is not (its wheels for Linux do not contain it).
        words = f"--audio: needs the PortAudio library; apt install libportaudio2 or the like, {_OTHERWISE}."
        raise ConfigError("missing_portaudio", words) from None
    speaker = _opened("speaker", Speaker, sounddevice)
    try:
        return _opened("microphone", Microphone, sounddevice), speaker
    except ConfigError:
        speaker.close()
        raise


def _opened(name: str, device: Callable[[ModuleType], T], sounddevice: ModuleType) -> T:
    try:
        return device(sounddevice)
    except sounddevice.PortAudioError as error:
        words = f"--audio: no {name} can be used ({error}); connect one and allow its use, {_OTHERWISE}."
        raise ConfigError("no_sound_device", words) from None


def _rate(check: Callable[..., None], unusable: type[Exception]) -> int:
    """Return the first rate that the default device takes."""
    for rate in _RATES[:-1]:
        try:
            check(samplerate=rate, channels=1, dtype="int16")
        except unusable:
            continue
        return rate
    # Opening a stream at the last one raises the device's own error.
    return _RATES[-1]
