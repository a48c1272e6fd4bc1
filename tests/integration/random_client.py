"""A seeded Voice Agent client, which does what comes to its mind, and judges what became of it."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import continuity
import numpy as np
from websockets.sync.client import connect

from turnstile.simulator.settings import DEFAULT_INSTRUCTIONS

if TYPE_CHECKING:
    from turnstile.simulator.session_driver import SessionDriver
    from turnstile.simulator.simulator import Simulator

WEATHER = {"name": "get_weather", "description": "Look up the weather.", "parameters": {"type": "object"}}
RATE = 16_000
# What a client may be told on account of its own doings: a result given twice, or for a call that was cancelled.
EXPECTED_FAULTS = {"function_call_already_answered", "function_call_cancelled"}
PATIENCE = 30.0


def _voice(milliseconds: int) -> bytes:
    moments = np.arange(RATE * milliseconds // 1000) / RATE
    return (np.sin(2 * np.pi * 300 * moments) * 9_000).astype("<i2").tobytes()


SPEECH = _voice(240) + bytes(RATE * 2 * 400 // 1000)


@dataclass
class Verdict:
    """What became of one session.

    Args:
        faults: What broke the promise.
        counts: What was sent, and what happened.
    """

    faults: list[str] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)


class RandomClient:
    """One session: a seeded client that does what comes to its mind.

    Args:
        number: Names it, and seeds it.
        url: Of the proxy.
        simulator: Where to look up what arrived.
        may_race: The API begins responses by itself.
    """

    def __init__(self, number: int, url: str, simulator: Simulator, *, may_race: bool) -> None:
        self.may_race = may_race
        self.name = f"Session {number}."
        self.chance = random.Random(number)  # noqa: S311 - chance, not a secret
        self.url = url
        self.simulator = simulator
        self.verdict = Verdict()
        self.acks: list[str] = []
        self.expected_acks: list[str] = []
        self.prompts = [self.name]
        self.speed: float | None = None
        self.texts: list[str] = []
        self.open_calls: list[str] = []
        self.results: list[str] = []
        self.heard: Counter = Counter()

    def play(self) -> Verdict:
        """Play the session to its end, and judge it."""
        with connect(self.url, max_size=None, close_timeout=1.0) as self.socket:
            self._configure()
            for _ in range(self.chance.randint(6, 16)):
                self.chance.choice(
                    [self._prompt, self._speed, self._listen, self._message, self._weather, self._speak, self._answer]
                )()
                self._hear(self.chance.choice([0.0, 0.0, 0.005, 0.02]))
            self._come_to_rest()
        self._judge()
        return self.verdict

    def _send(self, kind: str, **fields: object) -> None:
        self.verdict.counts[kind] += 1
        self.socket.send(json.dumps({"type": kind, **fields}))

    def _configure(self) -> None:
        self.expected_acks.append("SettingsApplied")
        self._send("Settings", agent={"think": {"prompt": self.name, "functions": [WEATHER]}})

    def _prompt(self) -> None:
        self.prompts.append(f"Rule {len(self.prompts)}.")
        self.expected_acks.append("PromptUpdated")
        self._send("UpdatePrompt", prompt=self.prompts[-1])

    def _speed(self) -> None:
        self.speed = self.chance.choice([0.5, 0.75, 1.0, 1.25, 1.5])
        self.expected_acks.append("SpeakUpdated")
        self._send("UpdateSpeak", speak={"provider": {"type": "open_ai", "speed": self.speed}})

    def _listen(self) -> None:
        self.expected_acks.append("ListenUpdated")
        self._send("UpdateListen", listen={"provider": {"model": "whisper-1", "language": "en"}})

    def _message(self, text: str = "Hi") -> None:
        self.texts.append(f"{text} {len(self.texts)}")
        self._send("InjectUserMessage", content=self.texts[-1])

    def _weather(self) -> None:
        self._message("What is the weather?")

    def _speak(self) -> None:
        self.verdict.counts["spoken turns"] += 1
        for start in range(0, len(SPEECH), 640):
            self.socket.send(SPEECH[start : start + 640])

    def _answer(self) -> None:
        if self.open_calls:
            call_id = self.open_calls.pop(self.chance.randrange(len(self.open_calls)))
            for _ in range(self.chance.choice([1, 1, 1, 2])):
                self.results.append(call_id)
                self._send("FunctionCallResponse", id=call_id, name="get_weather", content="hail")

    def _hear(self, wait: float) -> None:
        """Take what has come, and wait a little for more."""
        try:
            while True:
                self._take(self.socket.recv(timeout=wait))
        except TimeoutError:
            pass

    def _take(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            self.verdict.counts["audio frames heard"] += 1
            return
        message = json.loads(frame)
        kind = message["type"]
        self.heard[kind] += 1
        if kind in {"SettingsApplied", "PromptUpdated", "SpeakUpdated", "ListenUpdated"}:
            self.acks.append(kind)
        elif kind == "FunctionCallRequest":
            self.open_calls += [call["id"] for call in message["functions"]]
        elif kind == "FunctionCallCancelled":
            void = {call["id"] for call in message["functions"]}
            self.open_calls = [call_id for call_id in self.open_calls if call_id not in void]
        elif kind == "Error" and message["code"] not in EXPECTED_FAULTS:
            self.verdict.faults.append(f"told: {message['code']}: {message['description']}")

    def _come_to_rest(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._rests():
            if time.monotonic() > deadline:
                self.verdict.faults.append(f"hangs: {self._unrest()}")
                return
            self._answer()
            self._hear(0.02)

    def _rests(self) -> bool:
        return not self._unrest()

    def _unrest(self) -> str:
        """Say what has not come to its end yet."""
        if len(self.acks) < len(self.expected_acks):
            return f"{len(self.expected_acks) - len(self.acks)} updates without an answer"
        if self.open_calls:
            return "a call is open"
        log = self._log()
        if log is None:
            return "no upstream session"
        if any(response.status == "in_progress" for response in log.responses):
            return "a response runs"
        seen = {item for response in log.responses if response.status == "completed" for item in response.seen}
        unseen = [item.id for item in log.items if item.id not in seen]
        if unseen:
            replies = [f"{response.origin} {response.status}" for response in log.responses]
            return f"{len(unseen)} of {len(log.items)} items without a reply; there were {replies}"
        arrived = sum(item.type == "message" and item.role == "user" for item in log.items)
        return f"{len(self.texts) - arrived} messages have not arrived" if arrived < len(self.texts) else ""

    def _log(self):
        for log in self.simulator.logs:
            if log.updates and log.updates[0].get("instructions", "").startswith(self.name):
                return log
        return None

    def _judge(self) -> None:
        log, verdict = self._log(), self.verdict
        if self.acks != self.expected_acks:
            verdict.faults.append(f"acknowledged {self.acks}, not {self.expected_acks}")
        if log is None:
            return
        texts = [item.text for item in log.items if item.type == "message" and item.role == "user"]
        if texts != self.texts:
            verdict.faults.append(f"messages arrived as {texts}, not {self.texts}")
        outputs = [item.call_id for item in log.items if item.type == "function_call_output"]
        if len(set(outputs)) != len(outputs) or set(outputs) - set(self.results):
            verdict.faults.append(f"results arrived as {outputs} of {self.results}")
        in_force = {}
        for update in log.updates:
            in_force = {**in_force, **update}
        if in_force.get("instructions") != "\n\n".join(self.prompts):
            verdict.faults.append(f"the prompt in force is {in_force.get('instructions')!r}")
        self._judge_rules(log)

    def _judge_rules(self, log) -> None:
        verdict = self.verdict
        # A spoken turn that the API answers by itself can overtake what is under way; each is repaired.
        raced = {"response.create", "session.update", "response.cancel"} if self.may_race else set()
        races = [rule for rule in log.broken if rule.event_type in raced]
        broken = [rule for rule in log.broken if rule not in races]
        verdict.faults += [f"rule broken: {rule.code}: {rule.message}" for rule in broken]
        verdict.counts["updates upstream"] += log.updates_applied
        verdict.counts["responses"] += len(log.responses)
        verdict.counts["sessions in which something was said"] += bool(self.texts or verdict.counts["spoken turns"])
        verdict.counts["races lost and repaired"] += len(races)
        verdict.counts["updates overtaken by a spoken turn"] += log.updates_under_way
        verdict.counts["calls cancelled"] += self.heard["FunctionCallCancelled"]


