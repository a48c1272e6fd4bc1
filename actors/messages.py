"""The messages between a session's actors, besides the session's events and effects.

The coordinator gets events (`turnstile.session.events`), and sends the other two effects (`turnstile.session.effects`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from turnstile.session.client_requests import ConfigRequested, Request
from turnstile.session.events import ConfigAnswered, Refused, ResponseFinished

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.audio.formats import AudioFormat
    from turnstile.errors import Problem
    from turnstile.observability.session_facts import EndedBy
    from turnstile.ports import Inbox
    from turnstile.protocol.frames import Frame
    from turnstile.session.client_requests import Postponable, Ref
    from turnstile.session.data import Data
    from turnstile.session.state import Phase, State
    from turnstile.session.waits import Reason

ANSWERED_FACTS = (ConfigAnswered, Refused, ResponseFinished)
"""The facts that the session may answer to the client, by an acknowledgement or an error.

The UpstreamActor counts them as it sends them, and the coordinator as it has answered them (`AnswersGiven`).
"""


@dataclass(frozen=True, slots=True)
class Peers:
    """The inboxes of a session's three actors; the first message to each."""

    client: Inbox
    coordinator: Inbox
    upstream: Inbox

    def tell_all(self, message: object) -> None:
        """Send a message to all three, where one of them may have no time left to send it to the others."""
        for inbox in (self.upstream, self.coordinator, self.client):
            inbox.tell(message)


class Mark(NamedTuple):
    """To the UpstreamActor, between frames of input audio: the audio behind it waits for `LetAudioGo`.

    Audio goes to the UpstreamActor directly, messages by way of the coordinator (`AudioMarks`).
    """

    number: int


class AnswersGiven(NamedTuple):
    """To the ClientActor: how many of the facts that may be answered (`ANSWERED_FACTS`) have been.

    What upstream sends goes to the ClientActor directly, answers to requests by way of the coordinator.
    """

    facts: int


class AudioEvent(NamedTuple):
    """To the UpstreamActor: input audio in an event, from a client of the Realtime API."""

    event: bytes


class SessionSnapshot(NamedTuple):
    """To the ClientActor: the session as upstream has it, for a client whose dialect shows it.

    Args:
        event: The ``session.created`` or ``session.updated``.
        behind: How many answers go before it (`AnswersGiven`).
    """

    event: dict[str, Any]
    behind: int = 0


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The `local` part of the client's Settings, which the UpstreamActor applies when they are in force.

    Args:
        input: The format of the client's audio.
        output: The format of the agent's audio for the client.
        container: ``none``, or ``wav`` for a header before the audio.
        keeps_history: Whether the client also gets each turn as history.
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


# As in `turnstile.protocol.frames`: without a Python call.
from_link: Callable[[tuple[object, Sequence[Any]]], FromLink] = partial(tuple.__new__, FromLink)
"""Makes a `FromLink` of the tuple of its fields."""


class ToClient(NamedTuple):
    """To the ClientActor: frames for the client, translated from upstream's events.

    Args:
        frames: In the order of upstream's events.
        behind: How many answers go before them (`AnswersGiven`).
    """

    frames: list[Frame]
    behind: int = 0


to_client: Callable[[tuple[list[Frame], int]], ToClient] = partial(tuple.__new__, ToClient)
"""Makes a `ToClient` of the tuple of its fields, likewise."""


@dataclass(frozen=True, slots=True)
class End:
    """The end of the session: from the actor that ends it to the other two.

    Args:
        code: The client's close code.
        reason: The reason in the close frame.
        problem: The problem that is reported to the client before; None for an ordinary end.
        drops_unsent: What has not begun to leave is dropped, so that it takes no memory while the connections close.
        by: Who ends it.
    """

    code: int
    reason: str
    problem: Problem | None = None
    drops_unsent: bool = False
    by: EndedBy = "proxy"


@dataclass(frozen=True, slots=True)
class Inspect:
    """An `ask` from outside: the coordinator answers it with a `Snapshot`.

    The ClientActor answers None, when all messages before it have been handled and sent on.
    """


class Waiting(NamedTuple):
    """A request that is held.

    Args:
        message: The type of the client's message, "" for what the host asked for.
        reason: What it waits for.
        since: When it was held, on the system's clock, in seconds.
        ref: The request's number; negative for what the host or an operator asked for.
    """

    message: str
    reason: Reason
    since: float
    ref: Ref = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where a session stands.

    Args:
        state: What gates.
        data: What is only counted or remembered.
        backlog: The requests that wait for their turn, and the marks of audio between them, oldest first.
        waiting: The requests among them, each with what it waits for, and since when.
    """

    state: State
    data: Data
    backlog: tuple[Postponable, ...]
    waiting: tuple[Waiting, ...] = ()

    def __str__(self) -> str:
        held = ", ".join(f"{one.message or 'request'} for {one.reason}" for one in self.waiting)
        return f"{self.phase}, {self.held} held{': ' if held else ''}{held}"

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
        return tuple(call.call_id for call in self.data.calls if call.output is None)
