"""One response: its events from `response.created` to `response.done`, and its end before that."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from turnstile.simulator.conversation_items import Item
from turnstile.simulator.output_items import AudioLadder, CallLadder, TextLadder
from turnstile.simulator.settings import is_reasoning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from turnstile.simulator.conversation_items import Conversation
    from turnstile.simulator.faults import Faults
    from turnstile.simulator.ids import Ids
    from turnstile.simulator.log import ResponseRecord
    from turnstile.simulator.output_items import Ladder
    from turnstile.simulator.replies import Reply

Json = dict[str, Any]

_FAILURES = {
    "rate_limit_exceeded": "Rate limit reached on tokens per min (TPM).",
    "server_error": "The server had an error while processing your request. Sorry about that!",
}
_MS_PER_AUDIO_TOKEN = 50


class Response:
    """A response that was accepted.

    Args:
        record: What the log knows of it.
        settings: The session object with the response's own parameters put over it.
        reply: What it says and does.
        conversation: The default conversation; None when it is out of band.
        heard: The items that it answers.
        ids: For its items and calls.
        random: For a random order.
        faults: Those about the order.
        interleaved: Whether its items come mixed; None leaves it to the model.
    """

    def __init__(
        self,
        record: ResponseRecord,
        settings: Json,
        reply: Reply,
        *,
        conversation: Conversation | None,
        heard: Sequence[Item],
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
        self._heard = heard
        self._ids = ids
        self._random = random
        self._faults = faults
        self._status_details: Json | None = None
        self._ends = reply.ends
        self._reason = reply.reason
        self._retry_after = reply.retry_after
        mixed = is_reasoning(settings["model"]) if interleaved is None else interleaved
        self._interleaved = mixed if not faults.order_jitter else random.random() < 0.5  # noqa: PLR2004 - even odds
        self._ladders = self._planned(reply)
        self._stage: Iterator[Json] = iter(())
        self._events = self._course()

    @property
    def id(self) -> str:
        """Its id."""
        return self.record.id

    @property
    def audio_ms(self) -> float:
        """How long its audio plays, as far as it was made."""
        return sum(ladder.item.audio_ms for ladder in self._ladders)

    @property
    def has_output(self) -> bool:
        """Whether anything of its output was sent."""
        return any(ladder.opened for ladder in self._ladders)

    def next_event(self) -> Json | None:
        """Return the next event but the last; None when only `response.done` is left."""
        return next(self._events, None)

    def done(self) -> Json:
        """End it as it was meant to end, and return `response.done`."""
        if self._ends == "failed":
            return self._finished("failed", {"type": "failed", "error": self._failure()})
        if self._ends == "incomplete":
            return self._finished("incomplete", {"type": "incomplete", "reason": self._reason or "max_output_tokens"})
        return self._finished("completed", None)

    def cut(self, reason: str) -> Iterator[Json]:
        """Cancel it: yield what ends it, what was begun included.

        Args:
            reason: ``turn_detected`` or ``client_cancelled``.
        """
        if not self.is_announced:
            yield self._created()
        yield from self._stage
        for ladder in self._ladders:
            if ladder.opened and not ladder.closed:
                yield from ladder.closing("incomplete")
        yield self._finished("cancelled", {"type": "cancelled", "reason": reason})

    def _course(self) -> Iterator[Json]:
        yield self._created()
        status = "incomplete" if self._ends == "incomplete" else "completed"
        for ladder in self._ladders:
            yield from self._whole(ladder.opening())
            yield from ladder.body()
            if not self._interleaved:
                yield from self._whole(ladder.closing(status))
        if self._interleaved:
            for ladder in self._ladders:
                yield from self._whole(ladder.closing(status))

    def _whole(self, stage: Iterator[Json]) -> Iterator[Json]:
        """Yield events that belong together: cut in the middle, the rest of them is still sent."""
        self._stage = stage
        yield from stage

    def _created(self) -> Json:
        self.is_announced = True
        return {"type": "response.created", "response": self._view([], None)}

    def _finished(self, status: str, details: Json | None) -> Json:
        self.is_done = True
        self.record.status = status
        self._status_details = details
        opened = [ladder.item for ladder in self._ladders if ladder.opened]
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

    def _planned(self, reply: Reply) -> list[Ladder]:
        words = re.findall(r"\s*\S+", reply.text or "")
        limit = self._settings["max_output_tokens"]
        if limit != "inf" and len(words) > limit:
            words, self._ends, self._reason = words[:limit], "incomplete", "max_output_tokens"
        ladders: list[Ladder] = []
        if words and self._ends != "failed":
            ladders.append(self._message(words, is_last=not reply.calls))
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
            ladders.append(CallLadder(Item(view, by_model=True), call.json, **self._place(len(ladders))))
        return ladders

    def _message(self, words: list[str], *, is_last: bool) -> Ladder:
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
            return TextLadder(item, words, **self._place(0))
        output = self._settings["audio"]["output"]
        return AudioLadder(
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
        heard = len(self._settings["instructions"].split()) + sum(len(item.text.split()) for item in self._heard)
        text = sum(len(item.text.split()) for item in output)
        audio = int(sum(item.audio_ms for item in output) / _MS_PER_AUDIO_TOKEN)
        # A response that was cancelled before it said anything is not billed.
        if not output:
            heard = 0
        none = {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0}
        return {
            "total_tokens": heard + text + audio,
            "input_tokens": heard,
            "output_tokens": text + audio,
            "input_token_details": {
                "text_tokens": heard,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": none,
            },
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }
