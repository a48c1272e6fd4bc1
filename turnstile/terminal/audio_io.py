"""The audio of a conversation in the terminal: a source of the user's, sinks for the agent's."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, Self

from turnstile.errors import ConfigError
from turnstile.terminal import devices
from turnstile.terminal.wav_devices import WavSink, WavSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

_SAMPLE_RATE = 24_000
# How long the last piece may take to leave, in seconds.
_GRACE = 5.0


class AudioSource(Protocol):
    """A source of the user's audio: 16-bit PCM of one channel, `rate` samples a second."""

    rate: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the audio in pieces, each at its time, until there is no more or `close` was called."""

    def close(self) -> None:
        """End the audio; may be called from any thread, and twice."""


class AudioSink(Protocol):
    """A sink for the agent's audio: 16-bit PCM of one channel, `rate` samples a second."""

    rate: int

    def play(self, data: bytes) -> None:
        """Take the next piece, without waiting until it was played."""

    def drop(self) -> None:
        """Discard the audio that was not played: the user has begun to speak."""

    def close(self) -> None:
        """Play what is left, then end."""


class AudioIO:
    """A source and sinks as one. A context manager, which closes them.

    Args:
        source: The user's audio; None for none.
        sinks: For the agent's audio, all at the same rate; without any, it is not played.
    """

    def __init__(self, source: AudioSource | None = None, *sinks: AudioSink) -> None:
        self._source = source
        self._sinks = sinks
        self._sender: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Return it, open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close; behind an error, Ctrl-C included, what is left is not played."""
        if kind is not None:
            self.drop()
        self.stop_source()
        with ExitStack() as closing:
            for sink in self._sinks:
                closing.callback(sink.close)

    @property
    def has_output(self) -> bool:
        """Whether the agent's audio is played."""
        return bool(self._sinks)

    @property
    def settings(self) -> dict[str, Any]:
        """The ``audio`` of Settings that fits, to be merged into them; empty without source and sinks."""
        rates = {"input": self._source.rate} if self._source else {}
        if self._sinks:
            rates["output"] = self._sinks[0].rate
        audio = {side: {"encoding": "linear16", "sample_rate": rate} for side, rate in rates.items()}
        return {"audio": audio} if audio else {}

    @contextmanager
    def sending(self, send: Callable[[bytes], None]) -> Iterator[None]:
        """Pass the source's audio to `send`, on a thread of its own, while the block runs."""
        if self._source is None:
            yield
            return
        self._sender = threading.Thread(
            target=self._send_pieces, args=(self._source, send), name="turnstile-audio", daemon=True
        )
        self._sender.start()
        try:
            yield
        finally:
            self.stop_source()
            self._sender.join(_GRACE)

    @staticmethod
    def _send_pieces(source: AudioSource, send: Callable[[bytes], None]) -> None:
        for piece in source.pieces():
            send(piece)

    def wait_until_sent(self) -> None:
        """Wait until the source has ended, or was stopped."""
        if self._sender is not None:
            self._sender.join()

    def stop_source(self) -> None:
        """Stop the source."""
        if self._source is not None:
            self._source.close()

    def play(self, data: bytes) -> None:
        """Play a piece of the agent's audio."""
        for sink in self._sinks:
            sink.play(data)

    def drop(self) -> None:
        """Discard the agent's audio that was not played."""
        for sink in self._sinks:
            sink.drop()


def open_audio(*, audio: bool = False, wav: Path | None = None, save: Path | None = None) -> AudioIO:
    """Open the devices and files that a command line names.

    Args:
        audio: Microphone and speaker.
        wav: A file to send, in place of the microphone.
        save: A file for the agent's audio; replaced if it exists.

    Raises:
        ConfigError: A device is not there or a file cannot be used; it names the fix.
    """
    if wav and save and wav.resolve() == save.resolve():
        raise ConfigError("invalid_audio", f"--save {save}: is the file that is sent; save to another.")
    with ExitStack() as opened:
        source: AudioSource | None = WavSource(wav) if wav else None
        sinks: list[AudioSink] = []
        if audio:
            microphone, speaker = devices.open_devices()
            opened.callback(speaker.close)
            opened.callback(microphone.close)
            source = microphone
            sinks.append(speaker)
        if save:
            sinks.append(WavSink(save, sinks[0].rate if sinks else _SAMPLE_RATE))
        opened.pop_all()
        return AudioIO(source, *sinks)
