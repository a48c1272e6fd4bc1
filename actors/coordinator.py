"""The session's decisions: hand each event to `Session.handle`, and perform the effects that it returns."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, get_args

from actors.deadline_timer import DeadlineTimer
from actors.dispatch import takes
from actors.lifecycle import SHUTTING_DOWN, SessionActor
from actors.messages import ANSWERED_FACTS, AnswersGiven, CheckDeadlines, End, Inspect, Snapshot, Waiting
from turnstile.byte_budget import unlimited_budget
from turnstile.observability.decision_counts import WATCHED, count_decision
from turnstile.observability.session_counts import COUNTED
from turnstile.protocol.frames import Closed
from turnstile.protocol.safe_text import on_one_line
from turnstile.session.awaited import Awaited
from turnstile.session.client_requests import ConfigRequested, EventGiven, UserMessageGiven
from turnstile.session.effects import (
    ClientEffect,
    EndSession,
    Reported,
    SetDeadlines,
    UpstreamEffect,
)
from turnstile.session.ending import CloseAtRest
from turnstile.session.events import Event, FunctionCalled, ResponseFinished
from turnstile.session.journal_notes import Held, Noted
from turnstile.session.machine import Session
from turnstile.session.turn_events import TurnCommitted
from turnstile.session.upstream_errors import close_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.dispatch import Dispatcher
    from actors.messages import Peers
    from turnstile.byte_budget import SessionBudget
    from turnstile.observability.journal import SessionJournal
    from turnstile.ports import Clock, Inbox, Timers
    from turnstile.session.client_requests import Ref
    from turnstile.session.events import Fact

_log = logging.getLogger(__name__)

# What the session holds, and what it has recorded of the conversation, is charged when it differs by so many bytes, so
# that a turn of short messages charges nothing.
_UNCHARGED = 4096
_NOT_HELD = (0.0, False)


class SessionCoordinatorActor(SessionActor):
    """Decides what goes when; it does no I/O and blocks on nothing.

    Args:
        session: Decides.
        budget: Counts what the session holds; by default without bounds.
        timers: Run the timer of the session's deadlines.
        clock: Seconds.
        journal: Is told of each event and its effects; has the counts.
    """

    def __init__(
        self,
        session_id: str,
        dispatcher: Dispatcher,
        on_end: Callable[[End], None],
        *,
        session: Session,
        budget: SessionBudget | None = None,
        timers: Timers,
        clock: Clock,
        journal: SessionJournal,
    ) -> None:
        super().__init__(session_id, dispatcher, on_end)
        self._session = session
        self._budget = budget or unlimited_budget()
        self._charge = self._budget.charge(stays=True)
        self._recorded = self._budget.charge(is_limited=False)
        self._journal = journal
        self._counts = journal.counts
        self._answered = 0
        self._clock = clock
        self._held: dict[Ref, tuple[float, bool]] = {}  # since when, and whether it is an update that counts as held
        self._asked_update: Ref | None = None  # the latest
        self._deadline_timer = DeadlineTimer(timers, clock, partial(self.inbox.tell, CheckDeadlines()))
        self._client: Inbox
        self._upstream: Inbox

    def meet(self, others: Peers) -> None:
        """Keep the inboxes that the effects are sent to; the session's time begins."""
        self._client, self._upstream = others.client, others.upstream
        self._deadline_timer.set(self._session.deadlines)

    @takes(*get_args(Event))
    def _decide(self, event: Event) -> None:
        """Perform each effect by the method that takes its class."""
        session, charge, performers = self._session, self._charge, self.handlers
        session.held_elsewhere = held_elsewhere = self._budget.held - charge.size - self._recorded.size
        before, counts, kind = session.now, self._counts, event.__class__
        try:
            effects = session.handle(event)
        except Exception:
            if self._journal.tell is not None:  # so that a replay of the recording fails on it, too
                self._journal.decided(event, (), held_elsewhere)
            raise
        if kind in COUNTED:
            match event:
                case ResponseFinished(name, outcome) if name not in before.data.ended:  # it may be given up already
                    counts.responses[outcome] += 1
                case ConfigRequested():
                    self._asked_update = event.ref
                case FunctionCalled():
                    counts.function_calls += 1
                case TurnCommitted() | UserMessageGiven() | EventGiven(awaits=Awaited(role="user")):
                    counts.turns += 1
                case _:
                    pass
        if kind in WATCHED or counts.unrepaired:
            count_decision(counts, before, event, effects, session.now)
        if self._journal.tell is not None:
            self._journal.decided(event, effects, held_elsewhere)
        for effect in effects:
            performers[effect.__class__](self, effect)
        if not -_UNCHARGED < session.held_bytes - charge.size < _UNCHARGED:
            charge.set(session.held_bytes)
        recorded = session.now.data.conversation.bytes
        if not -_UNCHARGED < recorded - self._recorded.size < _UNCHARGED:
            self._recorded.set(recorded)

    @takes(*ANSWERED_FACTS)
    def _decide_answered(self, fact: Fact) -> None:
        """Decide, and report to the ClientActor that it has all answers to the fact."""
        self._decide(fact)
        self._answered += 1
        self._client.tell(AnswersGiven(self._answered))

    @takes(CheckDeadlines)
    def _check_deadlines(self, _: CheckDeadlines) -> None:
        for fired in self._deadline_timer.expired():
            self._decide(fired)

    @takes(Inspect)
    def _snapshot(self, _: Inspect) -> Snapshot:
        waiting = tuple(
            Waiting(request.message, reason, self._held[request.ref][0], request.ref)
            for request, reason in self._session.waiting()
        )
        return Snapshot(self._session.state, self._session.data, self._session.backlog, waiting)

    def release(self, end: End) -> None:
        """Stop the timer, and let go of all that is held."""
        del end
        for since, is_update in self._held.values():
            if is_update:
                self._counts.held.longest = max(self._counts.held.longest, self._clock() - since)
        self._deadline_timer.end()
        self._session = Session()
        self._charge.set(0)
        self._recorded.set(0)

    # Perform the effects.

    @takes(*get_args(UpstreamEffect))
    def _send_upstream(self, effect: UpstreamEffect) -> None:
        self._upstream.tell(effect)

    @takes(*get_args(ClientEffect))
    def _send_to_client(self, effect: ClientEffect) -> None:
        self._client.tell(effect)

    @takes(Reported)
    def _report(self, reported: Reported) -> None:
        """Log the problem, and send it to the ClientActor as `_send_to_client` does all others."""
        _log.warning("Reported to the client: %s", on_one_line(reported.problem.code))
        self._client.tell(reported)

    @takes(SetDeadlines)
    def _set_deadlines(self, effect: SetDeadlines) -> None:
        self._deadline_timer.set(effect.deadlines)

    @takes(EndSession)
    def _end_with_problem(self, end: EndSession) -> None:
        problem = end.problem
        _log.warning("The session cannot go on: %s: %s", *map(on_one_line, (problem.code, problem.description)))
        how = end.closing or Closed(close_code(problem.code), problem.code)
        self.end_session(End(how.code, how.reason, None if end.is_told else problem, by=end.by))

    @takes(CloseAtRest)
    def _close_at_rest(self, close: CloseAtRest) -> None:
        """End the session by the UpstreamActor, so that the client gets all that this one has read."""
        problem = close.problem
        if problem is None:
            self._upstream.tell(SHUTTING_DOWN)
            return
        _log.info("The session is over: %s: %s", problem.code, problem.description)
        self._upstream.tell(End(close_code(problem.code), problem.code, problem))

    @takes(Held)
    def _note_held(self, held: Held) -> None:
        """Note since when requests are held; an update that waits for the first link waits for its session to begin."""
        for ref in held.refs:
            if ref == self._asked_update and self._session.now.data.has_opened:
                self._asked_update = None
                self._counts.updates_held += 1
                self._held[ref] = (self._clock(), True)
            elif ref not in self._held:
                self._held[ref] = (self._clock(), False)

    @takes(Noted)
    def _note(self, noted: Noted) -> None:
        """Count what becomes of the updates, without a call for one that nothing held."""
        counts = self._counts
        if noted.kind == "released":
            since, is_update = self._held.pop(int(noted.detail[1:]), _NOT_HELD)
            if is_update:
                seconds = self._clock() - since
                counts.updates_replayed += 1
                counts.held.observe(seconds)
        elif noted.kind == "merged":
            update = self._session.now.state.updating
            if update is not None and update.requests[1:]:
                counts.updates_merged += len(update.requests)
        else:
            counts.collisions += 1
