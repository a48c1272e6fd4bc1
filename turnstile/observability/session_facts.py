"""What is known of a session besides what it does: who its client is, what it begins with, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from turnstile.session.data import Data
    from turnstile.session.policy import Policy
    from turnstile.session.state import State

EndedBy = Literal["client", "upstream", "host", "operator", "proxy"]


class Client(NamedTuple):
    """Who a session's client is, and where.

    Args:
        identity: The name that its credentials prove; "" for none.
        address: Its address without the port; "" for code in this process.
        path: The path that it asked for; "" for code in this process.
    """

    identity: str = ""
    address: str = ""
    path: str = ""

    def __str__(self) -> str:
        """Return who and where it is, such as ``web from 192.0.2.7``."""
        return f"{self.identity} from {self.address}".lstrip() if self.address else "of a host"


THIS_PROCESS: Final = Client()
"""A client that is code in this process."""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What is known of a session when it begins.

    Args:
        session_id: Its id in the logs.
        dialect: The name of its client's dialect.
        client: Who the client is.
        model: The model that its address asks for; None for none.
        policy: What its decisions go by.
        state: What its decisions begin with...
        data: ...and the data beside that.
    """

    session_id: str
    dialect: str
    client: Client
    model: str | None
    policy: Policy
    state: State
    data: Data


class Ending(NamedTuple):
    """How a session ended.

    Args:
        code: The close code that its client got, or gave.
        reason: The reason in that close.
        by: Who ended it.
    """

    code: int
    reason: str
    by: EndedBy
