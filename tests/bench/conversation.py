"""A session of the proxy whose both peers are played by hand, one after the other: what it is told, what it says.

Calls block: they return when the proxy has done what they lead to.
"""

from __future__ import annotations

import base64
import json
import socket
import sys
from functools import partial
from itertools import count
from pathlib import Path

from wire import BINARY, PING, accept, frame, request, text, walk

sys.path.insert(0, str(Path(__file__).parents[2]))

from turnstile.audio.convert import Converter
from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.testing import patience

WITHIN = patience()
_FRAME_BYTES, _FRAME_DOWN_BYTES, _DELTA_BYTES = 640, 960, 4800  # 20 ms at 16 and at 24 kHz; 100 ms
_SETTINGS = {
    "type": "Settings",
    "audio": {
        "input": {"encoding": "linear16", "sample_rate": 16_000},
        "output": {"encoding": "linear16", "sample_rate": 24_000},
    },
    "agent": {"think": {"prompt": "Be brief."}},
}


class End:
    """One end of a connection to the proxy, in blocking calls.

    Args:
        sock: Connected; owned from now on.
        masked: Whether it is a client's.
    """

    def __init__(self, sock, *, masked):
        sock.settimeout(WITHIN)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._rest = b""
        self._frames = []
        self._masked = masked

    def send(self, *events):
        """Send events, or audio as bytes, in one write."""
        self._sock.sendall(b"".join(map(self._frame, events)))

    def _frame(self, event):
        if isinstance(event, bytes):
            return frame(BINARY, event, masked=self._masked)
        return text(event, masked=self._masked)

    def settle(self):
        """Return when the proxy has handled all that was sent on this connection."""
        self._sock.sendall(frame(PING, b'{"type": "pong"}', masked=self._masked))
        self.read_until("pong")

    def shake(self, words=b""):
        """Send the words of a handshake, if any, and return those of the other side."""
        self._sock.sendall(words)
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._sock.recv(65_536)
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head + b"\r\n\r\n"

    def reply(self, words):
        """Send the answer to a handshake."""
        self._sock.sendall(words)

    def close(self):
        """Close the connection."""
        self._sock.close()

    def read(self):
        """Return the next message: audio as bytes, an event as what its JSON says."""
        while not self._frames:
            found, self._rest = walk(self._rest + self._sock.recv(1 << 18))
            self._frames = [payload if kind == BINARY else json.loads(payload) for kind, payload in found]
        return self._frames.pop(0)

    def read_until(self, kind):
        """Read up to an event of that type, and return it."""
        while True:
            message = self.read()
            if isinstance(message, dict) and message["type"] == kind:
                return message


class Conversation:
    """A session of the proxy, with both its peers.

    Args:
        port: Of the proxy.
        listener: Where the proxy looks for its upstream.
    """

    def __init__(self, port, listener):
        self._numbers = count()
        self._twin = Converter(AudioFormat("linear16", 16_000), PCM_24K)
        self._answering = None
        self.client = End(socket.create_connection(("127.0.0.1", port)), masked=True)
        self.client.shake(request("127.0.0.1", port, "/openai"))
        self.client.send(_SETTINGS)
        self.upstream = End(listener.accept()[0], masked=False)
        self.upstream.reply(accept(self.upstream.shake()))
        self._tell("session.created", session={"id": "sess_1", "object": "realtime.session"})
        session = self.upstream.read_until("session.update")["session"]
        self._tell("session.updated", session={"id": "sess_1", "object": "realtime.session", **session})
        self.client.read_until("SettingsApplied")

    def close(self):
        """End the session."""
        self.client.close()
        self.upstream.close()

    def turn(self):
        """A user's message and its answer of one delta, seven events long."""
        self._finish()
        self.client.send({"type": "InjectUserMessage", "content": "Say something."})
        self._confirm_item()
        self._answer()

    def update(self):
        """A change of the prompt in mid-response: held, sent behind the response, confirmed, acknowledged."""
        self._begin()
        self.client.send({"type": "UpdatePrompt", "prompt": f"Be brief, number {next(self._numbers)}."})
        self.client.settle()
        self.upstream.send(self._response("response.done", "completed", None))
        self._answering = None
        session = self.upstream.read_until("session.update")["session"]
        self._tell("session.updated", session={"id": "sess_1", "object": "realtime.session", **session})
        self.client.read_until("PromptUpdated")

    def function_call(self):
        """A response that calls a function, the client's result, and the response that follows it."""
        self._finish()
        where = dict(self._name_response())
        call = {"call_id": f"call_{next(self._numbers)}", "name": "get_time", "arguments": "{}"}
        item = {"id": where["item_id"], "type": "function_call", "status": "completed", **call}
        self.upstream.send(
            self._response("response.created", "in_progress", None),
            self._event("response.output_item.added", **where, item={**item, "arguments": ""}),
            self._event("response.function_call_arguments.done", **where, **call),
            self._event("response.output_item.done", **where, item=item),
            self._response("response.done", "completed", None),
        )
        self.client.read_until("FunctionCallRequest")
        result = {"id": call["call_id"], "name": call["name"], "content": "noon"}
        self.client.send({"type": "FunctionCallResponse", **result})
        self._confirm_item()
        self._answer()

    def speech(self, deltas, size):
        """So many deltas, all at once."""
        self._begin()
        self.upstream.send(*(self._delta(size) for _ in range(deltas)))
        left = deltas * size
        while left:
            message = self.client.read()
            left -= len(message) if isinstance(message, bytes) else 0

    def frames(self, number):
        """So many frames of 20 ms up, all at once, and as many down."""
        self._begin()
        self.client.send(*[bytes(_FRAME_BYTES)] * number)
        # A resampler may hold audio back: its twin knows how much.
        left = len(self._twin.feed(bytes(_FRAME_BYTES * number)))
        while left > 0:
            left -= len(base64.b64decode(self.upstream.read_until("input_audio_buffer.append")["audio"]))
        self.speech(number, _FRAME_DOWN_BYTES)

    def _confirm_item(self):
        item = self.upstream.read_until("conversation.item.create")["item"]
        shown = {"previous_item_id": None, "item": {**item, "object": "realtime.item", "status": "completed"}}
        self.upstream.send(
            self._event("conversation.item.added", **shown),
            self._event("conversation.item.done", **shown),
        )

    def _answer(self):
        asked = self.upstream.read_until("response.create")["response"]
        where = self._name_response()
        part = {**where, "content_index": 0}
        answer = {"id": where["item_id"], "type": "message", "role": "assistant", "content": []}
        self.upstream.send(
            self._response("response.created", "in_progress", asked.get("metadata")),
            self._event("response.output_item.added", response_id=where["response_id"], output_index=0, item=answer),
            self._event("response.content_part.added", **part, part={"type": "audio", "transcript": ""}),
            self._delta(64),
            self._event("response.output_audio.done", **part),
            self._event("response.output_audio_transcript.done", **part, transcript="Something."),
            self._response("response.done", "completed", asked.get("metadata")),
        )
        self._answering = None
        self.client.read_until("AgentDone")

    def _begin(self):
        if self._answering is None:
            self._name_response()
            self.upstream.send(self._response("response.created", "in_progress", None))

    def _finish(self):
        if self._answering is not None:
            self.upstream.send(self._response("response.done", "completed", None))
            self._answering = None
            self.client.read_until("AgentDone")

    def _name_response(self):
        number = next(self._numbers)
        self._answering = {"response_id": f"resp_{number}", "item_id": f"item_{number}", "output_index": 0}
        return self._answering

    def _tell(self, kind, **fields):
        self.upstream.send(self._event(kind, **fields))

    def _event(self, kind, **fields):
        return {"type": kind, "event_id": f"event_{next(self._numbers)}", **fields}

    def _delta(self, size):
        audio = base64.b64encode(bytes(size)).decode()
        return self._event("response.output_audio.delta", **self._answering, content_index=0, delta=audio)

    def _response(self, kind, status, metadata):
        response = {
            "id": self._answering["response_id"],
            "object": "realtime.response",
            "status": status,
            "status_details": None,
            "output": [],
            "conversation_id": "conv_1",
            "output_modalities": ["audio"],
            "metadata": metadata,
        }
        return self._event(kind, response=response)


# By name: what is done, and how many of it that is.
UNITS = {
    "turn": (Conversation.turn, 1),
    "update": (Conversation.update, 1),
    "function call": (Conversation.function_call, 1),
    "delta": (partial(Conversation.speech, deltas=1, size=_DELTA_BYTES), 1),
    "delta of 20": (partial(Conversation.speech, deltas=20, size=_DELTA_BYTES), 20),
    "frame": (partial(Conversation.frames, number=1), 1),
    "frame of 4": (partial(Conversation.frames, number=4), 4),
}
