"""What becomes of a session's upstream link."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

from turnstile.errors import Problem
from turnstile.session.record import record

if TYPE_CHECKING:
    from turnstile.protocol.frames import Closed
    from turnstile.session.client_requests import Json


@record
class LinkConnected:
    """Upstream took the connection, and has said nothing yet."""


@record
class LinkOpened:
    """A new upstream link is open, with an empty conversation.

    Args:
        shows_session: Upstream showed its session with it (``session.created``).
        voice: The agent's voice in that session.
    """

    shows_session: bool = True
    voice: Any = None


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
    """

    code: str
    description: str
    retryable: bool = True
    closed: Closed | None = None
    event: Json | None = field(default=None, compare=False, repr=False)
    is_told: bool = False

    @property
    def problem(self) -> Problem:
        """The problem as it is reported to a client."""
        return Problem(self.code, self.description, error_event=self.event)
