"""Frames that nobody should send, on both wires, against a whole session: parsed, or a documented error, nothing else.

Everything comes from a seed. The frames are those of the transcripts, changed: a field gone, a value of another kind, a
frame cut short, another order; and some that never were any.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from stage import Stage, playable

from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.voice_agent.client import MESSAGE_TYPES
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.session.policy import Policy

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"
_SECRET = "made-up-secret"
_ODD = [None, True, 0, -1, 2**70, 1e308, "", "x" * 5_000, "\u0000", "\U0001f600", [], {}, [[]], {"type": {}}, _SECRET]


class Finding(AssertionError):  # noqa: N818 - what a fuzzer has
    """Something that must not happen."""


def _lines(way):
    for path in sorted(TRANSCRIPTS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines()[1:]:
            found = json.loads(line)
            if found.get("from") == way and "text" in found:
                yield found["text"]


CLIENT = [*_lines("client"), *({"type": kind} for kind in MESSAGE_TYPES)]
UPSTREAM = [playable(event) for event in _lines("upstream")]


def changed(rng, value):
    """Return a value with something in it changed, anywhere."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        name = rng.choice([*value])
        rest = {key: one for key, one in value.items() if key != name}
        if rng.random() < 0.15:
            return rest
        if rng.random() < 0.05:
            return {**rest, name.swapcase(): value[name]}
        return {**value, name: changed(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = rng.randrange(len(value))
        return [*value[:place], changed(rng, value[place]), *value[place + 1 :]]
    return rng.choice(_ODD)


def frame(rng, samples):
    """Return the bytes of one frame: as it was, changed, broken, or never one."""
    sample = rng.choice(samples)
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 4])):
        sample = changed(rng, sample)
    data = json.dumps(sample).encode()
    if rng.random() < 0.03:
        return rng.randbytes(rng.randrange(50))
    if rng.random() < 0.03:
        return data[: rng.randrange(len(data) + 1)]
    return data


class Session:
    """One session under fire.

    Args:
        rng: All chance.
        turns: Who begins the response to a spoken turn.
    """

    def __init__(self, rng, turns="server"):
        self.rng = rng
        profile = rng.choice([COMPONENT, DEEPGRAM])
        self.stage = Stage(profile, policy=Policy(id_prefix="ts_", turns=turns, max_held=8, max_open_calls=4))

    def play(self, rounds, upstream_odds):
        """Let both sides say this and that; `upstream_odds`: how much of it upstream says."""
        self._client(b'{"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}')
        if self.rng.random() < 0.9:
            self._upstream(b'{"type": "session.created", "session": {}}')
            self._upstream(b'{"type": "session.updated", "session": {}}')
        for _ in range(rounds):
            if self.stage.client_wire.closed is not None:
                break
            if self.rng.random() < upstream_odds:
                self._upstream(frame(self.rng, UPSTREAM))
            elif self.rng.random() < 0.1:
                self.stage.client_inbox.tell(BinaryFrame(self.rng.randbytes(self.rng.randrange(2_000))))
            else:
                self._client(frame(self.rng, CLIENT))
            self.stage.settle()
            if self.rng.random() < 0.1:
                self.stage.timers.advance(self.rng.choice([0.01, 1.0, 11.0, 40.0]))
                self.stage.settle()
        self.judge()
        self.stage.client_leaves()

    def _client(self, data):
        self.stage.client_inbox.tell(TextFrame(data))
        self.stage.settle()

    def _upstream(self, data):
        if self.stage.has_link:
            self.stage.tell_link(TextFrame(data))
            self.stage.settle()

    def judge(self):
        """Raise what must not have happened."""
        closed = self.stage.client_wire.closed
        if closed is not None and closed[1] == "internal error":
            raise Finding("something in the proxy failed")
        for line in self.stage.lines:
            told = line.get("text")
            if line.get("to") == "client" and told and told["type"] in {"Error", "Warning"}:
                if not (isinstance(told["code"], str) and told["code"] and isinstance(told["description"], str)):
                    raise Finding(f"an error without words: {told}")
                if _SECRET in told["description"] and "headers" in told["description"]:
                    raise Finding("a secret was told")


def fuzz_client_wire(seed):
    """One session whose client says what it likes."""
    rng = Random(seed)  # noqa: S311 - to be repeatable is the point
    Session(rng, rng.choice(["server", "proxy"])).play(40, upstream_odds=0.25)


def fuzz_upstream_wire(seed):
    """One session whose upstream says what it likes."""
    rng = Random(seed)  # noqa: S311
    Session(rng, rng.choice(["server", "proxy"])).play(60, upstream_odds=0.8)


WIRES = {"client": fuzz_client_wire, "upstream": fuzz_upstream_wire}
