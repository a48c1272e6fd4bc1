"""Conversion of the Realtime API's events to the session core's facts; other events do not concern the gate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar

from turnstile.errors import Problem, UpstreamProtocolError
from turnstile.protocol.beta import current_session
from turnstile.protocol.realtime import MARK, complete_arguments
from turnstile.protocol.shapes import valid_event
from turnstile.session.conversation_events import ItemRetrieved
from turnstile.session.events import (
    AgentSpoke,
    AsideStarted,
    ConfigAnswered,
    FunctionCalled,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.turn_events import InputCleared, SpeechStarted, SpeechStopped, TurnCommitted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnstile.session.client_requests import Json
    from turnstile.session.events import Fact, Outcome

Name = TypeVar("Name")

# How many items are remembered by name; one is told of within moments.
_REMEMBERED = 256
# The API names the winner of a race in words only: "... active response in progress: resp_abc."
_RUNNING = re.compile(r"in progress: ([\w-]+)")
_OUTCOMES: dict[str, Outcome] = {
    "completed": "completed",
    "failed": "failed",
    "incomplete": "incomplete",
    "cancelled": "cancelled",
}


class FactReader:
    """The reader of facts from one link's events.

    It remembers which responses are out of band: one whose ``conversation_id`` is null is not on the default
    conversation, and neither closes the gate nor opens it, unless it has a mark, which only creates on that one get.
    It remembers, too, which items other events have named. A fact that several events hold is read out of the first:
    of an item's ``added`` and ``done``, of a call's arguments and its item. That the agent spoke is read once, of the
    first response.
    """

    def __init__(self) -> None:
        self._out_of_band: dict[str, None] = {}
        self._named: dict[str, None] = {}
        self._confirmed: dict[str, None] = {}
        self._called: dict[tuple[str, str], None] = {}
        self._spoken: set[str] = set()

    def fact(self, event: Json) -> Fact | None:
        """Return the fact that `event`, parsed, reports, or None; read as few of its fields as possible.

        Raises:
            UpstreamProtocolError: A field that the fact needs is missing, or not built as one.
        """
        read = READERS.get(event["type"])
        return read(self, valid_event(event)) if read else None

    def _started(self, event: Json) -> Fact | None:
        response = event["response"]
        mark = _text((response.get("metadata") or {}).get(MARK))
        if mark is None and "conversation_id" in response and response["conversation_id"] is None:
            _remember(self._out_of_band, response["id"])
            return AsideStarted(response["id"])
        return ResponseStarted(response["id"], mark, is_placed="conversation_id" in response)

    def _finished(self, event: Json) -> Fact:
        response = event["response"]
        self._out_of_band.pop(response["id"], None)
        outcome = _OUTCOMES.get(response.get("status"), "completed")
        problem = _failure(response.get("status_details")) if outcome == "failed" else None
        return ResponseFinished(response["id"], outcome, problem)

    def _item(self, event: Json) -> Fact | None:
        item = event["item"]
        item_id = item["id"]
        if item_id in self._confirmed:
            return None
        _remember(self._confirmed, item_id)
        if item_id in self._named:
            return ItemConfirmed(item_id)
        call_id, has_audio = _text(item.get("call_id")) or "", False
        for part in item.get("content") or ():
            has_audio = has_audio or "audio" in (part.get("type") or "")
        return ItemConfirmed(item_id, item.get("type") or "", item.get("role") or "", call_id, has_audio)

    def _output_item_added(self, event: Json) -> None:
        item_id = _text(event["item"].get("id"))
        if item_id is not None:
            _remember(self._named, item_id)

    def _speech_started(self, event: Json) -> Fact:
        item_id = _text(event.get("item_id"))
        if item_id is not None:
            _remember(self._named, item_id)
        return SpeechStarted()

    def _speech_stopped(self, event: Json) -> Fact:
        _remember(self._named, event["item_id"])
        return SpeechStopped(event["item_id"])

    def _committed(self, event: Json) -> Fact:
        _remember(self._named, event["item_id"])
        return TurnCommitted(event["item_id"])

    def _arguments_done(self, event: Json) -> Fact | None:
        # Older servers do not give the name here; the item's end does.
        return self._call(event, event) if event.get("name") else None

    def _output_item_done(self, event: Json) -> Fact | None:
        item = event["item"]
        if item.get("type") != "function_call" or item.get("status") != "completed":
            return None
        return self._call(event, item)

    def _call(self, event: Json, call: Json) -> Fact | None:
        # A call that was cut is not shown to the client, and gets no result.
        response_id, arguments = event["response_id"], complete_arguments(call.get("arguments"))
        if response_id in self._out_of_band or arguments is None:
            return None
        call_id, name = _needed(call, "call_id"), _needed(call, "name")
        # Another response's call of the same id is another call: whether it counts is the session's to say.
        if (response_id, call_id) in self._called:
            return None
        _remember(self._called, (response_id, call_id))
        return FunctionCalled(response_id, event.get("output_index") or 0, call_id, name, arguments)

    def _part_added(self, event: Json) -> Fact | None:
        response_id = event["response_id"]
        if self._spoken or event["part"].get("type") != "audio" or response_id in self._out_of_band:
            return None
        self._spoken.add(response_id)
        return AgentSpoke()


def _needed(call: Json, field: str) -> str:
    """Return a field that a function call requires; in an item of another type it may be missing."""
    value = call.get(field)
    if not isinstance(value, str):
        raise UpstreamProtocolError("invalid_event", f"Upstream sent a function call without a {field}.")
    return value


def _updated(_: FactReader, event: Json) -> Fact:
    return ConfigAnswered(current_session(event.get("session") or {}))


def _failure(details: Json | None) -> Problem:
    """Return the reason why a response failed, as far as upstream reports it."""
    error = (details or {}).get("error") or {}
    code = error.get("code") or error.get("type") or "response_failed"
    return Problem(code, error.get("message") or "The response failed.")


def _error(_: FactReader, event: Json) -> Fact:
    error = event.get("error")
    if not isinstance(error, dict):
        text = _text(error) or _text(event.get("message")) or "Upstream sent an error without words."
        return Refused(None, "error", text)
    code = _text(error.get("code")) or _text(error.get("type")) or "error"
    message, param = _text(error.get("message")) or code, _text(error.get("param"))
    running = _RUNNING.search(message)
    return Refused(_text(error.get("event_id")), code, message, param, event, running[1] if running else None)


def _text(value: object) -> str | None:
    """Return a text that may be missing; anything else counts as missing."""
    return value if isinstance(value, str) else None


def _remember(names: dict[Name, None], name: Name) -> None:
    """Keep a name, and forget the oldest of too many."""
    names[name] = None
    if len(names) > _REMEMBERED:
        del names[next(iter(names))]


READERS: Final[Mapping[str, Callable[[FactReader, Json], Fact | None]]] = {
    "session.updated": _updated,
    "conversation.item.added": FactReader._item,  # noqa: SLF001 - the table of the class above
    "conversation.item.created": FactReader._item,  # noqa: SLF001
    "conversation.item.done": FactReader._item,  # noqa: SLF001
    "conversation.item.retrieved": lambda _, event: ItemRetrieved(event["item"]["id"]),
    "input_audio_buffer.speech_started": FactReader._speech_started,  # noqa: SLF001
    "input_audio_buffer.speech_stopped": FactReader._speech_stopped,  # noqa: SLF001
    "input_audio_buffer.committed": FactReader._committed,  # noqa: SLF001
    "input_audio_buffer.cleared": lambda _, __: InputCleared(),
    "response.output_item.added": FactReader._output_item_added,  # noqa: SLF001
    "response.created": FactReader._started,  # noqa: SLF001
    "response.done": FactReader._finished,  # noqa: SLF001
    "response.function_call_arguments.done": FactReader._arguments_done,  # noqa: SLF001
    "response.output_item.done": FactReader._output_item_done,  # noqa: SLF001
    "response.content_part.added": FactReader._part_added,  # noqa: SLF001
    "error": _error,
}
"""By the type of an event, what reads its fact, if there is one, out of a well-built one."""
