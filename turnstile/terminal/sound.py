"""Sound of a conversation: what the user says comes from a source, what the agent says goes to sinks."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self

from turnstile.errors import ConfigError
from turnstile.terminal import devices
from turnstile.terminal.wav_devices import WavQuestion, WavRecording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

_SAMPLE_RATE = 24_000
# How long the last piece may take to leave, in seconds.
_GRACE = 5.0


class SoundSource(Protocol):
    """Where the user's voice comes from: 16-bit PCM of one channel, `rate` samples a second."""

    rate: int

    def pieces(self) -> Iterator[bytes]:
        """Give what is said, each piece when it is said, until there is no more or `close` was called."""

    def close(self) -> None:
        """Say nothing more; may be called from any thread, and twice."""


class SoundSink(Protocol):
    """Where the agent's voice goes: 16-bit PCM of one channel, `rate` samples a second."""

    rate: int

    def play(self, data: bytes) -> None:
        """Take the next piece; does not wait until it has been heard."""

    def drop(self) -> None:
        """Throw away what has not been heard: the user has begun to speak."""

    def close(self) -> None:
        """Let what is left be heard, then end."""


class Sound:
    """A source and sinks, as one; silent without any. A context manager, which closes them.

    Args:
        source: What the user says; None says nothing.
        sinks: Where the agent is heard, all at the same rate; nobody listens where there are none.
    """

    def __init__(self, source: SoundSource | None = None, *sinks: SoundSink) -> None:
        self._source = source
        self._sinks = sinks
        self._speaking: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Be open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close; who leaves with an error, Ctrl-C included, does not listen to the end."""
        if kind is not None:
            self.drop()
        self.hush()
        with ExitStack() as closing:
            for sink in self._sinks:
                closing.callback(sink.close)

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens to the agent."""
        return bool(self._sinks)

    @property
    def settings(self) -> dict[str, Any]:
        """The ``audio`` of Settings that fits, to be merged into them; nothing when it is silent."""
        rates = {"input": self._source.rate} if self._source else {}
        if self._sinks:
            rates["output"] = self._sinks[0].rate
        audio = {side: {"encoding": "linear16", "sample_rate": rate} for side, rate in rates.items()}
        return {"audio": audio} if audio else {}

    @contextmanager
    def speaking(self, send: Callable[[bytes], None]) -> Iterator[None]:
        """Pass what the source says to `send`, on a thread of its own, while the block runs."""
        if self._source is None:
            yield
            return
        self._speaking = threading.Thread(
            target=self._speak, args=(self._source, send), name="turnstile-sound", daemon=True
        )
        self._speaking.start()
        try:
            yield
        finally:
            self.hush()
            self._speaking.join(_GRACE)

    @staticmethod
    def _speak(source: SoundSource, send: Callable[[bytes], None]) -> None:
        for piece in source.pieces():
            send(piece)

    def wait_until_said(self) -> None:
        """Wait until the source has said all that it has to say, or was hushed."""
        if self._speaking is not None:
            self._speaking.join()

    def hush(self) -> None:
        """Let the source say nothing more."""
        if self._source is not None:
            self._source.close()

    def play(self, data: bytes) -> None:
        """Let the agent be heard."""
        for sink in self._sinks:
            sink.play(data)

    def drop(self) -> None:
        """Throw away what has not been heard of the agent."""
        for sink in self._sinks:
            sink.drop()


def open_sound(*, audio: bool = False, wav: Path | None = None, save: Path | None = None) -> Sound:
    """Open what a command line asks for.

    Args:
        audio: Microphone and speaker.
        wav: A file to say, in place of the microphone.
        save: A file for what the agent says; replaced if it exists.

    Raises:
        ConfigError: A device is not there or a file cannot be used; it names the fix.
    """
    if wav and save and wav.resolve() == save.resolve():
        raise ConfigError("invalid_audio", f"--save {save}: is the file that is said; save to another.")
    with ExitStack() as opened:
        source: SoundSource | None = WavQuestion(wav) if wav else None
        sinks: list[SoundSink] = []
        if audio:
            microphone, speaker = devices.open_devices()
            opened.callback(speaker.close)
            opened.callback(microphone.close)
            source = microphone
            sinks.append(speaker)
        if save:
            sinks.append(WavRecording(save, sinks[0].rate if sinks else _SAMPLE_RATE))
        opened.pop_all()
        return Sound(source, *sinks)
