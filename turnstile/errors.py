"""What can go wrong, and whose fault it is: the client's, the upstream's, the operator's, or ours."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that went wrong, in words that a reply can carry.

    Args:
        code: A stable name in lower case for programs, such as ``voice_locked``; upstream's own code where it gave one.
        description: One sentence for people: the field, what was wrong with it, and the fix.
        param: The field that the Realtime API's own words name, if they name one.
        error_event: Upstream's own ``error`` event, where the problem is one: for a client of the same language.
    """

    code: str
    description: str
    param: str | None = None
    error_event: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def about(self, message: str) -> Problem:
        """Return it in words that begin with the type of the message that it is about."""
        if self.description.startswith(message):
            return self
        return replace(self, description=f"{message}: {self.description}")


class TurnstileError(Exception):
    """Base of all errors raised on purpose; holds the `Problem` that it stands for."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.problem = Problem(code, description)


class ClientProtocolError(TurnstileError):
    """The client sent something that its protocol does not allow; answered, never forwarded.

    Args:
        code: As of `Problem`.
        description: As of `Problem`.
        message_type: The type of the message that it is about, where that could be read.
    """

    def __init__(self, code: str, description: str, message_type: str = "") -> None:
        super().__init__(code, description)
        self.message_type = message_type


class UpstreamProtocolError(TurnstileError):
    """The Realtime API sent something that its protocol does not allow."""


class ConfigError(TurnstileError):
    """The operator's configuration cannot be used; the start stops with this in one line."""


class SessionError(TurnstileError):
    """What was asked of a session did not come about."""


class InternalError(TurnstileError):
    """A fault of our own; ends the session it happened in and no other."""
