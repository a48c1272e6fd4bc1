"""How long answers take: the longest wait of the sessions beside, and the machine's own.

The machine's own is the same measurement against a process that has nothing to do with Turnstile: it echoes. It is
late when the machine is busy, or the process that measures.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import socket

PERIOD = 0.04
"""Seconds between an answer and the next question."""

_WORK_BYTES = 1024 * 1024  # about a millisecond


class Measure:
    """The longest wait since `forget`, of answers and of what is still waited for."""

    def __init__(self) -> None:
        self._longest = 0.0
        self._asked: dict[object, float] = {}

    def ask(self, asker: object) -> None:
        """Begin a wait."""
        self._asked[asker] = asyncio.get_running_loop().time()

    def answer(self, asker: object) -> None:
        """End it."""
        self._longest = max(self._longest, asyncio.get_running_loop().time() - self._asked.pop(asker))

    def give_up(self, asker: object) -> None:
        """End it without an answer."""
        self._asked.pop(asker, None)

    def forget(self) -> None:
        """Measure from now on; what is waited for counts from when it was asked."""
        self._longest = 0.0

    def longest(self) -> float:
        """Return the longest wait, in seconds."""
        now = asyncio.get_running_loop().time()
        return max(self._longest, *(now - when for when in self._asked.values()), 0.0)

    async def settle(self, seconds: float) -> None:
        """Wait until what has been asked before is answered, or given up."""
        before, until = dict(self._asked), asyncio.get_running_loop().time() + seconds
        while any(self._asked.get(asker) == when for asker, when in before.items()):
            if asyncio.get_running_loop().time() > until:
                return
            await asyncio.sleep(PERIOD / 8)

    def is_waiting(self, asker: object, longer_than: float) -> bool:
        """Return whether an answer has been waited for so long."""
        when = self._asked.get(asker)
        return when is not None and asyncio.get_running_loop().time() - when > longer_than


class Echo:
    """The machine's own measure: bytes to a process that sends them back."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    async def ask_always(self, near: socket.socket, after: float) -> None:
        """Ask until the task is cancelled."""
        loop = asyncio.get_running_loop()
        near.settimeout(0)
        await asyncio.sleep(after)
        while True:
            self._measure.ask(self)
            await loop.sock_sendall(near, b"?")
            await loop.sock_recv(near, 1)
            self._measure.answer(self)
            await asyncio.sleep(PERIOD)


def start_echoes(count: int) -> list[socket.socket]:
    """Start a process that sends back what it gets on each of the connections, until they are closed.

    It works a little for each answer, as the proxy does: who only sleeps is served first on a busy machine.
    """
    pairs = [socket.socketpair() for _ in range(count)]
    child = os.fork()
    for near, far in pairs:
        (far if child else near).close()
    if child:
        return [near for near, _ in pairs]
    work = bytes(_WORK_BYTES)
    while True:
        for far in select.select([far for _, far in pairs], [], [])[0]:
            try:
                asked = far.recv(64)
                hashlib.sha256(work)
                far.sendall(asked)
            except OSError:
                asked = b""
            if not asked:
                os._exit(0)
