"""The rule book: `RULES` maps each kind of event to its rule, `settle` sends next what is owed; all are pure.

The rules in short: a configuration update or a response is sent only while no response is in progress, expected or
requested (`gate`). Only ``response.done`` with its id ends a response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

from turnstile.session import (
    attribution,
    config_updates,
    draining,
    function_calls,
    items,
    lifetime,
    link,
    outcomes,
    passthrough,
    refused_events,
    renewal,
    responses,
    standby,
    taking_over,
    turns,
    unanswered_events,
)
from turnstile.session.client_requests import (
    AgentMessageGiven,
    AudioFollows,
    ConfigRequested,
    EventGiven,
    FunctionAnswered,
    LinkWanted,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.conversation_events import ItemDeleted, ItemRetrieved, ItemTruncated, Transcribed
from turnstile.session.conversation_record import RECORDED, recorded
from turnstile.session.effects import Answered, LetAudioGo
from turnstile.session.ending import DrainRequested, SilenceMeasured
from turnstile.session.events import (
    CLOSING_FACTS,
    AgentSpoke,
    AsideStarted,
    CallReturned,
    ConfigAnswered,
    FunctionCalled,
    HandedBack,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseProgressed,
    ResponseStarted,
    TimerFired,
)
from turnstile.session.gate import audio_waits_for, items_wait_for
from turnstile.session.held_bytes import too_many_bytes
from turnstile.session.link_events import (
    AudioPaused,
    LinkConnected,
    LinkLost,
    LinkOpened,
    OfStandby,
    TakeOverPutOff,
    TookOver,
)
from turnstile.session.state import Now, Step
from turnstile.session.timeouts import time_is_up
from turnstile.session.turn_events import AudioHeard, InputCleared, SpeechStarted, SpeechStopped, TurnCommitted
from turnstile.session.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from turnstile.session.events import Event
    from turnstile.session.policy import Policy

    E = TypeVar("E")
    Rule = Callable[[Now, E, Policy], Step]


Sized = (
    ConfigRequested
    | UserMessageGiven
    | AgentMessageGiven
    | FunctionAnswered
    | EventGiven
    | FunctionCalled
    | CallReturned
)
"""The events that may have the session hold more."""
SIZED: Final = frozenset(get_args(Sized))
"""Their classes."""


def _on(event: type[E], rule: Rule[E]) -> tuple[type, Rule[Any]]:
    """Return an entry of the rule book; the type checker verifies that the rule takes the event."""
    return event, rule


def _agent_message(now: Now, request: AgentMessageGiven, policy: Policy) -> Step:
    """A Realtime client asks for a response of its own; its host's, or an operator's, is as in any other session."""
    is_own = policy.is_transparent and request.ref >= 0
    return (passthrough.take_create if is_own else responses.take_agent_message)(now, request, policy)


def _audio_follows(now: Now, follows: AudioFollows, policy: Policy) -> Step:
    """Release audio that follows a client's request, unless the session is not ready for audio at all.

    What the gate holds it does not wait for; what is about to go, goes first.
    """
    if policy.is_transparent:
        return passthrough.take_mark(now, follows)
    waits = audio_waits_for(now.state) or (Waits.ITEMS if settle(now, policy) else None)
    return Step(now, waits=waits) if waits else Step(now, (LetAudioGo(follows.mark),))


def _agent_spoke(now: Now, _: AgentSpoke, __: Policy) -> Step:
    return Step(now if now.data.voice_locked else now.change(voice_locked=True))


def _response_progressed(now: Now, progressed: ResponseProgressed, _: Policy) -> Step:
    response = now.state.response
    if response is None or response.response_id != progressed.response_id:
        return Step(now)
    return Step(now.change(progress=now.data.progress + 1))


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
        _on(OfStandby, standby.standby_fact),
        _on(TookOver, taking_over.took_over),
        _on(TakeOverPutOff, renewal.take_over_put_off),
        _on(AudioPaused, renewal.audio_paused),
        # The conversation.
        _on(Transcribed, items.transcribed),
        _on(ItemDeleted, items.item_deleted),
        _on(ItemRetrieved, unanswered_events.item_changed),
        _on(ItemTruncated, items.item_truncated),
        # What upstream does with what it was sent.
        _on(ConfigAnswered, config_updates.config_answered),
        _on(ItemConfirmed, items.item_confirmed),
        _on(Refused, refused_events.refused),
        _on(HandedBack, refused_events.handed_back),
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
        _on(SilenceMeasured, lifetime.silence_measured),
        # The shutdown.
        _on(DrainRequested, draining.drain_requested),
    ]
)
"""What each event means."""


def decide(now: Now, event: Event, policy: Policy) -> Step:
    """Return the step that `event` leads to in the session as it is."""
    if isinstance(event, CLOSING_FACTS):
        now = now.change(epoch=now.data.epoch + 1)
    if event.__class__ in RECORDED:
        now = recorded(now, event, policy)
    return RULES[type(event)](now, event, policy)


def refuse(now: Now, event: Sized, policy: Policy) -> Step:
    """Refuse what would exceed the bytes that the session may hold: the session goes on without it."""
    match event:
        case EventGiven():
            return passthrough.drop_event(now, event, policy)
        case FunctionCalled():
            return function_calls.ignore_call(now, event, policy)
        case CallReturned():
            return function_calls.drop_result(now, event, policy)
        case AgentMessageGiven() if now.data.passthrough_dropped and event.ref >= 0:
            return passthrough.take_create(now, event, policy)
        case _:
            return Step(now, (Answered(event.ref, too_many_bytes(policy), in_force=False),))


def settle(now: Now, policy: Policy) -> Step | None:
    """Return the next step that is owed, or None; rules that cannot owe one in this state are not called."""
    waits = items_wait_for(now.state)
    return (
        (now.data.standby and renewal.settle_renewal(now, policy))
        or ((now.state.interrupting or now.state.response) and responses.settle_interruption(now, policy))
        or (waits is Waits.CONFIGURATION and config_updates.settle_config(now, policy))
        or (not now.state.audio_open and turns.settle_audio(now))
        or ((now.data.passthrough_bytes or now.data.passthrough_audio) and passthrough.settle_passthrough(now, policy))
        or (waits is None and now.state.items and items.settle_items(now, policy))
        or (waits is None and now.state.user_audio.due and turns.settle_commit(now, policy))
        or (waits is None and (now.state.items or now.state.agent_messages) and responses.settle_create(now, policy))
        or (now.data.passthrough_audio and passthrough.settle_audio_held(now, policy))
        or None
    )
