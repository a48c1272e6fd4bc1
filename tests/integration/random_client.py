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
    from turnstile.simulator.session import SimulatedSession
    from turnstile.simulator.session_driver import SessionDriver
    from turnstile.simulator.simulator import Simulator

WEATHER = {"name": "get_weather", "description": "Look up the weather.", "parameters": {"type": "object"}}
RATE = 16_000
# What a client may be told on account of its own doings: a result given twice, or for a call that was cancelled.
EXPECTED_FAULTS = {"function_call_already_answered", "function_call_cancelled"}
PATIENCE = 30.0
# For how many looks in a row a session must be at rest: audio may be on its way.
_QUIET = 4
# The events that a link ends behind; None is at once.
_ENDS = (
    None,
    None,
    "response.created",
    "response.output_audio.delta",
    "response.function_call_arguments.done",
    "response.done",
    "session.updated",
    "conversation.item.added",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.committed",
)


def _voice(milliseconds: int) -> bytes:
    moments = np.arange(RATE * milliseconds // 1000) / RATE
    return (np.sin(2 * np.pi * 300 * moments) * 9_000).astype("<i2").tobytes()


SPEECH = _voice(240) + bytes(RATE * 2 * 400 // 1000)


class Links:
    """The links of one session at the simulator, found by the instructions of its client.

    Args:
        simulator: The simulator, which keeps them all.
        name: What the instructions begin with.
    """

    def __init__(self, simulator: Simulator, name: str) -> None:
        self._simulator = simulator
        self._name = name
        self._scanned = 0
        self._unclaimed: list[SessionDriver] = []
        self._own: list[SessionDriver] = []

    def _find(self) -> list[SessionDriver]:
        every = self._simulator.links.all
        self._unclaimed += every[self._scanned :]
        self._scanned = len(every)
        left = []
        for link in self._unclaimed:
            instructions = link.session.settings["instructions"]
            if instructions.startswith(self._name):
                self._own.append(link)
            elif instructions == DEFAULT_INSTRUCTIONS and not link.has_ended:
                left.append(link)
        self._unclaimed = left
        return self._own

    @property
    def current(self) -> SessionDriver | None:
        """The link that was opened last, if it is open."""
        links = [link for link in self._find() if not link.has_ended]
        return links[-1] if links else None

    @property
    def used(self) -> list[SimulatedSession]:
        """The links that were used, and the last."""
        return continuity.in_use([link.session for link in self._find()])


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
        simulator: Where to look up what arrived, and to end links.
        may_race: The API begins responses by itself.
        losses: How often its link is lost.
    """

    def __init__(self, number: int, url: str, simulator: Simulator, *, may_race: bool, losses: int = 0) -> None:
        self.name = f"Session {number}."
        self.may_race = may_race
        self.losses = losses
        self.links = Links(simulator, self.name)
        self.chance = random.Random(number)  # noqa: S311 - chance, not a secret
        self.url = url
        self.verdict = Verdict()
        self.acks: list[str] = []
        self.expected_acks: list[str] = []
        self.prompts = [self.name]
        self.speed: float | None = None
        self.texts: list[str] = []
        self.open_calls: list[str] = []
        self.results: list[str] = []
        self.void: set[str] = set()
        self.heard: Counter = Counter()

    def play(self) -> Verdict:
        """Play the session to its end, and judge it."""
        with connect(self.url, max_size=None, close_timeout=1.0) as self.socket:
            self._configure()
            actions = self.chance.randint(6, 16)
            losing = set(self.chance.sample(range(1, actions), self.losses))
            for number in range(actions):
                if number in losing:
                    self._lose()
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

    def _lose(self) -> None:
        """Have the link end: now or behind an event to come, in one of the ways that links end."""
        link = self.links.current
        if link is None:
            return
        self.verdict.counts["links ended on demand"] += 1
        if self.chance.random() < 0.2:
            link.expire()
        else:
            link.disconnect(self.chance.choice([1006, 1006, 1011]), self.chance.choice(_ENDS))

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
            self.void |= void
        elif kind == "Warning":
            self.verdict.counts[f"warnings: {message['code']}"] += 1
        elif kind == "Error" and message["code"] not in EXPECTED_FAULTS:
            self.verdict.faults.append(f"told: {message['code']}: {message['description']}")

    def _come_to_rest(self) -> None:
        deadline = time.monotonic() + PATIENCE
        rested = 0
        while rested < _QUIET:
            rested = rested + 1 if self._rests() else 0
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
        links = self.links.used
        if not links:
            return "no upstream session"
        last = links[-1]
        if any(response.status == "in_progress" for response in last.log.responses):
            return "a response runs"
        missing = continuity.reply_faults(links, unanswered_only=True)
        missing += continuity.result_faults(links, self.results, self.void)
        arrived = {item.text for item in last.conversation}
        missing += [f"{text!r} has not arrived" for text in self.texts if text not in arrived]
        return "; ".join(missing)

    def _judge(self) -> None:
        verdict, links = self.verdict, self.links.used
        if self.acks != self.expected_acks:
            verdict.faults.append(f"acknowledged {self.acks}, not {self.expected_acks}")
        if not links:
            return
        verdict.faults += continuity.message_faults(links, self.texts)
        verdict.faults += continuity.result_faults(links, self.results, self.void)
        verdict.faults += continuity.reply_faults(links)
        lost = verdict.counts["warnings: turn_lost"]
        verdict.faults += continuity.conversation_faults(links, may_lose_turns=bool(lost))
        if not self.may_race:
            verdict.faults += continuity.collision_faults(links)
        if links[-1].settings["instructions"] != "\n\n".join(self.prompts):
            verdict.faults.append(f"the prompt in force is {links[-1].settings['instructions']!r}")
        verdict.counts["links"] += len(links)
        verdict.counts["sessions in which something was said"] += bool(self.texts or verdict.counts["spoken turns"])
        verdict.counts["calls cancelled"] += self.heard["FunctionCallCancelled"]
        for link in links:
            self._judge_rules(link.log)

    def _judge_rules(self, log) -> None:
        verdict = self.verdict
        # A spoken turn that the API answers by itself can overtake what is under way; each is repaired.
        raced = {"response.create", "session.update", "response.cancel"} if self.may_race else set()
        races = [rule for rule in log.broken if rule.event_type in raced]
        broken = [rule for rule in log.broken if rule not in races]
        verdict.faults += [f"rule broken: {rule.code}: {rule.message}" for rule in broken]
        verdict.counts["updates upstream"] += log.updates_applied
        verdict.counts["responses"] += len(log.responses)
        verdict.counts["races lost and repaired"] += len(races)
        verdict.counts["updates overtaken by a spoken turn"] += log.updates_under_way
