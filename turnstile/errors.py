"""Errors, by cause: the client, the upstream, the operator's configuration, or the proxy itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that can be sent to a client.

    Args:
        code: A stable name in lower case for programs, such as ``voice_locked``; upstream's own code where it gave one.
        description: One sentence for people: the field, the fault, and the fix.
        param: The field that the Realtime API's own error names, if it names one.
        error_event: Upstream's own ``error`` event, where the problem is one: for a client of the same dialect.
    """

    code: str
    description: str
    param: str | None = None
    error_event: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def about(self, message: str) -> Problem:
        """Return it with a description that begins with the type of the message that it is about."""
        if self.description.startswith(message):
            return self
        return replace(self, description=f"{message}: {self.description}")


class TurnstileError(Exception):
    """Base of all errors raised on purpose; holds the `Problem`."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.problem = Problem(code, description)


class ClientProtocolError(TurnstileError):
    """The client violated its protocol; answered, never forwarded.

    Args:
        code: As of `Problem`.
        description: As of `Problem`.
        message_type: The type of the message, where it could be read.
    """

    def __init__(self, code: str, description: str, message_type: str = "") -> None:
        super().__init__(code, description)
        self.message_type = message_type


class UpstreamProtocolError(TurnstileError):
    """The Realtime API violated its protocol."""


class ConfigError(TurnstileError):
    """The operator's configuration, or a host's argument, is invalid; the process prints this in one line and exits."""


class SessionError(TurnstileError):
    """A request to a session has failed."""


class InternalError(TurnstileError):
    """A fault of the proxy; ends the session in which it occurs and no other."""
