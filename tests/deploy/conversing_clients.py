"""Clients that converse without a pause, come again when their session has ended in order, and count what was cut."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from front_ends import LONG
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from turnstile.testing import patience

# The simulator's longest answer, and the bytes of its speech at 24 kHz.
QUESTION = "Tell me a story."
BYTES_OF_THE_ANSWER = 375_360
# Clients come from here, and the front end from 127.0.0.1.
CLIENTS = "127.0.0.5"
SETTINGS = {
    "type": "Settings",
    "audio": {
        "input": {"encoding": "linear16", "sample_rate": 24_000},
        "output": {"encoding": "linear16", "sample_rate": 24_000, "container": "none"},
    },
    "agent": {
        "think": {"provider": {"type": "open_ai", "model": "gpt-realtime"}, "prompt": "Be brief."},
        "speak": {"provider": {"type": "open_ai", "model": "tts-1", "voice": "marin"}},
    },
}
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": QUESTION}]}
PATHS = {"voice agent": "/v1/agent/converse", "realtime": "/v1/realtime?model=gpt-realtime"}
# What begins a session, what asks, and the messages that say that it has begun, and that a response begins and ends.
_FIRST = {"voice agent": [SETTINGS], "realtime": []}
_ASKING = {
    "voice agent": [{"type": "InjectUserMessage", "content": QUESTION}],
    "realtime": [{"type": "conversation.item.create", "item": ITEM}, {"type": "response.create"}],
}
_READY = {"SettingsApplied", "session.created"}
_BEGINS = {"AgentStartedSpeaking", "response.created"}
_ENDS = {"AgentAudioDone", "response.done"}


@dataclass
class Response:
    """One that a client has seen begin."""

    audio: int = 0
    is_whole: bool = False


@dataclass
class Tally:
    """What became of all clients.

    Args:
        responses: Those that began, in that order.
        closes: The codes with which sessions ended, unless their clients ended them; 1006 stands for none.
        refusals: The handshakes that failed.
    """

    responses: list[Response] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def whole(self):
        """How many responses have ended whole."""
        return sum(response.is_whole for response in self.responses)

    async def changed(self):
        """Wake who waits."""
        async with self._changed:
            self._changed.notify_all()

    async def until(self, is_so):
        """Wait until it is so."""
        async with asyncio.timeout(LONG), self._changed:
            await self._changed.wait_for(is_so)


class Client:
    """One that asks, hears the answer to its end, and asks again, in one session after the other.

    Args:
        address: Of the front end.
        dialect: Its protocol.
        tally: Counts.
        tls: What it trusts.
    """

    def __init__(self, address, dialect, tally, tls):
        self._dialect = dialect
        self._tally = tally
        self._address = (address, PATHS[dialect], tls)
        self._response = None
        self.sessions = 0
        self.heard = 0
        self.is_leaving = False

    async def run(self):
        """Converse until it is told to leave, and its response has ended."""
        while not self.is_leaving:
            try:
                async with opened(*self._address) as socket:
                    self.sessions += 1
                    await self._tally.changed()
                    await self._converse(socket)
            except ConnectionClosed as closed:
                self._tally.closes.append(closed.rcvd.code if closed.rcvd else 1006)
            except (InvalidHandshake, OSError) as error:
                self._tally.refusals.append(f"{type(error).__name__}: {error}")
            self._response = None
            await self._tally.changed()

    async def _converse(self, socket):
        await _send(socket, _FIRST[self._dialect])
        while not (self.is_leaving and self._response is None):
            frame = await socket.recv()
            if isinstance(frame, bytes):
                self._begin().audio += len(frame)
                continue
            message = json.loads(frame)
            kind = message["type"]
            if kind in _BEGINS:
                self._begin()
            elif kind == "response.output_audio.delta":
                self._begin().audio += len(base64.b64decode(message["delta"]))
            elif kind in _ENDS:
                self._begin().is_whole = (
                    self._begin().audio == BYTES_OF_THE_ANSWER
                    and message.get("response", {}).get("status", "completed") == "completed"
                )
                self._response = None
                self.heard += 1
                await self._tally.changed()
            if kind in _READY | _ENDS and not self.is_leaving:
                await _send(socket, _ASKING[self._dialect])

    def _begin(self):
        """Return the response that has begun, the new one if none has."""
        if self._response is None:
            self._response = Response()
            self._tally.responses.append(self._response)
        return self._response


@asynccontextmanager
async def conversing(count, address, tls):
    """Have clients of both protocols converse; at the end they leave, when their responses have ended.

    Yields:
        The tally of all, and the clients.
    """
    tally = Tally()
    clients = [Client(address, dialect, tally, tls) for dialect in PATHS for _ in range(count // 2)]
    async with asyncio.TaskGroup() as tasks:
        for client in clients:
            tasks.create_task(client.run())
        yield tally, clients
        for client in clients:
            client.is_leaving = True


async def _send(socket, messages):
    for message in messages:
        await socket.send(json.dumps(message))


def opened(address, path, tls):
    """Return the connection of a client, to be entered."""
    return connect(
        f"{address}{path}",
        ssl=tls,
        proxy=None,
        max_size=None,
        local_addr=(CLIENTS, 0),
        open_timeout=patience(),
        close_timeout=patience(),
        ping_interval=None,
    )


async def until_a_function_is_called(socket):
    """Begin a Voice Agent session that has to wait for its client: for the result of a function."""
    settings = json.loads(json.dumps(SETTINGS))
    settings["agent"]["think"]["functions"] = [{"name": "get_weather", "parameters": {"type": "object"}}]
    await _send(socket, [settings, {"type": "InjectUserMessage", "content": "What is the weather?"}])
    async with asyncio.timeout(patience()):
        async for frame in socket:
            if isinstance(frame, str) and json.loads(frame)["type"] == "FunctionCallRequest":
                return
