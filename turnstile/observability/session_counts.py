"""What is counted of one session: plain integers, written by its actors without a call."""

from __future__ import annotations

from collections import defaultdict
from operator import add
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from turnstile.observability.figures import FIRST_AUDIO_BOUNDS, HELD_BOUNDS
from turnstile.session.client_requests import ConfigRequested, EventGiven, UserMessageGiven
from turnstile.session.config_patch import at
from turnstile.session.events import FunctionCalled, ResponseFinished
from turnstile.session.turn_events import TurnCommitted

if TYPE_CHECKING:
    from turnstile.observability.decision_counts import Unrepaired
    from turnstile.observability.figures import Figures
    from turnstile.ports import Connection

COUNTED: Final = frozenset(
    {ConfigRequested, EventGiven, FunctionCalled, ResponseFinished, TurnCommitted, UserMessageGiven}
)
"""The session's events that the coordinator counts by their class."""
# How a response ends: as upstream says (``response.done``), or with its link.
_OUTCOMES: Final = ("completed", "failed", "incomplete", "cancelled", "lost")
# What is one number; each is a field of `SessionCounts`, too.
_NUMBERS: Final = (
    "turns",
    "updates_held",
    "updates_merged",
    "updates_replayed",
    "collisions",
    "repairs",
    "stalls",
    "function_calls",
    "links_opened",
    "links_lost",
    "links_restored",
    "links_renewed",
    "link_failures",
)
# How many of the upstream sessions are named, and how much of a name.
_SESSIONS_NAMED: Final = 8
_LONGEST_NAME: Final = 64

# Of a histogram that has counted nothing: one for all.
_NONE: Final[list[int]] = []


class Histogram:
    """How often something took how long.

    Args:
        bounds: The upper bounds of the buckets, in seconds; one more bucket counts what is beyond them.
    """

    __slots__ = ("_bounds", "_buckets", "_sum", "longest")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._buckets: list[int] = _NONE
        self._sum = 0.0
        self.longest = 0.0
        """The longest, in seconds."""

    def observe(self, seconds: float) -> None:
        """Count one that took so long; calls nothing."""
        if not self._buckets:  # most sessions at rest have counted nothing
            self._buckets = [0] * (len(self._bounds) + 1)
        place = 0
        for bound in self._bounds:
            if seconds <= bound:
                break
            place += 1
        self._buckets[place] += 1
        self._sum += seconds
        if seconds > self.longest:  # noqa: PLR1730 - `max` is a call
            self.longest = seconds

    def add_to(self, total: dict[str, Any]) -> None:
        """Add what was counted to a snapshot of a histogram with the same bounds."""
        if self._buckets:
            total["buckets"] = [*map(add, total["buckets"], self._buckets)]
            total["sum"] += self._sum

    def snapshot(self) -> dict[str, Any]:
        """Return how many there were in each bucket, and how long all took together."""
        return {"buckets": [*self._buckets] or [0] * (len(self._bounds) + 1), "sum": self._sum}


class WireBytes(NamedTuple):
    """The bytes of the messages that passed on a wire, which may have several connections, one after the other.

    One value, replaced as a whole: whoever reads it meanwhile counts no connection twice, and none too little.

    Args:
        received: Of connections that are closed...
        sent: ...likewise.
        connections: The others, which count for themselves.
    """

    received: int = 0
    sent: int = 0
    connections: tuple[Connection, ...] = ()

    def with_opened(self, connection: Connection) -> WireBytes:
        """Return the wire with one more connection."""
        return self._replace(connections=(*self.connections, connection))

    def with_closed(self, connection: Connection) -> WireBytes:
        """Return the wire with what a connection has counted, and without the connection."""
        left = tuple([one for one in self.connections if one is not connection])
        if len(left) == len(self.connections):
            return self
        received, sent = connection.received_bytes, connection.sent_bytes
        return WireBytes(self.received + received, self.sent + sent, left)

    def add_to(self, total: dict[str, int]) -> None:
        """Add the bytes of all connections: those to the proxy, and those from it."""
        received, sent, connections = self
        for connection in connections:
            received += connection.received_bytes
            sent += connection.sent_bytes
        total["in"] += received
        total["out"] += sent

    def snapshot(self) -> dict[str, int]:
        """Return these."""
        found = {"in": 0, "out": 0}
        self.add_to(found)
        return found


_NO_BYTES: Final = WireBytes()


class SessionCounts:
    """The counts of one session; a field is written by one of its actors, and read by any thread.

    The coordinator writes those of turns, responses, updates and calls, the UpstreamActor those of links and of audio.
    `link_failures` has two writers: an addition of a constant calls nothing, so that no thread comes in between.
    """

    __slots__ = (
        "client_wire",
        "collisions",
        "first_audio",
        "function_calls",
        "held",
        "link_failures",
        "links_lost",
        "links_opened",
        "links_renewed",
        "links_restored",
        "model",
        "repairs",
        "responses",
        "stalls",
        "turns",
        "unrepaired",
        "updates_held",
        "updates_merged",
        "updates_replayed",
        "upstream_sessions",
        "upstream_wire",
    )

    def __init__(self) -> None:
        self.turns = 0
        """The user's turns: what it spoke and was committed, and the messages that it wrote."""
        self.responses: defaultdict[str, int] = defaultdict(int)
        """The responses that ended, the proxy's, the API's own and those out of band, by outcome."""
        self.function_calls = 0
        """The functions that the model called, whoever answers them."""
        self.updates_held = 0
        """The configuration updates that had to wait for anything but the session's first link."""
        self.updates_merged = 0
        """The updates that went upstream together with others, in one ``session.update``."""
        self.updates_replayed = 0
        """Those of the held ones that were let go."""
        self.held = Histogram(HELD_BOUNDS)
        """How long these were held; at the session's end, the longest counts what is held still."""
        self.collisions = 0
        """The creates and updates that lost a race against a response of upstream's."""
        self.repairs = 0
        """Those after which what was asked for went again and succeeded, or was answered by the response in its way."""
        self.unrepaired: tuple[Unrepaired, ...] = ()
        """Those of them that may yet."""
        self.stalls = 0
        """The waits for an answer of upstream's that ended by a timeout."""
        self.first_audio = Histogram(FIRST_AUDIO_BOUNDS)
        """The time to a response's first audio from the end of the user's turn, or from when a message, or a create,
        went upstream."""
        self.links_opened = 0
        """The upstream links that upstream accepted."""
        self.links_lost = 0
        """The links in use that ended, or whose session expired, unasked."""
        self.links_restored = 0
        """The links that took over from a lost one..."""
        self.links_renewed = 0
        """...or from one whose session was about to end."""
        self.link_failures = 0
        """The links that could not be opened, or ended before they were in use."""
        self.client_wire = self.upstream_wire = _NO_BYTES
        self.upstream_sessions: tuple[str, ...] = ()
        """The ids of the latest upstream sessions, oldest first."""
        self.model: str | None = None
        """The model of the latest of them, as upstream names it; until then the one that it was asked for."""

    @property
    def longest_hold(self) -> float:
        """For how many seconds an update was held at the most."""
        return self.held.longest

    def name_upstream(self, event: Any) -> None:
        """Keep the id and the model of an upstream session, where an event of its beginning shows them."""
        session_id, model = at(event, "session", "id"), at(event, "session", "model")
        if isinstance(session_id, str) and session_id:
            self.upstream_sessions = (*self.upstream_sessions[1 - _SESSIONS_NAMED :], session_id[:_LONGEST_NAME])
        if isinstance(model, str) and model:
            self.model = model[:_LONGEST_NAME]

    def add_to(self, totals: Figures) -> None:
        """Add what is counted to `totals`: one of these objects after the other, without more of them."""
        for name in _NUMBERS:
            totals[name] += getattr(self, name)
        for outcome, number in self.responses.copy().items():
            totals["responses"][outcome] += number
        self.held.add_to(totals["held_seconds"])
        self.first_audio.add_to(totals["first_audio_seconds"])
        self.client_wire.add_to(totals["client_bytes"])
        self.upstream_wire.add_to(totals["upstream_bytes"])

    def snapshot(self) -> Figures:
        """Return what is counted, as plain values by their names."""
        found = zeros()
        self.add_to(found)
        return found


def zeros() -> Figures:
    """Return the counts of no session."""
    return {
        **dict.fromkeys(_NUMBERS, 0),
        "responses": dict.fromkeys(_OUTCOMES, 0),
        "held_seconds": Histogram(HELD_BOUNDS).snapshot(),
        "first_audio_seconds": Histogram(FIRST_AUDIO_BOUNDS).snapshot(),
        "client_bytes": {"in": 0, "out": 0},
        "upstream_bytes": {"in": 0, "out": 0},
    }
