"""The responses that a Realtime client has seen begin: each that dies with its link is ended for the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.protocol.realtime import complete_arguments
from turnstile.translate.bounded_dict import BoundedDict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.protocol.frames import Frame

Json = dict[str, Any]
Place = tuple[str, int]

_CANCELLED: Final[Json] = {
    "status": "cancelled",
    "status_details": {"type": "cancelled", "reason": "client_cancelled"},
}
_COMPLETED: Final[Json] = {"status": "completed", "status_details": None}


class RunningResponses:
    """Keeps what the client was shown of each response and of its items, as it was shown: encoded, once.

    Of what has no room the client is shown less at the end: an item is missing, or all but the response's id.

    A function call counts as asked once its arguments are complete, and is not asked for again on another link. Clients
    take their calls from ``response.function_call_arguments.done``, ``response.output_item.done`` or the output of
    ``response.done``, and some of the last only from a completed one: so each call that is complete gets all of them.
    """

    def __init__(self) -> None:
        self._responses: BoundedDict[str, None] = BoundedDict()
        self._begun: BoundedDict[str, bytes] = BoundedDict(lambda name, shown: len(name) + len(shown))
        self._items: BoundedDict[Place, bytes] = BoundedDict(lambda place, shown: len(place[0]) + len(shown))
        # The items whose end the client has not seen, though they are complete.
        self._unshown: BoundedDict[Place, None] = BoundedDict(lambda place, _: len(place[0]))

    @property
    def kept_bytes(self) -> int:
        """The bytes kept, about."""
        kept = (self._responses, self._begun, self._items, self._unshown)
        return sum([part.kept_bytes for part in kept])

    def begin(self, event: Json, shown: list[Frame]) -> None:
        """Keep a response (``response.created``), as it is shown."""
        response_id = event["response"].get("id")
        if isinstance(response_id, str):
            self._responses.remember(response_id, None)
            self._begun.remember(response_id, shown[-1].data)

    def put(self, event: Json, shown: list[Frame]) -> None:
        """Keep an item of a running response (``response.output_item.added`` or ``.done``), in place of what it was."""
        place = self._place(event)
        if place is not None:
            self._items.remember(place, shown[-1].data)
            self._unshown.forget(place)

    def complete(self, event: Json) -> None:
        """Keep a function call whose arguments are complete (``response.function_call_arguments.done``).

        The condition is that under which the session takes it as asked: `FactReader`.
        """
        place, name, arguments = self._place(event), event.get("name"), event.get("arguments")
        if place is None or not name or complete_arguments(arguments) is None:
            return
        before = self._items.get(place)
        item = orjson.loads(before)["item"] if before else {"id": event.get("item_id"), "object": "realtime.item"}
        call = {"type": "function_call", "call_id": event.get("call_id"), "name": name, "arguments": arguments}
        ended = {
            "type": "response.output_item.done",
            "event_id": f"event_{place[0]}_{place[1]}_end",
            "response_id": place[0],
            "output_index": place[1],
            "item": {**item, **call, "status": "completed"},
        }
        self._items.remember(place, orjson.dumps(ended))
        self._unshown.remember(place, None)

    def _place(self, event: Json) -> Place | None:
        """Return the place of an event's item in a running response."""
        response_id, index = event.get("response_id"), event.get("output_index")
        if isinstance(response_id, str) and response_id in self._responses and isinstance(index, int):
            return response_id, index
        return None

    def end(self, event: Json) -> None:
        """Forget a response that has ended (``response.done``)."""
        response_id = event["response"].get("id")
        if isinstance(response_id, str) and response_id in self._responses:
            self._forget(response_id)

    def _forget(self, response_id: str) -> None:
        self._responses.forget(response_id)
        self._begun.forget(response_id)
        for place in [place for place in self._items if place[0] == response_id]:
            self._items.forget(place)
            self._unshown.forget(place)

    def cut_off(self) -> Iterator[Json]:
        """Yield the end of each, under the names in which it began, and forget it.

        First that of each call that is complete (``response.output_item.done``), then ``response.done``: as cancelled,
        or as completed if it has called functions, and no item is unfinished.
        """
        for response_id in list(self._responses):
            begun = self._begun.get(response_id)
            response = orjson.loads(begun)["response"] if begun else {"object": "realtime.response", "id": response_id}
            places = sorted(place for place in self._items if place[0] == response_id)
            shown = [orjson.loads(self._items[place]) for place in places]
            yield from [event for place, event in zip(places, shown, strict=True) if place in self._unshown]
            output = [_as_it_ends(event["item"]) for event in shown]
            outcome = _COMPLETED if _has_only_called(output) else _CANCELLED
            ended = {**response, **outcome, "output": output, "usage": None}
            yield {"type": "response.done", "event_id": f"event_{response_id}_end", "response": ended}
            self._forget(response_id)


def _as_it_ends(item: Json) -> Json:
    return {**item, "status": "incomplete"} if item.get("status") == "in_progress" else item


def _has_only_called(output: list[Json]) -> bool:
    """Return whether functions are called in an output, and nothing in it is unfinished."""
    calls = [item for item in output if item.get("type") == "function_call"]
    return bool(calls) and all(item.get("status") == "completed" for item in output)
