"""A Realtime client: its events pass as they are, its responses go one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import function_calls, unanswered_events
from turnstile.session.client_requests import AgentMessageGiven, AudioFollows, EventGiven
from turnstile.session.effects import Answered, LetAudioGo, OpenLink, PassOn, Reported
from turnstile.session.fifo import Fifo
from turnstile.session.gate import audio_waits_for, link_waits_for, passthrough_waits_for
from turnstile.session.held_bytes import too_many_bytes
from turnstile.session.link_effects import TruncateRestored
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.client_requests import LinkWanted
    from turnstile.session.effects import Effect
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now


Queued = EventGiven | AgentMessageGiven | AudioFollows


def link_wanted(now: Now, wanted: LinkWanted, _: Policy) -> Step:
    """Open the link, with the API's own default configuration."""
    if now.state.link != "closed":
        return Step(now)
    return Step(now.change(link="opening", model=wanted.model, configured=True), (OpenLink(wanted.model),))


def take_event(now: Now, given: EventGiven, policy: Policy) -> Step:
    """Pass an event on, behind the responses requested before it."""
    if given.call_id is not None and function_calls.is_made_here(now, given.call_id):
        return Step(now, (Reported(function_calls.not_yours(given.call_id), given.event_id),))
    if now.state.link == "lost" and given.awaits and given.awaits.answer == "ended" and (idle := _nothing_owed(now)):
        return Step(idle)
    waits = audio_waits_for(now.state) if given.follows_audio else link_waits_for(now.state)
    if waits is None and (given.at_once or given.follows_audio):
        return _passed_on(now, given, policy)
    return Step(_queued(now, given))


def _nothing_owed(now: Now) -> Now | None:
    """Return the session without the response that was to be given again; None where none was."""
    again = [one for one in now.data.passthrough_queue if isinstance(one, AgentMessageGiven) and one.is_answered]
    items = tuple([item for item in now.state.items if item.responder != "proxy" or item.stage != "confirmed"])
    if not again and items == now.state.items:
        return None
    for one in again:
        now = _counted(now, one, -1)
    left = Fifo([one for one in now.data.passthrough_queue if one not in again])
    return now.change(items=items, passthrough_queue=left)


def _passed_on(now: Now, given: EventGiven, policy: Policy) -> Step:
    """Pass an event on now, but for the truncation of an item that this link was told as text."""
    awaits = given.awaits
    if awaits and awaits.answer == "truncated" and awaits.item_id in now.data.restored:
        entry = now.data.conversation.find(awaits.item_id)
        if entry and entry.kind == "assistant":
            return Step(now, (TruncateRestored(given.event),))
    return Step(unanswered_events.noted(now, given, policy), (PassOn(given.event),))


def drop_event(now: Now, given: EventGiven, policy: Policy) -> Step:
    """Drop an event that does not fit, unless it passes at once."""
    step = take_event(now, given, policy)
    if step.effects:
        return Step(unanswered_events.without_content(step.now), step.effects)
    return Step(now.change(passthrough_dropped=True), (Reported(too_many_bytes(policy), given.event_id),))


def take_create(now: Now, request: AgentMessageGiven, policy: Policy) -> Step:
    """Queue a response behind what was given before it; it is not made without what was, and did not fit."""
    if now.data.passthrough_dropped:
        text = "An event that was given before this one did not fit, and was dropped; give both again."
        return Step(now.change(passthrough_dropped=False), _dropped(request, Problem("too_many_held", text)))
    if now.data.passthrough_creates >= policy.max_held:
        text = f"More than {policy.max_held} responses wait for their turn; this one is dropped."
        return Step(now, _dropped(request, Problem("too_many_held", text)))
    return Step(_queued(now, request))


def take_mark(now: Now, follows: AudioFollows) -> Step:
    """Keep the place of audio that cannot go yet; of two places in a row keep the later one."""
    if audio_waits_for(now.state) is None:
        return Step(now, (LetAudioGo(follows.mark),))
    queue = now.data.passthrough_queue
    if isinstance(queue.last, AudioFollows):
        return Step(now.change(passthrough_queue=queue.without_last().appended(follows)))
    return Step(_queued(now, follows))


def _queued(now: Now, one: Queued) -> Now:
    return _counted(now, one, 1).change(passthrough_queue=now.data.passthrough_queue.appended(one))


def _counted(now: Now, one: Queued, sign: int) -> Now:
    """Count what joins the queue, or leaves it."""
    return now.change(
        passthrough_bytes=now.data.passthrough_bytes + sign * _size(one),
        passthrough_audio=now.data.passthrough_audio + sign * _is_about_audio(one),
        passthrough_creates=now.data.passthrough_creates + sign * isinstance(one, AgentMessageGiven),
    )


def _dropped(request: AgentMessageGiven, problem: Problem) -> tuple[Answered]:
    return (Answered(request.ref, problem, in_force=False),)


def _size(one: Queued) -> int:
    return 0 if isinstance(one, AudioFollows) else one.size


def _is_about_audio(one: Queued) -> bool:
    return isinstance(one, AudioFollows) or (isinstance(one, EventGiven) and one.follows_audio)


def settle_passthrough(now: Now, policy: Policy) -> Step | None:
    """Release the front of the queue: an event, audio that may go, or a create when no response is on its way."""
    if passthrough_waits_for(now.state):
        return None
    leaving = now.data.passthrough_queue.first
    if isinstance(leaving, AudioFollows) and audio_waits_for(now.state):
        return None
    return _let_go(now.change(passthrough_queue=now.data.passthrough_queue.without_first()), leaving, policy)


def settle_audio_held(now: Now, policy: Policy) -> Step | None:
    """Let all audio, and the events about it, pass the held requests."""
    if audio_waits_for(now.state):
        return None
    queue = now.data.passthrough_queue
    effects: list[Effect] = []
    now = now.change(passthrough_queue=Fifo([one for one in queue if not _is_about_audio(one)]))
    for leaving in queue:
        if _is_about_audio(leaving):
            step = _let_go(now, leaving, policy)
            now = step.now
            effects += step.effects
    return Step(now, tuple(effects))


def is_in_flight(now: Now) -> bool:
    """Tell whether upstream has yet to answer an event that was passed on."""
    return bool(now.data.unanswered)


def after_loss(now: Now, ended: AgentMessageGiven | None = None) -> Now:
    """Queue what a lost link has not answered, to go again in the order given, before all that waits.

    What is lost for good is reported by `unanswered_events.lost_events`, of the session as it was before.

    Args:
        now: The session; what it shall have spoken next has not begun.
        ended: The create that had begun and is to be made again: what is unanswered was given behind it.
    """
    again = [one.given for one in now.data.unanswered if one.given.event]
    first = [ended] if ended else []
    now = now.change(unanswered=(), unanswered_bytes=0)
    given: list[Queued] = [*first, *again, *now.state.agent_messages]
    for one in given:
        now = _counted(now, one, 1)
    return now.change(passthrough_queue=Fifo([*given, *now.data.passthrough_queue]), agent_messages=())


def _let_go(now: Now, leaving: Queued, policy: Policy) -> Step:
    after = _counted(now, leaving, -1)
    if isinstance(leaving, AudioFollows):
        return Step(after, (LetAudioGo(leaving.mark),))
    if isinstance(leaving, EventGiven):
        return _passed_on(after, leaving, policy)
    return Step(after.change(agent_messages=(leaving,)))
