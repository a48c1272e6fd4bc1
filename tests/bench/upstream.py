"""The stub upstream, a process of its own: ``python upstream.py`` prints its port and serves until it is ended.

It speaks as much of the Realtime API as the measurements need, on frames built beforehand. What it answers is in the
last user message: ``echo`` begins a response that stays open and says back as much audio as is heard, in deltas of
20 ms; ``say COUNT GAP [BYTES [TOGETHER]]`` begins one of so many deltas of 100 ms, or of so many bytes of audio, one
every GAP milliseconds, or so many together, or all at once for 0. The first bytes of each of the latter hold the time
when it was sent, for a listener on the same machine.

On the path ``/bare`` the same events are answered the same way, but audio is binary: of a client's 16 kHz, and of ours
24 kHz. So a relay that translates nothing carries as many messages as one that does.

It is strict about one thing: what lands in a running response is counted. ``GET /counters`` shows what was.
"""

from __future__ import annotations

import gc
import heapq
import json
import select
import socket
import sys
import time

import pybase64
from wire import BINARY, CLOSE, PING, PONG, TEXT, Peer, accept, frame, text, walk

ECHO_SAMPLES, SAY_BYTES = 480, 4800  # 20 ms and 100 ms at 24 kHz
STAMP_BYTES = 9  # a time in 8 bytes, and one more that makes whole letters of base64 of it
_CLIENT_SAMPLE_RATIO = (3, 4)  # samples at 24 kHz for two bytes at 16 kHz
_APPEND, _APPEND_END = b'{"type":"input_audio_buffer.append","audio":"', b'"}'
_HEAD_END = b"\r\n\r\n"
_TONE = bytes(range(256)) * 4096  # as much as a delta may have


def stamp():
    """Return the time now as a delta begins with it."""
    return time.monotonic_ns().to_bytes(8, "big") + b"\0"


class Link(Peer):
    """One connection: a Realtime session, or the beginnings of one."""

    __slots__ = (
        "audio", "counters", "heard", "is_bare", "is_open", "item", "metadata", "names", "response", "said", "session",
        "where",
    )  # fmt: skip

    def __init__(self, sock, poll, counters):
        super().__init__(sock, poll)
        self.counters = counters
        self.is_open = self.is_bare = False
        self.session = {"type": "realtime", "object": "realtime.session", "id": f"sess_{sock.fileno()}"}
        self.names = 0
        self.item = ""
        self.response = ""
        self.metadata = None
        self.where = {}
        self.audio = (b"", b"")
        self.heard = self.said = 0

    def take(self, data):
        """Answer what was received; tells whether the connection goes on."""
        if not self.is_open:
            return self._shake(data)
        answers = []
        found, self.rest = walk(data)
        echoed = 0
        for kind, payload in found:
            if kind == TEXT and payload.startswith(_APPEND):
                echoed += self._hear(payload)
            elif kind == BINARY:
                self.heard += len(payload) * _CLIENT_SAMPLE_RATIO[0] // _CLIENT_SAMPLE_RATIO[1]
                self.counters["appends"] += 1
                echoed = 1
            elif kind == TEXT:
                answers += self._answer(json.loads(payload))
            elif kind == PING:
                answers.append(frame(PONG, payload, masked=False))
            elif kind == CLOSE:
                self.send(frame(CLOSE, payload[:2], masked=False))
                return False
        if echoed and self.response and not self.audio[0]:
            due = self.heard // ECHO_SAMPLES - self.said
            self.said += due
            answers.append(self.audio[1] * due)
        if answers:
            self.send(b"".join(answers))
        return True

    def say(self, count):
        """Send deltas of a response that says something, in one write."""
        head, tail = self.audio
        encode = bytes if self.is_bare else pybase64.b64encode
        self.send(b"".join([head + encode(stamp()) + tail for _ in range(count)]))

    def finish(self):
        """End the response."""
        self.send(self._finished())

    def _hear(self, payload):
        size = len(payload) - len(_APPEND) - len(_APPEND_END)
        padding = payload[-4:-2].count(b"=")
        self.heard += (size // 4 * 3 - padding) // 2
        self.counters["appends"] += 1
        return 1

    def _shake(self, data):
        head, end, self.rest = data.partition(_HEAD_END)
        if not end:
            self.rest = data
            return True
        path = head.split(b" ", 2)[1].decode()
        if path == "/counters":
            body = json.dumps(self.counters).encode()
            self.sock.settimeout(5)
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return False
        self.is_open, self.is_bare = True, path.startswith("/bare")
        self.counters["sessions"] += 1
        self.send(accept(head + end) + self._event("session.created", session=self.session))
        return self.take(self.rest) if self.rest else True

    def _event(self, kind, **fields):
        self.names += 1
        return text({"type": kind, "event_id": f"event_{self.names}", **fields}, masked=False)

    def _answer(self, event):
        kind = event["type"]
        if kind == "session.update":
            self.counters["updates"] += 1
            self.counters["updates_in_response"] += bool(self.response)
            _merge(self.session, event["session"])
            return [self._event("session.updated", session=self.session)]
        if kind == "conversation.item.create":
            item = {**event["item"], "object": "realtime.item", "status": "completed"}
            self.item = item["content"][0]["text"]
            return [
                self._event("conversation.item.added", previous_item_id=None, item=item),
                self._event("conversation.item.done", previous_item_id=None, item=item),
            ]
        if kind == "response.create":
            return self._begin(event)
        if kind == "conversation.item.truncate":
            return []
        self.counters["strangers"] += 1
        return []

    def _begin(self, event):
        if self.response:
            self.counters["collisions"] += 1
            error = {
                "type": "invalid_request_error",
                "code": "conversation_already_has_active_response",
                "message": f"Conversation already has an active response in progress: {self.response}.",
                "event_id": event.get("event_id"),
            }
            return [self._event("error", error=error)]
        self.counters["responses"] += 1
        self.response = f"resp_{self.names}"
        self.metadata = (event.get("response") or {}).get("metadata")
        where = self.where = {"response_id": self.response, "item_id": f"item_{self.names}", "output_index": 0}
        item = {"id": where["item_id"], "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        begun = [
            self._event("response.created", response=self._shown("in_progress")),
            self._event("response.output_item.added", response_id=self.response, output_index=0, item=item),
            self._event("conversation.item.added", previous_item_id=None, item=item),
            self._event("response.content_part.added", **where, content_index=0, part={"type": "audio"}),
        ]
        word, *numbers = self.item.split()
        if word == "echo":
            self.heard = self.said = 0
            self.audio = (b"", self._delta(where, _TONE[: ECHO_SAMPLES * 2]))
            return [*begun, self.audio[1]]  # the first one says that it is time to speak
        count, gap, *others = map(int, numbers)
        size, together = (*others, *(SAY_BYTES, 1)[len(others) :])
        whole = self._delta(where, bytes(STAMP_BYTES) + _TONE[STAMP_BYTES:size])
        hole = bytes(STAMP_BYTES) if self.is_bare else pybase64.b64encode(bytes(STAMP_BYTES))
        head, _, tail = whole.partition(hole)
        self.audio = (head, tail)
        self.send(b"".join(begun))
        if gap:
            schedule(self, count, gap / 1000, together)
            return []
        self.say(count)
        return [self._finished()]

    def _delta(self, where, audio):
        if self.is_bare:
            return frame(BINARY, audio, masked=False)
        encoded = pybase64.b64encode(audio).decode()
        return self._event("response.output_audio.delta", **where, content_index=0, delta=encoded)

    def _shown(self, status):
        return {
            "object": "realtime.response",
            "id": self.response,
            "status": status,
            "status_details": None,
            "output": [],
            "conversation_id": "conv_1",
            "output_modalities": ["audio"],
            "metadata": self.metadata,
        }

    def _finished(self):
        where = {**self.where, "content_index": 0}
        done = b"".join(
            (
                self._event("response.output_audio.done", **where),
                self._event("response.output_audio_transcript.done", **where, transcript="That is what I say."),
                self._event("response.done", response=self._shown("completed")),
            )
        )
        self.response = ""
        return done


def _merge(known, patch):
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(known.get(name), dict):
            _merge(known[name], value)
        else:
            known[name] = value


_due = []  # when, a number that breaks ties, link, deltas left, gap in seconds, deltas at once
_numbers = iter(range(sys.maxsize))


def schedule(link, count, gap, together):
    """Have the link say so many deltas, some of them together, the first ones now."""
    heapq.heappush(_due, (time.monotonic(), next(_numbers), link, count, gap, together))


def say_what_is_due():
    """Send the deltas whose time has come; returns the seconds until the next, or None."""
    while _due:
        when, _, link, count, gap, together = _due[0]
        left = when - time.monotonic()
        if left > 0:
            return left
        heapq.heappop(_due)
        if link.sock.fileno() == -1:
            continue
        if count:
            said = min(together, count)
            link.say(said)
            # By the plan, not by the clock: a late one does not delay the next.
            heapq.heappush(_due, (when + gap, next(_numbers), link, count - said, gap, together))
        else:
            link.finish()
    return None


def serve():
    """Serve until the process is ended, or whoever started it is gone."""
    counters = dict.fromkeys(
        ("sessions", "appends", "updates", "updates_in_response", "responses", "collisions", "strangers"), 0
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.settimeout(0)
    poll, links = select.epoll(), {}
    poll.register(listener, select.EPOLLIN)
    poll.register(sys.stdin, select.EPOLLHUP)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    gc.collect()
    gc.disable()
    while True:
        # Unlike epoll's own, the timeout of select is exact to less than a millisecond.
        select.select([poll], [], [], say_what_is_due())
        for number, events in poll.poll(0):
            if number == sys.stdin.fileno():
                return
            link = links.get(number)
            if link is None:
                sock, _ = listener.accept()
                links[sock.fileno()] = Link(sock, poll, counters)
                continue
            if events & select.EPOLLOUT:
                link.send(b"")
            if events == select.EPOLLOUT:
                continue
            data = link.receive()
            if data is None or not link.take(data):
                del links[number]
                link.drop()


if __name__ == "__main__":
    serve()
