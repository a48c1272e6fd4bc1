"""Scenarios: the replies of the simulator, as steps in Python or TOML.

A scenario is a list of steps. The first step that expects a turn is emitted; without one the simulator echoes the turn
(`echo`). In TOML::

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

from turnstile.simulator.echo import echo, said_exactly
from turnstile.simulator.quirks import NO_QUIRKS
from turnstile.simulator.replies import Call, Ends, Json, Kind, Reply, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.simulator.quirks import Quirks

__all__ = ["Call", "Ends", "Expect", "Json", "Kind", "Reply", "Run", "Scenario", "Step", "Turn", "echo"]

DEFAULT_TRANSCRIPT: Final = "hello"


@dataclass(frozen=True, slots=True)
class Expect:
    """The turns that a step is for; a field that is None matches all.

    Args:
        on: The kind of the turn.
        contains: Words in the new text: the user's, or the last output; in upper or lower case.
        function: The function that the output is of.
    """

    on: Kind | None = None
    contains: str | None = None
    function: str | None = None

    def __call__(self, turn: Turn) -> bool:
        """Return whether a turn matches."""
        if self.on not in {None, turn.kind}:
            return False
        if self.function is not None and self.function not in [name for name, _ in turn.outputs]:
            return False
        new = {"output": turn.all_outputs, "none": ""}.get(turn.kind, turn.text)
        return self.contains is None or self.contains.lower() in new.lower()


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a scenario.

    Args:
        expect: Returns whether the step is for a turn.
        emit: The reply, or a function that makes it of the turn.
        once: Whether its first use is its last.
    """

    expect: Callable[[Turn], bool]
    emit: Reply | Callable[[Turn], Reply]
    once: bool = False


@dataclass(frozen=True, slots=True)
class Scenario:
    """The replies and transcripts of the sessions that follow it.

    Args:
        steps: Tried in order for each turn.
        transcripts: The transcripts of the voice turns, in order; then `DEFAULT_TRANSCRIPT`.
        otherwise: Makes the reply to a turn that no step expects; None makes such a turn a broken rule in the log, and
            echoes it.
        interleaved: Whether the items of a response come interleaved; None leaves it to the model, as in the API.
        quirks: The differences from the recorded API.
    """

    steps: tuple[Step, ...] = ()
    transcripts: tuple[str, ...] = ()
    otherwise: Callable[[Turn], Reply] | None = echo
    interleaved: bool | None = None
    quirks: Quirks = NO_QUIRKS


class Run:
    """One session's run through a scenario.

    Args:
        scenario: The scenario.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._used: set[int] = set()
        self._transcripts = iter(scenario.transcripts)

    def answer(self, turn: Turn) -> Reply | None:
        """Return the reply to a turn; None for one that the scenario has no reply for.

        A text that the response's own instructions ask for with ``Say exactly`` goes before the steps.
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
        """Return the transcript of the next voice turn."""
        return next(self._transcripts, DEFAULT_TRANSCRIPT)

    def unreached(self) -> tuple[str, ...]:
        """Describe the steps that were never used."""
        steps = enumerate(self._scenario.steps)
        return tuple(f"step {index + 1}: {step.expect!r}" for index, step in steps if index not in self._used)
