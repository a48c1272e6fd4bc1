"""A model of the session's upstream links: each has a server, two queues and a reader of its own."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api_model import Api


def copied(one: object) -> object:
    """Return a copy of a reader, whose memories are its own."""
    other = one.__class__.__new__(one.__class__)
    vars(other).update({name: memory.copy() for name, memory in vars(one).items()})
    return other


class Link:
    """A link, from the try to open it to its end.

    Args:
        generation: Names it.
        api: The server at its other end.
        reader: Reads what that says.
        stage: How far it is: "opening", "connected", "open", "lost".
    """

    __slots__ = (
        "api",
        "down",
        "generation",
        "heard",
        "is_configured",
        "reader",
        "stage",
        "told",
        "up",
        "updating",
    )

    def __init__(self, generation: int, api: Api, reader: object, stage: str = "opening") -> None:
        self.generation = generation
        self.api = api
        self.heard = api
        """The server as it was when it said the last that was heard."""
        self.reader = reader
        self.stage = stage
        self.up: deque[dict] = deque()
        self.down: deque[tuple[tuple[dict, ...], Api]] = deque()
        # What the referee has seen of one that is prepared: its update, and the items that it was told.
        self.updating = ""
        self.is_configured = False
        self.told: tuple[str, ...] = ()

    @property
    def is_up(self) -> bool:
        """Whether commands reach the server."""
        return self.stage in {"connected", "open"}

    def fork(self) -> Link:
        """Return a copy that goes its own way."""
        other = Link(self.generation, self.api, copied(self.reader), self.stage)
        other.heard, other.updating = self.heard, self.updating
        other.is_configured, other.told = self.is_configured, self.told
        other.up, other.down = self.up.copy(), self.down.copy()
        return other

    def send(self, event: dict) -> None:
        """Send an event; without a link it is dropped."""
        if self.is_up:
            self.up.append(event)

    def serve(self, step: tuple[Api, list[dict]]) -> None:
        """The server did something."""
        self.api, events = step
        if events:
            self.down.append((tuple(events), self.api))

    def hear(self) -> tuple[dict, ...]:
        """Read what came together."""
        events, self.heard = self.down.popleft()
        return events

    def lose(self) -> None:
        """Lose the link, with all that is under way."""
        self.stage = "lost"
        self.up.clear()
        self.down.clear()

    def key(self) -> object:
        """Return what two links have in common when they will behave alike.

        A list's repr takes a fourth of a deque's time.
        """
        events = [events for events, _ in self.down]
        return (self.stage, self.api, repr([*self.up]), repr(events), repr(vars(self.reader)))
