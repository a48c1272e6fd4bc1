"""The events that are possible in a session's state, for the walk in `state_walk.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    FunctionAnswered,
    TurnEndForced,
    UserMessageGiven,
)
from turnstile.session.events import (
    ConfigAnswered,
    FunctionCalled,
    HandedBack,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
    TimerFired,
)
from turnstile.session.link_events import LinkConnected, LinkLost, LinkOpened, OfStandby, TookOver
from turnstile.session.turn_events import SpeechStarted, SpeechStopped, TurnCommitted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.session.data import Data
    from turnstile.session.events import Event
    from turnstile.session.machine import Session
    from turnstile.session.standby import Standby
    from turnstile.session.state import State

_COLLISION = "conversation_already_has_active_response"
# How many requests and turns may be under way at once: two are enough for every rule about one that waits for another.
_AT_ONCE = 2
_TIME_IS_UP = {
    "settings": "no Settings in time",
    "link": "time for the link",
    "standby": "time for another link",
    "outage": "no other link in time",
    "update": "no session.updated in time",
    "create": "no response.created in time, after our create",
    "expected": "no response.created in time, after a turn",
    "blocking response": "no response.created in time, after a refusal",
    "turn": "no input_audio_buffer.speech_stopped in time",
    "retry": "time to create again",
    "update retry": "time to update again",
    "response": "the response is silent for too long",
    "cancel": "no response.done in time, after our cancel",
    "item": "no conversation.item.added in time",
    "commit": "no input_audio_buffer.committed in time",
}


def possible_events(session: Session) -> Iterator[tuple[str, Event]]:
    """Yield each event that is possible in the session's state, with its name, and few requests at a time."""
    state, data = session.now
    if state.link == "ended":
        return
    if _under_way(session) < _AT_ONCE:
        yield from _requests(session)
        yield from _of_new_turns(state, data)
    yield from _of_the_link(state)
    yield from _of_configuration(state, data)
    yield from _of_items(state, data)
    yield from _of_responses(state, data)
    yield from _of_turns(state, data)
    if data.standby:
        yield from _of_the_standby(data.standby)
    for wait in session.deadlines:
        if wait.name in _TIME_IS_UP:  # Not the one by which an outage is over: it lets nothing go.
            yield _TIME_IS_UP[wait.name], TimerFired(wait.name, wait.token)


def _under_way(session: Session) -> int:
    state, data = session.now
    seen = len(state.response.seen) if state.response else 0
    asked = len(session.backlog) + len(state.updates) + len(state.agent_messages) + len(state.items) + seen
    return asked + len(data.calls) + len(state.commits) + (state.updating is not None) + bool(state.requested)


def _requests(session: Session) -> Iterator[tuple[str, Event]]:
    state, ref = session.state, session.data.serial
    yield "the client wants another configuration", ConfigRequested(ref, {"instructions": f"Number {ref}."})
    yield "the client gives a message", UserMessageGiven(ref, {"type": "message"})
    yield "the client ends the turn", TurnEndForced(ref)
    yield "the agent shall say something, now", AgentMessageGiven(ref, {}, "interrupt")
    yield "the agent shall say something, when it may", AgentMessageGiven(ref, {}, "queue")
    if state.response and not state.response.cancel:
        yield "a function is called", FunctionCalled(state.response.response_id, ref, f"call_{ref}")


def _of_the_link(state: State) -> Iterator[tuple[str, Event]]:
    if state.link == "opening":
        yield "upstream takes the connection", LinkConnected()
    if state.link in {"opening", "connected"}:
        yield "the link is up", LinkOpened()
    if state.link in {"opening", "connected", "open"}:
        yield "the link is lost", LinkLost("upstream_closed", "gone")


def _of_the_standby(one: Standby) -> Iterator[tuple[str, Event]]:
    match one.stage:
        case "opening":
            yield "another link is up", OfStandby(one.generation, LinkOpened())
            yield "another link could not be opened", OfStandby(one.generation, LinkLost("upstream_closed", "gone"))
        case "open" if one.updating:
            yield "another link has the configuration", OfStandby(one.generation, ConfigAnswered(one.updating.patch))
            refused = Refused(one.updating.event_id, "invalid_value", "no")
            yield "another link refuses the configuration", OfStandby(one.generation, refused)
        case "open" if one.sent:
            yield "another link has the conversation", OfStandby(one.generation, ItemConfirmed(one.sent[0].item_id))
        case "taking over":
            yield "another link is in use", TookOver(one.generation)


def _of_configuration(state: State, data: Data) -> Iterator[tuple[str, Event]]:
    if state.updating:
        yield "session.updated", ConfigAnswered(state.updating.patch)
        event_id = state.updating.event_id
        yield "error, for our update", Refused(event_id, "invalid_value", "no")
        yield f"error, {_COLLISION}, for our update", Refused(event_id, _COLLISION, "busy")
        if data.ended:
            over = Refused(event_id, _COLLISION, "busy", running=data.ended[-1])
            yield f"error, {_COLLISION}, for our update and a response that is over", over
        yield "our update is handed back", HandedBack(state.updating.event_id)


def _of_items(state: State, data: Data) -> Iterator[tuple[str, Event]]:
    sent = next((item for item in state.items if item.stage == "sent"), None)
    if sent:
        yield "conversation.item.added", ItemConfirmed(sent.item_id)
        yield "error, for our item", Refused(sent.event_id, "invalid_value", "no")
    call = next((call for call in data.calls if call.output is None), None)
    if call:
        yield "the client gives a function's result", FunctionAnswered(data.serial, call.call_id, "4")


def _of_responses(state: State, data: Data) -> Iterator[tuple[str, Event]]:
    if state.link != "open":
        return
    new = f"resp_{data.serial}_{data.epoch}"
    if state.requested:
        event_id = state.requested.event_id
        yield "response.created, ours", ResponseStarted(new, event_id)
        yield f"error, {_COLLISION}", Refused(event_id, _COLLISION, "busy")
        if data.ended:
            over = Refused(event_id, _COLLISION, "busy", running=data.ended[-1])
            yield f"error, {_COLLISION}, for a response that is over", over
        yield "error, another one for our create", Refused(event_id, "invalid_value", "no")
        yield "our create is handed back", HandedBack(event_id)
    response = state.response
    if response is None:
        yield "response.created, the server's own", ResponseStarted(new)
        return
    yield "response.done, completed or incomplete", ResponseFinished(response.response_id)
    yield "response.done, failed", ResponseFinished(response.response_id, "failed")
    yield "response.done, cancelled", ResponseFinished(response.response_id, "cancelled")
    yield "response.done of another response", ResponseFinished("resp_unknown")
    if response.cancel:
        yield "error, response_cancel_not_active", Refused(response.cancel.event_id, "response_cancel_not_active", "no")


def _of_turns(state: State, data: Data) -> Iterator[tuple[str, Event]]:
    if state.link != "open":
        return
    if state.commits:
        yield "input_audio_buffer.committed, ours", TurnCommitted(f"turn_{data.serial}_{data.epoch}")
        yield "error, for our commit", Refused(state.commits[0].event_id, "input_audio_buffer_commit_empty", "no")
    elif state.expected and not any(item.content is None for item in state.items):
        yield "input_audio_buffer.committed, the server's own", TurnCommitted(data.input_audio.stopped)


def _of_new_turns(state: State, data: Data) -> Iterator[tuple[str, Event]]:
    if state.link == "open" and not state.user_audio.speaking:
        yield "input_audio_buffer.speech_started", SpeechStarted()
    if state.link == "open" and not state.expected:
        turn = f"turn_{data.serial}_{data.epoch}"
        yield "input_audio_buffer.speech_stopped", SpeechStopped(turn)
        if not state.commits:
            yield "input_audio_buffer.committed, the server's own", TurnCommitted(turn)
