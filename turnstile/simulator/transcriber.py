"""The transcription of the user's audio: deltas and an end for each turn, at their own time."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.simulator.context import SessionContext

Json = dict[str, Any]

# Models that transcribe while the user still speaks; the others wait for the end of the turn.
_STREAMING: Final = frozenset({"gpt-realtime-whisper", "gpt-live-transcribe"})
_BILLED_BY_TOKENS: Final = "gpt-4o"
_FIRST_WORD_AFTER: Final = 0.2
_MS_PER_TOKEN: Final = 100


class Transcriber:
    """Transcribes the turns of one session, if the session asks for it.

    Args:
        context: The parts that the session shares.
    """

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._turns = 0
        self._streamed = ""

    def begin(self, words: Callable[[], Sequence[str]], turn: str) -> None:
        """Begin a turn: some models send its first word before it has ended.

        Args:
            words: Returns the words of the turn; none once it has ended.
            turn: Its item's id.
        """
        settings, outbox = self._settings, self._context.outbox
        if settings is not None and settings["model"] in _STREAMING:
            outbox.schedule(outbox.now + _FIRST_WORD_AFTER, lambda: self._send_first(words(), turn))

    def finish(self, turn: str, words: Sequence[str], seconds: float) -> None:
        """Transcribe a committed turn.

        Args:
            turn: Its item's id.
            words: Its words; each with the space that goes before it.
            seconds: Its length.
        """
        self._turns += 1
        context, settings = self._context, self._settings
        if settings is None:
            return
        outbox = context.outbox
        time = outbox.last_answer_time
        if self._turns in context.faults.failed_transcriptions:
            outbox.schedule(time + outbox.pace.transcription, partial(outbox.send, _failed(turn)))
            return
        rest = words[1:] if self._streamed == turn else words
        text = "".join(words)
        deltas = [_delta(turn, word, context.ids.obfuscation()) for word in rest]
        for event in (*deltas, _completed(turn, text, _usage(settings["model"], text, seconds))):
            stretch = context.random.uniform(0.2, 6.0) if context.faults.order_jitter else 1.0
            time += outbox.pace.transcription * stretch
            outbox.schedule(time, partial(outbox.send, event))

    @property
    def _settings(self) -> Json | None:
        settings: Json | None = self._context.session["audio"]["input"]["transcription"]
        return settings

    def _send_first(self, words: Sequence[str], turn: str) -> None:
        if words:
            self._streamed = turn
            self._context.outbox.send(_delta(turn, words[0], self._context.ids.obfuscation()))


def _delta(item_id: str, text: str, padding: str) -> Json:
    return {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": item_id,
        "content_index": 0,
        "delta": text,
        "obfuscation": padding,
    }


def _completed(item_id: str, text: str, usage: Json) -> Json:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item_id,
        "content_index": 0,
        "transcript": text,
        "usage": usage,
    }


def _failed(item_id: str) -> Json:
    return {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": item_id,
        "content_index": 0,
        "error": {
            "type": "server_error",
            "code": None,
            "message": f"Input transcription failed for item '{item_id}'.",
            "param": None,
        },
    }


def _usage(model: str, text: str, seconds: float) -> Json:
    if not model.startswith(_BILLED_BY_TOKENS):
        return {"type": "duration", "seconds": math.ceil(seconds)}
    audio, words = math.ceil(seconds * 1000 / _MS_PER_TOKEN), len(text.split())
    return {
        "type": "tokens",
        "total_tokens": audio + words,
        "input_tokens": audio,
        "input_token_details": {"text_tokens": 0, "audio_tokens": audio},
        "output_tokens": words,
    }
