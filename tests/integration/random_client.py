"""A seeded Voice Agent client, which does what comes to its mind, and judges what became of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import continuity
import numpy as np
from seeded_client import WEATHER, SeededClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.simulator.log import SimulatorLog

RATE = 16_000
# What a client may be told on account of its own doings: a result given twice, or for a call that was cancelled.
EXPECTED_FAULTS = {"function_call_already_answered", "function_call_cancelled"}
ACKNOWLEDGEMENTS = {"SettingsApplied", "PromptUpdated", "SpeakUpdated", "ListenUpdated"}


def _voice(milliseconds: int) -> bytes:
    moments = np.arange(RATE * milliseconds // 1000) / RATE
    return (np.sin(2 * np.pi * 300 * moments) * 9_000).astype("<i2").tobytes()


SPEECH = _voice(240) + bytes(RATE * 2 * 400 // 1000)


class RandomClient(SeededClient):
    """One Voice Agent session."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.acks: list[str] = []
        self.expected_acks: list[str] = []

    @property
    def may_race(self) -> bool:
        """Whether the API begins responses by itself."""
        return self.profile.turns == "server"

    @property
    def actions(self) -> list[Callable[[], object]]:
        """What may come to its mind."""
        return [self._prompt, self._speed, self._listen, self._message, self._weather, self._speak, self.answer]

    def configure(self) -> None:
        """Begin the session."""
        self.expected_acks.append("SettingsApplied")
        self.send("Settings", agent={"think": {"prompt": self.name, "functions": [WEATHER]}})

    def _prompt(self) -> None:
        self.prompts.append(f"Rule {len(self.prompts)}.")
        self.expected_acks.append("PromptUpdated")
        self.send("UpdatePrompt", prompt=self.prompts[-1])

    def _speed(self) -> None:
        self.expected_acks.append("SpeakUpdated")
        speed = self.chance.choice([0.5, 0.75, 1.0, 1.25, 1.5])
        self.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "speed": speed}})

    def _listen(self) -> None:
        self.expected_acks.append("ListenUpdated")
        self.send("UpdateListen", listen={"provider": {"model": "whisper-1", "language": "en"}})

    def _message(self, text: str = "Hi") -> None:
        self.texts.append(f"{text} {len(self.texts)}")
        self.send("InjectUserMessage", content=self.texts[-1])

    def _weather(self) -> None:
        self._message("What is the weather?")

    def _speak(self) -> None:
        self.verdict.counts["spoken turns"] += 1
        for start in range(0, len(SPEECH), 640):
            self.socket.send(SPEECH[start : start + 640])

    def answer(self) -> None:
        """Answer an open call, if there is one, now and then twice."""
        if self.open_calls:
            call_id = self.open_calls.pop(self.chance.randrange(len(self.open_calls)))
            for _ in range(self.chance.choice([1, 1, 1, 2])):
                self.results.append(call_id)
                self.send("FunctionCallResponse", id=call_id, name="get_weather", content="hail")

    def take(self, frame: str | bytes) -> None:
        """Take what the proxy sends."""
        if isinstance(frame, bytes):
            self.verdict.counts["audio frames heard"] += 1
            return
        message = json.loads(frame)
        kind = message["type"]
        self.heard[kind] += 1
        if kind in ACKNOWLEDGEMENTS:
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
            self.fault(f"told: {message['code']}: {message['description']}")

    def unrest(self) -> str:
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

    def judge(self) -> None:
        """Find what broke the promise."""
        verdict, links = self.verdict, self.used
        if self.acks != self.expected_acks:
            self.fault(f"acknowledged {self.acks}, not {self.expected_acks}")
        if not links:
            return
        self.judge_links(links)
        if not self.may_race:
            verdict.faults += continuity.collision_faults(links)
        verdict.counts["sessions in which something was said"] += bool(self.texts or verdict.counts["spoken turns"])
        verdict.counts["calls cancelled"] += self.heard["FunctionCallCancelled"]
        for link in links:
            self._judge_rules(link.log)

    def _judge_rules(self, log: SimulatorLog) -> None:
        verdict = self.verdict
        # A spoken turn that the API answers by itself can overtake what is under way; each is repaired.
        raced = {"response.create", "session.update", "response.cancel"} if self.may_race else set()
        races = [rule for rule in log.broken if rule.event_type in raced]
        verdict.faults += [f"rule broken: {rule.code}: {rule.message}" for rule in log.broken if rule not in races]
        verdict.counts["updates upstream"] += log.updates_applied
        verdict.counts["races lost and repaired"] += len(races)
        verdict.counts["updates overtaken by a spoken turn"] += log.updates_under_way
