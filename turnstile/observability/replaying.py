"""Replays a recording: runs its events through the session's decisions, and compares the effects with the recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from turnstile.observability.journal_lines import FORMAT
from turnstile.observability.recorded_classes import CLASS, Opaque
from turnstile.observability.recorded_values import decode, encode
from turnstile.observability.redactor import Redactor
from turnstile.session.machine import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.observability.recording_file import Recording
    from turnstile.session.data import Data
    from turnstile.session.effects import Effect
    from turnstile.session.events import Event
    from turnstile.session.policy import Policy
    from turnstile.session.state import State

    Json = dict[str, Any]


class Decisions(Protocol):
    """Decides on events, as `Session` does."""

    held_elsewhere: int

    def handle(self, event: Event) -> Sequence[Effect]:
        """Take one event; return its effects."""


class MakeDecisions(Protocol):
    """Makes what decides, as `Session` does."""

    def __call__(self, policy: Policy, state: State, data: Data) -> Decisions:
        """Return what decides from this state on."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first event whose effects are not those recorded.

    Args:
        number: Which event of the recording, from 1.
        at: Seconds since the session began.
        event: The event, encoded.
        recorded: Its effects then, encoded.
        now: Its effects now; where the decision failed, one that says so.
    """

    number: int
    at: float
    event: Json
    recorded: Sequence[Any]
    now: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a replay.

    Args:
        events: How many events had the effects that are recorded.
        difference: The first that had others, if one had.
        unverified: Why the recording, or the rest of it, cannot be verified; "" where all of it was.
    """

    events: int = 0
    difference: Difference | None = None
    unverified: str = ""


def verify(recording: Recording, make: MakeDecisions = Session) -> Verdict:
    """Run the recorded events through the decisions, up to the first difference, loss or damage.

    Args:
        recording: The recording.
        make: What decides; a test gives another to see that the recording notices.
    """
    head = recording.head
    if head.get("format") != FORMAT:
        return Verdict(unverified=f"it is of format {head.get('format')}, and this version verifies format {FORMAT}")
    if head["level"] == "events":
        return Verdict(unverified='it is of level "events", without the content that decisions depend on')
    try:
        session = make(*(decode({CLASS: kind} | head[kind.lower()]) for kind in ("Policy", "State", "Data")))
        return _compared(recording, session)
    except ValueError as error:
        return Verdict(unverified=f"another version has made it: {error}")


def _compared(recording: Recording, session: Decisions) -> Verdict:
    redactor = _AsItIs()
    events = 0
    for line in recording.lines:
        if "lost" in line:
            return Verdict(events, unverified=f"{line['lost']} entries are missing at {line['at']:.3f} s")
        if "event" not in line:
            continue
        then = [encode(decode(effect), redactor) for effect in line["effects"]]
        now = _effects_of(session, line, redactor)
        if now != then:
            return Verdict(events, Difference(events + 1, line["at"], line["event"], then, now))
        events += 1
    if recording.damage:
        return Verdict(events, unverified=recording.damage)
    return Verdict(events, unverified="" if recording.has_ended else "the session's end is not in it")


def _effects_of(session: Decisions, line: Json, redactor: Redactor) -> list[Any]:
    session.held_elsewhere = line.get("elsewhere", session.held_elsewhere)
    event = decode(line["event"])
    try:
        return [encode(effect, redactor) for effect in session.handle(event)]
    except Exception as error:  # noqa: BLE001 - whatever a decision fails with is a difference
        return [{"failed": f"{type(error).__name__}: {error}"}]


class _AsItIs(Redactor):
    """Removes nothing: of a recording, what may not be seen is gone, and what stands for it is compared."""

    def __init__(self) -> None:
        super().__init__(keeps_all=True, salt=b"none")

    def text(self, text: str) -> str:
        """Return the text as it is."""
        return text

    def field(self, name: str, value: Any) -> Any:
        """Return the value of a field as it is."""
        del name
        return value

    def encoded(self, frame: bytes) -> bytes | None:
        """Return encoded JSON as it is."""
        return frame

    def opaque(self, value: object) -> int:
        """Return the number that an object has in the recording; -1 for one that is none of its."""
        return value.number if isinstance(value, Opaque) else -1
