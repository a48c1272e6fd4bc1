"""The lifecycle of a session's actors: they end together, once, and each releases what it owns."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from actors.dispatch import DispatchedActor, takes
from actors.messages import End, Peers
from turnstile.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from actors.dispatch import Dispatcher
    from turnstile.ports import Inbox

_log = logging.getLogger(__name__)

INTERNAL_FAULT = Problem("internal_error", "The proxy failed in this session; connect again.")
INTERNAL_END = End(1011, "internal error", INTERNAL_FAULT)
"""The end of a session in which the proxy has failed."""
EVICTED = End(1013, "the proxy holds too much for all its clients, and most of it for this one", drops_unsent=True)
"""The end of a session that holds more than its share when all hold too much (limits.total_bytes)."""
KEPT_COUNT_RUNS = 64
"""In how many runs the bytes are counted once that a dialect or translator keeps: bounded by itself, and some calls."""
SHUTTING_DOWN = End(1001, "shutting down")
"""The end of a session without a fault: the proxy stops, or pykka's `stop` is called."""


class SessionActor(DispatchedActor):
    """One of a session's three actors.

    An actor that fails or receives an `End` sends one to the other two, and releases what it owns exactly once,
    whatever the cause of its end.

    Args:
        session_id: The session's id in the logs.
        dispatcher: Runs the actor.
        on_end: Called once with the end, when the actor has released everything.
    """

    def __init__(self, session_id: str, dispatcher: Dispatcher, on_end: Callable[[End], None]) -> None:
        super().__init__(dispatcher)
        self.session_id = session_id
        self._on_end = on_end
        self._peers: tuple[Inbox, ...] = ()
        self._end_given = SHUTTING_DOWN
        self._released = False

    @takes(Peers)
    def _introduced(self, others: Peers) -> None:
        me = self.inbox
        self._peers = tuple(inbox for inbox in (others.client, others.coordinator, others.upstream) if inbox is not me)
        self.meet(others)

    def meet(self, others: Peers) -> None:
        """Keep the inboxes that the actor sends to."""
        raise NotImplementedError

    def release(self, end: End) -> None:
        """Release what the actor owns; called once, at its end."""
        raise NotImplementedError

    def end_session(self, end: End) -> None:
        """End the session: this actor, and then the other two."""
        self.inbox.tell(end)

    def on_stop(self) -> None:
        """Release everything after an `End`, or after pykka's `stop`, which ends the session as the shutdown does."""
        self._release_once(self._end_given)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End this session only, with an error for its client: the handling of a message has raised."""
        del exception_type, exception_value, traceback  # pykka has logged them
        self._release_once(INTERNAL_END)

    @takes(End)
    def _end(self, end: End) -> None:
        self._end_given = end
        self.stop_now()

    def _release_once(self, end: End) -> None:
        if self._released:
            return
        self._released = True
        try:
            self.run_ended()  # the others receive the run's results before the `End`
        except BaseException:
            _log.exception("%s could not end its run", type(self).__name__)
        for peer in self._peers:
            peer.tell(end)
        try:
            self.release(end)
        except BaseException:
            _log.exception("%s could not release everything", type(self).__name__)
        finally:
            self._on_end(end)
