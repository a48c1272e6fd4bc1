"""Scenarios: what the simulator answers, as steps in Python or TOML.

A scenario is a list of steps. The first one that expects the turn at hand is emitted; when none does, the simulator
answers by itself (`converse`). In TOML::

    transcripts = ["what is the weather like?"]

    [[step]]
    expect = { on = "audio", contains = "weather" }
    emit = { text = "Let me see.", calls = [{ name = "get_weather", arguments = { city = "London" } }] }

    [[step]]
    expect = { on = "output", function = "get_weather" }
    emit = { text = "It is {output}." }
    once = true
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from turnstile.simulator.echo import converse, said_exactly
from turnstile.simulator.quirks import NO_QUIRKS
from turnstile.simulator.replies import Call, Ends, Json, Kind, Reply, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.simulator.quirks import Quirks

__all__ = ["Call", "Ends", "Expect", "Json", "Kind", "Reply", "Run", "Scenario", "Step", "Turn", "converse"]

DEFAULT_TRANSCRIPT: Final = "hello"


@dataclass(frozen=True, slots=True)
class Expect:
    """Which turns a step is for; what is None does not matter.

    Args:
        on: The kind of the turn.
        contains: Words in what is new: the user's text, or the output that came last; upper or lower case.
        function: The function whose output it is.
    """

    on: Kind | None = None
    contains: str | None = None
    function: str | None = None

    def __call__(self, turn: Turn) -> bool:
        """Tell whether the turn is one of them."""
        if self.on not in {None, turn.kind}:
            return False
        if self.function is not None and self.function not in [name for name, _ in turn.outputs]:
            return False
        said = {"output": turn.all_outputs, "none": ""}.get(turn.kind, turn.text)
        return self.contains is None or self.contains.lower() in said.lower()


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a scenario.

    Args:
        expect: Tells whether a turn is meant.
        emit: What is answered; a function makes it of the turn.
        once: Whether it is used up by its first use.
    """

    expect: Callable[[Turn], bool]
    emit: Reply | Callable[[Turn], Reply]
    once: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the simulator answers in every session that follows it.

    Args:
        steps: Looked at in order for each turn.
        transcripts: What is said in the voice turns, in order; then `DEFAULT_TRANSCRIPT`.
        otherwise: Answers a turn that no step expects; None makes such a turn a broken rule in the log, answered by
            `converse`.
        interleaved: Whether the items of a response come interleaved; None leaves it to the model, as in the API.
        quirks: What differs from the recorded API.
    """

    steps: tuple[Step, ...] = ()
    transcripts: tuple[str, ...] = ()
    otherwise: Callable[[Turn], Reply] | None = converse
    interleaved: bool | None = None
    quirks: Quirks = NO_QUIRKS


class Run:
    """One session's way through a scenario.

    Args:
        scenario: What is followed.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._used: set[int] = set()
        self._transcripts = iter(scenario.transcripts)

    def answer(self, turn: Turn) -> Reply | None:
        """Return what is answered to a turn; None when the scenario did not expect it and has nothing for it.

        What the response's own instructions want said exactly is said, whatever the scenario has.
        """
        exact = said_exactly(turn.instructions or "")
        if exact is not None:
            return Reply(exact)
        for index, step in enumerate(self._scenario.steps):
            if not (step.once and index in self._used) and step.expect(turn):
                self._used.add(index)
                reply = step.emit if isinstance(step.emit, Reply) else step.emit(turn)
                return reply.filled(turn)
        return self._scenario.otherwise(turn) if self._scenario.otherwise else None

    def transcript(self) -> str:
        """Return what is said in the next voice turn."""
        return next(self._transcripts, DEFAULT_TRANSCRIPT)

    def unreached(self) -> tuple[str, ...]:
        """Return the steps that were never used, in words."""
        steps = enumerate(self._scenario.steps)
        return tuple(f"step {index + 1}: {step.expect!r}" for index, step in steps if index not in self._used)
