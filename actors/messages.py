"""What the actors of a session tell each other, besides the session's own events and effects.

The coordinator is told events (`turnstile.session.events`), and tells the other two effects
(`turnstile.session.effects`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from turnstile.session.events import ConfigAnswered, ConfigRequested, Refused, Request, ResponseFinished

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.audio.formats import AudioFormat
    from turnstile.errors import Problem
    from turnstile.ports import Inbox
    from turnstile.protocol.frames import Frame
    from turnstile.session.events import Postponable, Ref
    from turnstile.session.state import Phase, State
    from turnstile.translate.host_overrides import HostOverrides

ANSWERED_FACTS = (ConfigAnswered, Refused, ResponseFinished)
"""The facts on which the session may have something to tell the client: an acknowledgement, an error.

They are counted at both ends of the way from the UpstreamActor to the coordinator.
"""


@dataclass(frozen=True, slots=True)
class Peers:
    """The first message to each: where the three find each other."""

    client: Inbox
    coordinator: Inbox
    upstream: Inbox

    def tell_all(self, message: object) -> None:
        """Tell all three: past a deadline nobody is sure to have the time to tell the others."""
        for inbox in (self.upstream, self.coordinator, self.client):
            inbox.tell(message)


class Mark(NamedTuple):
    """To the UpstreamActor, between frames of input audio: what comes behind it waits for `LetAudioGo`.

    Audio goes to the UpstreamActor directly, messages by way of the coordinator: the ClientActor's end sets the marks.
    """

    number: int


class AnswersGiven(NamedTuple):
    """To the ClientActor: the coordinator has answered so many of the facts that may be answered (`ANSWERED_FACTS`).

    What upstream says goes to the ClientActor directly, answers to requests by way of the coordinator.
    """

    facts: int


class AudioEvent(NamedTuple):
    """To the UpstreamActor: input audio in an event, of a client that speaks the API's own language."""

    event: bytes


class HostDecided(NamedTuple):
    """To the ClientActor: the host of the session decides something anew.

    Args:
        ref: Names the request; a negative number, which no client's request has.
        overrides: What changes.
    """

    ref: Ref
    overrides: HostOverrides


class HostAsked(NamedTuple):
    """To the ClientActor: a request of the session's host, whose `ref` is a negative number."""

    request: Request


class SessionSnapshot(NamedTuple):
    """To the ClientActor: ``session.created`` or ``session.updated``, with the session as upstream has it.

    Args:
        event: The event.
        behind: How many answers come before it (`AnswersGiven`).
    """

    event: dict[str, Any]
    behind: int = 0


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The `local` part of the client's Settings: what the UpstreamActor does otherwise when they are in force.

    Args:
        input: What the client sends.
        output: What it wants to hear.
        container: ``none``, or ``wav`` for a header before the audio.
        keeps_history: It also wants each turn as history.
        labels: Metadata for each response that the proxy begins.
    """

    input: AudioFormat
    output: AudioFormat
    container: str
    keeps_history: bool
    labels: dict[str, str] = field(default_factory=dict)


class CheckDeadlines(NamedTuple):
    """To the coordinator, from the timers: a deadline of the session may have passed."""


class FromLink(NamedTuple):
    """To the UpstreamActor: what one of its links received at once.

    Args:
        link: Which link: one that was replaced may still send.
        received: The frames that one read completed, in their order; or news of the connection, alone.
    """

    link: object
    received: Sequence[Any]


# As `turnstile.protocol.frames` does: without a Python call.
from_link: Callable[[tuple[object, Sequence[Any]]], FromLink] = partial(tuple.__new__, FromLink)
"""Makes a `FromLink` of the tuple of its fields."""


class ToClient(NamedTuple):
    """To the ClientActor: what upstream has for the client.

    Args:
        frames: In the wire's order.
        behind: How many answers come before them (`AnswersGiven`).
    """

    frames: list[Frame]
    behind: int = 0


to_client: Callable[[tuple[list[Frame], int]], ToClient] = partial(tuple.__new__, ToClient)
"""Makes a `ToClient` of the tuple of its fields, likewise."""


@dataclass(frozen=True, slots=True)
class End:
    """The session ends; told to all three by whoever knows first.

    Args:
        code: The close code for the client.
        reason: Its words.
        problem: What the client is told before; None for an ordinary end.
    """

    code: int
    reason: str
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Inspect:
    """Asked from outside: of the coordinator where the session stands, which it answers by a `Snapshot`.

    Of the ClientActor only whether it has come as far; what it was told before, the coordinator has been told then.
    """


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a session stands.

    Args:
        state: Everything that gates.
        backlog: The requests that wait for their turn, and the marks of audio between them, oldest first.
    """

    state: State
    backlog: tuple[Postponable, ...]

    @property
    def phase(self) -> Phase:
        """What the session is doing: ``idle``, ``in progress``, ..."""
        return self.state.phase

    @property
    def held(self) -> int:
        """How many requests wait for their turn."""
        return sum(isinstance(event, Request) for event in self.backlog)

    @property
    def held_updates(self) -> int:
        """How many of them are updates of the configuration."""
        return sum(isinstance(request, ConfigRequested) for request in self.backlog)

    @property
    def open_calls(self) -> tuple[str, ...]:
        """The ids of the function calls that have no result yet."""
        return tuple(call.call_id for call in self.state.calls if call.output is None)
