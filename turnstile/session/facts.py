"""Conversion of the Realtime API's events to the session core's facts; other events do not concern the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.beta import current_session
from turnstile.protocol.realtime import complete_arguments, mark_of
from turnstile.protocol.shapes import valid_event
from turnstile.session.conversation import ROOT
from turnstile.session.conversation_events import ItemDeleted, ItemRetrieved, ItemTruncated, Transcribed
from turnstile.session.error_facts import failure, refused
from turnstile.session.events import (
    AgentSpoke,
    AsideStarted,
    ConfigAnswered,
    FunctionCalled,
    ItemConfirmed,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.restorable_items import without_audio
from turnstile.session.turn_events import InputCleared, SpeechStarted, SpeechStopped, TurnCommitted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnstile.session.client_requests import Json
    from turnstile.session.events import Fact, Outcome

Name = TypeVar("Name")

# How many items are remembered by name; one is told of within moments.
_REMEMBERED = 256
# Of how many responses the finished items are kept, and how many of each.
_RESPONSES_KEPT = 8
_ITEMS_KEPT = 64
_DONE = "conversation.item.done"
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

    For the record of the conversation it keeps the items that a response has finished, until the response is over:
    not every server shows them again at its end. And it notes whether upstream shows the places of items at all.
    """

    def __init__(self) -> None:
        self._out_of_band: dict[str, None] = {}
        self._named: dict[str, None] = {}
        self._confirmed: dict[str, None] = {}
        self._called: dict[tuple[str, str], None] = {}
        self._spoken: set[str] = set()
        self._output: dict[str, tuple[Json, ...]] = {}
        self._placing: set[str] = set()

    def fact(self, event: Json) -> Fact | None:
        """Return the fact that `event`, parsed, reports, or None; read as few of its fields as possible.

        Raises:
            UpstreamProtocolError: A field that the fact needs is missing, or not built as one.
        """
        read = READERS.get(event["type"])
        return read(self, valid_event(event)) if read else None

    def _started(self, event: Json) -> Fact | None:
        response = event["response"]
        mark = mark_of(response)
        if mark is None and "conversation_id" in response and response["conversation_id"] is None:
            _remember(self._out_of_band, response["id"])
            return AsideStarted(response["id"])
        return ResponseStarted(response["id"], mark, is_placed="conversation_id" in response)

    def _finished(self, event: Json) -> Fact:
        response = event["response"]
        finished = self._output.pop(response["id"], ())
        outcome = _OUTCOMES.get(response.get("status"), "completed")
        problem = failure(response.get("status_details")) if outcome == "failed" else None
        if response["id"] in self._out_of_band:
            del self._out_of_band[response["id"]]
            return ResponseFinished(response["id"], outcome, problem)
        given = response.get("output") or ()
        # Some servers give the names alone, or nulls.
        output = tuple([without_audio(item) for item in given if isinstance(item, dict) and "type" in item]) or finished
        return ResponseFinished(response["id"], outcome, problem, output)

    def _item(self, event: Json) -> Fact | None:
        item = event["item"]
        item_id = item["id"]
        if item_id in self._confirmed:
            return None
        _remember(self._confirmed, item_id)
        shown, previous_id = without_audio(item), self._previous(event)
        if item_id in self._named:
            return ItemConfirmed(item_id, item=shown, previous_id=previous_id)
        call_id, has_audio = _text(item.get("call_id")) or "", False
        for part in item.get("content") or ():
            has_audio = has_audio or "audio" in (part.get("type") or "")
        kind, role = item.get("type") or "", item.get("role") or ""
        return ItemConfirmed(item_id, kind, role, call_id, has_audio, shown, previous_id)

    def _deleted(self, event: Json) -> Fact:
        """Forget the item: one of its name may be put in again."""
        self._confirmed.pop(event["item_id"], None)
        return ItemDeleted(event["item_id"])

    def _previous(self, event: Json) -> str | None:
        """Return the item before a new one, or `ROOT`; None where upstream does not show it.

        That of ``conversation.item.done`` is null for some items that are not the first. A null says nothing either
        before upstream has shown a place: some servers never do.
        """
        if event["type"] == _DONE:
            return None
        previous_id = _text(event.get("previous_item_id"))
        if previous_id is not None:
            self._placing.add(ROOT)
            return previous_id
        return ROOT if self._placing else None

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
        item, response_id = event["item"], event["response_id"]
        kept = self._output.get(response_id, ())
        if _text(item.get("id")) is not None and response_id not in self._out_of_band and len(kept) < _ITEMS_KEPT:
            self._output[response_id] = (*kept, without_audio(item))
            if len(self._output) > _RESPONSES_KEPT:
                del self._output[next(iter(self._output))]
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
        item_id = _text(call.get("id" if "item" in event else "item_id")) or ""
        return FunctionCalled(response_id, event.get("output_index") or 0, call_id, name, arguments, item_id=item_id)

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
    _DONE: FactReader._item,  # noqa: SLF001
    "conversation.item.deleted": FactReader._deleted,  # noqa: SLF001
    "conversation.item.truncated": lambda _, event: ItemTruncated(event["item_id"], None),
    "conversation.item.input_audio_transcription.completed": lambda _, event: Transcribed(
        event["item_id"], event["transcript"]
    ),
    "conversation.item.input_audio_transcription.failed": lambda _, event: Transcribed(event["item_id"], None),
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
    "error": lambda _, event: refused(event),
}
"""By the type of an event, what reads its fact, if there is one, out of a well-built one."""
