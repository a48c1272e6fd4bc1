"""What a session's requests wait for, and what ends that, in words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from turnstile.terminal.line_values import kind_of, short_id

if TYPE_CHECKING:
    from turnstile.terminal.line_values import Json

_WAITS: Final = {
    "link": "the upstream link to open",
    "renewal": "another upstream link to take over",
    "response": "response {} to end",
    "create": "response.create {} to be answered",
    "turn": "the user's turn {} to be over and answered",
    "update": "session.update {} to be confirmed",
    "configuration": "the configuration to be in force",
    "items": "items to be in the conversation",
    "back-off": "the time of the next try",
    "capacity": "others of its kind to be taken up",
}
_EVENTS: Final = {
    "LinkConnected": "The connection to upstream",
    "LinkOpened": "The opening of the upstream link (session.created)",
    "LinkLost": "The loss of the upstream link ({code})",
    "TookOver": "Another upstream link, which took over,",
    "ConfigAnswered": "The confirmation of the configuration (session.updated)",
    "ItemConfirmed": "The confirmation of item {item_id} (conversation.item.added)",
    "ResponseStarted": "The beginning of response {response_id} (response.created)",
    "ResponseFinished": "The end of response {response_id} (response.done, {outcome})",
    "FunctionCalled": "A call of {name}",
    "CallReturned": "The result of call {call_id}",
    "Refused": "Upstream's error {code} about {event_id}",
    "HandedBack": "The return of {event_id}, which a newer fact had overtaken,",
    "SpeechStarted": "The beginning of the user's speech",
    "SpeechStopped": "The end of the user's speech",
    "TurnCommitted": "The commit of the turn {item_id} (input_audio_buffer.committed)",
    "InputCleared": "The clearing of the input audio (input_audio_buffer.cleared)",
    "TimerFired": "The end of the time for {name}",
}
_KINDS: Final = {
    "ConfigRequested": "an update of the configuration",
    "UserMessageGiven": "a message of the user",
    "AgentMessageGiven": "a message for the agent to say",
    "FunctionAnswered": "a function's result",
    "TurnEndForced": "an end of the user's turn",
}


class _Known(dict[str, str]):
    """The fields of an event; those that are not there are left open."""

    def __missing__(self, name: str) -> str:
        return "?"


def request_in_words(event: Json) -> str:
    """Return what an event that is a request asks for."""
    # What is as it most often is is left out of a line.
    message = event.get("message", "session.update" if kind_of(event) == "ConfigRequested" else "")
    asked = "a response" if message == "response.create" else _KINDS.get(kind_of(event), "a request")
    return f"{asked} ({message})" if message else asked


def is_request(event: Json) -> bool:
    """Return whether an event is a request, which has a number."""
    return kind_of(event) in _KINDS and "ref" in event


def wait_in_words(why: str) -> str:
    """Return what a reason such as ``response resp_1`` waits for."""
    waits, _, which = why.partition(" ")
    return " ".join(_WAITS.get(waits, waits).format(short_id(which)).split())


def event_in_words(event: Json) -> str:
    """Return an event as the subject of a sentence."""
    kind = kind_of(event)
    inner = event.get("fact")
    if kind == "OfStandby" and isinstance(inner, dict):
        return f"{event_in_words(inner)} on the next link"
    if is_request(event):
        return f"Request #{event['ref']}"
    fields = _Known({name: short_id(str(value)) for name, value in event.items() if value is not None})
    if kind == "ResponseFinished":
        fields.setdefault("outcome", "completed")  # what is as it most often is is left out
    return _EVENTS.get(kind, kind or "An event").format_map(fields)
