"""What operators see of the sessions of several workers, in their parent, which has none itself."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from turnstile.errors import SessionError
from turnstile.inspector.question import HasEnded, Unanswered, answer_to
from turnstile.inspector.remote_stream import RemoteStream
from turnstile.observability.merged_figures import merged
from turnstile.observability.readiness import unready

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.inspector.view import Json
    from turnstile.inspector.worker_peers import WorkerPeers
    from turnstile.observability.figures import Figures
    from turnstile.ports import Clock


class WorkersView:
    """A `View` of all workers together.

    Nothing here waits longer than the workers have for their answers; a message for a session, as long as it may take
    besides.

    Args:
        peers: The workers that there are.
        wall_clock: The time, in seconds since 1970.
        own_figures: Returns what this process, their parent, measures of itself.
    """

    def __init__(
        self, peers: WorkerPeers, wall_clock: Clock = time.time, own_figures: Callable[[], Figures] = dict
    ) -> None:
        self._peers = peers
        self._wall_clock = wall_clock
        self._own_figures = own_figures
        self._wait = peers.timeout

    def counts(self) -> Json:
        """Return what is counted, and the gauges: for a worker that does not answer, those that it last told."""
        self._count()
        return merged([self._peers.figures.together(), self._own_figures()])

    def unready(self) -> list[str]:
        """Return why no client should be sent here now; empty where clients are welcome."""
        if self._peers.is_draining:
            return ["draining"]
        figures = self._count()
        return unready(merged(figures), self._wall_clock()) if figures else ["no_worker_ready"]

    def _count(self) -> list[Figures]:
        """Return the figures of the workers that answer."""
        figures = []
        for worker, answer in self._peers.ask({"ask": "counts"}).given:
            try:
                figures.append(self._peers.figures.note(worker, answer))
            except ValueError as error:
                worker.note(error)
        return figures

    def sessions(self) -> list[Json]:
        """Return the open sessions of the workers that answer, each with the number of its worker."""
        given = self._peers.ask({"ask": "sessions"}).given
        return [session | {"worker": worker.number} for worker, sessions in given for session in sessions]

    def session(self, session_id: str) -> Json | None:
        """Return one session, with the number of its worker; None where no worker has it.

        Raises:
            SessionError: A worker that may have it does not answer.
        """
        found = self._peers.find(session_id)
        return found and found[1] | {"worker": found[0].number}

    def events(self, session_id: str) -> RemoteStream | None:
        """Return the journal of a session from now on; None where it is not open.

        Raises:
            SessionError: As many streams are open as may be, or a worker that may have the session does not answer.
        """
        found = self._peers.find(session_id)
        if found is None:
            return None
        with ExitStack() as unless_open:
            try:
                question = unless_open.enter_context(found[0].ask({"ask": "events", "id": session_id}, self._wait))
                is_open = answer_to(question, self._wait)
            except Unanswered as fault:
                words = f"Worker {found[0].number}, which has the session, gives no answer: {fault}."
                raise SessionError("worker_silent", words) from fault
            if not is_open:
                return None
            unless_open.pop_all()
        return RemoteStream(question.socket, question.rest())

    def give(self, session_id: str, message: Json, timeout: float) -> Json | None:
        """Give a session a message as its host could; return its outcome, None where it is not open.

        Raises:
            SessionError: A worker that may have the session does not answer.
        """
        found = self._peers.find(session_id)
        if found is None:
            return None
        request = {"ask": "give", "id": session_id, "message": message, "timeout": timeout}
        try:
            with found[0].ask(request, self._wait) as question:
                outcome: Json | None = answer_to(question, timeout + self._wait)
        except HasEnded:
            if message.get("type") == "End":
                return {"done": True}
            words = f"The session has ended, with worker {found[0].number}, which had it."
            return {"done": False, "code": "session_ended", "description": words}
        except Unanswered as fault:
            words = f"Worker {found[0].number}, which has the session, gives no answer: {fault}."
            return {"done": False, "code": "timeout", "description": f"{words} The message may be in force, or not."}
        return outcome
