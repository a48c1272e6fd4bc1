"""An upstream that behaves, until it is told to misbehave: ``python hostile_upstream.py`` prints two ports and serves.

The first port speaks the Realtime API as far as sessions at rest need it. The model in a link's address chooses how its
handshake goes: one that ends in ``-hang`` is never answered, of ``-dribble`` no end comes, of ``-mute`` no event comes.
What the last user message says chooses the next response: ``stay`` never ends, ``finish SECONDS`` ends later, ``call
COUNT`` calls functions; the others are in `STORMS`. The second port is a host of functions: ``/hang`` never answers.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from raw_frames import CLOSE, PING, PONG, accepted, server_frame
from storms import STORMS, event, numbers
from websockets.frames import apply_mask  # type: ignore[attr-defined]  # the package's C, if it is there

if TYPE_CHECKING:
    from collections.abc import Iterator

_DRIBBLE = 0.05
_PIECE = 64  # frames that are built before others get their turn
_PARSED_BYTES = 64 * 1024  # a larger event is not parsed: the sessions beside would wait
_ID = re.compile(rb'"id":"([^"]+)"')


class Link:
    """One session of the proxy.

    Args:
        reader: Its stream.
        writer: The same.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._session: dict[str, Any] = {"type": "realtime", "object": "realtime.session", "id": "sess_1"}
        self._said = ""
        self._outputs = 0
        self._response: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Serve until the link ends."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
        path = head.split(" ", 2)[1]
        if "-hang" in path:
            await self._reader.read()
            return
        if "-dribble" in path:
            await self._dribble()
            return
        self._writer.write(accepted(head))
        if "-mute" not in path:
            self._writer.write(event("session.created", session=self._session))
        try:
            while True:
                opcode, payload = await self._read_frame()
                if opcode == CLOSE:
                    self._writer.write(server_frame(CLOSE, payload[:2]))
                    return
                if opcode == PING:
                    self._writer.write(server_frame(PONG, payload))
                elif "-mute" not in path:
                    self._take(json.loads(payload) if len(payload) < _PARSED_BYTES else _outline(payload))
        finally:
            for task in self._tasks:
                task.cancel()

    async def _dribble(self) -> None:
        for byte in itertools.cycle(b"X-Wait: 1\r\n"):
            self._writer.write(bytes((byte,)))
            await self._writer.drain()
            await asyncio.sleep(_DRIBBLE)

    async def _read_frame(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        key = await self._reader.readexactly(4)
        begins = end = await self._reader.readexactly(min(size, _PARSED_BYTES))
        left = size - len(begins)
        while left:  # of a large one the two ends are kept: a copy of all would let the sessions beside wait
            end = await self._reader.readexactly(min(left, _PARSED_BYTES))
            left -= len(end)
        return first & 0x0F, apply_mask(begins if end is begins else begins + end, key)

    def _take(self, given: dict[str, Any]) -> None:
        match given["type"]:
            case "session.update":
                _merge(self._session, given["session"])
                self._send(event("session.updated", session=self._session))
            case "input_audio_buffer.clear":
                self._send(event("input_audio_buffer.cleared"))
            case "conversation.item.create":
                self._take_item(given["item"])
            case "response.create":
                self._answer(given.get("response") or {})
            case "response.cancel" if self._response:
                self._finish("cancelled")

    def _take_item(self, item: dict[str, Any]) -> None:
        if item["type"] == "function_call_output":
            self._outputs += 1
            item = {**item, "output": ""}
        else:
            content = item["content"][0]
            self._said, self._outputs = content.get("text", "")[:200], 0
            item = {**item, "content": [{**content, "text": self._said}]}
        shown = {**item, "object": "realtime.item", "status": "completed"}
        self._send(event("conversation.item.added", previous_item_id=None, item=shown))
        self._send(event("conversation.item.done", previous_item_id=None, item=shown))

    def _answer(self, asked: dict[str, Any]) -> None:
        self._response = {
            "object": "realtime.response", "id": f"resp_{next(numbers)}", "status": "in_progress", "output": [],
            "conversation_id": "conv_1", "output_modalities": ["text"], "metadata": asked.get("metadata"),
        }  # fmt: skip
        self._send(event("response.created", response=self._response))
        word, *given = self._said.split() or [""]
        if word == "stay":
            return
        if word == "call" and not self._outputs:
            self._call(int(given[0]) if given and given[0].isdigit() else 1)
            self._finish("completed")
        elif word == "finish":
            asyncio.get_running_loop().call_later(float(given[0]), self._say_and_finish)
        elif word in STORMS:
            self._run(self._storm(STORMS[word](self._response["id"], *map(int, given))))
        else:
            self._say_and_finish()

    def _say_and_finish(self) -> None:
        if not self._response:
            return
        item = {
            "id": f"item_{next(numbers)}", "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Yes."}],
        }  # fmt: skip
        place = {"response_id": self._response["id"], "item_id": item["id"], "output_index": 0, "content_index": 0}
        self._send(event("response.output_item.added", response_id=place["response_id"], output_index=0, item=item))
        self._send(event("response.output_text.delta", **place, delta="Yes."))
        self._send(event("response.output_text.done", **place, text="Yes."))
        self._send(event("response.output_item.done", response_id=place["response_id"], output_index=0, item=item))
        self._finish("completed", item)

    def _call(self, count: int) -> None:
        for index in range(count):
            name = f"call_{next(numbers)}"
            item = {"id": f"item_{name}", "type": "function_call", "status": "completed", "call_id": name, "name": "f"}
            where = {"response_id": self._response["id"], "output_index": index}
            self._send(event("response.output_item.added", **where, item={**item, "arguments": ""}))
            done = {**where, "item_id": item["id"], "call_id": name, "name": "f", "arguments": "{}"}
            self._send(event("response.function_call_arguments.done", **done))
            self._send(event("response.output_item.done", **where, item={**item, "arguments": "{}"}))
            self._response["output"].append({**item, "arguments": "{}"})

    def _finish(self, status: str, *output: dict[str, Any]) -> None:
        done = {**self._response, "status": status, "output": [*self._response["output"], *output]}
        self._response = {}
        self._send(event("response.done", response=done))

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _storm(self, frames: Iterator[bytes]) -> None:
        with suppress(OSError):
            for number, frame in enumerate(frames):
                self._writer.write(frame)
                await self._writer.drain()
                if number % _PIECE == 0:
                    await asyncio.sleep(0)
            if self._response:
                self._say_and_finish()

    def _send(self, frame: bytes) -> None:
        self._writer.write(frame)


def _outline(payload: bytes) -> dict[str, Any]:
    """Return of a large event what has to be known for an answer."""
    if not payload.startswith(b'{"type":"conversation.item.create"') or not (found := _ID.search(payload)):
        return {"type": "large"}
    kind = "function_call_output" if b'"function_call_output"' in payload else "message"
    content = [{"type": "input_text", "text": "large"}]
    item = {"id": found[1].decode(), "type": kind, "role": "user", "content": content}
    return {"type": "conversation.item.create", "item": item}


def _merge(known: dict[str, Any], patch: dict[str, Any]) -> None:
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(known.get(name), dict):
            _merge(known[name], value)
        else:
            known[name] = value


async def serve_link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one link of the proxy."""
    with suppress(OSError, asyncio.IncompleteReadError):
        await Link(reader, writer).serve()
    writer.close()


async def serve_function(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a call of a function, or never."""
    with suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/hang" in head.split(b"\r\n", 1)[0]:
            await reader.read()
        else:
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{"a":1}')
            await writer.drain()
    writer.close()


async def main() -> None:
    """Serve until the standard input is closed."""
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0) for serve in (serve_link, serve_function)]
    sys.stdout.write(" ".join(str(server.sockets[0].getsockname()[1]) for server in servers) + "\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
