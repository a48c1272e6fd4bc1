"""The others, in a process of their own: well-behaved sessions that each measure how long an answer takes.

Reads jobs as JSON lines from standard input, and answers each with one line:

- ``{"do": "connect", "address": …, "kinds": {…}}`` opens the sessions.
- ``{"do": "begin"}`` forgets what was measured.
- ``{"do": "end"}`` answers with the longest wait since, how long the machine itself made its own measure wait, and
  which sessions were lost so far, by their ports.
"""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from loopback import COMPONENT, REALTIME, VOICE_AGENT, require_loopback
from raw_frames import KEY
from waits import PERIOD, Echo, Measure, start_echoes
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

if TYPE_CHECKING:
    import socket

_WITH_KEY = {"Authorization": f"Bearer {KEY}"}
_ECHOES = 4
_START_WITHIN = _ANSWER_WITHIN = 10.0
_SETTINGS = {"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}


class Kind(NamedTuple):
    """What a kind of bystander says.

    Args:
        path: Where it connects to.
        first: What it sends first, which `question` is asked after.
        began: The type of the message that says it may ask.
        question: What it asks again and again.
        answer: The type of the answer.
    """

    path: str
    first: dict[str, Any] | None
    began: str
    question: dict[str, Any]
    answer: str


KINDS = {
    # Settings that are in force are acknowledged by the session itself; a buffer is cleared by upstream.
    "voice agent": Kind(VOICE_AGENT, _SETTINGS, "SettingsApplied", _SETTINGS, "SettingsApplied"),
    "realtime": Kind(
        REALTIME, None, "session.created", {"type": "input_audio_buffer.clear"}, "input_audio_buffer.cleared"
    ),
    # A call of a function that the proxy makes over HTTP, with the response after it.
    "caller": Kind(
        COMPONENT, None, "SettingsApplied", {"type": "InjectUserMessage", "content": "call the function"}, "AgentDone"
    ),
}


class Bystander:
    """One session that asks and waits for the answer, in turn.

    Args:
        kind: What it says.
        first: What it sends first.
        measure: What its waits are told.
        after: Seconds that it begins later than the others, so that a question is asked every few milliseconds.
    """

    def __init__(self, kind: Kind, first: dict[str, Any] | None, measure: Measure, after: float) -> None:
        self._kind, self._first, self._measure, self._after = kind, first, measure, after
        self._task: asyncio.Task[None] | None = None
        self.ended = ""
        self.port = 0

    async def connect(self, url: str, trusted: ssl.SSLContext | None) -> None:
        """Open the session, and begin to ask."""
        link = await connect(
            f"{url}{self._kind.path}",
            ssl=trusted,
            max_size=None,
            ping_interval=None,
            proxy=None,
            additional_headers=_WITH_KEY,
        )
        self.port = link.transport.get_extra_info("sockname")[1]
        if self._first is not None:
            await link.send(json.dumps(self._first))
        await _read_until(link, self._kind.began)
        self._task = asyncio.create_task(self._ask_always(link))

    async def close(self) -> None:
        """End the session."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def is_lost(self) -> bool:
        """Return whether it was closed, or answers have stopped."""
        return bool(self.ended) or self._measure.is_waiting(self, _ANSWER_WITHIN)

    async def _ask_always(self, link: ClientConnection) -> None:
        question = json.dumps(self._kind.question)
        try:
            await asyncio.sleep(self._after)
            while True:
                self._measure.ask(self)
                await link.send(question)
                await _read_until(link, self._kind.answer)
                self._measure.answer(self)
                await asyncio.sleep(PERIOD)
        except (WebSocketException, OSError) as error:
            self.ended = str(error)
        finally:
            self._measure.give_up(self)
            await link.close()


class Bystanders:
    """All sessions beside an attack, and the jobs that they are given."""

    def __init__(self, echoes: list[socket.socket]) -> None:
        self._measure, self._machine = Measure(), Measure()
        self._all: list[Bystander] = []
        self._newcomers: asyncio.Task[None] | None = None
        self._refused = 0
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(Echo(self._machine).ask_always(near, PERIOD * number / len(echoes)))
            for number, near in enumerate(echoes)
        ]

    async def do(self, job: dict[str, Any]) -> dict[str, Any]:
        """Do a job, and return the answer."""
        match job["do"]:
            case "connect":
                return await self._connect(job)
            case "begin":
                self._measure.forget()
                self._machine.forget()
                return {}
            case "end":
                await self._measure.settle(job["settle"])
                return {
                    "wait": self._measure.longest(),
                    "machine": self._machine.longest(),
                    "lost": [one.port for one in self._all if one.is_lost()],
                    "endings": sorted({one.ended for one in self._all if one.ended}),
                    "refused": self._refused,
                }
            case _:
                await self.close()
                return {}

    async def close(self) -> None:
        """End all sessions."""
        if self._newcomers:
            self._newcomers.cancel()
            await asyncio.gather(self._newcomers, return_exceptions=True)
            self._newcomers = None
        await asyncio.gather(*(one.close() for one in self._all))
        self._all, self._refused = [], 0

    async def _connect(self, job: dict[str, Any]) -> dict[str, Any]:
        host, port = job["address"]
        trusted = ssl.create_default_context(cafile=job["authority"]) if job["authority"] else None
        url = f"{'wss' if trusted else 'ws'}://{require_loopback(host)}:{port}"
        names = [name for name, count in job["kinds"].items() for _ in range(count)]
        self._all = [
            Bystander(
                KINDS[name], job["first"].get(name, KINDS[name].first), self._measure, PERIOD * index / len(names)
            )
            for index, name in enumerate(names)
        ]
        await asyncio.wait_for(asyncio.gather(*(one.connect(url, trusted) for one in self._all)), _START_WITHIN)
        if job["newcomers"]:
            self._newcomers = asyncio.create_task(self._come_and_go(url, trusted))
        return {}

    async def _come_and_go(self, url: str, trusted: ssl.SSLContext | None) -> None:
        """Open one session after the other, each until it may ask; how long that takes is a wait, too."""
        kind = KINDS["voice agent"]
        while True:
            asker = object()
            self._measure.ask(asker)
            try:
                async with connect(
                    f"{url}{kind.path}", ssl=trusted, ping_interval=None, proxy=None, additional_headers=_WITH_KEY
                ) as link:
                    await link.send(json.dumps(kind.first))
                    await _read_until(link, kind.began)
                    self._measure.answer(asker)
            except (WebSocketException, OSError):
                self._refused += 1
            finally:
                self._measure.give_up(asker)
            await asyncio.sleep(PERIOD)


async def _read_until(link: ClientConnection, kind: str) -> None:
    while True:
        message = await link.recv()
        if isinstance(message, str) and json.loads(message)["type"] == kind:
            return


async def main() -> None:
    """Do the jobs that come, until there are no more."""
    everyone = Bystanders(start_echoes(_ECHOES))
    loop = asyncio.get_running_loop()
    jobs = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(jobs), sys.stdin)
    gc.freeze()
    gc.disable()
    while line := await jobs.readline():
        try:
            answer = await everyone.do(json.loads(line))
        except (WebSocketException, OSError, TimeoutError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    await everyone.close()


if __name__ == "__main__":
    asyncio.run(main())
