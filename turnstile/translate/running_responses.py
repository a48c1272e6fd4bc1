"""The responses that a Realtime client has seen begin: each that dies with its link is ended for the client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from turnstile.translate.bounded_dict import BoundedDict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.protocol.frames import Frame

Json = dict[str, Any]

_CANCELLED: Final[Json] = {
    "status": "cancelled",
    "status_details": {"type": "cancelled", "reason": "client_cancelled"},
}


class RunningResponses:
    """Keeps what the client was shown of each response and of its items, as it was shown: encoded, once.

    Of what has no room the client is shown less at the end: an item is missing, or all but the response's id.
    """

    def __init__(self) -> None:
        self._responses: BoundedDict[str, None] = BoundedDict()
        self._begun: BoundedDict[str, bytes] = BoundedDict(lambda name, shown: len(name) + len(shown))
        self._items: BoundedDict[tuple[str, int], bytes] = BoundedDict(lambda place, shown: len(place[0]) + len(shown))

    @property
    def kept_bytes(self) -> int:
        """The bytes kept, about."""
        return self._responses.kept_bytes + self._begun.kept_bytes + self._items.kept_bytes

    def begin(self, event: Json, shown: list[Frame]) -> None:
        """Keep a response (``response.created``), as it is shown."""
        response_id = event["response"].get("id")
        if isinstance(response_id, str):
            self._responses.remember(response_id, None)
            self._begun.remember(response_id, shown[-1].data)

    def put(self, event: Json, shown: list[Frame]) -> None:
        """Keep an item of a running response (``response.output_item.added`` or ``.done``), in place of what it was."""
        response_id, index = event.get("response_id"), event.get("output_index")
        if isinstance(response_id, str) and response_id in self._responses and isinstance(index, int):
            self._items.remember((response_id, index), shown[-1].data)

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

    def cut_off(self) -> Iterator[Json]:
        """Yield the end of each (``response.done``), under the names in which it began, and forget it."""
        for response_id in list(self._responses):
            begun = self._begun.get(response_id)
            response = orjson.loads(begun)["response"] if begun else {"object": "realtime.response", "id": response_id}
            places = sorted(place for place in self._items if place[0] == response_id)
            output = [_as_it_ends(orjson.loads(self._items[place])["item"]) for place in places]
            ended = {**response, **_CANCELLED, "output": output, "usage": None}
            yield {"type": "response.done", "event_id": f"event_{response_id}_end", "response": ended}
            self._forget(response_id)


def _as_it_ends(item: Json) -> Json:
    return {**item, "status": "incomplete"} if item.get("status") == "in_progress" else item
