"""The requests of a session's host, and of operators, each with a future for its answer."""

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
    from turnstile.session.client_requests import Ref
    from turnstile.session.effects import Answered

_log = logging.getLogger(__name__)

CallElsewhere = Callable[[Callable[[], object]], object]

# Most requests of one session that may be unanswered.
_MOST_OPEN = 1_000


class HostFuture(Future[None]):
    """The future outcome of a host's request; it cannot be cancelled, since the request is sent already.

    Args:
        call_elsewhere: Calls a function on a thread that may block, and returns whether it will be called. Callbacks
            must not run on the thread that delivers the answer: it serves every session.
    """

    def __init__(self, call_elsewhere: CallElsewhere) -> None:
        super().__init__()
        self._call_elsewhere = call_elsewhere
        self.set_running_or_notify_cancel()

    def add_done_callback(self, fn: Callable[[Future[None]], object]) -> None:
        """Call `fn` with this future when it is done, on a thread that may block."""

        def call(future: Future[None]) -> None:
            if self._call_elsewhere(partial(fn, future)):
                return
            try:
                fn(future)  # the proxy has stopped, so blocking this thread delays no session
            except BaseException:  # SystemExit too: the thread is not the callback's to end
                _log.exception("a host's callback failed")

        super().add_done_callback(call)


class HostRequests(Inbox):
    """The unanswered requests of one session's host and operators, and the `Inbox` for their answers.

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
        """Return the ref of a new request and the future for its answer.

        It has failed if the session has ended, or if too many are unanswered.
        """
        future = HostFuture(self._call_elsewhere)
        with self._lock:
            ref = next(self._refs)
            has_ended = self._has_ended
            if not has_ended and len(self._open) < _MOST_OPEN:
                self._open[ref] = future
                return ref, future
        future.set_exception(session_ended() if has_ended else _too_many())
        return ref, future

    def tell(self, answered: object, /) -> None:
        """Complete the future of the request that an `Answered` answers."""
        answer: Answered = answered  # type: ignore[assignment] # ClientActor sends nothing else
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
        """Fail every unanswered request, and each later one."""
        with self._lock:
            self._has_ended = True
            left, self._open = self._open, {}
        for future in left.values():
            future.set_exception(session_ended())


def session_ended() -> SessionError:
    """Return the error of a request to a session that has ended."""
    return SessionError("session_ended", "The session has ended.")


def _too_many() -> SessionError:
    return SessionError("too_many_held", f"{_MOST_OPEN} requests of this session's host and operators are unanswered.")
