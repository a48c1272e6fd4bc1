"""A model that knows what the conversation of its own link holds: it shows whether another link was told."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.simulator.scenario import Expect, Reply, Step
from turnstile.simulator.scenario_files import bundled_scenario

if TYPE_CHECKING:
    from turnstile.simulator.scenario import Scenario, Turn

NOTE = "This is another link."
"""The message at the end of a restored conversation: the model repeats it, and shows that this is another link."""

_NAME = re.compile(r"My name is (\w+)")
_FORECAST = re.compile(r"\w+ with a chance of hail")


def _recall(turn: Turn) -> Reply:
    """Answer with the name and the weather that the link's conversation holds."""
    said = "\n".join(turn.conversation)
    name, forecast = _NAME.search(said), _FORECAST.search(said)
    words = [
        f"Your name is {name[1]}." if name else "I do not know your name.",
        f"It is {forecast[0]}." if forecast else "I do not know the weather.",
        *([NOTE] if NOTE in turn.conversation else []),
    ]
    return Reply(" ".join(words))


def remembering() -> Scenario:
    """Return the bundled scenario, with a model that is asked what it remembers."""
    scenario = bundled_scenario()
    return replace(scenario, steps=(Step(Expect(contains="what do you remember"), _recall), *scenario.steps))
