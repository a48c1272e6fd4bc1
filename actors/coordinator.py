"""The session: `Session.handle`, perform the effects, nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, assert_never

from actors.lifecycle import SessionActor
from actors.messages import End, Inspect, Mark, MarkPassed, Snapshot
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
from turnstile.session.events import TimerFired

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.dispatch import Dispatcher
    from actors.messages import Introduction
    from turnstile.observability.journal import Journal
    from turnstile.ports import Inbox, Timer, Timers
    from turnstile.session.effects import Effect
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
        self._running: dict[str, Timer] = {}
        self._client: Inbox
        self._upstream: Inbox

    def meet(self, others: Introduction) -> None:
        """Keep the two that are told what to do."""
        self._client, self._upstream = others.client, others.upstream

    def receive(self, message: object) -> object:
        """Take a session event, or a question from outside."""
        if isinstance(message, Inspect):
            return Snapshot(self._session.state, self._session.backlog)
        if isinstance(message, Mark):
            self._client.tell(MarkPassed(message.number))
            return None
        for effect in self._session.handle(message):  # type: ignore[arg-type] # the event's type is decide's to check
            self._perform(effect)
        return None

    def release(self, end: End) -> None:
        """Stop the timers."""
        del end
        for timer in self._running.values():
            timer.cancel()

    def _perform(self, effect: Effect) -> None:
        match effect:
            case (
                OpenLink()
                | SendUpdate()
                | SendItem()
                | SendCreate()
                | PassOn()
                | SendCancel()
                | SendTruncate()
                | SendCommit()
                | ApplyLocal()
                | OpenAudio()
                | LetAudioGo()
                | ObserveAudio()
                | CallFunction()
                | CallsCancelled()
            ):
                self._upstream.tell(effect)
            case Answered() | SessionAssumed():
                self._client.tell(effect)
            case Reported(problem):
                _log.warning("The client is told of %s", problem.code)
                self._client.tell(effect)
            case StartTimer(name, token, delay):
                self._stop_timer(name)
                self._running[name] = self._timers.start(delay, lambda: self.inbox.tell(TimerFired(name, token)))
            case StopTimer(name):
                self._stop_timer(name)
            case Held() | Released() | Merged() | Collided():
                self._show(effect)
            case EndSession(problem, closing, is_told):
                _log.warning("The session cannot go on: %s: %s", problem.code, problem.description)
                how = closing or Closed(close_code(problem.code), problem.code)
                self.end_session(End(how.code, how.reason, None if is_told else problem))
            case _:
                assert_never(effect)

    def _stop_timer(self, name: str) -> None:
        timer = self._running.pop(name, None)
        if timer is not None:
            timer.cancel()

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
