"""What every row does alike: it runs its checks at once, each with a deadline, and prints a line of JSON for each.

A row is a script for the interpreter of its own environment, so it imports nothing of Turnstile.
"""

from __future__ import annotations

import array
import asyncio
import json
import math
import os
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Check = Callable[["Place"], Awaitable[None]]

KEY = "sk-made-up"
# So long that its answer still runs when a client on a busy machine breaks in.
STORY = " ".join(["Tell me a long story about a long journey of many days"] * 8)
QUESTION = "What is the weather in London?"
FORECAST = "sunny with a chance of hail"
NAME = "My name is Ada"
MEMORY = "What do you remember?"
# How the answer to that begins, whatever it says.
RECALLED = ("Your name is", "I do not know your name")
KNOWN = f"Your name is Ada. It is {FORECAST}."
# Which a model of another link adds.
NOTE = "This is another link."


def speech(seconds: float = 0.6, silence: float = 0.6, rate: int = 24_000) -> bytes:
    """Return a tone and the silence after it, as 16-bit PCM; both lengths in seconds."""
    tone = array.array("h", (int(12_000 * math.sin(n / 10)) for n in range(int(rate * seconds))))
    return tone.tobytes() + bytes(2 * int(rate * silence))


@dataclass(frozen=True)
class Place:
    """Where a check connects to.

    Args:
        url: Scheme, host and port, such as ``ws://127.0.0.1:8080``.
        model: The model to ask for.
    """

    url: str
    model: str

    @property
    def http(self) -> str:
        """The same place as a client of HTTP names it."""
        return self.url.replace("ws", "http", 1)


class Heard:
    """What a client was told so far; wait for more of it with `until`."""

    def __init__(self) -> None:
        self.events: list = []
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        return f"heard: {', '.join(map(str, self.events[-12:])) or 'nothing'}"

    def add(self, event: object) -> None:
        """Keep an event; call it in the loop's thread."""
        self.events.append(event)
        self._changed.set()

    async def until(self, found: Callable[[list], object]) -> object:
        """Wait until `found` returns something of the events, and return that."""
        while not (result := found(self.events)):
            self._changed.clear()
            await self._changed.wait()
        return result


async def recall_on_another_link(recall: Callable[[int], Awaitable[str]]) -> None:
    """Ask what the agent remembers until another link answers; each answer must have the name and the weather.

    Args:
        recall: Asks, and returns the answer; its argument counts the questions, from 1.
    """
    words, count = "", 0
    while NOTE not in words:
        count += 1
        words = await recall(count)
        if KNOWN not in words:
            raise AssertionError(f"forgotten: {words}")


async def _judge(upstream: str, name: str, check: Check, place: Place, deadline: float) -> None:
    hole = None
    try:
        async with asyncio.timeout(deadline):
            await check(place)
    except TimeoutError as error:
        # What was cancelled knows where the check stood.
        frames = traceback.extract_tb(error.__context__ and error.__context__.__traceback__)
        waiting = [frame.line for frame in frames if frame.filename == sys.argv[0]]
        hole = f"nothing came of `{waiting[0] if waiting else name}`"
    except Exception as error:  # noqa: BLE001 - whatever a stock client raises is a hole
        hole = f"{type(error).__name__}: {error}"
    told = {"upstream": upstream, "check": name, "hole": hole and hole.splitlines()[0][:400]}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


async def _run(checks: dict[str, Check]) -> None:
    plan = json.loads(os.environ["INTEROP_PLAN"])
    judged = []
    for upstream in plan:
        place = Place(upstream["url"], upstream["model"])
        judged += [
            _judge(upstream["name"], name, checks[name], place, upstream["deadline"]) for name in upstream["checks"]
        ]
    await asyncio.gather(*judged)


def run(checks: dict[str, Check]) -> None:
    """Run the checks that the environment's INTEROP_PLAN asks for, and end the process.

    Args:
        checks: By column, a coroutine function of the place to connect to; what it raises is a hole.
    """
    asyncio.run(_run(checks))
    sys.stdout.flush()
    # A client that was stopped at its deadline may have left threads.
    os._exit(0)
