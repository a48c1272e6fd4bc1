"""Every interleaving of a few small worlds, each with a response that calls functions or a turn that is heard.

``python tests/property/walk.py`` walks it and prints how much there was.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
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
        troubles: What becomes of the links, in any order.
        transcribes: Turns are transcribed.
    """

    requests: dict[str, tuple[object, ...]]
    turns: int
    script: tuple[str, ...]
    policy: Policy = POLICY
    troubles: tuple[str, ...] = ()
    transcribes: bool = False


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
# The link is lost at any moment, or replaced before its end, at the moment that the session finds or at the latest.
_NOTED = replace(POLICY, restore_note="Go on.")
LINK_PLANS = (
    Plan({"update": UPDATES[1:], "message": MESSAGES[:1]}, 0, ("call", "done"), _NOTED, ("lose",)),
    Plan({"update": UPDATES[1:], "message": MESSAGES[:1]}, 0, ("call", "done"), _NOTED, ("renewal",)),
    Plan({"message": MESSAGES[:1]}, 1, ("audio", "text", "done"), _NOTED, ("lose",), transcribes=True),
    Plan({"message": MESSAGES[:1]}, 1, ("text", "done"), _NOTED, ("renewal", "latest"), transcribes=True),
)
# Two of these in each order.
PAIR_PLANS = (
    Plan({"update": UPDATES[1:], "message": MESSAGES[:1]}, 0, ("call", "done"), _NOTED, ("lose", "renewal")),
    Plan({"message": MESSAGES[:1]}, 0, ("call", "done"), _NOTED, ("lose", "lose")),
    Plan({"message": MESSAGES[:1]}, 0, ("call", "done"), _NOTED, ("renewal", "lose standby")),
)
# How many random schedules with two troubles follow.
_PAIRS = 10_000


class Walked(NamedTuple):
    """How much there was."""

    states: int
    transitions: int
    ends: int
    seconds: float


_LINK_MOVES = frozenset({"open standby", "process standby", "hear standby"})


class _Position:
    """A world, and what its client and its user have not done yet."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        self.given = dict.fromkeys(plan.requests, 0)
        self.results: frozenset[int] = frozenset()
        self.speech = 0
        self.troubles = plan.troubles

    def fork(self) -> _Position:
        other = _Position(self.world.fork(), self.plan)
        other.given, other.results, other.speech = dict(self.given), self.results, self.speech
        other.troubles = self.troubles
        return other

    def key(self) -> int:
        return hash((*self.given.values(), self.results, self.speech, self.troubles, self.world.key()))

    def moves(self) -> list[str]:
        """Return what may happen next.

        The session's side (the client asks, the session hears) and the API's side (it takes, answers, listens) meet
        only in two queues, where one appends and the other takes: a step of one commutes with a step of the other
        while the queue that it takes from is not empty. So while something is to be heard, the session's steps are
        explored alone, and while something is to be processed, the API's: every other order comes to the same. So it
        does when the link is lost: what was not heard by then is as good as not done. What the standby's API does
        nobody sees before it is heard.
        """
        world = self.world
        if world.closed:
            return []
        if world.facts:
            return ["deliver"]
        if world.standby and world.standby.up:
            return ["process standby"]
        if world.down:
            return list(self._of_session())
        if world.up:
            return [*self._of_api(), *self._of_links()]
        return [*self._of_session(), *self._of_api(), *self._of_links()]

    def _of_links(self) -> Iterator[str]:
        world, standby = self.world, self.world.standby
        for trouble in sorted({*self.troubles}):
            is_possible = {
                "lose": world.link.is_up,
                "lose standby": standby is not None and standby.stage != "lost",
            }
            if is_possible.get(trouble, trouble in world.timers):
                yield trouble
        if standby and standby.stage == "opening":
            yield "open standby"
        if standby and standby.down:
            yield "hear standby"
        if "standby" in world.timers and (standby is None or standby.stage == "lost"):
            yield "fire standby"
        if "switch" in world.timers and not world.up:
            yield "fire switch"

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
        if not world.link.is_up:
            return
        if self.speech < 2 * self.plan.turns and world.audio_open and not world.is_restoring:
            yield "speech"
        if world.api.transcribing:
            yield "transcribe"
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
                world.serve(world.api.silence() if world.api.speaking else world.api.speech())
                self.speech += 1
            case ["transcribe"]:
                world.serve(world.api.transcribe())
            case ["deliver"]:
                world.deliver()
            case _ if move in self.troubles or move in _LINK_MOVES:
                self._link_move(move)
            case ["process"]:
                world.process()
            case ["progress"]:
                self._progress()
            case ["answer"]:
                world.serve(world.api.answer())
            case ["hear"]:
                world.hear()

    def _link_move(self, move: str) -> None:
        if move in self.troubles:
            place = self.troubles.index(move)
            self.troubles = (*self.troubles[:place], *self.troubles[place + 1 :])
        match move:
            case "lose":
                self.world.lose()
            case "lose standby":
                self.world.lose_standby()
            case "open standby":
                self.world.connect()
                self.world.open()
            case "process standby":
                self.world.process_standby()
            case "hear standby":
                self.world.hear_standby()
            case _:
                self.world.fire(move)

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


def _world(plan: Plan, code: Implementation) -> World:
    if not plan.troubles:
        return World(Api(scripts=(plan.script,), refuses_updates=True), code, plan.policy)
    world = World(
        Api(scripts=(plan.script,), refuses_updates=True, shows_output=True, transcribes=plan.transcribes),
        code,
        plan.policy,
    )
    world.renewed_after(3600.0, {"instructions": "Be brief."})
    return world


def _walk(plan: Plan, code: Implementation) -> tuple[int, int, int]:
    start = _Position(_world(plan, code), plan)
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
    from schedule import Schedule

    for seed in range(_PAIRS):
        Schedule(seed, troubles=2).run()
    walked = walk(plans=(*PLANS, *LINK_PLANS, *PAIR_PLANS))
    sys.stdout.write(
        f"{walked.states} states, {walked.transitions} transitions, {walked.ends} ends, "
        f"{walked.seconds:.1f} s, and {_PAIRS} schedules with two troubles each: no violation\n"
    )
