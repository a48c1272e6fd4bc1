"""The session machine. `RULES` is the rule book: one line a sentence, without clock, thread or socket.

The rules in short: a configuration update or a response is sent only while no response is in progress, expected or
requested. Only ``response.done`` with its id ends a response. An event that the state must not take now is postponed,
and everything postponed is offered again, oldest first, whenever the state has changed. When nothing is left to offer,
`settle` sends what the state owes: one update, then items, then one create.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from turnstile.errors import InternalError, Problem
from turnstile.session import (
    attribution,
    config_updates,
    failed_updates,
    function_calls,
    items,
    link,
    outcomes,
    passthrough,
    responses,
    turns,
)
from turnstile.session.collisions import is_collision
from turnstile.session.deadlines import deadlines_of
from turnstile.session.effects import (
    Answered,
    Held,
    LetAudioGo,
    Noted,
    ObserveAudio,
    Reported,
    SetDeadlines,
)
from turnstile.session.events import (
    CLOSING_FACTS,
    AgentMessageGiven,
    AgentSpoke,
    AsideStarted,
    AudioFollows,
    AudioHeard,
    CallReturned,
    ConfigAnswered,
    ConfigRequested,
    EventGiven,
    FunctionAnswered,
    FunctionCalled,
    HandedBack,
    InputCleared,
    ItemConfirmed,
    LinkConnected,
    LinkLost,
    LinkOpened,
    LinkWanted,
    Refused,
    Request,
    ResponseFinished,
    ResponseProgressed,
    ResponseStarted,
    SpeechStarted,
    SpeechStopped,
    TimerFired,
    TurnCommitted,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.in_flight import Commit, Create, Item, Response, Update
from turnstile.session.policy import Policy
from turnstile.session.state import State, Step
from turnstile.session.timeouts import time_is_up
from turnstile.session.upstream_errors import (
    ENDING,
    is_about_clients_event,
    is_about_cut,
    is_about_own_event,
    refused_event,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.session.effects import Effect
    from turnstile.session.events import Event, Postponable

    E = TypeVar("E")
    Rule = Callable[[State, E, Policy], Step]


def _on(event: type[E], rule: Rule[E]) -> tuple[type, Rule[Any]]:
    """Return an entry of the rule book; the type checker sees to it that the rule takes the event."""
    return event, rule


def _agent_message(state: State, request: AgentMessageGiven, policy: Policy) -> Step:
    """A client that speaks the API's own language asks for a response of its own."""
    take = passthrough.take_create if policy.is_transparent else responses.take_agent_message
    return take(state, request, policy)


def _audio_follows(state: State, follows: AudioFollows, policy: Policy) -> Step:
    """Let audio go that follows what the client gave, unless the session is not ready for audio at all.

    What the gate holds it does not wait for; what is about to go, goes first.
    """
    if policy.is_transparent:
        return passthrough.take_mark(state, follows)
    if not state.audio_open or settle(state, policy):
        return Step(state, postpone=True)
    return Step(state, (LetAudioGo(follows.mark),))


def _agent_spoke(state: State, _: AgentSpoke, __: Policy) -> Step:
    return Step(state if state.voice_locked else state._replace(voice_locked=True))


def _response_progressed(state: State, progressed: ResponseProgressed, _: Policy) -> Step:
    response = state.response
    if response is None or response.response_id != progressed.response_id:
        return Step(state)
    return Step(state._replace(response=replace(response, progress=response.progress + 1)))


def _refused(state: State, error: Refused, policy: Policy) -> Step:
    """Decide by the kind of event that the error refuses; report an error that refuses none of ours."""
    is_clients = is_about_clients_event(error, policy)
    if error.code in ENDING:
        lost = LinkLost(error.code, error.message, retryable=False, event=error.event, is_told=is_clients)
        return link.link_lost(state, lost, policy)
    if is_clients:
        return Step(state._replace(asides=tuple(one for one in state.asides if one.event_id != error.event_id)))
    event = refused_event(state, error, policy)
    match event:
        case Update():
            return failed_updates.update_refused(state, event, error, policy)
        case Create() if state.response and state.response.unproven == event:
            return attribution.unmarked_refused(state, state.response, event)
        case Create():
            return responses.create_refused(state, event, error, policy)
        case Commit():
            return turns.commit_lost(state, event, error.problem)
        case Item():
            return items.item_lost(state, event, error.problem)
        case Response():
            return outcomes.response_ended_unheard(state, event, policy)
        case None if is_collision(error) or is_about_own_event(error, policy):
            return Step(state)  # Settled before the error came.
        case None if is_about_cut(error) and not policy.is_transparent:
            # Only the proxy cuts anything off for such a client. Without an event id a refused cancel may be an
            # earlier one: the response that it was for ends by itself, or in time.
            return Step(state)
        case _:
            return Step(state, (Reported(error.problem),))


def _handed_back(state: State, back: HandedBack, _: Policy) -> Step:
    if state.updating and state.updating.event_id == back.event_id:
        return failed_updates.update_handed_back(state, state.updating)
    if state.requested and state.requested.event_id == back.event_id:
        return responses.create_handed_back(state, state.requested)
    return Step(state)


RULES = dict(
    [
        # What the client wants.
        _on(ConfigRequested, config_updates.take_config),
        _on(UserMessageGiven, items.take_user_message),
        _on(AgentMessageGiven, _agent_message),
        _on(FunctionAnswered, function_calls.function_answered),
        _on(TurnEndForced, turns.take_turn_end),
        _on(EventGiven, passthrough.take_event),
        _on(AudioFollows, _audio_follows),
        # The link.
        _on(LinkWanted, passthrough.link_wanted),
        _on(LinkConnected, link.link_connected),
        _on(LinkOpened, link.link_opened),
        _on(LinkLost, link.link_lost),
        # What upstream does with what it was sent.
        _on(ConfigAnswered, config_updates.config_answered),
        _on(ItemConfirmed, items.item_confirmed),
        _on(Refused, _refused),
        _on(HandedBack, _handed_back),
        # Responses.
        _on(ResponseStarted, attribution.response_started),
        _on(AsideStarted, attribution.aside_started),
        _on(ResponseProgressed, _response_progressed),
        _on(ResponseFinished, outcomes.response_finished),
        _on(AgentSpoke, _agent_spoke),
        _on(FunctionCalled, function_calls.function_called),
        _on(CallReturned, function_calls.call_returned),
        # The user's voice.
        _on(SpeechStarted, turns.speech_started),
        _on(SpeechStopped, turns.speech_stopped),
        _on(TurnCommitted, turns.turn_committed),
        _on(InputCleared, turns.input_cleared),
        _on(AudioHeard, turns.audio_heard),
        # Time.
        _on(TimerFired, time_is_up),
    ]
)
"""What each event means."""


def decide(state: State, event: Event, policy: Policy) -> Step:
    """Return what `event` means in `state`."""
    if isinstance(event, CLOSING_FACTS):
        state = state._replace(epoch=state.epoch + 1)
    return RULES[type(event)](state, event, policy)


def settle(state: State, policy: Policy) -> Step | None:
    """Return the next thing that `state` owes, or None when it owes nothing; what it cannot owe is not asked for."""
    is_open = state.gate_is_open
    is_ready = is_open and state.config_is_in_force
    return (
        ((state.interrupting or state.response) and responses.settle_interruption(state, policy))
        or (is_open and not is_ready and config_updates.settle_config(state, policy))
        or (state.is_restoring and link.settle_restored(state))
        or (not state.audio_open and turns.settle_audio(state))
        or (state.passthrough_queue and passthrough.settle_passthrough(state, policy))
        or (is_ready and state.items and items.settle_items(state, policy))
        or (is_ready and state.user_audio.due and turns.settle_commit(state, policy))
        or (is_ready and (state.items or state.agent_messages) and responses.settle_create(state, policy))
        or (state.passthrough_queue and passthrough.settle_audio_held(state, policy))
        or None
    )


class Session:
    """One session's decisions. `handle` takes what happened and returns what shall be done, in order.

    Args:
        policy: Its limits.
        state: Where it stands; a test constructs the one that it wants.
    """

    def __init__(self, policy: Policy | None = None, state: State | None = None) -> None:
        self.policy = policy or Policy()
        self.state = state or State()
        self.backlog: tuple[Postponable, ...] = ()
        self._waits = deadlines_of(self.state, self.policy)

    def __repr__(self) -> str:
        return f"<Session {self.state.phase}, {self.held} held>"

    @property
    def held(self) -> int:
        """How many requests wait."""
        return sum(isinstance(event, Request) for event in self.backlog)

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; return its effects, and those of everything that it lets through."""
        before = offered = self.state
        step = decide(before, event, self.policy)
        self.state, effects = step.state, list(step.effects)
        if step.postpone:
            self._hold(event, effects)
        elif step.state is before:  # It owed nothing when the event came, so that nothing follows.
            return effects
        while True:
            if self.backlog and self.state != offered:
                offered = self.state
                self._offer_again(effects)
            elif owed := settle(self.state, self.policy):
                self.state = owed.state
                effects += owed.effects
            else:
                self._observe(before, effects)
                self._wait(effects)
                return effects

    def _hold(self, event: Event, effects: list[Effect]) -> None:
        if isinstance(event, AudioFollows):
            self._hold_mark(event)
            return
        if not isinstance(event, Request):
            raise InternalError("postponed_fact", f"{event!r} was postponed, but facts are taken as they come.")
        excess = self._excess(event)
        if excess:
            text = f"More than {excess} wait for their turn; this one is dropped."
            effects.append(Answered(event.ref, Problem("too_many_held", text), in_force=False))
            return
        self.backlog = (*self.backlog, event)
        effects.append(Held(event.ref, self.state.phase))

    def _excess(self, request: Request) -> str:
        """Return what would be more than may wait if `request` did; "" for nothing."""
        if self.held >= self.policy.max_held:
            return f"{self.policy.max_held} requests"
        size = sum(waiting.size for waiting in (*self.backlog, request) if isinstance(waiting, ConfigRequested))
        return f"{self.policy.max_held_bytes} bytes of requests" if size > self.policy.max_held_bytes else ""

    def _hold_mark(self, follows: AudioFollows) -> None:
        """Keep the place of audio in the backlog; of two in a row the later one says it for both."""
        before = self.backlog[:-1] if self.backlog and isinstance(self.backlog[-1], AudioFollows) else self.backlog
        self.backlog = (*before, follows)

    def _offer_again(self, effects: list[Effect]) -> None:
        """Offer what was postponed; past audio that waits, or its commit, nothing but a configuration."""
        waiting, self.backlog = self.backlog, ()
        kept: list[Postponable] = []
        keeps_place = False
        for event in waiting:
            if keeps_place and not isinstance(event, ConfigRequested):
                kept.append(event)
                continue
            step = decide(self.state, event, self.policy)
            self.state = step.state
            if step.postpone:
                kept.append(event)
                keeps_place = keeps_place or isinstance(event, AudioFollows | TurnEndForced)
            elif not isinstance(event, AudioFollows):
                effects.append(Noted("released", f"#{event.ref}"))
            effects += step.effects
        self.backlog = tuple(kept)

    def _observe(self, before: State, effects: list[Effect]) -> None:
        """Have audio observed or not, if that changed: told first, so that what is let go by it is counted."""
        state = self.state
        if self.policy.is_transparent or (state.in_force is before.in_force and state.link == before.link):
            return
        observes = state.proxy_commits
        if observes != before.proxy_commits:
            effects.insert(0, ObserveAudio(observes, counts_buffer=observes and before.user_audio.speaking))

    def _wait(self, effects: list[Effect]) -> None:
        """Timers follow from the state: have what it waits for waited for, if that changed."""
        now = deadlines_of(self.state, self.policy)
        if now != self._waits:
            self._waits = now
            effects.append(SetDeadlines(now))
