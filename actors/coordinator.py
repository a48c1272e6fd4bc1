"""The session: `Session.handle`, perform the effects, nothing else."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, get_args

from actors.dispatch import takes
from actors.lifecycle import SessionActor
from actors.messages import ANSWERED_FACTS, AnswersGiven, End, Inspect, Snapshot
from turnstile.protocol.frames import Closed
from turnstile.session.effects import (
    Answered,
    ApplyLocal,
    CallFunction,
    CallsCancelled,
    Collided,
    EndSession,
    Held,
    LetAudioGo,
    Merged,
    ObserveAudio,
    OpenAudio,
    OpenLink,
    PassOn,
    Released,
    Reported,
    SendCancel,
    SendCommit,
    SendCreate,
    SendItem,
    SendTruncate,
    SendUpdate,
    SessionAssumed,
    StartTimer,
    StopTimer,
)
from turnstile.session.endings import close_code
from turnstile.session.events import Event, TimerFired

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.dispatch import Dispatcher
    from actors.messages import Introduction
    from turnstile.observability.journal import Journal
    from turnstile.ports import Inbox, Timer, Timers
    from turnstile.session.effects import Effect
    from turnstile.session.events import Fact
    from turnstile.session.machine import Session

_log = logging.getLogger(__name__)


class SessionCoordinatorActor(SessionActor):
    """Knows whether a response is in progress, and holds what must wait; it does no I/O and blocks on nothing.

    Args:
        session: Who decides.
        timers: Who wakes it.
        journal: Who is shown what is held, let go and merged.
    """

    def __init__(
        self,
        session_id: str,
        dispatcher: Dispatcher,
        on_end: Callable[[], None],
        *,
        session: Session,
        timers: Timers,
        journal: Journal,
    ) -> None:
        super().__init__(session_id, dispatcher, on_end)
        self._session = session
        self._timers = timers
        self._journal = journal
        self._answered = 0
        self._running: dict[str, Timer] = {}
        self._client: Inbox
        self._upstream: Inbox

    def meet(self, others: Introduction) -> None:
        """Keep the two that are told what to do."""
        self._client, self._upstream = others.client, others.upstream

    @takes(*get_args(Event))
    def _decide(self, event: Event) -> None:
        performers = self.handlers
        for effect in self._session.handle(event):
            performers[effect.__class__](self, effect)

    @takes(*ANSWERED_FACTS)
    def _answer(self, fact: Fact) -> None:
        """Decide, and tell the client that it may hear what upstream has said since."""
        self._decide(fact)
        self._answered += 1
        self._client.tell(AnswersGiven(self._answered))

    @takes(Inspect)
    def _say_where_it_stands(self, _: Inspect) -> Snapshot:
        return Snapshot(self._session.state, self._session.backlog)

    def release(self, end: End) -> None:
        """Stop the timers."""
        del end
        for timer in self._running.values():
            timer.cancel()

    # What the session decides, performed.

    @takes(
        OpenLink,
        SendUpdate,
        SendItem,
        SendCreate,
        PassOn,
        SendCancel,
        SendTruncate,
        SendCommit,
        ApplyLocal,
        OpenAudio,
        LetAudioGo,
        ObserveAudio,
        CallFunction,
        CallsCancelled,
    )
    def _tell_upstream(self, effect: Effect) -> None:
        self._upstream.tell(effect)

    @takes(Answered, SessionAssumed)
    def _tell_client(self, effect: Effect) -> None:
        self._client.tell(effect)

    @takes(Reported)
    def _report(self, reported: Reported) -> None:
        _log.warning("The client is told of %s", reported.problem.code)
        self._client.tell(reported)

    @takes(StartTimer)
    def _start_timer(self, timer: StartTimer) -> None:
        self._cancel_timer(timer.name)
        fired = TimerFired(timer.name, timer.token)
        self._running[timer.name] = self._timers.start(timer.delay, partial(self.inbox.tell, fired))

    @takes(StopTimer)
    def _stop_timer(self, timer: StopTimer) -> None:
        self._cancel_timer(timer.name)

    @takes(EndSession)
    def _cannot_go_on(self, end: EndSession) -> None:
        problem = end.problem
        _log.warning("The session cannot go on: %s: %s", problem.code, problem.description)
        how = end.closing or Closed(close_code(problem.code), problem.code)
        self.end_session(End(how.code, how.reason, None if end.is_told else problem))

    def _cancel_timer(self, name: str) -> None:
        timer = self._running.pop(name, None)
        if timer is not None:
            timer.cancel()

    @takes(Held, Released, Merged, Collided)
    def _show(self, effect: Held | Released | Merged | Collided) -> None:
        kind, detail = type(effect).__name__.lower(), ""
        match effect:
            case Held(ref, because):
                detail = f"#{ref} {because}"
            case Released(ref):
                detail = f"#{ref}"
            case Merged(event_id, refs):
                detail = " ".join([event_id, *(f"#{ref}" for ref in refs)])
            case Collided(event_id, tries):
                detail = f"{event_id} try {tries}"
        self._journal.note(self.session_id, "session", "note", kind, detail)
