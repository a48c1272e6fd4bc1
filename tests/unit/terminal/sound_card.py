"""`sounddevice` without a sound card: the real names and keywords, and streams that a test drives by hand."""

from __future__ import annotations

from types import ModuleType


class PortAudioError(Exception):
    """What PortAudio does not do."""


class _Stream:
    def __init__(self, *, samplerate=None, blocksize=None, channels=None, dtype=None, callback=None):
        assert (channels, dtype) == (1, "int16")
        self.samplerate = samplerate
        self.blocksize = blocksize
        self.callback = callback
        self.calls = []

    def start(self):
        self.calls.append("start")

    def stop(self):
        self.calls.append("stop")

    def close(self):
        self.calls.append("close")


class InputStream(_Stream):
    def hear(self, data):
        """Do what the sound card does with a block; its memory is used again afterwards."""
        block = bytearray(data)
        self.callback(memoryview(block), len(block) // 2, None, None)
        block[:] = bytes(len(block))


class OutputStream(_Stream):
    def take(self, size):
        """Do what the sound card does when it wants a block."""
        block = bytearray(b"\xaa" * size)
        self.callback(memoryview(block), size // 2, None, None)
        return bytes(block)


class FakeSounddevice(ModuleType):
    """The module.

    Args:
        inputs: Rates that the microphone takes; none where there is no microphone.
        outputs: Rates that the speaker takes.
    """

    PortAudioError = PortAudioError

    def __init__(self, inputs=(24_000,), outputs=(24_000,)):
        super().__init__("sounddevice")
        self._inputs, self._outputs = inputs, outputs
        self.streams = []

    def check_input_settings(self, channels=None, dtype=None, samplerate=None):
        self._check(self._inputs, samplerate, channels, dtype)

    def check_output_settings(self, channels=None, dtype=None, samplerate=None):
        self._check(self._outputs, samplerate, channels, dtype)

    def RawInputStream(self, **options):  # noqa: N802 - the real name
        return self._open(self._inputs, InputStream(**options))

    def RawOutputStream(self, **options):  # noqa: N802 - the real name
        return self._open(self._outputs, OutputStream(**options))

    def _open(self, rates, stream):
        self._check(rates, stream.samplerate, 1, "int16")
        self.streams.append(stream)
        return stream

    @staticmethod
    def _check(rates, rate, channels, dtype):
        assert (channels, dtype) == (1, "int16")
        if rate not in rates:
            raise PortAudioError("Error querying device -1" if not rates else "Invalid sample rate")
