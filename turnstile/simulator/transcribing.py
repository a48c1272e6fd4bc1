"""The transcription of the user's voice: deltas and an end for each turn, at their own time."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from turnstile.simulator.context import Desk

Json = dict[str, Any]

# These transcribe while the user still speaks; the others when the turn has ended.
_STREAMING: Final = frozenset({"gpt-realtime-whisper", "gpt-live-transcribe"})
_BILLED_BY_TOKENS: Final = "gpt-4o"
_FIRST_WORD_AFTER: Final = 0.2
_MS_PER_TOKEN: Final = 100


class Transcriber:
    """Transcribes the turns of one session, if the session asks for it.

    Args:
        desk: What the parts of a session share.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turns = 0
        self._streamed = ""

    def begin(self, words: Callable[[], Sequence[str]], turn: str) -> None:
        """Take note that a turn began: some models send its first word before it has ended.

        Args:
            words: Returns what was said in it, nothing when it has ended.
            turn: Its item's id.
        """
        settings, wire = self._settings, self._desk.wire
        if settings is not None and settings["model"] in _STREAMING:
            wire.at(wire.now + _FIRST_WORD_AFTER, lambda: self._say_first(words(), turn))

    def finish(self, turn: str, words: Sequence[str], seconds: float) -> None:
        """Transcribe a turn that was committed.

        Args:
            turn: Its item's id.
            words: What was said in it; each with the space that goes before it.
            seconds: How long it is.
        """
        self._turns += 1
        desk, settings = self._desk, self._settings
        if settings is None:
            return
        time = desk.wire.answers_until
        if self._turns in desk.faults.failed_transcriptions:
            desk.wire.at(time + desk.wire.pace.transcription, partial(desk.wire.send, _failed(turn)))
            return
        rest = words[1:] if self._streamed == turn else words
        text = "".join(words)
        deltas = [_delta(turn, word, desk.ids.obfuscation()) for word in rest]
        for event in (*deltas, _completed(turn, text, _usage(settings["model"], text, seconds))):
            stretch = desk.random.uniform(0.2, 6.0) if desk.faults.order_jitter else 1.0
            time += desk.wire.pace.transcription * stretch
            desk.wire.at(time, partial(desk.wire.send, event))

    @property
    def _settings(self) -> Json | None:
        settings: Json | None = self._desk.session["audio"]["input"]["transcription"]
        return settings

    def _say_first(self, words: Sequence[str], turn: str) -> None:
        if words:
            self._streamed = turn
            self._desk.wire.send(_delta(turn, words[0], self._desk.ids.obfuscation()))


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
    heard, said = math.ceil(seconds * 1000 / _MS_PER_TOKEN), len(text.split())
    return {
        "type": "tokens",
        "total_tokens": heard + said,
        "input_tokens": heard,
        "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
        "output_tokens": said,
    }
