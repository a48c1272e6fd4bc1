"""The output items of a response, and the events of each in the order of the wire.

An item has an opening, a body of deltas and a closing. The closing may come at any time after the whole opening: with
the whole content when the item is complete, with the content so far when the response is cut.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from turnstile.simulator.conversation_items import Conversation, Item
    from turnstile.simulator.ids import Ids

Json = dict[str, Any]

_ARGUMENTS_PIECE = 8


class OutputItem(ABC):
    """One output item of a response and its events.

    Args:
        item: The item, in progress and without content.
        response_id: Its response.
        index: Its index in the response's output.
        conversation: The conversation that it is added to; None for an out-of-band response.
        ids: For the padding of deltas.
    """

    def __init__(
        self, item: Item, *, response_id: str, index: int, conversation: Conversation | None, ids: Ids
    ) -> None:
        self.item = item
        self.opened = False
        self.closed = False
        self._place = {"response_id": response_id, "item_id": item.id, "output_index": index}
        self._conversation = conversation
        self._ids = ids

    @abstractmethod
    def opening(self) -> Iterator[Json]:
        """Yield the events that announce the item."""

    @abstractmethod
    def body(self) -> Iterator[Json]:
        """Yield the deltas."""

    @abstractmethod
    def closing(self, status: str) -> Iterator[Json]:
        """Yield the events that end the item; `status` is ``completed`` or ``incomplete``."""

    def _added(self) -> Iterator[Json]:
        self.opened = True
        yield self._output_item("response.output_item.added")
        if self._conversation is not None:
            previous = self._conversation.add(self.item)
            yield {"type": "conversation.item.added", "previous_item_id": previous, "item": self.item.view}

    def _done(self, status: str) -> Iterator[Json]:
        self.item.view["status"] = status
        if self._conversation is not None:
            previous = self._conversation.previous_when_done(self.item)
            yield {"type": "conversation.item.done", "previous_item_id": previous, "item": self.item.view}
        self.closed = True
        yield self._output_item("response.output_item.done")

    def _output_item(self, kind: str) -> Json:
        place = {name: self._place[name] for name in ("response_id", "output_index")}
        return {"type": kind, **place, "item": self.item.view}


class FunctionCallItem(OutputItem):
    """A function call.

    Args:
        item: A function call with empty arguments.
        arguments: The arguments that its deltas add up to.
        place: The other arguments of `OutputItem`.
    """

    def __init__(self, item: Item, arguments: str, **place: Any) -> None:
        super().__init__(item, **place)
        self._arguments = arguments
        self._sent = ""

    def opening(self) -> Iterator[Json]:
        """Yield the events that announce the call."""
        yield from self._added()

    def body(self) -> Iterator[Json]:
        """Yield the arguments in pieces."""
        for start in range(0, len(self._arguments), _ARGUMENTS_PIECE):
            piece = self._arguments[start : start + _ARGUMENTS_PIECE]
            self._sent += piece
            yield {
                "type": "response.function_call_arguments.delta",
                **self._place,
                "call_id": self.item.view["call_id"],
                "delta": piece,
                "obfuscation": self._ids.obfuscation(),
            }

    def closing(self, status: str) -> Iterator[Json]:
        """Yield the events that end the call; a call that is cut has the arguments sent so far, as documented."""
        self.item.view["arguments"] = self._sent
        yield {
            "type": "response.function_call_arguments.done",
            **self._place,
            "call_id": self.item.view["call_id"],
            "name": self.item.view["name"],
            "arguments": self._sent,
        }
        yield from self._done(status)


class TextMessage(OutputItem):
    """An assistant message in text.

    Args:
        item: An assistant message without content.
        words: Its text, in words; each with the space that goes before it.
        place: The other arguments of `OutputItem`.
    """

    _content = "output_text"
    _part_type = "text"
    _text_key = "text"

    def __init__(self, item: Item, words: Sequence[str], **place: Any) -> None:
        super().__init__(item, **place)
        self._words = words
        self._sent = ""
        self._place["content_index"] = 0

    def opening(self) -> Iterator[Json]:
        """Yield the events that announce the message and its one content part."""
        yield from self._added()
        yield {"type": "response.content_part.added", **self._place, "part": self._part()}

    def body(self) -> Iterator[Json]:
        """Yield the text word by word."""
        for word in self._words:
            yield self._text_delta("response.output_text.delta", word)

    def closing(self, status: str) -> Iterator[Json]:
        """Yield the events that end the message, with the text sent so far."""
        yield from self._content_done()
        yield {"type": "response.content_part.done", **self._place, "part": self._part()}
        self.item.view["content"] = [{"type": self._content, self._text_key: self._sent}]
        yield from self._done(status)

    def _content_done(self) -> Iterator[Json]:
        yield {"type": "response.output_text.done", **self._place, "text": self._sent}

    def _part(self) -> Json:
        return {"type": self._part_type, self._text_key: self._sent}

    def _text_delta(self, event: str, word: str) -> Json:
        self._sent += word
        if self.item.view["content"]:
            self.item.view["content"][0][self._text_key] = self._sent
        return {"type": event, **self._place, "delta": word, "obfuscation": self._ids.obfuscation()}
