"""The session machine. `decide` is the rule book: one case per sentence, without clock, thread or socket.

The rules in short: a configuration update or a response is sent only while no response is in progress, expected or
requested. Only ``response.done`` with its id ends a response. An event that the state must not take now is postponed,
and everything postponed is offered again, oldest first, whenever the state has changed. When nothing is left to offer,
`settle` sends what the state owes: one update, then items, then one create.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from turnstile.errors import InternalError, Problem
from turnstile.session import (
    answering,
    attribution,
    calling,
    configuring,
    items,
    linking,
    listening,
    outcomes,
    passing,
    unconfirmed,
)
from turnstile.session.deadlines import time_is_up
from turnstile.session.effects import (
    Answered,
    Held,
    LetAudioGo,
    ObserveAudio,
    Released,
    StartTimer,
    StopTimer,
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
from turnstile.session.refusals import refused
from turnstile.session.state import Policy, State
from turnstile.session.step import Step
from turnstile.session.waits import waits

if TYPE_CHECKING:
    from turnstile.session.effects import Effect
    from turnstile.session.events import Event, Postponable


def decide(state: State, event: Event, policy: Policy) -> Step:
    """Return what `event` means in `state`."""
    if isinstance(event, CLOSING_FACTS):
        state = state._replace(epoch=state.epoch + 1)
    match event:
        case ConfigRequested():
            return configuring.take_config(state, event)
        case UserMessageGiven():
            return items.take_user_message(state, event, policy)
        case AgentMessageGiven() if policy.is_transparent:
            return passing.take_create(state, event, policy)
        case AgentMessageGiven():
            return answering.take_agent_message(state, event, policy)
        case FunctionAnswered():
            return calling.function_answered(state, event, policy)
        case TurnEndForced():
            return listening.take_turn_end(state, event, policy)
        case EventGiven():
            return passing.take_event(state, event, policy)
        case AudioFollows() if policy.is_transparent:
            return passing.take_mark(state, event)
        case AudioFollows(mark):
            return _let_audio_go(state, mark, policy)
        case LinkWanted():
            return passing.link_wanted(state, event)
        case LinkConnected():
            return linking.link_connected(state)
        case LinkOpened():
            return linking.link_opened(state, event, policy)
        case LinkLost():
            return linking.link_lost(state, event, policy)
        case ConfigAnswered():
            step = configuring.config_answered(state, event, policy)
            is_off = step.state.proxy_commits
            return replace(step, state=listening.turn_unheard(step.state)) if is_off else step
        case ItemConfirmed():
            return items.item_confirmed(state, event, policy)
        case ResponseStarted():
            return attribution.response_started(state, event, policy)
        case AsideStarted():
            return attribution.aside_started(state)
        case ResponseProgressed(response_id):
            return _progressed(state, response_id)
        case ResponseFinished():
            step = outcomes.response_finished(state, event, policy)
            return replace(step, state=listening.leftover_due(step.state)) if step.state != state else step
        case FunctionCalled():
            return calling.function_called(state, event, policy)
        case AgentSpoke():
            return Step(state._replace(voice_locked=True))
        case CallReturned():
            return calling.call_returned(state, event, policy)
        case SpeechStarted():
            return listening.speech_started(state, event, policy)
        case SpeechStopped():
            return listening.speech_stopped(state, event)
        case TurnCommitted():
            return listening.turn_committed(calling.turn_begun(state), event, policy)
        case InputCleared():
            return Step(listening.turn_unheard(state))
        case AudioHeard():
            return listening.audio_heard(state, event)
        case Refused():
            return refused(state, event, policy)
        case HandedBack(event_id):
            return _handed_back(state, event_id)
        case TimerFired():
            return time_is_up(state, event, policy)
        case _:
            assert_never(event)


def settle(state: State, policy: Policy) -> Step | None:
    """Return the next thing that `state` owes, or None when it owes nothing."""
    return (
        answering.settle_interruption(state, policy)
        or configuring.settle_config(state, policy)
        or linking.settle_restored(state)
        or listening.settle_audio(state)
        or passing.settle_lane(state, policy)
        or items.settle_items(state, policy)
        or listening.settle_commit(state, policy)
        or answering.settle_create(state, policy)
        or passing.settle_audio_held(state, policy)
    )


def _let_audio_go(state: State, mark: int, policy: Policy) -> Step:
    """Let audio go that follows what the client gave, unless the session is not ready for audio at all.

    What the gate holds it does not wait for; what is about to go, goes first.
    """
    if not state.audio_open or settle(state, policy):
        return Step(state, postpone=True)
    return Step(state, (LetAudioGo(mark),))


def _progressed(state: State, response_id: str) -> Step:
    response = state.response
    if response is None or response.response_id != response_id:
        return Step(state)
    return Step(state._replace(response=replace(response, progress=response.progress + 1)))


def _handed_back(state: State, event_id: str) -> Step:
    if state.updating and state.updating.event_id == event_id:
        return unconfirmed.update_handed_back(state, state.updating)
    if state.requested and state.requested.event_id == event_id:
        return answering.create_handed_back(state, state.requested)
    return Step(state)


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

    def __repr__(self) -> str:
        return f"<Session {self.state.phase}, {self.held} held>"

    @property
    def held(self) -> int:
        """How many requests wait."""
        return sum(isinstance(event, Request) for event in self.backlog)

    def handle(self, event: Event) -> list[Effect]:
        """Take one event; return its effects, and those of everything that it lets through."""
        before = offered = self.state
        effects: list[Effect] = []
        if not self._offer(event, effects):
            self._hold(event, effects)
        while True:
            if self.state != offered:
                offered = self.state
                self._offer_again(effects)
            elif step := settle(self.state, self.policy):
                self._take(step, effects)
            else:
                return [*self._observation(before), *effects, *self._timers(before)]

    def _offer(self, event: Event, effects: list[Effect]) -> bool:
        step = decide(self.state, event, self.policy)
        self._take(step, effects)
        return not step.postpone

    def _take(self, step: Step, effects: list[Effect]) -> None:
        self.state = step.state
        effects.extend(step.effects)

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
            taken: list[Effect] = [] if isinstance(event, AudioFollows) else [Released(event.ref)]
            if (not keeps_place or isinstance(event, ConfigRequested)) and self._offer(event, taken):
                effects += taken
            else:
                kept.append(event)
                keeps_place = keeps_place or isinstance(event, AudioFollows | TurnEndForced)
        self.backlog = tuple(kept)

    def _observation(self, before: State) -> list[Effect]:
        """Return whether to observe audio, if that changed: told first, so that what is let go by it is counted."""
        observes = self.state.proxy_commits
        if observes == before.proxy_commits or self.policy.is_transparent:
            return []
        return [ObserveAudio(observes, counts_buffer=observes and before.hearing.speaking)]

    def _timers(self, before: State) -> list[Effect]:
        """Timers follow from the state: what it began and ceased to wait for."""
        if self.state == before:
            return []
        old, new = waits(before, self.policy), waits(self.state, self.policy)
        stopped = [StopTimer(name) for name in old if name not in new]
        started = [StartTimer(name, wait.token, wait.delay) for name, wait in new.items() if old.get(name) != wait]
        return [*stopped, *started]
