"""The events of one output item of a response, in the order of the wire.

A ladder has an opening, a body of deltas and a closing. The closing may come at any time after the whole opening: with
all that was said when the item is complete, with what was said so far when the response is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from turnstile.simulator.speech import spoken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from turnstile.simulator.conversation_items import Conversation, Item
    from turnstile.simulator.faults import Faults
    from turnstile.simulator.ids import Ids

Json = dict[str, Any]


class Ladder(Protocol):
    """One output item and its events."""

    item: Item
    opened: bool
    closed: bool

    def opening(self) -> Iterator[Json]:
        """Yield the events that announce the item."""

    def body(self) -> Iterator[Json]:
        """Yield the deltas."""

    def closing(self, status: str) -> Iterator[Json]:
        """Yield the events that end the item; `status` is ``completed`` or ``incomplete``."""


class _Output:
    """What ladders have in common: where the item stands.

    Args:
        item: The output item, in progress.
        response_id: Its response.
        index: Its place in the response's output.
        conversation: Where it is added; None for a response out of band.
        ids: For the padding of deltas.
    """

    def __init__(self, item: Item, response_id: str, index: int, conversation: Conversation | None, ids: Ids) -> None:
        self.item = item
        self.opened = False
        self.closed = False
        self._place = {"response_id": response_id, "item_id": item.id, "output_index": index}
        self._conversation = conversation
        self._ids = ids

    def _announced(self) -> Iterator[Json]:
        self.opened = True
        yield {
            "type": "response.output_item.added",
            "response_id": self._place["response_id"],
            "output_index": self._place["output_index"],
            "item": self.item.view,
        }
        if self._conversation is not None:
            previous = self._conversation.add(self.item)
            yield {"type": "conversation.item.added", "previous_item_id": previous, "item": self.item.view}

    def _finished(self, status: str) -> Iterator[Json]:
        self.item.view["status"] = status
        if self._conversation is not None:
            previous = self._conversation.previous_when_done(self.item)
            yield {"type": "conversation.item.done", "previous_item_id": previous, "item": self.item.view}
        self.closed = True
        yield {
            "type": "response.output_item.done",
            "response_id": self._place["response_id"],
            "output_index": self._place["output_index"],
            "item": self.item.view,
        }


class CallLadder(_Output):
    """A function call.

    Args:
        item: A function call with empty arguments.
        arguments: What they will be.
        response_id: Its response.
        index: Its place in the response's output.
        conversation: Where it is added; None for a response out of band.
        ids: For the padding of deltas.
    """

    def __init__(
        self,
        item: Item,
        arguments: str,
        *,
        response_id: str,
        index: int,
        conversation: Conversation | None,
        ids: Ids,
    ) -> None:
        super().__init__(item, response_id, index, conversation, ids)
        self._arguments = arguments
        self._written = ""

    def opening(self) -> Iterator[Json]:
        """Yield the events that announce the call."""
        yield from self._announced()

    def body(self) -> Iterator[Json]:
        """Yield its arguments piece by piece."""
        size = 8
        for start in range(0, len(self._arguments), size):
            piece = self._arguments[start : start + size]
            self._written += piece
            yield {
                "type": "response.function_call_arguments.delta",
                **self._place,
                "call_id": self.item.view["call_id"],
                "delta": piece,
                "obfuscation": self._ids.obfuscation(),
            }

    def closing(self, status: str) -> Iterator[Json]:
        """Yield the events that end the call; a call that is cut has the arguments written so far, as documented."""
        self.item.view["arguments"] = self._written
        yield {
            "type": "response.function_call_arguments.done",
            **self._place,
            "call_id": self.item.view["call_id"],
            "name": self.item.view["name"],
            "arguments": self._written,
        }
        yield from self._finished(status)


class TextLadder(_Output):
    """A message in text.

    Args:
        item: An assistant message without content.
        words: What it will say; each with the space that goes before it.
        response_id: Its response.
        index: Its place in the response's output.
        conversation: Where it is added; None for a response out of band.
        ids: For the padding of deltas.
    """

    _content = "output_text"
    _part_type = "text"
    _text_key = "text"

    def __init__(
        self,
        item: Item,
        words: Sequence[str],
        *,
        response_id: str,
        index: int,
        conversation: Conversation | None,
        ids: Ids,
    ) -> None:
        super().__init__(item, response_id, index, conversation, ids)
        self._words = words
        self._said = ""
        self._place["content_index"] = 0

    def opening(self) -> Iterator[Json]:
        """Yield the events that announce the message and its one part."""
        yield from self._announced()
        yield {"type": "response.content_part.added", **self._place, "part": self._part()}

    def body(self) -> Iterator[Json]:
        """Yield the text word by word."""
        for word in self._words:
            yield self._text_delta("response.output_text.delta", word)

    def closing(self, status: str) -> Iterator[Json]:
        """Yield the events that end the message, with all that was said until now."""
        yield from self._ends()
        yield {"type": "response.content_part.done", **self._place, "part": self._part()}
        self.item.view["content"] = [{"type": self._content, self._text_key: self._said}]
        yield from self._finished(status)

    def _ends(self) -> Iterator[Json]:
        yield {"type": "response.output_text.done", **self._place, "text": self._said}

    def _part(self) -> Json:
        return {"type": self._part_type, self._text_key: self._said}

    def _text_delta(self, event: str, word: str) -> Json:
        self._said += word
        return {"type": event, **self._place, "delta": word, "obfuscation": self._ids.obfuscation()}


class AudioLadder(TextLadder):
    """A message in audio, with its transcript running ahead.

    Args:
        item: An assistant message without content.
        words: What it will say; each with the space that goes before it.
        encoding: ``audio/pcm``, ``audio/pcmu`` or ``audio/pcma``.
        speed: How fast it is said.
        faults: Those about the order.
        random: For a random order.
        place: What `TextLadder` needs to know besides.
    """

    _content = "output_audio"
    _part_type = "audio"
    _text_key = "transcript"
    _AHEAD = 3

    def __init__(
        self,
        item: Item,
        words: Sequence[str],
        encoding: str,
        speed: float,
        *,
        faults: Faults,
        random: Random,
        **place: Any,
    ) -> None:
        super().__init__(item, words, **place)
        self._encoding = encoding
        self._speed = speed
        self._faults = faults
        self._random = random
        self._audio_done = False

    def body(self) -> Iterator[Json]:
        """Yield transcript and audio, mixed; a piece of the transcript comes first."""
        texts, sounds = list(self._words), list(self._words)
        held = 2 if self._faults.audio_done_early else 0
        while len(texts) > held or sounds:
            if self._text_is_next(len(self._words) - len(texts), len(self._words) - len(sounds), len(texts) > held):
                yield self._transcript_delta(texts.pop(0))
            else:
                yield self._audio_delta(sounds.pop(0))
        if texts:
            yield self._audio_end()
            for word in texts:
                yield self._transcript_delta(word)

    def _text_is_next(self, texts: int, sounds: int, more: bool) -> bool:  # noqa: FBT001 - a fact, not an option
        if sounds == len(self._words):
            return True
        if not more:
            return False
        if self._faults.order_jitter and texts:
            return self._random.random() < 0.5  # noqa: PLR2004 - even odds
        return texts < sounds + self._AHEAD

    def _transcript_delta(self, word: str) -> Json:
        return self._text_delta("response.output_audio_transcript.delta", word)

    def _audio_delta(self, word: str) -> Json:
        sound = spoken(word, self._encoding, self._speed)
        self.item.audio_ms += sound.milliseconds
        if not self.item.view["content"]:
            self.item.view["content"] = [{"type": self._content, self._text_key: self._said}]
        return {"type": "response.output_audio.delta", **self._place, "delta": sound.base64}

    def _audio_end(self) -> Json:
        self._audio_done = True
        return {"type": "response.output_audio.done", **self._place}

    def _ends(self) -> Iterator[Json]:
        transcript = {"type": "response.output_audio_transcript.done", **self._place, "transcript": self._said}
        transcript_first = self._faults.transcript_done_first or (
            self._faults.order_jitter and self._random.random() < 0.5  # noqa: PLR2004 - even odds
        )
        if transcript_first and not self._audio_done:
            yield transcript
            yield self._audio_end()
            return
        if not self._audio_done:
            yield self._audio_end()
        yield transcript
