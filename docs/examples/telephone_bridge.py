"""Bridge telephone calls to a voice agent: each call is a session of its own.

A telephony provider streams a call over a WebSocket: JSON messages, with audio in mu-law at 8 kHz. This is the form of
Twilio's Media Streams (``<Connect><Stream>``), which SignalWire has taken over; others differ in names, such as Telnyx
with ``stream_id``, or in audio, such as 2600Hz's Pivot, whose audio is 16-bit unless told otherwise. The agent speaks
mu-law too, so no audio is converted on the way.

    turnstile serve
    python docs/examples/telephone_bridge.py      # listens on port 8765 of this machine

A provider connects over TLS: put the bridge behind a server that has a certificate. Set ``BRIDGE_TOKEN``, and have the
provider send it (``<Parameter name="token" value="..."/>``), or whoever finds the port talks at your cost. Without one
at least no page in a browser does: a provider sends no ``Origin``.
``TURNSTILE_KEY`` is the bridge's key where the proxy asks for one. Needs websockets, which comes with Turnstile.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import sys
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.server import ServerConnection

MULAW = {"encoding": "mulaw", "sample_rate": 8000}
SETTINGS = {
    "type": "Settings",
    "audio": {"input": MULAW, "output": {**MULAW, "container": "none"}},
    "agent": {"think": {"prompt": "You answer the telephone of a tea shop. Be brief."}},
}
GREETING = {"type": "InjectAgentMessage", "message": "Tea shop, hello?"}
BYTES_PER_MS = 8
PORT = 8765
MAX_CALLS = 100
MAX_NAME = 64  # of a stream, in characters: Twilio's have 34
MAX_MESSAGE = 64 * 1024  # of the phone, in bytes: 20 ms of audio take 300

_log = logging.getLogger("telephone_bridge")


class RefusedCallError(Exception):
    """The words for a phone that is hung up on."""


@dataclass
class Bridge:
    """Takes calls, and connects each to an agent.

    Args:
        agent_url: Turnstile's address for Deepgram's Voice Agent protocol.
        opening: The messages that begin each session: `Settings`, and what the agent says first.
        key: The key for Turnstile; empty where it asks for none.
        token: What `start.customParameters.token` of a call must be; empty: anything.
        patience: Seconds that a phone may be silent, without a message, and that a connection may take.
    """

    agent_url: str
    opening: tuple[dict[str, Any], ...] = (SETTINGS, GREETING)
    key: str = ""
    token: str = ""
    patience: float = 10.0
    calls: int = 0

    async def answer(self, phone: ServerConnection) -> None:
        """Take one call, and end it in order: who hangs up first ends the other side, too."""
        if self.calls >= MAX_CALLS:
            await phone.close(1013, "All lines are busy.")
            return
        self.calls += 1
        try:
            await self._converse(phone, await self._start_of(phone))
        except RefusedCallError as refusal:
            _log.info("A call is refused: %s", refusal)
            await phone.close(1008, str(refusal))
        except (OSError, InvalidHandshake, InvalidURI) as error:
            _log.error("The agent cannot be reached: %s", error)
            await phone.close(1011, "The agent cannot be reached.")
        except ConnectionClosed as error:
            if phone.close_code is None:
                _log.error("The agent's session broke off: %s", error)
                await phone.close(1011, "The agent's session broke off.")
            else:
                _log.info("A call ended without its stop message, by %d", phone.close_code)
        finally:
            self.calls -= 1

    async def _start_of(self, phone: ServerConnection) -> str:
        """Return the name of a stream that may be taken."""
        message = await hear(phone, self.patience)
        if isinstance(message, dict) and message.get("event") == "connected":
            message = await hear(phone, self.patience)
        match message:
            case {"event": "start", "streamSid": str(stream), "start": {"mediaFormat": {**form}} as start} if (
                len(stream) <= MAX_NAME
            ):
                pass
            case _:
                raise RefusedCallError("A call begins with its start message.")
        if (form.get("encoding"), form.get("sampleRate")) != ("audio/x-mulaw", 8000):
            raise RefusedCallError("Only audio/x-mulaw at 8000 Hz is taken.")
        match start:
            case {"customParameters": {"token": str(given)}} if hmac.compare_digest(ascii(given), ascii(self.token)):
                return stream
            case _ if self.token:
                raise RefusedCallError("The call does not carry the bridge's token.")
        return stream

    async def _converse(self, phone: ServerConnection, stream: str) -> None:
        headers = {"Authorization": f"Token {self.key}"} if self.key else {}
        connecting = connect(self.agent_url, additional_headers=headers, open_timeout=self.patience, proxy=None)
        async with connecting as agent:
            for message in self.opening:
                await agent.send(json.dumps(message))
            call = Call(phone, agent, stream, self.patience)
            sides = {asyncio.create_task(call.listen()), asyncio.create_task(call.speak())}
            try:
                ended, _ = await asyncio.wait(sides, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for side in sides:
                    side.cancel()
                await asyncio.gather(*sides, return_exceptions=True)
            for side in ended:
                side.result()


class Call:
    """One call. The phone plays what it gets, one piece behind the other, so its buffer paces the agent's audio.

    Behind each piece goes a mark with the length of the audio so far. The phone sends it back when it has played that
    far, and also when the buffer is cleared: marks from before a `clear` are of an older round, and count for nothing.
    """

    def __init__(self, phone: ServerConnection, agent: ClientConnection, stream: str, patience: float) -> None:
        self._phone, self._agent, self._stream, self._patience = phone, agent, stream, patience
        self._round = self._sent = self._played = 0

    async def listen(self) -> None:
        """Pass on what the caller says, until he hangs up."""
        while True:
            message = await hear(self._phone, self._patience)  # an open line sends one every 20 ms
            match message:
                case {"event": "media", "media": {"track": "inbound", "payload": str(base64)}}:
                    with suppress(ValueError):  # malformed base64 is nothing that was said
                        await self._agent.send(b64decode(base64, validate=True))
                case {"event": "mark", "mark": {"name": str(name)}}:
                    self._note_played(name)
                case {"event": "dtmf", "dtmf": {"digit": str(digit)}}:
                    said = {"type": "InjectUserMessage", "content": f"I have pressed the key {digit[:1]}."}
                    await self._agent.send(json.dumps(said))
                case {"event": "stop"}:
                    return

    async def speak(self) -> None:
        """Pass on what the agent says, until its session ends."""
        async for frame in self._agent:
            if isinstance(frame, bytes):
                await self._play(frame)
                continue
            match json.loads(frame):
                case {"type": "UserStartedSpeaking"} if self._played < self._sent:
                    await self._clear()
                case {"type": "Error" | "Warning", "description": words}:
                    _log.warning("Call %r: %s", self._stream, words)

    async def _play(self, audio: bytes) -> None:
        await self._send("media", media={"payload": b64encode(audio).decode()})
        self._sent += len(audio) // BYTES_PER_MS
        await self._send("mark", mark={"name": f"{self._round} {self._sent}"})

    async def _clear(self) -> None:
        """Have the phone forget what it has not played: the proxy sends no more of the answer that was broken off."""
        _log.info("Call %r: heard %d of %d ms, then broke in", self._stream, self._played, self._sent)
        self._round += 1
        self._sent = self._played = 0
        await self._send("clear")

    def _note_played(self, mark: str) -> None:
        number, _, milliseconds = mark.partition(" ")
        if number == str(self._round) and milliseconds.isdecimal():
            self._played = min(int(milliseconds[:9]), self._sent)

    async def _send(self, event: str, **more: object) -> None:
        await self._phone.send(json.dumps({"event": event, "streamSid": self._stream, **more}))


async def hear(phone: ServerConnection, patience: float) -> Any:
    """Return the next message of a phone; None if it is not JSON."""
    try:
        async with asyncio.timeout(patience):
            return json.loads(await phone.recv())
    except TimeoutError:
        raise RefusedCallError(f"The phone sent nothing for {patience:g} s.") from None
    except (ValueError, RecursionError):
        return None


def take_calls(bridge: Bridge, port: int) -> serve:
    """Return the server of this machine's port, to be entered. It lets no page of a browser in without a token."""
    origins = None if bridge.token else [None]
    return serve(bridge.answer, "127.0.0.1", port, origins=origins, max_size=MAX_MESSAGE, compression=None)


async def main() -> None:
    """Take calls until the process is interrupted."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    agent_url = os.environ.get("AGENT_URL", "ws://127.0.0.1:8080/v1/agent/converse")
    bridge = Bridge(agent_url, key=os.environ.get("TURNSTILE_KEY", ""), token=os.environ.get("BRIDGE_TOKEN", ""))
    try:
        async with take_calls(bridge, PORT) as server:
            await server.serve_forever()
    except OSError as error:
        sys.exit(f"The bridge cannot listen: {error}")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
