"""An assistant message in audio: audio and transcript, mixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from turnstile.simulator.output_items import Json, TextMessage
from turnstile.simulator.speech import spoken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from turnstile.simulator.conversation_items import Item
    from turnstile.simulator.faults import Faults

_WORDS_AHEAD = 3


class AudioMessage(TextMessage):
    """An assistant message in audio, whose transcript runs ahead of the audio.

    Args:
        item: An assistant message without content.
        words: Its text, in words; each with the space that goes before it.
        encoding: ``audio/pcm``, ``audio/pcmu`` or ``audio/pcma``.
        speed: The speed of the speech; 1 is normal.
        faults: Those that change the order.
        random: For a random order.
        place: The other arguments of `OutputItem`.
    """

    _content = "output_audio"
    _part_type = "audio"
    _text_key = "transcript"

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
        return texts < sounds + _WORDS_AHEAD

    def _transcript_delta(self, word: str) -> Json:
        return self._text_delta("response.output_audio_transcript.delta", word)

    def _audio_delta(self, word: str) -> Json:
        audio = spoken(word, self._encoding, self._speed)
        self.item.audio_ms += audio.milliseconds
        if not self.item.view["content"]:
            self.item.view["content"] = [{"type": self._content, self._text_key: self._sent}]
        return {"type": "response.output_audio.delta", **self._place, "delta": audio.base64}

    def _audio_end(self) -> Json:
        self._audio_done = True
        return {"type": "response.output_audio.done", **self._place}

    def _content_done(self) -> Iterator[Json]:
        transcript = {"type": "response.output_audio_transcript.done", **self._place, "transcript": self._sent}
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
