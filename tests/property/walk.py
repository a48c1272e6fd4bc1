"""Every interleaving of a few small worlds, each with a response that calls functions or a turn that is heard.

``python tests/property/walk.py`` walks it and prints how much there was.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [path for path in (str(HERE), str(HERE.parent.parent)) if path not in sys.path]

from api_model import Api, foreign_done  # noqa: E402 - the path is made for the command above
from world import LIFETIME, LIMITED, POLICY, REAL, Implementation, World  # noqa: E402

from turnstile.session.client_requests import ConfigRequested, FunctionAnswered, TurnEndForced, UserMessageGiven  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from turnstile.session.policy import Policy

UPDATES = (ConfigRequested(1, {"bad": True, "first": 1}), ConfigRequested(2, {"second": 2}))
MESSAGES = tuple(
    UserMessageGiven(ref, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Go on."}]})
    for ref in (3, 4)
)
RESULTS = tuple(FunctionAnswered(5 + number, f"call_{number}", "4") for number in range(2))


class Plan(NamedTuple):
    """What the client, the user and the first response of a world do.

    Args:
        requests: For each kind of request, those that are given, in order.
        turns: How many spoken turns there are.
        script: What the first response does.
        policy: The session's limits.
    """

    requests: dict[str, tuple[object, ...]]
    turns: int
    script: tuple[str, ...]
    policy: Policy = POLICY


_CALLS = ("call", "call", "text", "done")
# The smallest first: what a mutant breaks there is found soon.
PLANS = (
    # A turn that the client ends.
    Plan({"update": UPDATES[1:], "message": MESSAGES[:1], "end": (TurnEndForced(9),)}, 1, ("done",)),
    # Updates, of which one is refused.
    Plan({"update": UPDATES, "message": MESSAGES[:1]}, 1, _CALLS),
    # Two turns, of which the second may break in on the answer to the first.
    Plan({"update": UPDATES[1:], "message": MESSAGES[:1]}, 2, ("call", "done")),
    # Messages in their order, around a response that calls functions, and a turn that the API answers.
    Plan({"update": UPDATES[1:], "message": MESSAGES}, 1, _CALLS),
    # A drain at any moment of a response that calls a function, and of a turn.
    Plan({"update": UPDATES[1:], "message": MESSAGES[:1], "drain": (None,)}, 1, ("call", "done")),
    # A session that is idle, or has lasted as long as it may, at any moment of a response, and of a turn.
    Plan({"update": UPDATES[1:], "message": MESSAGES[:1]}, 1, ("call", "done"), LIMITED),
)


class Walked(NamedTuple):
    """How much there was."""

    states: int
    transitions: int
    ends: int
    seconds: float


class _Position:
    """A world, and what its client and its user have not done yet."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        self.given = dict.fromkeys(plan.requests, 0)
        self.results: frozenset[int] = frozenset()
        self.speech = 0

    def fork(self) -> _Position:
        other = _Position(self.world.fork(), self.plan)
        other.given, other.results, other.speech = dict(self.given), self.results, self.speech
        return other

    def key(self) -> int:
        return hash((*self.given.values(), self.results, self.speech, self.world.key()))

    def moves(self) -> list[str]:
        """Return what may happen next.

        The session's side (the client asks, the session hears) and the API's side (it takes, answers, listens) meet
        only in two queues, where one appends and the other takes: a step of one commutes with a step of the other
        while the queue that it takes from is not empty. So while something is to be heard, the session's steps are
        explored alone, and while something is to be processed, the API's: every other order comes to the same.
        """
        if self.world.closed:
            return []
        if self.world.down:
            return list(self._of_session())
        if self.world.up:
            return list(self._of_api())
        return [*self._of_session(), *self._of_api()]

    def _of_session(self) -> Iterator[str]:
        world = self.world
        for kind, requests in self.plan.requests.items():
            if self.given[kind] < len(requests):
                yield kind
        for number in range(len(RESULTS)):
            # The client answers a call that it has heard of.
            if number not in self.results and f"call_{number}" in world.calls:
                yield f"result {number}"
        if world.down:
            yield "hear"
        for name in sorted(LIFETIME & world.timers.keys()):
            yield f"fire {name}"

    def _of_api(self) -> Iterator[str]:
        world = self.world
        if self.speech < 2 * self.plan.turns:
            yield "speech"
        if world.up:
            yield "process"
        if world.api.running:
            yield "progress"
        elif world.api.owed:
            yield "answer"

    def make(self, move: str) -> None:
        world = self.world
        match move.split():
            case ["update" | "message" | "end" as kind]:
                world.ask(self.plan.requests[kind][self.given[kind]])
                self.given[kind] += 1
            case ["fire", name]:
                world.fire(name)
            case ["drain"]:
                world.drain()
                self.given["drain"] += 1
            case ["result", number]:
                world.ask(RESULTS[int(number)])
                self.results |= {int(number)}
            case ["speech"]:
                world.serve(world.api.silence() if self.speech % 2 else world.api.speech())
                self.speech += 1
            case ["process"]:
                world.process()
            case ["progress"]:
                self._progress()
            case ["answer"]:
                world.serve(world.api.answer())
            case ["hear"]:
                world.hear()

    def _progress(self) -> None:
        """The middle of a response is where the end of another one is said again."""
        world = self.world
        step = world.api.running.steps[0]
        after, events = world.api.progress()
        world.serve((after, [*events, foreign_done()] if step == "text" else events))


def walk(code: Implementation = REAL, plans: Iterable[Plan] = PLANS) -> Walked:
    """Walk every interleaving of each plan; raises `ViolationError` where the promise is broken."""
    began = time.perf_counter()
    counts = [sum(part) for part in zip(*(_walk(plan, code) for plan in plans), strict=True)]
    return Walked(*counts, time.perf_counter() - began)


def _walk(plan: Plan, code: Implementation) -> tuple[int, int, int]:
    start = _Position(World(Api(scripts=(plan.script,), refuses_updates=True), code, plan.policy), plan)
    seen = {start.key()}
    stack = [start]
    transitions = ends = 0
    while stack:
        position = stack.pop()
        moves = list(position.moves())
        if not moves:
            ends += 1
            position.world.settle()
        for move in moves:
            transitions += 1
            after = position.fork()
            after.make(move)
            key = after.key()
            if key not in seen:
                seen.add(key)
                stack.append(after)
    return len(seen), transitions, ends


if __name__ == "__main__":
    walked = walk()
    sys.stdout.write(
        f"{walked.states} states, {walked.transitions} transitions, {walked.ends} ends, "
        f"{walked.seconds:.1f} s, no violation\n"
    )
