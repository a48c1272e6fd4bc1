"""Walk the states of a session by its rules.

The walk begins with a new session and goes breadth first: in every new state it offers the session each event that is
possible there. States that differ only in names and counts are the same; two requests under way at once are enough to
use every rule.
"""

from __future__ import annotations

from collections import deque
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from possible_events import possible_events
from turnstile.session import effects as out
from turnstile.session import journal_notes
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import PHASES

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from turnstile.session.effects import Effect
    from turnstile.session.state import Phase

_POLICY = Policy(create_tries=2)
_WORDS: dict[type, str] = {
    out.OpenLink: "a new link",
    out.SendUpdate: "`session.update`",
    out.SendItem: "`conversation.item.create`",
    out.SendCreate: "`response.create`",
    out.SendCancel: "`response.cancel`",
    out.SendCommit: "`input_audio_buffer.commit`",
    journal_notes.Held: "held",
    out.EndSession: "the end of the session",
}


class Transition(NamedTuple):
    """One event in one state, and its outcome.

    Args:
        phase: The state before.
        event: The event's name.
        after: The state after.
        sent: The names of the effects, in order.
    """

    phase: Phase
    event: str
    after: Phase
    sent: tuple[str, ...]


@cache
def transitions() -> tuple[Transition, ...]:
    """Walk all states breadth first; return each transition that changes the state or sends something, sorted."""
    start = Session(_POLICY)
    found: dict[Transition, None] = {}
    seen = {_shape(start)}
    waiting = deque([start])
    while waiting:
        session = waiting.popleft()
        for label, event in possible_events(session):
            after = copy(session)
            effects = after.handle(event)
            # A request that waits for something else than before is noted as held again.
            sent = _in_words(
                one for one in effects if after.held > session.held or not isinstance(one, journal_notes.Held)
            )
            if sent or after.state.phase != session.state.phase:
                found[Transition(session.state.phase, label, after.state.phase, sent)] = None
            shape = _shape(after)
            if shape not in seen:
                seen.add(shape)
                waiting.append(after)
    order = {phase: number for number, phase in enumerate(PHASES)}
    return tuple(sorted(found, key=lambda one: (order[one.phase], one.event, order[one.after], one.sent)))


def _in_words(effects: Iterable[Effect]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_WORDS[type(effect)] for effect in effects if type(effect) in _WORDS))


def _shape(session: Session) -> Hashable:
    """Return what decides which kinds of events are possible in a session, without names, counts and orders."""
    state, data = session.now
    response, requested, one = state.response, state.requested, data.standby
    return (
        (state.link, state.switching, state.configured, bool(state.updates)),
        (
            data.has_opened,
            one and (one.stage, one.updating is None, bool(one.sent)),
        ),
        (
            state.updating is None,
            bool(state.expected),
            state.interrupting,
            bool(state.agent_messages),
            bool(data.calls),
        ),
        (
            bool(state.blocked_by),
            bool(state.create_delay),
            bool(state.update_delay),
            state.user_audio.speaking,
            bool(state.user_audio.barge_in),
        ),
        response and (bool(response.seen), response.redundant, response.cancel and response.cancel.because),
        requested and (bool(requested.agent_message), data.tries),
        frozenset((item.stage, item.responder) for item in state.items),
        bool(state.commits),
        frozenset(type(request) for request in session.backlog),
    )
