"""The third yardstick: ``python picows_relay.py UPSTREAM_URL [--joins]`` prints its port and serves.

A Voice Agent client's messages become Realtime events and back, as at the proxy, in one thread of asyncio on `picows`,
the fastest WebSocket library there is for it. This is what the translation alone costs: there are no actors and no
gate, no limits and no log. Nothing is checked or held back; an answer that never comes is not missed.

It is as quick as that library lets it be: an event's method is found by its name, JSON is read where it lies in the
read buffer, each message leaves as it is made. Audio is converted by the product's own `Converter`, so that both do
the same arithmetic. A frame of audio leads to an append; with ``--joins`` those that came in one read lead to one, as
at the proxy.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from time import monotonic

import orjson
import pybase64
from picows import WSListener, WSMsgType, ws_connect, ws_create_server

sys.path.insert(0, str(Path(__file__).parents[2]))

from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K, AudioFormat

_TEXT, _BINARY, _CLOSE = WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CLOSE
_APPEND, _APPEND_END = b'{"type":"input_audio_buffer.append","audio":"', b'"}'
_PCM = {"type": "audio/pcm", "rate": 24_000}
_JOINS = "--joins" in sys.argv


class Upstream(WSListener):
    """The Realtime side: events come in, the client is told."""

    def __init__(self, client):
        self._client = client
        self._told = client.transport
        self._asked = 0.0
        self._converter = None
        self._speaks = False

    def on_ws_connected(self, transport):
        """Keep what is written to."""
        self._transport = transport

    def on_ws_frame(self, _transport, frame):
        """Translate one event."""
        if frame.msg_type is _CLOSE:
            self._told.disconnect()
            return
        event = orjson.loads(frame.get_payload_as_memoryview())
        if translate := _EVENTS.get(event["type"]):
            translate(self, event)

    def on_ws_disconnected(self, _transport):
        """End the client's connection too."""
        self._told.disconnect()

    def tell(self, message):
        """Tell the client something."""
        self._told.send(_TEXT, orjson.dumps(message))

    def _session_created(self, _event):
        client = self._client
        if client.output != PCM_24K:
            self._converter = Converter(PCM_24K, client.output)
        session = {
            "type": "realtime",
            "output_modalities": ["audio"],
            "instructions": client.prompt,
            "audio": {"input": {"format": _PCM}, "output": {"format": _PCM}},
        }
        self._transport.send(_TEXT, orjson.dumps({"type": "session.update", "session": session}))

    def _session_updated(self, _event):
        self._client.upstream = self._transport
        self.tell({"type": "SettingsApplied"})

    def _item_added(self, event):
        item = event["item"]
        if item["role"] == "user":
            self.tell({"type": "ConversationText", "role": "user", "content": item["content"][0]["text"]})
            self._asked = monotonic()
            self._transport.send(_TEXT, b'{"type":"response.create"}')

    def _response_created(self, _event):
        self._speaks = False

    def _audio(self, event):
        audio = pybase64.b64decode(event["delta"], validate=True)
        if not self._speaks:
            self._speaks = True
            seconds = round(monotonic() - self._asked, 3)
            self.tell(
                {"type": "AgentStartedSpeaking", "total_latency": seconds, "tts_latency": 0, "ttt_latency": seconds}
            )
        if self._converter is not None:
            audio = self._converter.feed(audio)
        self._told.send(_BINARY, audio)

    def _audio_done(self, _event):
        if self._converter is not None:
            self._told.send(_BINARY, self._converter.flush())

    def _transcript_done(self, event):
        self.tell({"type": "ConversationText", "role": "assistant", "content": event["transcript"]})

    def _response_done(self, _event):
        self.tell({"type": "LatencyReport", "total_latency": round(monotonic() - self._asked, 3)})
        self.tell({"type": "AgentAudioDone"})
        self.tell({"type": "AgentDone"})


_EVENTS = {
    "response.output_audio.delta": Upstream._audio,
    "conversation.item.added": Upstream._item_added,
    "response.created": Upstream._response_created,
    "response.output_audio.done": Upstream._audio_done,
    "response.output_audio_transcript.done": Upstream._transcript_done,
    "response.done": Upstream._response_done,
    "session.created": Upstream._session_created,
    "session.updated": Upstream._session_updated,
}


class Client(WSListener):
    """The Voice Agent side: messages and audio come in, upstream is told.

    Args:
        url: Of the Realtime API.
    """

    def __init__(self, url):
        self._url = url
        self._pieces = []
        self.upstream = None

    def on_ws_connected(self, transport):
        """Keep what is written to."""
        self.transport = transport

    def on_ws_frame(self, transport, frame):
        """Translate one message, or one piece of audio."""
        kind = frame.msg_type
        if kind is _BINARY:
            self._pieces.append(frame.get_payload_as_bytes())
            if frame.last_in_buffer or not _JOINS:
                self._append()
            return
        if self._pieces:
            self._append()
        if kind is _TEXT:
            message = orjson.loads(frame.get_payload_as_memoryview())
            if message["type"] == "InjectUserMessage":
                self._create_item(message["content"])
            elif message["type"] == "Settings":
                self._begin(message)
        elif kind is _CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def _append(self):
        pieces = self._pieces
        audio = self._convert(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        pieces.clear()
        if audio:
            self.upstream.send(_TEXT, _APPEND + pybase64.b64encode(audio) + _APPEND_END)

    def _create_item(self, words):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
        self.upstream.send(_TEXT, orjson.dumps({"type": "conversation.item.create", "item": item}))

    def on_ws_disconnected(self, _transport):
        """End the connection upstream too."""
        if self.upstream is not None:
            self.upstream.disconnect()

    def _begin(self, settings):
        audio = settings["audio"]
        heard, self.output = (
            AudioFormat(audio[way]["encoding"], audio[way]["sample_rate"]) for way in ("input", "output")
        )
        self._convert = Converter(heard, PCM_24K).feed
        self.prompt = settings["agent"]["think"]["prompt"]
        self._connecting = asyncio.ensure_future(ws_connect(partial(Upstream, self), self._url))


async def main():
    """Serve until the process is ended, or whoever started it is gone."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    server = await ws_create_server(lambda _request: Client(sys.argv[1]), "127.0.0.1", 0, backlog=1024)
    loop.add_reader(sys.stdin, ended.set)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
