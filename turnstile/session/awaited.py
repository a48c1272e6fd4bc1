"""What answers an event of a Realtime client's, read from the event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from turnstile.session.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]
Answer = Literal["item", "deleted", "retrieved", "truncated", "committed", "response", "ended"]

# Most characters of a name that is compared; upstream takes none so long.
_NAME_SIZE = 512
# By the type of an event, what answers it. ``input_audio_buffer.clear`` is not among them: what it clears is gone with
# the link anyway.
_ANSWERS: Final[Mapping[str, Answer]] = {
    "conversation.item.create": "item",
    "conversation.item.delete": "deleted",
    "conversation.item.retrieve": "retrieved",
    "conversation.item.truncate": "truncated",
    "input_audio_buffer.commit": "committed",
    "response.create": "response",
    "response.cancel": "ended",
}


@record
class Awaited:
    """The answer of upstream's that an event waits for; an ``error`` that names the event is one, too.

    Args:
        answer: ``item``: the item is in the conversation; ``response``: a response out of band begins; ``ended``: the
            response is over; or what became of the item, or of the input audio.
        event_id: The event's name, as upstream reads it.
        item_id: The item, or the response, that it is about; "" where it names none.
        kind: The type of an item that is created...
        role: ...whose message it is; "" where the kind has none...
        call_id: ...and the function call that it belongs to, if any.
    """

    answer: Answer
    event_id: str
    item_id: str = ""
    kind: str = ""
    role: str = ""
    call_id: str = ""

    @property
    def answered_call(self) -> str | None:
        """The function call whose result the event brings, if it does."""
        return self.call_id or None if self.kind == "function_call_output" else None


def awaited(event: Json) -> Awaited | None:
    """Return what answers a client's event, which has an event id; None for one that nothing answers."""
    answer = _ANSWERS.get(event["type"])
    if answer is None:
        return None
    event_id = event["event_id"]
    if answer != "item":
        return Awaited(answer, event_id, name(event.get("response_id" if answer == "ended" else "item_id")))
    given = event.get("item")
    item = given if isinstance(given, dict) else {}
    kind, role, call_id = (name(item.get(field)) for field in ("type", "role", "call_id"))
    return Awaited(answer, event_id, name(item.get("id")), kind, role, call_id)


def name(value: object) -> str:
    """Return a name that a client gives; "" for none, and for one that upstream does not take."""
    return value if isinstance(value, str) and len(value) <= _NAME_SIZE else ""
