"""The workers that there are, in their parent: who can be asked, and what those who have ended have left."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from turnstile.errors import SessionError
from turnstile.inspector.kept_figures import KeptFigures
from turnstile.inspector.question import Unanswered, answered
from turnstile.inspector.remote_view import RemoteView

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from turnstile.inspector.question import Question
    from turnstile.inspector.view import Json

ANSWER_TIMEOUT: Final = 2.0
"""Seconds that the workers have for their answers."""


class Answers(NamedTuple):
    """What the workers have answered.

    Args:
        given: The workers that have, each with its answer.
        silent: The numbers of those that have not.
    """

    given: list[tuple[RemoteView, Any]]
    silent: list[int]


class WorkerPeers:
    """Knows the workers by number, as their parent tells of them; asks them from any thread, and starts none.

    Args:
        timeout: Seconds that they have for their answers.
    """

    def __init__(self, timeout: float = ANSWER_TIMEOUT) -> None:
        self.timeout = timeout
        self.figures = KeptFigures()
        self.is_draining = False
        """Whether all workers are told to end."""
        self._lock = threading.Lock()
        self._workers: dict[int, RemoteView] = {}
        self._has_begun = False

    def are_alive(self) -> bool:
        """Return whether any worker runs, or none has to: before the first one begins, and once all are told to end."""
        return bool(self._workers) or self.is_draining or not self._has_begun

    def began(self, number: int) -> socket.socket:
        """Note that a worker is being started; return the socket that it inherits.

        Raises:
            OSError: The system has no room for it.
        """
        worker = RemoteView(number)
        self.figures.began(worker)
        with self._lock:
            self._workers[number] = worker
            self._has_begun = True
        return worker.inherited

    def ready(self, number: int) -> None:
        """Note that a worker accepts clients, and answers."""
        self._workers[number].is_ready = True

    def ended(self, number: int) -> None:
        """Keep what a worker has left that has ended, or could not be started."""
        with self._lock:
            worker = self._workers.pop(number, None)
        if worker is not None:
            with suppress(ValueError):  # killed
                self.figures.note(worker, worker.end())
            self.figures.ended(worker)

    def draining(self) -> None:
        """Note that all workers are told to end."""
        self.is_draining = True

    def ask(self, request: Json, is_enough: Callable[[Any], bool] = lambda _: False) -> Answers:
        """Ask all workers that are ready, at once.

        Args:
            request: What is asked.
            is_enough: Asked about each answer; if so, no other is waited for.
        """
        with self._lock:
            silent = {number: worker for number, worker in self._workers.items() if worker.is_ready}
        given: list[tuple[RemoteView, Any]] = []
        with ExitStack() as until_answered:
            asked: dict[Question, RemoteView] = {}
            for worker in silent.values():
                try:
                    asked[until_answered.enter_context(worker.ask(request, self.timeout))] = worker
                except Unanswered as fault:
                    worker.note(fault)
            for question in answered(list(asked), self.timeout):
                worker = asked.pop(question)
                try:
                    given.append((worker, question.value()))
                except (Unanswered, SessionError) as fault:
                    worker.note(fault)
                    continue
                worker.note()
                del silent[worker.number]
                if is_enough(given[-1][1]):
                    return Answers(given, [])
            for worker in asked.values():
                worker.note(Unanswered("it does not answer"))
        return Answers(given, list(silent))

    def find(self, session_id: str) -> tuple[RemoteView, Json] | None:
        """Return the worker that has a session, and the session in full; None where no worker has it.

        Raises:
            SessionError: A worker that may have it does not answer.
        """
        answers = self.ask({"ask": "session", "id": session_id}, lambda session: session is not None)
        for worker, session in answers.given:
            if session is not None:
                return worker, session
        if answers.silent:
            words = f"No worker that answers has this session; worker {answers.silent[0]} does not answer: ask again."
            raise SessionError("worker_silent", words)
        return None
