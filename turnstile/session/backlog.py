"""The backlog: the requests that the gate holds, and the places of input audio between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import InternalError, Problem
from turnstile.session.client_requests import AgentMessageGiven, AudioFollows, ConfigRequested, Request, TurnEndForced
from turnstile.session.effects import Answered
from turnstile.session.gate import request_waits_for
from turnstile.session.journal_notes import Held, Noted
from turnstile.session.state import Step
from turnstile.session.waits import reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.session.client_requests import Postponable, Ref
    from turnstile.session.effects import Effect
    from turnstile.session.events import Event
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now, State
    from turnstile.session.waits import Reason, Waits

    Decide = Callable[[Now, Event, Policy], Step]


class Backlog:
    """The held requests, offered to the rules again, oldest first, when the state has changed.

    What requests wait for is asked once for each kind that is held, so that a change that lets none of them go costs
    the same however many there are.

    Args:
        policy: How much it may hold.
        decide: The rules.
    """

    def __init__(self, policy: Policy, decide: Decide) -> None:
        self.events: tuple[Postponable, ...] = ()
        """What is held, oldest first."""
        self.reasons: dict[Ref, Reason] = {}
        """What each request that is held waits for, as noted last."""
        self._policy = policy
        self._decide = decide
        self._kinds: dict[object, Postponable] = {}
        self._waits: dict[object, Waits | None] = {}
        self._noted: dict[object, Reason] = {}
        self._ahead: Reason | None = None  # What the first place of audio, or commit, waits for, and all behind it.
        self.held = 0
        """How many requests are held."""
        self.held_bytes = 0
        """How many bytes they take."""

    def hold(self, event: Event, waits: Waits, state: State) -> Effect | None:
        """Hold an event in this state; return a note of it, or the refusal of a request beyond the capacity.

        Raises:
            InternalError: The rules postponed a fact.
        """
        if isinstance(event, AudioFollows):
            # Of two places in a row the later one says it for both.
            before = self.events[:-1] if self.events and isinstance(self.events[-1], AudioFollows) else self.events
            self._keep(event, (*before, event), waits)
            self._ahead = self._ahead or reason(waits, state)
            return None
        if not isinstance(event, Request):
            raise InternalError("postponed_fact", f"{event!r} was postponed, but facts are taken as they come.")
        if self.held >= self._policy.max_held:
            text = f"More than {self._policy.max_held} requests wait for their turn; this one is dropped."
            return Answered(event.ref, Problem("too_many_held", text), in_force=False)
        self.held, self.held_bytes = self.held + 1, self.held_bytes + event.size
        self._keep(event, (*self.events, event), waits)
        own = reason(waits, state)
        why = self._ahead if self._ahead and not isinstance(event, ConfigRequested) else own
        if isinstance(event, TurnEndForced):
            self._ahead = why
        self.reasons, self._noted = {**self.reasons, event.ref: why}, {**self._noted, _kind(event): own}
        return Held((event.ref,), why)

    def _keep(self, event: Postponable, events: tuple[Postponable, ...], waits: Waits) -> None:
        kind = _kind(event)
        self.events = events
        self._kinds, self._waits = {**self._kinds, kind: event}, {**self._waits, kind: waits}

    def offer(self, now: Now) -> Step:
        """Offer the held requests again; behind waiting audio or a commit only a configuration may go."""
        self._waits = {}
        for kind, event in self._kinds.items():
            self._waits[kind] = request_waits_for(now.state, event, self._policy)
        return self._offer_each(now) if None in self._waits.values() else Step(now)

    def _offer_each(self, now: Now) -> Step:
        effects: list[Effect] = []
        kept: list[Postponable] = []
        keeps_place = False
        for event in self.events:
            if keeps_place and not isinstance(event, ConfigRequested):
                kept.append(event)
                continue
            step = self._decide(now, event, self._policy)
            now = step.now
            if step.waits:
                kept.append(event)
                keeps_place = keeps_place or isinstance(event, AudioFollows | TurnEndForced)
            elif not isinstance(event, AudioFollows):
                effects.append(Noted("released", f"#{event.ref}"))
                self.held -= 1
                self.held_bytes -= event.size
            effects += step.effects
        if not kept:  # Else they are noted anew, and those that were released are left out.
            self.reasons, self._ahead = {}, None
        self.events, self._kinds, self._noted = tuple(kept), {}, {}
        for event in kept:
            self._kinds[_kind(event)] = event
        return Step(now, tuple(effects))

    def notes(self, state: State) -> list[Held]:
        """Return a note of each reason that requests are held for now and were not before."""
        reasons: dict[object, Reason] = {}
        for kind in self._kinds:
            waits = self._waits[kind]
            if waits:
                reasons[kind] = reason(waits, state)
        if reasons == self._noted:
            return []
        self._noted = reasons
        before, self.reasons = self.reasons, {}
        new: dict[Reason, list[Ref]] = {}
        self._ahead = None
        for event in self.events:
            why = self._ahead if self._ahead and not isinstance(event, ConfigRequested) else reasons[_kind(event)]
            if isinstance(event, AudioFollows | TurnEndForced):
                self._ahead = why
            if isinstance(event, AudioFollows):
                continue
            self.reasons[event.ref] = why
            if before.get(event.ref) != why:
                new.setdefault(why, []).append(event.ref)
        return [Held(tuple(refs), why) for why, refs in new.items()]


def _kind(event: Postponable) -> object:
    """Return the kind of an event; events of one kind wait for the same."""
    return event.behavior if isinstance(event, AgentMessageGiven) else event.__class__
