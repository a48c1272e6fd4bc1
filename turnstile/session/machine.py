"""The session machine: takes events, and returns effects.

An event that the state must not take now is held, and everything held is offered again, oldest first, whenever the
state has changed. When nothing is left to offer, what the state owes is sent: one update, then items, then one create.
"""

from __future__ import annotations

from collections import Counter
from copy import copy
from typing import TYPE_CHECKING

from turnstile.session import lifetime, unanswered_events
from turnstile.session.backlog import Backlog
from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    FunctionAnswered,
    Request,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.data import Data
from turnstile.session.deadlines import deadlines_of
from turnstile.session.draining import settle_drain
from turnstile.session.effects import ObserveAudio, SetDeadlines
from turnstile.session.gate import update_waits_for
from turnstile.session.held_bytes import config_bytes, taken_bytes
from turnstile.session.policy import Policy
from turnstile.session.renewal import at_a_moment, link_deadlines
from turnstile.session.rules import SIZED, Sized, decide, refuse, settle
from turnstile.session.state import Now, State
from turnstile.session.waits import reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.session.client_requests import Postponable
    from turnstile.session.deadlines import Deadline
    from turnstile.session.effects import Effect
    from turnstile.session.events import Event
    from turnstile.session.waits import Reason

_KINDS: dict[type[Request], str] = {
    ConfigRequested: "config update",
    UserMessageGiven: "item",
    AgentMessageGiven: "agent message",
    FunctionAnswered: "function result",
    TurnEndForced: "turn end",
}


class Session:
    """The decisions of one session.

    Args:
        policy: Its limits.
        state: Where it stands; a test constructs the one that it wants.
        data: What it has counted and remembered.
    """

    def __init__(self, policy: Policy | None = None, state: State | None = None, data: Data | None = None) -> None:
        self.policy = policy or Policy()
        self.now = Now(state or State(), data or Data())
        self._backlog = Backlog(self.policy, decide)
        self._is_limited = bool(self.policy.idle_timeout or self.policy.max_duration)
        self.deadlines = self._current_deadlines()
        """The deadlines at the moment; `handle` returns those that follow (`SetDeadlines`)."""
        self.held_elsewhere = 0
        """How many bytes are held in the session's name outside of it: an input, like the time in an event."""
        self._config_bytes = config_bytes(self.now.state)
        self.held_bytes = self._config_bytes + taken_bytes(self.now)
        """How many bytes all takes that the session holds: requests, items, calls, and the configuration."""

    def __copy__(self) -> Session:
        """Return an independent copy of the session."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), _backlog=copy(self._backlog))
        return other

    def __repr__(self) -> str:
        waits = update_waits_for(self.state)
        phase = f"{self.state.phase} {reason(waits, self.state).which if waits else ''}".rstrip()
        kinds = Counter(f"{_KINDS[type(request)]} for {why.waits}" for request, why in self.waiting())
        held = ", ".join(kind if number == 1 else f"{number} x {kind}" for kind, number in kinds.items())
        return f"<Session {phase}, {self.held} held{': ' if held else ''}{held}>"

    @property
    def state(self) -> State:
        """The state that the gate depends on."""
        return self.now.state

    @property
    def data(self) -> Data:
        """The data that are only counted or remembered."""
        return self.now.data

    @property
    def backlog(self) -> tuple[Postponable, ...]:
        """The requests that are held, and the places of audio between them, oldest first."""
        return self._backlog.events

    @property
    def held(self) -> int:
        """The number of held requests."""
        return self._backlog.held

    def waiting(self) -> Iterator[tuple[Request, Reason]]:
        """Yield each held request, with the reason why it waits."""
        for event in self.backlog:
            if isinstance(event, Request):
                yield event, self._backlog.reasons[event.ref]

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; return its effects, and those of every held request that it releases, in order."""
        before = now = self.now
        offered = now.state
        if self.policy.idle_timeout and event.__class__ not in lifetime.NO_ACTIVITY:
            now = lifetime.with_activity(now)
        adds = event.__class__ in SIZED
        room = self.policy.max_held_bytes - self.held_bytes - self.held_elsewhere
        if adds and isinstance(event, Sized) and event.size > max(room, 0):
            kept, now = now.data.unanswered_bytes, unanswered_events.without_content(now)
            fits = event.size <= max(room + kept - now.data.unanswered_bytes, 0)
            step = (decide if fits else refuse)(now, event, self.policy)
        else:
            step = decide(now, event, self.policy)
        # Before what is held is offered: what goes next may be the switch to another link.
        self.now = at_a_moment(step.now) if step.now.data.standby else step.now
        effects = list(step.effects)
        if step.waits:
            held = self._backlog.hold(event, step.waits, step.now.state)
            effects += (held,) if held else ()
        elif self.now is before:  # It owed nothing when the event came, so that nothing follows.
            return effects
        while True:
            if self._backlog.events and self.now.state != offered:
                offered = self.now.state
                step = self._backlog.offer(self.now)
            elif owed := settle(self.now, self.policy):
                step = owed
            elif self.now.data.is_draining and (end := settle_drain(self.now, self._backlog.held, self.policy)):
                step = end
            else:
                break
            self.now = step.now
            effects += step.effects
        state = self.now.state
        if self._backlog.events and state is not before.state:
            effects += self._backlog.notes(state)
        if state.in_force is not before.state.in_force or state.link != before.state.link:
            self._observe(before.state, effects)
        is_config_new = state.accepted is not before.state.accepted or state.in_force is not before.state.in_force
        has_answer = self.now.data.unanswered_bytes != before.data.unanswered_bytes
        is_held_new = adds or has_answer or (state is not before.state and self.held_bytes > self._config_bytes)
        if is_config_new or is_held_new:
            self._config_bytes = config_bytes(state) if is_config_new else self._config_bytes
            self.held_bytes = self._config_bytes + self._backlog.held_bytes + taken_bytes(self.now)
        if (deadlines := self._current_deadlines()) != self.deadlines:
            self.deadlines = deadlines
            effects.append(SetDeadlines(deadlines))
        return effects

    def _current_deadlines(self) -> tuple[Deadline, ...]:
        waits, data = deadlines_of(self.now, self.policy), self.now.data
        if self._is_limited:
            waits = lifetime.lifetime_deadlines(self.now, self._backlog.held, waits, self.policy)
        if not (data.standby or data.outage or data.renewals) or self.state.link == "ended":
            return waits
        return (*waits, *link_deadlines(self.now, self.policy))

    def _observe(self, before: State, effects: list[Effect]) -> None:
        """Have audio observed or not, if that changed: told first, so that what is let go by it is counted."""
        observes = self.state.proxy_commits
        if observes != before.proxy_commits and not self.policy.is_transparent:
            effects.insert(0, ObserveAudio(observes, counts_buffer=observes and before.user_audio.speaking))
