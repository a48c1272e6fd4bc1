"""Signs of life of worker processes: how a worker gives them, and which worker gives none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.transports.loop import IoLoop

BEATS_A_TIMEOUT: Final = 4
"""How often a worker gives a sign of life, and its parent looks for them, in one timeout."""


def start_heartbeat(loop: IoLoop, beat: Callable[[], object], timeout: float) -> None:
    """Give signs of life as long as the I/O thread goes round, which a thread of its own would not show.

    Args:
        loop: Whose thread is watched.
        beat: Gives one sign of life, or has another thread give it.
        timeout: Seconds without one after which the worker counts as hung.
    """

    def give() -> None:
        beat()
        loop.call_later(timeout / BEATS_A_TIMEOUT, give)

    loop.call_soon(give)


class Heartbeats:
    """The signs of life that a parent has seen of its workers.

    Args:
        timeout: Seconds without a sign of life after which a worker is hung.
        start_timeout: Seconds for the first one, from the start of the process.
    """

    def __init__(self, timeout: float, start_timeout: float) -> None:
        self._timeout = timeout
        self._start_timeout = start_timeout
        self._seen: dict[int, tuple[int, float]] = {}

    def expect(self, number: int, now: float) -> None:
        """Expect signs of life of a worker that has just been started."""
        self._seen[number] = 0, now

    def forget(self, number: int) -> None:
        """Expect none of a worker that has ended, or is about to."""
        self._seen.pop(number, None)

    def hung(self, count: Callable[[int], int], now: float) -> list[int]:
        """Return the numbers of the workers that are hung.

        Args:
            count: Returns how many signs of life a worker has given by now.
            now: The time of a clock that stands still while the parent does not run.
        """
        hung = []
        for number, (known, since) in self._seen.items():
            given = count(number)
            if given != known:
                self._seen[number] = given, now
            elif now - since >= (self._timeout if given else self._start_timeout):
                hung.append(number)
        return hung
