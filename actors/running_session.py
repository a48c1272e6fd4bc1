"""A session that has not ended: its actors, and who steers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from actors.host_requests import HostRequests
from actors.steering import Steering

if TYPE_CHECKING:
    from pykka import ActorRef

    from actors.coordinator import SessionCoordinatorActor
    from actors.handle import SessionHandle
    from actors.messages import End, Peers
    from turnstile.byte_budget import SessionBudget
    from turnstile.observability.journal import SessionJournal

_ACTORS: Final = 3


class RunningSession:
    """A session that has not ended: its actors once they are started, and the number of those still running.

    Args:
        handle: The handle for a host in this process.
        budget: Counts what it holds.
    """

    __slots__ = ("budget", "coordinator", "end", "handle", "inboxes", "journal", "left", "requests")

    def __init__(self, handle: SessionHandle | None, budget: SessionBudget) -> None:
        self.journal: SessionJournal
        self.end: End | None = None
        self.handle = handle
        self.budget = budget
        self.coordinator: ActorRef[SessionCoordinatorActor] | None = None
        self.inboxes: Peers | None = None
        self.left = _ACTORS
        self.requests = handle.requests if handle is not None else None
        """The unanswered requests of those who steer it; None until somebody does."""

    def steering(self) -> Steering | None:
        """Return what steers it; None before it has begun. Not for two threads at once."""
        if self.inboxes is None:
            return None
        if self.requests is None:
            self.requests = HostRequests(_call_nowhere)
        return Steering(self.requests, self.inboxes)

    def note_end(self) -> None:
        """Fail what those who steer it still wait for, and tell its host that it has ended."""
        if self.handle is not None:
            self.handle.note_end()
        elif self.requests is not None:
            self.requests.end()


def _call_nowhere(_: object) -> bool:
    """Have callbacks of an operator's future run where it is done: operators wait, and leave none."""
    return False
