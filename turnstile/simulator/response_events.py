"""One response: its events from `response.created` to `response.done`, cut short or whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from turnstile.simulator.audio_message import AudioMessage
from turnstile.simulator.conversation_items import Item
from turnstile.simulator.output_items import FunctionCallItem, TextMessage
from turnstile.simulator.settings import is_reasoning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from turnstile.simulator.conversation_items import Conversation
    from turnstile.simulator.faults import Faults
    from turnstile.simulator.ids import Ids
    from turnstile.simulator.log import ResponseRecord
    from turnstile.simulator.output_items import OutputItem
    from turnstile.simulator.replies import Reply

Json = dict[str, Any]

_FAILURES = {
    "rate_limit_exceeded": "Rate limit reached on tokens per min (TPM).",
    "server_error": "The server had an error while processing your request. Sorry about that!",
}
_MS_PER_AUDIO_TOKEN = 50


class Response:
    """An accepted response.

    Args:
        record: Its record in the log.
        settings: The session object with the response's own parameters put over it.
        reply: Its content.
        conversation: The default conversation; None for an out-of-band response.
        input_items: The items that it answers.
        ids: For the ids of its items and calls.
        random: For a random order.
        faults: Those that change the order.
        interleaved: Whether its items come mixed; None leaves it to the model.
    """

    def __init__(
        self,
        record: ResponseRecord,
        settings: Json,
        reply: Reply,
        *,
        conversation: Conversation | None,
        input_items: Sequence[Item],
        ids: Ids,
        random: Random,
        faults: Faults,
        interleaved: bool | None,
    ) -> None:
        self.record = record
        self.is_announced = False
        self.is_done = False
        self._settings = settings
        self._conversation = conversation
        self._input_items = input_items
        self._ids = ids
        self._random = random
        self._faults = faults
        self._status_details: Json | None = None
        self._ends = reply.ends
        self._reason = reply.reason
        self._retry_after = reply.retry_after
        mixed = is_reasoning(settings["model"]) if interleaved is None else interleaved
        self._interleaved = mixed if not faults.order_jitter else random.random() < 0.5  # noqa: PLR2004 - even odds
        self._outputs = self._planned(reply)
        self._indivisible: Iterator[Json] = iter(())
        self._events = self._sequence()

    @property
    def id(self) -> str:
        """Its id."""
        return self.record.id

    @property
    def audio_ms(self) -> float:
        """The length of its audio so far, in milliseconds."""
        return sum(output.item.audio_ms for output in self._outputs)

    @property
    def has_output(self) -> bool:
        """Whether any of its output was sent."""
        return any(output.opened for output in self._outputs)

    def next_event(self) -> Json | None:
        """Return the next event; None when only `response.done` is left."""
        return next(self._events, None)

    def done(self) -> Json:
        """End it as its reply says, and return `response.done`."""
        if self._ends == "failed":
            return self._finished("failed", {"type": "failed", "error": self._failure()})
        if self._ends == "incomplete":
            return self._finished("incomplete", {"type": "incomplete", "reason": self._reason or "max_output_tokens"})
        return self._finished("completed", None)

    def cut(self, reason: str) -> Iterator[Json]:
        """Cancel it: yield the events that end it and each open item.

        Args:
            reason: ``turn_detected`` or ``client_cancelled``.
        """
        if not self.is_announced:
            yield self._created()
        yield from self._indivisible
        for output in self._outputs:
            if output.opened and not output.closed:
                yield from output.closing("incomplete")
        yield self._finished("cancelled", {"type": "cancelled", "reason": reason})

    def _sequence(self) -> Iterator[Json]:
        yield self._created()
        status = "incomplete" if self._ends == "incomplete" else "completed"
        for output in self._outputs:
            yield from self._whole(output.opening())
            yield from output.body()
            if not self._interleaved:
                yield from self._whole(output.closing(status))
        if self._interleaved:
            for output in self._outputs:
                yield from self._whole(output.closing(status))

    def _whole(self, events: Iterator[Json]) -> Iterator[Json]:
        """Yield events that belong together: a cut among them still sends the rest of them."""
        self._indivisible = events
        yield from events

    def _created(self) -> Json:
        self.is_announced = True
        return {"type": "response.created", "response": self._view([], None)}

    def _finished(self, status: str, details: Json | None) -> Json:
        self.is_done = True
        self.record.status = status
        self._status_details = details
        opened = [output.item for output in self._outputs if output.opened]
        self.record.text = " ".join(item.text for item in opened if item.type == "message")
        return {"type": "response.done", "response": self._view([item.view for item in opened], self._usage(opened))}

    def _failure(self) -> Json:
        code = self._reason or "server_error"
        message = _FAILURES.get(code, f"The model failed: {code}.")
        if self._retry_after is not None:
            message = f"{message} Please try again in {self._retry_after:g}s."
        return {"type": "server_error", "code": code, "message": message}

    def _view(self, output: list[Json], usage: Json | None) -> Json:
        audio = self._settings["audio"]["output"]
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.record.status,
            "status_details": self._status_details,
            "output": output,
            "conversation_id": None if self._conversation is None else self._conversation.id,
            "output_modalities": self._settings["output_modalities"],
            "max_output_tokens": self._settings["max_output_tokens"],
            "audio": {"output": {"format": audio["format"], "voice": audio["voice"]}},
            "usage": usage,
            "metadata": self.record.metadata,
        }

    def _planned(self, reply: Reply) -> list[OutputItem]:
        words = re.findall(r"\s*\S+", reply.text or "")
        limit = self._settings["max_output_tokens"]
        if limit != "inf" and len(words) > limit:
            words, self._ends, self._reason = words[:limit], "incomplete", "max_output_tokens"
        outputs: list[OutputItem] = []
        if words and self._ends != "failed":
            outputs.append(self._message(words, is_last=not reply.calls))
        for call in reply.calls if self._ends == "completed" else ():
            view = {
                "id": self._ids.make("item"),
                "type": "function_call",
                "status": "in_progress",
                "name": call.name,
                "call_id": self._ids.call(),
                "arguments": "",
            }
            self.record.calls.append(view["call_id"])
            outputs.append(FunctionCallItem(Item(view, by_model=True), call.json, **self._place(len(outputs))))
        return outputs

    def _message(self, words: list[str], *, is_last: bool) -> OutputItem:
        view: Json = {
            "id": self._ids.make("item"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        if is_reasoning(self._settings["model"]):
            view["phase"] = "final_answer" if is_last else "commentary"
        item = Item(view, by_model=True)
        if self._settings["output_modalities"] == ["text"]:
            return TextMessage(item, words, **self._place(0))
        output = self._settings["audio"]["output"]
        return AudioMessage(
            item,
            words,
            output["format"]["type"],
            output["speed"],
            faults=self._faults,
            random=self._random,
            **self._place(0),
        )

    def _place(self, index: int) -> Json:
        return {"response_id": self.id, "index": index, "conversation": self._conversation, "ids": self._ids}

    def _usage(self, output: list[Item]) -> Json:
        read = len(self._settings["instructions"].split()) + sum(len(item.text.split()) for item in self._input_items)
        text = sum(len(item.text.split()) for item in output)
        audio = int(sum(item.audio_ms for item in output) / _MS_PER_AUDIO_TOKEN)
        # A response that is cancelled before its first output is not billed.
        if not output:
            read = 0
        none = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": read + text + audio,
            "input_tokens": read,
            "output_tokens": text + audio,
            "input_token_details": {
                "text_tokens": read,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": none,
            },
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }
