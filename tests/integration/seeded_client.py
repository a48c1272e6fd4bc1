"""What the seeded clients have in common: their links, their losses, and how they come to rest."""

from __future__ import annotations

import json
import random
import time
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import continuity
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from turnstile.simulator.settings import DEFAULT_INSTRUCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.simulator.session import SimulatedSession
    from turnstile.simulator.session_driver import SessionDriver
    from turnstile.simulator.simulator import Simulator

WEATHER = {"name": "get_weather", "description": "Look up the weather.", "parameters": {"type": "object"}}
PATIENCE = 30.0
# How often a link expires, of those that are lost.
_EXPIRES = 0.2
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


@dataclass(frozen=True)
class Profile:
    """What sessions are played.

    Args:
        dialect: ``voice agent`` or ``realtime``.
        turns: ``session.turns``.
        losses: How often each session's link is lost.
        lifetime: Seconds until a link expires; where that is not for hours, each session has a renewal at least.
        first: The number of the first session.
    """

    dialect: str = "voice agent"
    turns: str = "server"
    losses: int = 0
    lifetime: float = 3600.0
    first: int = 0

    @property
    def renews(self) -> bool:
        """Whether links are renewed within a session."""
        return self.lifetime < 60


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
        self._unclaimed: dict[int, SessionDriver] = {}
        self._own: dict[int, SessionDriver] = {}

    def _find(self) -> list[SessionDriver]:
        every = self._simulator.links.all
        self._unclaimed.update(enumerate(every[self._scanned :], self._scanned))
        self._scanned = len(every)
        for number, link in list(self._unclaimed.items()):
            instructions = link.session.settings["instructions"]
            if instructions.startswith(self._name):
                self._own[number] = link
            if instructions != DEFAULT_INSTRUCTIONS or link.has_ended:
                del self._unclaimed[number]
        return [self._own[number] for number in sorted(self._own)]

    @property
    def current(self) -> SessionDriver | None:
        """The link that was opened last, if it is open."""
        links = [link for link in self._find() if not link.has_ended]
        return links[-1] if links else None

    @property
    def renewals(self) -> int:
        """How many links the proxy has closed itself, since another had taken over."""
        return sum(link.has_ended and link.session.closing is None for link in self._find())

    @property
    def used(self) -> list[SimulatedSession]:
        """The links that were used, and the last; one that is only prepared beside it is none."""
        links = self._find()
        while len(links) > 1 and not links[-2].has_ended:
            links = links[:-1]
        return continuity.in_use([link.session for link in links])


@dataclass
class Verdict:
    """What became of one session.

    Args:
        faults: What broke the promise.
        counts: What was sent, and what happened.
    """

    faults: list[str] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)


class SeededClient(ABC):
    """One session: a seeded client that does what comes to its mind.

    Args:
        number: Names it, and seeds it.
        url: Of the proxy.
        simulator: Where to look up what arrived, and to end links.
        profile: What is done to it.
    """

    def __init__(self, number: int, url: str, simulator: Simulator, profile: Profile) -> None:
        self.name = f"Session {number}."
        self.profile = profile
        self.links = Links(simulator, self.name)
        self.chance = random.Random(number)  # noqa: S311 - chance, not a secret
        self.url = url
        self.verdict = Verdict()
        self.prompts = [self.name]
        self.texts: list[str] = []
        self.open_calls: list[str] = []
        self.results: list[str] = []
        self.void: set[str] = set()
        self.deleted: list[str] = []
        self.told: set[str] | None = None
        self.losses_due = 0
        self.used: list[SimulatedSession] = []
        self._ended: set[SessionDriver] = set()
        self.heard: Counter = Counter()

    @property
    @abstractmethod
    def actions(self) -> list[Callable[[], object]]:
        """What may come to its mind."""

    @abstractmethod
    def configure(self) -> None:
        """Begin the session."""

    @abstractmethod
    def answer(self) -> None:
        """Answer an open call, if there is one."""

    @abstractmethod
    def take(self, frame: str | bytes) -> None:
        """Take what the proxy sends."""

    @abstractmethod
    def unrest(self) -> str:
        """Say what has not come to its end yet."""

    @abstractmethod
    def judge(self) -> None:
        """Find what broke the promise."""

    def play(self) -> Verdict:
        """Play the session to its end, and judge it."""
        try:
            self._play()
        except ConnectionClosed as closed:
            self.fault(f"the session was ended: {closed}")
            return self.verdict
        self.judge()
        return self.verdict

    def _play(self) -> None:
        with connect(self.url, max_size=None, close_timeout=1.0) as self.socket:
            self.configure()
            count = self.chance.randint(6, 16)
            losing = set(self.chance.sample(range(1, count), self.profile.losses))
            for number in range(count):
                self.losses_due += number in losing
                self._act([0.0, 0.0, 0.005, 0.02])
            while self.losses_due or (self.profile.renews and not self.links.renewals):
                self._act([0.05, 0.1, 0.2])
            self._come_to_rest()
            self.used = self.links.used
            self.verdict.counts["sessions with a renewal"] += bool(self.links.renewals)

    def send(self, kind: str, **fields: object) -> None:
        """Send a message or an event."""
        self.verdict.counts[kind] += 1
        self.socket.send(json.dumps({"type": kind, **fields}))

    def fault(self, words: str) -> None:
        """Note what broke the promise."""
        self.verdict.faults.append(words)

    def _act(self, waits: list[float]) -> None:
        self._lose()
        self.chance.choice(self.actions)()
        self._hear(self.chance.choice(waits))

    def _lose(self) -> None:
        """Have the link end: now or behind an event to come, in one of the ways that links end."""
        link = self.links.current if self.losses_due else None
        if link is None or link in self._ended:
            return
        self.losses_due -= 1
        self._ended.add(link)
        self.verdict.counts["links ended on demand"] += 1
        if self.chance.random() < _EXPIRES:
            link.expire()
        else:
            link.disconnect(self.chance.choice([1006, 1006, 1011]), self.chance.choice(_ENDS))

    def _hear(self, wait: float) -> None:
        """Take what has come, and wait a little for more."""
        try:
            while True:
                self.take(self.socket.recv(timeout=wait))
        except TimeoutError:
            pass

    def _come_to_rest(self) -> None:
        deadline = time.monotonic() + PATIENCE
        rested = 0
        while rested < _QUIET:
            rested = 0 if self.unrest() else rested + 1
            if time.monotonic() > deadline:
                self.fault(f"hangs: {self.unrest()}")
                return
            self.answer()
            self._hear(0.02)

    def judge_links(self, links: list[SimulatedSession]) -> None:
        """Judge what is promised in both dialects."""
        found = continuity.message_faults(links, self.texts)
        found += continuity.result_faults(links, self.results, self.void)
        # Where the client creates responses itself, each create has one, whatever there is to say.
        found += continuity.reply_faults(links, unanswered_only=self.profile.dialect == "realtime")
        lost = self.verdict.counts["warnings: turn_lost"]
        found += continuity.conversation_faults(
            links, may_lose_turns=bool(lost), may_cut=True, deleted=self.deleted, told=self.told
        )
        if links[-1].settings["instructions"] != "\n\n".join(self.prompts):
            found.append(f"the prompt in force is {links[-1].settings['instructions']!r}")
        self.verdict.faults += found
        self.verdict.counts["links"] += len(links)
        self.verdict.counts["responses"] += sum(link.log.responses_begun for link in links)
