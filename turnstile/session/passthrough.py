"""A client that speaks the API's own language: its events pass as they are, its responses go one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import function_calls
from turnstile.session.effects import Answered, LetAudioGo, OpenLink, PassOn, Reported
from turnstile.session.events import AgentMessageGiven, AudioFollows, EventGiven
from turnstile.session.gate import audio_waits_for, link_waits_for, passthrough_waits_for
from turnstile.session.in_flight import Aside
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.events import LinkWanted
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now


# What each event that waits counts besides its bytes: each takes the longer, the more wait before it.
_COST = 1024


def link_wanted(now: Now, wanted: LinkWanted, _: Policy) -> Step:
    """Open the link; what the API configures by itself is configuration enough."""
    if now.state.link != "closed":
        return Step(now)
    return Step(now.change(link="opening", model=wanted.model, configured=True), (OpenLink(wanted.model),))


def take_event(now: Now, given: EventGiven, policy: Policy) -> Step:
    """Pass an event on, behind the responses that were asked for before it."""
    if given.call_id is not None and function_calls.is_made_here(now, given.call_id):
        return Step(now, (Reported(function_calls.not_yours(given.call_id), given.event_id),))
    waits = audio_waits_for(now.state) if given.follows_audio else link_waits_for(now.state)
    if waits is None and (given.at_once or given.follows_audio):
        return Step(_noted(now, given, policy), (PassOn(given.event),))
    size = now.data.passthrough_bytes + _size(given)
    if size > policy.max_held_bytes:
        return Step(now.change(passthrough_dropped=True), (Reported(_too_large(policy), given.event_id),))
    return Step(now.change(passthrough_queue=(*now.data.passthrough_queue, given), passthrough_bytes=size))


def take_create(now: Now, request: AgentMessageGiven, policy: Policy) -> Step:
    """Queue a response behind what was given before it; it is not made without what was, and did not fit."""
    if now.data.passthrough_dropped:
        text = "An event that was given before this one did not fit, and was dropped; give both again."
        return Step(now.change(passthrough_dropped=False), _dropped(request, Problem("too_many_held", text)))
    size = now.data.passthrough_bytes + _size(request)
    if size > policy.max_held_bytes:
        return Step(now, _dropped(request, _too_large(policy)))
    if sum(isinstance(waiting, AgentMessageGiven) for waiting in now.data.passthrough_queue) >= policy.max_held:
        text = f"More than {policy.max_held} responses wait for their turn; this one is dropped."
        return Step(now, _dropped(request, Problem("too_many_held", text)))
    return Step(now.change(passthrough_queue=(*now.data.passthrough_queue, request), passthrough_bytes=size))


def take_mark(now: Now, follows: AudioFollows) -> Step:
    """Keep the place of audio that cannot go yet; of two places in a row the later one says it for both."""
    if audio_waits_for(now.state) is None:
        return Step(now, (LetAudioGo(follows.mark),))
    before = (
        now.data.passthrough_queue[:-1]
        if now.data.passthrough_queue and isinstance(now.data.passthrough_queue[-1], AudioFollows)
        else now.data.passthrough_queue
    )
    return Step(now.change(passthrough_queue=(*before, follows)))


def _dropped(request: AgentMessageGiven, problem: Problem) -> tuple[Answered]:
    return (Answered(request.ref, problem, in_force=False),)


def _too_large(policy: Policy) -> Problem:
    text = f"More than {policy.max_held_bytes} bytes of events would wait for their turn; this one is dropped."
    return Problem("too_many_held", text)


def _size(waiting: EventGiven | AgentMessageGiven) -> int:
    return (len(waiting.event) if isinstance(waiting, EventGiven) else waiting.size) + _COST


def _noted(now: Now, given: EventGiven, policy: Policy) -> Now:
    """Remember a create out of band until its response begins; the oldest are forgotten."""
    if given.aside is None:
        return now
    behind = now.state.requested.event_id if now.state.requested else ""
    return now.change(asides=(*now.data.asides[1 - policy.max_held :], Aside(given.aside, behind)))


def settle_passthrough(now: Now, policy: Policy) -> Step | None:
    """Let go what stands in front: an event, audio that may go, or a response when none is on its way."""
    if passthrough_waits_for(now.state):
        return None
    if isinstance(now.data.passthrough_queue[0], AudioFollows) and audio_waits_for(now.state):
        return None
    return _let_go(now, 0, policy)


def settle_audio_held(now: Now, policy: Policy) -> Step | None:
    """Let audio, and what is about it, pass by what the gate holds."""
    if audio_waits_for(now.state):
        return None
    for place, waiting in enumerate(now.data.passthrough_queue):
        if isinstance(waiting, AudioFollows) or (isinstance(waiting, EventGiven) and waiting.follows_audio):
            return _let_go(now, place, policy)
    return None


def _let_go(now: Now, place: int, policy: Policy) -> Step:
    leaving = now.data.passthrough_queue[place]
    after = now.change(passthrough_queue=now.data.passthrough_queue[:place] + now.data.passthrough_queue[place + 1 :])
    if isinstance(leaving, AudioFollows):
        return Step(after, (LetAudioGo(leaving.mark),))
    after = after.change(passthrough_bytes=now.data.passthrough_bytes - _size(leaving))
    if isinstance(leaving, EventGiven):
        return Step(_noted(after, leaving, policy), (PassOn(leaving.event),))
    return Step(after.change(agent_messages=(leaving,)))
