"""What the UpstreamActor tells the other two: the client what it hears, the session what it must know, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.messages import ANSWERED_FACTS, SessionSnapshot, to_client
from turnstile.session.effects import Reported

if TYPE_CHECKING:
    from turnstile.errors import Problem
    from turnstile.ports import Inbox
    from turnstile.protocol.frames import Frame
    from turnstile.session.events import Fact


class Reports:
    """Gathers what the client hears in a run, and tells it before the session is told anything.

    So an answer of the session's to a fact comes behind what upstream said before it. What upstream says after a fact
    that may be answered names the fact by its number (`ToClient.behind`), and waits for the answer.

    Args:
        client: The ClientActor's inbox.
        coordinator: The SessionCoordinatorActor's.
    """

    __slots__ = ("_client", "_coordinator", "_frames", "_to_be_answered")

    def __init__(self, client: Inbox, coordinator: Inbox) -> None:
        self._client = client
        self._coordinator = coordinator
        self._frames: list[Frame] = []
        self._to_be_answered = 0

    def show(self, frames: list[Frame]) -> None:
        """Have the client hear some frames, at the end of the run at the latest."""
        self._frames += frames

    def show_session(self, event: dict[str, Any]) -> None:
        """Show the ClientActor the session as upstream has it, behind what it was shown before."""
        self.flush()
        self._client.tell(SessionSnapshot(event, self._to_be_answered))

    def warn(self, problem: Problem) -> None:
        """Have the client hear of a problem, behind what it was shown before."""
        self.flush()
        self._client.tell(Reported(problem))

    def tell(self, fact: Fact) -> None:
        """Tell the session of a fact, behind what the client heard."""
        if self._frames:
            self.flush()
        self._coordinator.tell(fact)
        if fact.__class__ in ANSWERED_FACTS:
            self._to_be_answered += 1

    def flush(self) -> None:
        """Tell the client what was gathered."""
        if self._frames:
            frames, self._frames = self._frames, []
            self._client.tell(to_client((frames, self._to_be_answered)))
