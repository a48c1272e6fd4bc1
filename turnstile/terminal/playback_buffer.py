"""A buffer of audio to be played; can be discarded at any moment."""

from __future__ import annotations

import threading

_SAMPLE_BYTES = 2


class PlaybackBuffer:
    """A queue of 16-bit samples of one channel, between the connection and a sound card that takes them in real time.

    Args:
        rate: Samples a second.
    """

    def __init__(self, rate: int) -> None:
        self._bytes_a_second = rate * _SAMPLE_BYTES
        self._waiting = bytearray()
        self._changed = threading.Condition()

    def put(self, data: bytes) -> None:
        """Add samples at the end."""
        with self._changed:
            self._waiting += data

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, padded with silence; never block."""
        with self._changed:
            data = bytes(self._waiting[:size])
            del self._waiting[:size]
            if not self._waiting:
                self._changed.notify_all()
        return data.ljust(size, b"\x00")

    def drop(self) -> None:
        """Discard what is queued."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def wait_until_empty(self, grace: float) -> None:
        """Wait until all was taken, for its length and `grace` seconds more at most."""
        with self._changed:
            seconds = len(self._waiting) / self._bytes_a_second
            self._changed.wait_for(lambda: not self._waiting, seconds + grace)
