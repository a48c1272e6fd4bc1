"""Every interleaving of a small world: 2 updates, of which one is refused, 2 user messages, a response with 2 function
calls, and a spoken turn that the server answers by itself.

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
from world import REAL, Implementation, World  # noqa: E402

from turnstile.session.events import ConfigRequested, FunctionAnswered, UserMessageGiven  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

UPDATES = (ConfigRequested(1, {"bad": True, "first": 1}), ConfigRequested(2, {"second": 2}))
MESSAGES = tuple(UserMessageGiven(ref, {"type": "message", "role": "user", "content": []}) for ref in (3, 4))
RESULTS = tuple(FunctionAnswered(5 + number, f"call_{number}", "4") for number in range(2))


class Walked(NamedTuple):
    """How much there was."""

    states: int
    transitions: int
    ends: int
    seconds: float


class _Position:
    """A world, and what its client and its user have not done yet."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.updates = 0
        self.messages = 0
        self.results: frozenset[int] = frozenset()
        self.speech = 0

    def fork(self) -> _Position:
        other = _Position(self.world.fork())
        other.updates, other.messages, other.results, other.speech = (
            self.updates,
            self.messages,
            self.results,
            self.speech,
        )
        return other

    def key(self) -> int:
        return hash((self.updates, self.messages, self.results, self.speech, self.world.key()))

    def moves(self) -> list[str]:
        """Return what may happen next.

        The session's side (the client asks, the session hears) and the API's side (it takes, answers, listens) meet
        only in two queues, where one appends and the other takes: a step of one commutes with a step of the other
        while the queue that it takes from is not empty. So while something is to be heard, the session's steps are
        explored alone, and while something is to be processed, the API's: every other order comes to the same.
        """
        if self.world.down:
            return list(self._of_session())
        if self.world.up:
            return list(self._of_api())
        return [*self._of_session(), *self._of_api()]

    def _of_session(self) -> Iterator[str]:
        world = self.world
        if self.updates < len(UPDATES):
            yield "update"
        if self.messages < len(MESSAGES):
            yield "message"
        for number in range(len(RESULTS)):
            # The client answers a call that it has heard of.
            if number not in self.results and f"call_{number}" in world.calls:
                yield f"result {number}"
        if world.down:
            yield "hear"

    def _of_api(self) -> Iterator[str]:
        world = self.world
        if self.speech < 2:
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
            case ["update"]:
                world.ask(UPDATES[self.updates])
                self.updates += 1
            case ["message"]:
                world.ask(MESSAGES[self.messages])
                self.messages += 1
            case ["result", number]:
                world.ask(RESULTS[int(number)])
                self.results |= {int(number)}
            case ["speech"]:
                world.serve(world.api.speech() if self.speech == 0 else world.api.silence())
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


def walk(code: Implementation = REAL) -> Walked:
    """Walk every interleaving; raises `ViolationError` where the promise is broken."""
    began = time.perf_counter()
    api = Api(scripts=(("call", "call", "text", "done"),), refuses_updates=True)
    start = _Position(World(api, code))
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
    return Walked(len(seen), transitions, ends, time.perf_counter() - began)


if __name__ == "__main__":
    walked = walk()
    sys.stdout.write(
        f"{walked.states} states, {walked.transitions} transitions, {walked.ends} ends, "
        f"{walked.seconds:.1f} s, no violation\n"
    )
