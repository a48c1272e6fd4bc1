"""What the host of a session asks of it, each request with a future for its answer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from turnstile.errors import SessionError
from turnstile.ports import Inbox

if TYPE_CHECKING:
    from turnstile.session.effects import Answered
    from turnstile.session.events import Ref

_log = logging.getLogger(__name__)

CallElsewhere = Callable[[Callable[[], object]], bool]


class HostFuture(Future[None]):
    """The outcome of a host's request; it cannot be cancelled, as the request is under way already.

    Args:
        call_elsewhere: Has something called on a thread that may block, where callbacks belong: the answer comes on the
            thread that serves every session. Returns whether it will be.
    """

    def __init__(self, call_elsewhere: CallElsewhere) -> None:
        super().__init__()
        self._call_elsewhere = call_elsewhere
        self.set_running_or_notify_cancel()

    def add_done_callback(self, fn: Callable[[Future[None]], object]) -> None:
        """Have `fn` called with this future when it is done, on a thread where it may block."""

        def call(future: Future[None]) -> None:
            if self._call_elsewhere(partial(fn, future)):
                return
            try:
                fn(future)  # the proxy has stopped: no session waits for this thread any more
            except BaseException:  # SystemExit too: the thread is not the callback's to end
                _log.exception("a host's callback failed")

        super().add_done_callback(call)


class HostRequests(Inbox):
    """The requests of one session's host that have no answer yet; the `Inbox` for the answers.

    Args:
        call_elsewhere: As for `HostFuture`.
    """

    def __init__(self, call_elsewhere: CallElsewhere) -> None:
        self._call_elsewhere = call_elsewhere
        self._lock = threading.Lock()  # guards the two below
        self._open: dict[Ref, Future[None]] = {}
        self._has_ended = False
        self._refs = count(-1, -1)

    def add(self) -> tuple[Ref, Future[None]]:
        """Return the name for a new request, and the future for its answer; failed already if the session has ended."""
        future = HostFuture(self._call_elsewhere)
        with self._lock:
            ref = next(self._refs)
            if not self._has_ended:
                self._open[ref] = future
                return ref, future
        future.set_exception(session_ended())
        return ref, future

    def tell(self, answered: object, /) -> None:
        """Take an `Answered`."""
        answer: Answered = answered  # type: ignore[assignment] # the ClientActor tells nothing else
        with self._lock:
            future = self._open.pop(answer.ref, None)
        if future is None:
            return
        problem = answer.problem or next(iter(answer.shortfalls), None)
        if problem is None:
            future.set_result(None)
        else:
            future.set_exception(SessionError(problem.code, problem.description))

    def end(self) -> None:
        """Fail what has no answer."""
        with self._lock:
            self._has_ended = True
            left, self._open = self._open, {}
        for future in left.values():
            future.set_exception(session_ended())


def session_ended() -> SessionError:
    """Return what is raised where the session has ended."""
    return SessionError("session_ended", "The session has ended.")
