"""The load generator, a process of its own: a job a line of JSON comes in, its figures go out as a line of JSON.

A round trip is counted in audio, not in messages: a resampler may answer two frames of 20 ms with one piece, or hold
back what it needs. The stub upstream says back as much audio as it heard, in deltas of 20 ms. From the product's own
`Converter`, fed the same frames, it is known which delta each frame leads to, however the subject cuts or joins the
pieces. A frame that completes none (its audio waits in the resampler for the next one) is not timed; that wait is of
the filter's making, and `delay.py` measures it.
"""

from __future__ import annotations

import gc
import heapq
import json
import math
import random
import select
import socket
import sys
import time
import traceback
from collections import deque
from itertools import cycle
from pathlib import Path

import pybase64
from wire import BINARY, CLOSE, PING, PONG, TEXT, BenchError, Peer, frame, request, text, walk

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from turnstile.audio.convert import Converter  # noqa: E402 - found by the path above
from turnstile.audio.formats import AudioFormat  # noqa: E402
from turnstile.protocol import realtime  # noqa: E402

FRAME_SECONDS = 0.02
PACE_MS = 100
FRAME_SAMPLES, DELTA_SAMPLES = 320, 480  # 20 ms at 16 and at 24 kHz
UPSTREAM_RATE, SAY_BYTES = 24_000, 4800  # a delta of an answer: 100 ms
_OPENING_AT_ONCE = 32
_OPEN_WITHIN, _ANSWER_WITHIN, _CLOSE_WITHIN = 30.0, 20.0, 10.0
_HEAD_END = b"\r\n\r\n"
_GOODBYE = frame(CLOSE, (1000).to_bytes(2, "big"), masked=True)
_SPEECH = b"".join(
    int(8000 * math.sin(number / 7) + 3000 * math.sin(number / 1.7)).to_bytes(2, "little", signed=True)
    for number in range(DELTA_SAMPLES)
)
_DELTA, _DELTA_AUDIO, _DELTA_END = b'{"type":"response.output_audio.delta"', b'"delta":"', b'"}'
_MORE_PACED = 5  # times at which something is said around the window


class Course:
    """How many deltas answer the first frames of a session: by number of frames, as far as was asked for.

    Args:
        translates: Whether the subject resamples.
    """

    def __init__(self, *, translates):
        self._converter = Converter(AudioFormat("linear16", 16_000), AudioFormat("linear16", 24_000))
        self._translates = translates
        self._samples = 0
        self.deltas = []

    def reach(self, frames):
        """Know the answers to so many frames."""
        while len(self.deltas) < frames:
            if self._translates:
                self._samples += len(self._converter.feed(_SPEECH[: FRAME_SAMPLES * 2])) // 2
            else:
                self._samples += DELTA_SAMPLES
            self.deltas.append(self._samples // DELTA_SAMPLES)


class VoiceAgent:
    """What a client of the proxy sends and waits for."""

    path = "/openai"
    audio = frame(BINARY, _SPEECH[: FRAME_SAMPLES * 2], masked=True)
    translates = True
    is_direct = False
    end, ready = "AgentDone", "SettingsApplied"
    faults = frozenset({"Error", "Warning"})

    def __init__(self, output=UPSTREAM_RATE):
        audio = {
            "input": {"encoding": "linear16", "sample_rate": 16_000},
            "output": {"encoding": "linear16", "sample_rate": output},
        }
        settings = {"type": "Settings", "audio": audio, "agent": {"think": {"prompt": "Be brief."}}}
        self._settings = text(settings, masked=True)

    def opening(self):
        """Return what the client says first, of its own accord."""
        return self._settings

    def ask(self, words):
        """Return the message that has the upstream speak."""
        return text({"type": "InjectUserMessage", "content": words}, masked=True)

    def reply(self, event):
        """Return what the client says to an event, or nothing."""
        del event
        return b""


class Relayed:
    """What a client of the Realtime API sends that keeps the proxy's order, but has its audio in binary frames.

    As the proxy does, it waits for its item before it asks for a response.
    """

    path = "/bare"
    audio = VoiceAgent.audio
    translates = False
    is_direct = False
    end, ready = "response.done", "session.updated"
    faults = frozenset({"error"})
    _update = text(
        {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}}, masked=True
    )
    _create = text({"type": "response.create", "response": {"metadata": {"client_event_id": "event_1"}}}, masked=True)

    def __init__(self, output=UPSTREAM_RATE):
        del output  # what upstream says is what they hear

    def opening(self):
        """Say nothing: upstream does."""
        return b""

    def _item(self, words):
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
        return text({"type": "conversation.item.create", "event_id": "event_1", "item": item}, masked=True)

    def ask(self, words):
        """Return the item that has the upstream speak, once a response is asked for."""
        return self._item(words)

    def reply(self, event):
        """Return what the client says to an event, or nothing."""
        if event["type"] == "session.created":
            return self._update
        if event["type"] == "conversation.item.added" and event["item"]["role"] == "user":
            return self._create
        return b""


class AudioRelayed(Relayed):
    """The same, through a relay that resamples."""

    translates = True


class Direct(Relayed):
    """A client of the Realtime API itself: the harness alone."""

    path = "/v1/realtime"
    audio = frame(TEXT, realtime.input_audio_append(_SPEECH), masked=True)
    is_direct = True


SPEAKERS = {
    "voice agent": VoiceAgent,
    "relayed": Relayed,
    "audio relayed": AudioRelayed,
    "direct": Direct,
}

_KINDS = frozenset({"live", "saturate", "turns", "paced", "starts", "hold", "mixed"})
_WORDS = frozenset({"kind", "speaker", "pids", "steps", "seed"})
_MOST_SECONDS, _MOST_AT_ONCE = 3600, 1000
# What numbers a job may have, and their least and most.
_NUMBERS = {
    "port": (1, 65_535), "sessions": (1, 100_000), "count": (1, 100_000), "at_once": (1, _MOST_AT_ONCE),
    "window": (1, _MOST_AT_ONCE), "together": (1, _MOST_AT_ONCE), "bytes": (9, 1 << 20), "output": (8000, 48_000),
    "seconds": (1e-6, _MOST_SECONDS), "gap": (1e-6, _MOST_SECONDS), "warm": (0, _MOST_SECONDS),
    "pause": (0, _MOST_SECONDS),
}  # fmt: skip


def check(job):
    """See that a job can be done as it is written: a name that is mistaken must not lead to a figure.

    Raises:
        BenchError: It cannot.
    """
    for name, value in job.items():
        if name in _NUMBERS:
            least, most = _NUMBERS[name]
            if not (isinstance(value, int | float) and least <= value <= most):
                raise BenchError(f"a job whose {name} is {json.dumps(value)} was received")
        elif name not in _WORDS:
            raise BenchError(f"a job with '{name}', which nobody knows, was received")
    if job.get("kind") not in _KINDS:
        raise BenchError(f"there is no job called '{job.get('kind')}'")
    if job.get("speaker") not in SPEAKERS:
        raise BenchError(f"there is no speaker called '{job.get('speaker')}'")


class Client(Peer):
    """One client."""

    __slots__ = (
        "answered", "begun", "closing", "delta_bytes", "events", "heard", "is_ready", "is_shaken", "sent", "sent_at",
        "speaker", "stamps",
    )  # fmt: skip

    def __init__(self, sock, poll, speaker, begun, delta_bytes):
        super().__init__(sock, poll)
        self.speaker = speaker
        self.begun = begun
        self.delta_bytes = delta_bytes
        self.is_shaken = self.is_ready = self.closing = False
        self.events = []
        self.stamps = None
        self.restart()

    def restart(self):
        """Count from here."""
        self.heard = self.sent = self.answered = 0  # heard: bytes of audio, however they are cut
        self.sent_at = deque()

    def take(self, data):
        """Take what was received: count the audio, keep the events, reply to those that want it."""
        if not self.is_shaken:
            head, end, self.rest = data.partition(_HEAD_END)
            if not end:
                self.rest = data
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                raise BenchError(f"a client was not let in: {head.splitlines()[0].decode()}")
            self.is_shaken = True
            opening = self.speaker.opening()
            if opening:
                self.send(opening)
            data = self.rest
        found, self.rest = walk(data)
        for kind, payload in found:
            if kind == BINARY:
                self._hear(payload)
            elif kind == TEXT:
                if self.speaker.is_direct and payload.startswith(_DELTA):
                    start = payload.index(_DELTA_AUDIO) + len(_DELTA_AUDIO)
                    self._hear(pybase64.b64decode(payload[start : -len(_DELTA_END)]))
                else:
                    self._told(json.loads(payload))
            elif kind == PING:
                self.send(frame(PONG, payload, masked=True))
            elif kind == CLOSE and not self.closing:
                raise BenchError(f"a session was closed: {payload!r}")

    def _hear(self, audio):
        if self.stamps is not None:
            begins = range(-self.heard % self.delta_bytes, len(audio), self.delta_bytes)
            self.stamps += [int.from_bytes(audio[at : at + 8]) for at in begins]
        self.heard += len(audio)

    def _told(self, event):
        kind = event["type"]
        if kind == self.speaker.ready:
            self.is_ready = True
        if kind in self.speaker.faults and not self.closing:
            self.events.append((f"fault {event.get('code')}", event))
        reply = self.speaker.reply(event)
        if reply:
            self.send(reply)
        self.events.append((kind, event))

    def take_events(self):
        """Return the kinds of the events since the last time; a fault among them is one of the measurement.

        Raises:
            BenchError: The client was told that something went wrong.
        """
        events, self.events = self.events, []
        for kind, event in events:
            if kind.startswith("fault "):
                raise BenchError(f"a client was told: {json.dumps(event)}")
        return [kind for kind, _ in events]

    def advance(self, deltas):
        """Return how many more frames are answered by what was heard; `deltas` tells what each leads to."""
        before, heard, limit = self.answered, self.heard // (DELTA_SAMPLES * 2), self.sent
        answered = before
        while answered < limit and deltas[answered] <= heard:
            answered += 1
        self.answered = answered
        return answered - before


def cpu_seconds(pid):
    """Return the CPU time that a process has used, all its threads, ended ones too.

    Linux builds the id of another process's CPU clock from its number (clock_getcpuclockid(3)); it counts in
    nanoseconds what /proc counts in hundredths.
    """
    return time.clock_gettime((~pid << 3) | 2)


def machine_seconds():
    """Return the CPU time that everything on the machine has used, the time stolen from it included."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields[:8])
    return (user + nice + system + irq + softirq + steal) / 100


class Window:
    """What a stretch of time cost whom.

    Args:
        pids: The processes of each name.
    """

    def __init__(self, pids):
        self._pids = pids
        self._begin = self._now()

    def _now(self):
        return (
            time.monotonic(),
            machine_seconds(),
            {name: sum(map(cpu_seconds, pids)) for name, pids in self._pids.items()},
        )

    def close(self, count=0, thing="frame"):
        """Return the figures, with those of each thing if some were counted."""
        (then, machine, cpu), (now, machine_now, cpu_now) = self._begin, self._now()
        used = {name: cpu_now[name] - cpu[name] for name in cpu}
        seconds = now - then
        figures = {"seconds": seconds, "others": max(0.0, machine_now - machine - sum(used.values())) / seconds}
        for name, spent in used.items():
            figures[f"{name}_cpu"] = spent / seconds
        if count:
            figures |= {f"{thing}s": count, f"{thing}s_a_second": count / seconds}
            figures |= {f"{name}_us_a_{thing}": spent / count * 1e6 for name, spent in used.items()}
        return figures


class Load:
    """The clients of one job.

    Args:
        job: What to do, as it came in.
        tell: Reports on the way.
    """

    def __init__(self, job, tell):
        self.job = job
        self.tell = tell
        self.host, self.port = "127.0.0.1", job["port"]
        self.delta_bytes = job.get("bytes", SAY_BYTES)
        self.output = job.get("output", UPSTREAM_RATE)
        self.speaker = SPEAKERS[job["speaker"]](self.output)
        self.course = Course(translates=self.speaker.translates)
        self.poll = select.epoll()
        self.by_number = {}

    # The clients.

    def connect(self):
        """Begin one more session."""
        begun = time.monotonic()
        sock = socket.create_connection((self.host, self.port), timeout=_OPEN_WITHIN)
        client = Client(sock, self.poll, self.speaker, begun, self.delta_bytes)
        self.by_number[sock.fileno()] = client
        client.send(request(self.host, self.port, self.speaker.path))
        return client

    def open(self, count):
        """Begin so many sessions, and wait until each is configured."""
        clients, opening, deadline = [], set(), time.monotonic() + _OPEN_WITHIN
        while len(clients) < count or opening:
            while len(clients) < count and len(opening) < _OPENING_AT_ONCE:
                clients.append(self.connect())
                opening.add(clients[-1])
            self.serve(deadline, "sessions to begin")
            opening = {client for client in opening if not client.is_ready}
        for client in clients:
            client.take_events()
        return clients

    def open_speaking(self, count):
        """Begin so many sessions with a response that says back what it hears."""
        clients = self.open(count)
        ask = self.speaker.ask("echo")
        for client in clients:
            client.send(ask)
        deadline = time.monotonic() + _OPEN_WITHIN
        while not all(client.heard for client in clients):
            self.serve(deadline, "responses to begin")
        for client in clients:
            client.take_events()
            client.restart()
        return clients

    def wait(self, timeout):
        """Return the clients that have received something within `timeout` seconds, each with it taken."""
        # Unlike epoll's own, the timeout of select is exact to less than a millisecond.
        select.select([self.poll], [], [], max(0.0, timeout))
        told = []
        for number, events in self.poll.poll(0):
            client = self.by_number[number]
            if events & select.EPOLLOUT:
                client.send(b"")
            if events == select.EPOLLOUT:
                continue
            data = client.receive()
            if data is None:
                self._lost(number, client)
            else:
                client.take(data)
                told.append(client)
        return told

    def _lost(self, number, client):
        if not client.closing:
            raise BenchError("a session was lost: its connection ended")
        del self.by_number[number]
        client.drop()

    def serve(self, deadline, what):
        """Wait for anything until the deadline.

        Raises:
            BenchError: It has passed.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise BenchError(f"waited too long for {what}")
        return self.wait(left)

    def close(self):
        """End every session in order."""
        for client in self.by_number.values():
            if not client.closing:
                client.closing = True
                client.send(_GOODBYE)
        deadline = time.monotonic() + _CLOSE_WITHIN
        while self.by_number:
            self.serve(deadline, "sessions to end")

    # The jobs.

    def live(self):
        """A frame each `gap` seconds in every session, one after the other: how long each takes there and back."""
        job = self.job
        clients, gap = self.open_speaking(job["sessions"]), job["gap"]
        total = round(job["seconds"] / gap) * len(clients)
        warm = round(job["warm"] / gap) * len(clients)
        self.course.reach((total + warm) // len(clients) + 1)
        deltas, times, late = self.course.deltas, [], []
        step, number, window, timed_from = gap / len(clients), 0, None, (warm // len(clients))
        start = time.monotonic()
        while number < total + warm:
            now = time.monotonic()
            while start + number * step <= now and number < total + warm:
                if number == warm:
                    window = Window(job["pids"])
                client = clients[number % len(clients)]
                client.sent_at.append(time.monotonic())
                client.sent += 1
                client.send(self.speaker.audio)
                late.append(now - start - number * step)
                number += 1
            for told in self.wait(start + number * step - time.monotonic()):
                self._time_answers(told, deltas, timed_from, times)
        figures = window.close(total)
        self._drain(clients, lambda told: self._time_answers(told, deltas, timed_from, times))
        return {**figures, **spread(times, "ms", 1000), "late_p99_ms": spread(late, "x", 1000)["x_p99"]}

    def _time_answers(self, client, deltas, timed_from, times):
        now, before = time.monotonic(), client.answered
        for number in range(before, before + client.advance(deltas)):
            sent = client.sent_at.popleft()
            if number >= timed_from and deltas[number] > deltas[number - 1]:
                times.append(now - sent)

    def _drain(self, clients, take):
        """Wait for the answers to what was sent; one delta too few or too many is an error."""
        deadline = time.monotonic() + _ANSWER_WITHIN
        for client in clients:
            take(client)  # a frame that completes no delta is answered without anything coming
        while any(client.answered < client.sent for client in clients):
            for told in self.serve(deadline, "the last frames to be answered"):
                take(told)
        for client in clients:
            client.take_events()
            said = self.course.deltas[client.sent - 1] * DELTA_SAMPLES * 2
            if client.heard != said:
                raise BenchError(
                    f"a session of {client.sent} frames heard {client.heard} bytes, and should have heard {said}"
                )

    def _check_answer(self, client, deltas):
        """An answer has as much audio as was asked for: exactly, or within 5 ms where it was converted."""
        rate = self.output
        said = deltas * self.delta_bytes * rate // UPSTREAM_RATE
        slack = 0 if rate == UPSTREAM_RATE else rate * 2 // 200
        if abs(client.heard - said) > slack:
            raise BenchError(f"an answer of {deltas} deltas, {said} bytes, came as {client.heard} bytes")
        client.heard = 0

    def saturate(self):
        """Every session has `window` frames under way all the time: how many a second come back."""
        job = self.job
        clients, deltas, audio = self.open_speaking(job["sessions"]), self.course.deltas, self.speaker.audio
        self.course.reach(job["window"] + 1)

        def refill(client):
            """Send as many frames as are answered; one that the resampler swallows is answered at once."""
            total = 0
            while more := client.advance(deltas):
                total += more
                self.course.reach(client.sent + more + 1)
                client.sent += more
                client.send(audio * more)
            return total

        for client in clients:
            client.sent = job["window"]
            client.send(audio * job["window"])
            refill(client)
        answered, window, now = 0, None, time.monotonic()
        begin, end = now + job["warm"], now + job["warm"] + job["seconds"]
        while now < end:
            if window is None and now >= begin:
                answered, window = 0, Window(job["pids"])
            for client in self.wait(_ANSWER_WITHIN):
                answered += refill(client)
            now = time.monotonic()
        figures = window.close(answered)
        self._drain(clients, lambda told: told.advance(deltas))
        if not answered:
            raise BenchError("nothing came back")
        return figures

    def turns(self):
        """A user message and its answer of one delta, again and again: how long until the first audio."""
        job = self.job
        clients, times, wholes = self.open(job["sessions"]), [], []
        ask = self.speaker.ask(f"say 1 0 {self.delta_bytes}")
        waiting = [(time.monotonic() + number * job["pause"] / len(clients), number) for number in range(len(clients))]
        numbers = {id(client): number for number, client in enumerate(clients)}
        asked, heard = [0.0] * len(clients), [False] * len(clients)
        window, end = Window(job["pids"]), time.monotonic() + job["seconds"]
        busy = 0
        while True:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now < end:
                number = heapq.heappop(waiting)[1]
                asked[number], heard[number] = time.monotonic(), False
                clients[number].send(ask)
                busy += 1
            if now >= end and not busy:
                break
            if now > end + _ANSWER_WITHIN:
                raise BenchError("waited too long for answers")
            for client in self.wait((waiting[0][0] if waiting and now < end else now + 0.5) - time.monotonic()):
                now, number = time.monotonic(), numbers[id(client)]
                if client.heard and not heard[number]:
                    heard[number] = True
                    times.append(now - asked[number])
                if self.speaker.end in client.take_events():
                    self._check_answer(client, 1)
                    wholes.append(now - asked[number])
                    heapq.heappush(waiting, (now + job["pause"], number))
                    busy -= 1
        figures = window.close(len(wholes), "turn")
        return {**figures, **spread(times, "ms", 1000), **spread(wholes, "turn_ms", 1000)}

    def paced(self):
        """Answers of `together` deltas every 100 ms in every session: how long each takes to the client.

        No answer begins or ends while it is measured. What was converted bears no times.
        """
        job, together = self.job, self.job.get("together", 1)
        clients, times, ended, pace = self.open(job["sessions"]), [], set(), PACE_MS / 1000
        count = (round((job["warm"] + job["seconds"]) / pace) + _MORE_PACED) * together
        ask = self.speaker.ask(f"say {count} {PACE_MS} {self.delta_bytes} {together}")

        def hear(told):
            now = time.monotonic_ns()
            for client in told:
                if client.stamps:
                    times.extend((now - stamp) / 1e9 for stamp in client.stamps)
                    client.stamps.clear()
                if self.speaker.end in client.take_events():
                    ended.add(client)

        start = time.monotonic()
        for number, client in enumerate(clients):  # spread over the first 100 ms
            self._serve_until(start + pace * number / len(clients), hear)
            client.stamps = [] if self.output == UPSTREAM_RATE else None
            client.send(ask)
        begin = start + pace + job["warm"]
        self._serve_until(begin, hear)
        times.clear()
        window, heard = Window(job["pids"]), self._deltas_heard(clients)
        self._serve_until(begin + job["seconds"], hear)
        deadline = time.monotonic() + _ANSWER_WITHIN
        while self._deltas_heard(clients) == heard:
            hear(self.serve(deadline, "speech"))
        figures = window.close(self._deltas_heard(clients) - heard)
        if self.output == UPSTREAM_RATE:
            figures |= spread(times, "ms", 1000)
        while len(ended) < len(clients):
            hear(self.serve(deadline, "speech to end"))
        for client in clients:
            self._check_answer(client, count)
        return figures

    def _serve_until(self, end, hear):
        while (left := end - time.monotonic()) > 0:
            hear(self.wait(left))

    def _deltas_heard(self, clients):
        return sum(client.heard for client in clients) * UPSTREAM_RATE // (self.delta_bytes * self.output)

    def starts(self):
        """Begin `count` sessions, `at_once` of them at a time, and end each when it is configured."""
        job = self.job
        opening, times, begun = set(), [], 0
        window, deadline = Window(job["pids"]), time.monotonic() + _OPEN_WITHIN + _ANSWER_WITHIN
        while len(times) < job["count"]:
            while begun < job["count"] and len(opening) < job["at_once"]:
                opening.add(self.connect())
                begun += 1
            for client in self.serve(deadline, "sessions to begin"):
                if client.is_ready and client in opening:
                    times.append(time.monotonic() - client.begun)
                    client.take_events()
                    opening.discard(client)
                    client.closing = True
                    client.send(_GOODBYE)
        return {**window.close(len(times), "start"), **spread(times, "ms", 1000)}

    def hold(self):
        """Open sessions in the steps of `steps`; after each let them rest for its seconds, having said so."""
        for count, seconds in self.job["steps"]:
            self.open(count - len(self.by_number))
            self._rest(1.0)
            self.tell({"open": count, "seconds": seconds})
            self._rest(seconds)
        return {}

    def _rest(self, seconds):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for client in self.wait(left):
                client.take_events()

    def mixed(self):
        """Everybody speaks all the time, asks, is answered in paced speech, and has something changed in mid-speech."""
        mixture = Mixture(self)
        return mixture.run()


class Mixture:
    """The mixed load: live audio up, answers of paced speech or a burst down, and an update in the middle of each.

    Args:
        load: Its clients.
    """

    def __init__(self, load):
        self._load = load
        self._job = load.job
        self._chance = random.Random(self._job["seed"])  # noqa: S311 - a load, no secret
        self._asks = cycle(("say 10 100", "say 20 100", "say 20 0"))
        self._updates = cycle(
            (
                ({"type": "UpdatePrompt", "prompt": "Rhyme."}, "PromptUpdated"),
                ({"type": "UpdateSpeak", "speak": {"provider": {"type": "open_ai", "speed": 1.25}}}, "SpeakUpdated"),
                ({"type": "UpdatePrompt", "prompt": "Do not."}, "PromptUpdated"),
                ({"type": "UpdateSpeak", "speak": {"provider": {"type": "open_ai", "speed": 1.0}}}, "SpeakUpdated"),
            )
        )
        self._due = []
        self._faults = {}
        self._asked = self._answered = self._updated = self._acknowledged = 0
        self._first, self._acks, self._speech = [], [], []
        self._state = {}

    def run(self):
        """Play it for its seconds, and wait for what is owed."""
        load, job = self._load, self._job
        clients = load.open(job["sessions"])
        for number, client in enumerate(clients):
            client.stamps = []
            self._state[id(client)] = {"asked": 0.0, "owed": [], "speaks": False, "ended": 0.0}
            self._later(self._chance.random(), self._ask, client)
            self._later(number * FRAME_SECONDS / len(clients), self._speak, client)
        window = Window(job["pids"])
        self._end = time.monotonic() + job["seconds"]
        deadline, frames = self._end + _ANSWER_WITHIN, 0
        while time.monotonic() < self._end or self._answered < self._asked or self._acknowledged < self._updated:
            if time.monotonic() > deadline:
                raise BenchError(
                    f"{self._asked - self._answered} of {self._asked} answers and "
                    f"{self._updated - self._acknowledged} of {self._updated} acknowledgements never came"
                )
            while self._due and self._due[0][0] <= time.monotonic():
                _, _, act, client = heapq.heappop(self._due)
                act(client)
                frames += act == self._speak
            next_one = self._due[0][0] if self._due else time.monotonic() + 0.1
            for client in load.wait(next_one - time.monotonic()):
                self._hear(client)
        return {
            **window.close(frames),
            **spread(self._speech, "speech_ms", 1000),
            **spread(self._first, "turn_ms", 1000),
            **spread(self._acks, "held_update_ms", 1000),
            "answers": self._answered,
            "updates": self._updated,
            "faults": self._faults,
        }

    def _later(self, seconds, act, client):
        when = time.monotonic() + seconds
        heapq.heappush(self._due, (when, self._chance.random(), act, client))

    def _speak(self, client):
        client.send(self._load.speaker.audio)
        if time.monotonic() < self._end:
            self._later(FRAME_SECONDS, self._speak, client)

    def _ask(self, client):
        if time.monotonic() < self._end:
            self._state[id(client)] |= {"asked": time.monotonic(), "speaks": False}
            self._asked += 1
            client.send(self._load.speaker.ask(next(self._asks)))

    def _update(self, client):
        message, ack = next(self._updates)
        self._state[id(client)]["owed"].append((ack, time.monotonic()))
        self._updated += 1
        client.send(text(message, masked=True))

    def _hear(self, client):
        now, state = time.monotonic(), self._state[id(client)]
        if client.stamps:
            nanoseconds = time.monotonic_ns()
            self._speech += [(nanoseconds - stamp) / 1e9 for stamp in client.stamps]
            client.stamps.clear()
            if not state["speaks"]:
                state["speaks"] = True
                self._first.append(now - state["asked"])
                self._later(self._chance.uniform(0.0, 0.8), self._update, client)
        events, client.events = client.events, []
        for kind, _ in events:
            if kind.startswith("fault "):
                self._faults[kind[6:]] = self._faults.get(kind[6:], 0) + 1
            elif kind == "AgentDone":
                self._answered += 1
                state["ended"] = now
                self._later(self._chance.uniform(0.2, 0.8), self._ask, client)
            elif state["owed"] and kind == state["owed"][0][0]:
                self._acknowledged += 1
                _, asked = state["owed"].pop(0)
                # From when nothing was in its way any more.
                self._acks.append(now - max(asked, state["ended"]))


def spread(seconds, name, scale):
    """Return the percentiles of some times.

    Raises:
        BenchError: There are none.
    """
    if not seconds:
        raise BenchError("nothing was timed")
    ordered = sorted(seconds)

    def at(share):
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * scale

    return {
        f"{name}_p50": at(0.5),
        f"{name}_p95": at(0.95),
        f"{name}_p99": at(0.99),
        f"{name}_most": ordered[-1] * scale,
        f"{name}_count": len(ordered),
    }


def main():
    """Do the jobs that come in."""

    def tell(figures):
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()

    gc.disable()
    for line in sys.stdin:
        try:
            job = json.loads(line)
            check(job)
            load = Load(job, tell)
            figures = getattr(load, job["kind"])()
            load.close()
            tell({"figures": figures})
        except BenchError as error:
            tell({"error": str(error)})
        except Exception:  # noqa: BLE001 - whatever it is, it must not pass for a figure
            tell({"error": traceback.format_exc()})
        gc.collect()


if __name__ == "__main__":
    main()
