"""What becomes of a session's upstream link."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from turnstile.errors import Problem
from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.protocol.frames import Closed
    from turnstile.session.client_requests import Json
    from turnstile.session.events import Fact


@record
class LinkConnected:
    """Upstream took the connection, and has said nothing yet."""


@record
class LinkOpened:
    """A new upstream link is open, with an empty conversation.

    Args:
        shows_session: Upstream showed its session with it (``session.created``).
        voice: The agent's voice in that session.
        lifetime: How many seconds the session will last from now on, by its ``expires_at``; None where it shows none.
        modalities: The kinds of output in that session (``output_modalities``), if it shows them.
    """

    shows_session: bool = True
    voice: Any = None
    lifetime: float | None = field(default=None, compare=False)
    modalities: Any = field(default=None, compare=False)


@record
class LinkLost:
    """The upstream link is gone, or could not be opened.

    Args:
        code: Why, for programs.
        description: Why, for people.
        retryable: Whether a new link may help.
        closed: How upstream closed it, if it did.
        event: The ``error`` event that came before its end, if one did.
        is_told: The client has heard of that already, as of an error about an event of its own.
        retry_after: How many seconds upstream asks to wait before the next try (``Retry-After``), if it does.
        unfinished: The agent's items of responses that had not ended, each with the text of the audio that was sent of
            it; of one that a barge-in cut, up to there; None where that is not known, as of audio without a transcript.
        uncommitted: Milliseconds of input audio that went on it since its last commit.
    """

    code: str
    description: str
    retryable: bool = True
    closed: Closed | None = None
    event: Json | None = field(default=None, compare=False, repr=False)
    is_told: bool = False
    retry_after: float | None = None
    unfinished: tuple[tuple[str, str | None], ...] = field(default=(), compare=False, repr=False)
    uncommitted: float = field(default=0.0, compare=False)

    @property
    def problem(self) -> Problem:
        """The problem as it is reported to a client."""
        return Problem(self.code, self.description, error_event=self.event)


@record
class OfStandby:
    """A fact about the standby: the link that is prepared to be the next (`OpenStandby`).

    Args:
        generation: Which; that of an earlier one is late, and of no interest.
        fact: What upstream says on it, or what became of it.
    """

    generation: int
    fact: Fact


@record
class TookOver:
    """The standby is the link now (`TakeOver`): facts after this one are of it.

    Args:
        generation: Which standby.
        lifetime: How many seconds its session lasts from now on, if it shows that.
        unfinished: The agent's items that were not finished on the link before (`LinkLost.unfinished`).
    """

    generation: int
    lifetime: float | None = field(default=None, compare=False)
    unfinished: tuple[tuple[str, str | None], ...] = field(default=(), compare=False, repr=False)


@record
class TakeOverPutOff:
    """The standby has not taken over: a fact had come that the decision for it did not know."""

    generation: int


@record
class AudioPaused:
    """Input audio waits from now on (`PauseAudio`).

    Args:
        uncommitted: Milliseconds of audio that went on this link since its last commit.
    """

    uncommitted: float


LinkFact = LinkConnected | LinkOpened | LinkLost | OfStandby | TookOver | TakeOverPutOff | AudioPaused
