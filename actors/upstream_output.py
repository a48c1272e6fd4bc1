"""The UpstreamActor's output to the other two actors: frames for the client, facts for the session, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors.messages import ANSWERED_FACTS, SessionSnapshot, to_client
from turnstile.session.effects import Reported

if TYPE_CHECKING:
    from turnstile.errors import Problem
    from turnstile.ports import Inbox
    from turnstile.protocol.frames import Frame
    from turnstile.session.events import Fact


class UpstreamOutput:
    """Gathers the client's frames of a run, and sends them before the session gets a fact.

    So the session's answer to a fact comes behind what upstream sent before it. What upstream sends after a fact that
    may be answered names the fact by its number (`ToClient.behind`), and waits for the answer.

    Args:
        shows_session: The client's dialect shows the session's configuration (`SessionSnapshot`).
    """

    __slots__ = ("_client", "_coordinator", "_shows_session", "_to_be_answered", "frames")

    def __init__(self, *, shows_session: bool) -> None:
        self._client: Inbox
        self._coordinator: Inbox
        self._shows_session = shows_session
        self.frames: list[Frame] = []
        """Those of the run that are not sent yet."""
        self._to_be_answered = 0

    def connect(self, client: Inbox, coordinator: Inbox) -> None:
        """Send to these inboxes, from now on: of the ClientActor and of the SessionCoordinatorActor."""
        self._client, self._coordinator = client, coordinator

    def send_frames(self, frames: list[Frame]) -> None:
        """Send frames to the client, at the end of the run at the latest."""
        self.frames += frames

    def send_snapshot(self, event: dict[str, Any]) -> None:
        """Send the session as upstream has it, if the client's dialect shows it, behind the frames before it."""
        if self._shows_session:
            self.flush()
            self._client.tell(SessionSnapshot(event, self._to_be_answered))

    def send_problem(self, problem: Problem) -> None:
        """Report a problem to the client, behind the frames before it."""
        self.flush()
        self._client.tell(Reported(problem))

    def send_fact(self, fact: Fact) -> None:
        """Send a fact to the session, behind the client's frames before it."""
        if self.frames:
            self.flush()
        self._coordinator.tell(fact)
        if fact.__class__ in ANSWERED_FACTS:
            self._to_be_answered += 1

    def flush(self) -> None:
        """Send the client the frames that were gathered."""
        if self.frames:
            frames, self.frames = self.frames, []
            self._client.tell(to_client((frames, self._to_be_answered)))
