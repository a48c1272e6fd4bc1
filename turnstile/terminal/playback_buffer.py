"""What waits to be played; can be thrown away at any moment."""

from __future__ import annotations

import threading

_SAMPLE_BYTES = 2


class Playback:
    """A queue of 16-bit samples of one channel, between who receives them and a sound card that takes them in time.

    Args:
        rate: Samples a second.
    """

    def __init__(self, rate: int) -> None:
        self._bytes_a_second = rate * _SAMPLE_BYTES
        self._waiting = bytearray()
        self._changed = threading.Condition()

    def put(self, data: bytes) -> None:
        """Let it wait behind the others."""
        with self._changed:
            self._waiting += data

    def take(self, size: int) -> bytes:
        """Take the next `size` bytes; what is missing is silence. Never waits for more to come."""
        with self._changed:
            data = bytes(self._waiting[:size])
            del self._waiting[:size]
            if not self._waiting:
                self._changed.notify_all()
        return data.ljust(size, b"\x00")

    def drop(self) -> None:
        """Throw away what waits."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def wait_until_empty(self, grace: float) -> None:
        """Wait until all was taken: as long as it lasts and `grace` seconds more, in case that nobody takes it."""
        with self._changed:
            seconds = len(self._waiting) / self._bytes_a_second
            self._changed.wait_for(lambda: not self._waiting, seconds + grace)
