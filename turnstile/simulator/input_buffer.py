"""The input audio buffer of a session: the turns found in it, their commits and transcriptions."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, Final

import pybase64

from turnstile.simulator import api_errors, schema_errors
from turnstile.simulator.conversation_items import voice_item
from turnstile.simulator.speech import sample_bytes
from turnstile.simulator.transcriber import Transcriber
from turnstile.simulator.vad import SpeechStarted, VoiceDetector, is_loud, windows_ms

if TYPE_CHECKING:
    from turnstile.simulator.context import SessionContext
    from turnstile.simulator.response_engine import ResponseEngine
    from turnstile.simulator.response_events import Response

Json = dict[str, Any]

COMMIT_MINIMUM_MS: Final = 100
APPEND_LIMIT: Final = 15 * 1024 * 1024


class InputBuffer:
    """The input audio buffer of one session. Its time is the length of the audio appended, not the clock's.

    Args:
        context: The parts that the session shares.
        responses: The responses, to be interrupted and begun.
    """

    def __init__(self, context: SessionContext, responses: ResponseEngine) -> None:
        self._context = context
        self._responses = responses
        responses.on_done = self.start_idle_timeout
        self._transcriber = Transcriber(context)
        self._detector = VoiceDetector()
        self._appended_ms = 0.0
        self._buffered_ms = 0.0
        self._was_loud = False
        self._turn_id = ""
        self._turn_text: list[str] = []
        self._idle_epoch = 0

    def append(self, audio: str) -> None:
        """Append audio.

        Args:
            audio: Base64 in the session's input format.

        Raises:
            ApiError: It is too long, not base64, or ends within a sample.
        """
        # Imported where it is used, for numpy behind it: not every simulator hears.
        from turnstile.simulator.loudness import loudness  # noqa: PLC0415

        encoding = self._input["format"]["type"]
        data = _decoded(audio)
        if len(data) % sample_bytes(encoding):
            raise api_errors.bad_audio()
        self._context.log.note_audio(data)
        detection = self._input["turn_detection"]
        for level, length in zip(loudness(data, encoding), windows_ms(len(data), encoding), strict=True):
            begin = self._appended_ms
            self._appended_ms += length
            self._buffered_ms += length
            self._was_loud = self._was_loud or is_loud(level)
            if detection is not None:
                self._detect(level, begin, detection)

    def commit(self) -> None:
        """Make an item of the buffer's audio, as the client asked.

        Raises:
            ApiError: It is less than 100 ms.
        """
        if self._buffered_ms < COMMIT_MINIMUM_MS:
            raise api_errors.commit_empty(self._buffered_ms)
        self._detector.reset()
        self._commit()
        self._responses.end_silenced()

    def clear(self) -> None:
        """Empty the buffer, as the client asked."""
        self._detector.reset()
        self._empty()
        self._context.outbox.answer({"type": "input_audio_buffer.cleared"})
        self._responses.end_silenced()

    def apply_update(self) -> None:
        """Apply the session object that an update has put in place."""
        if self._input["turn_detection"] is None:
            self._detector.reset()
            self._responses.end_silenced()
        self._idle_epoch += 1

    def start_idle_timeout(self, response: Response) -> None:
        """Start the idle timeout, if there is one, from the end of a response's audio on."""
        timeout = (self._input["turn_detection"] or {}).get("idle_timeout_ms")
        self._idle_epoch += 1
        if timeout is None:
            return
        epoch, since = self._idle_epoch, self._appended_ms
        outbox = self._context.outbox
        outbox.schedule(outbox.now + (response.audio_ms + timeout) / 1000, lambda: self._time_out(epoch, since))

    @property
    def _input(self) -> Json:
        result: Json = self._context.session["audio"]["input"]
        return result

    def _detect(self, level: float, begin_ms: float, settings: Json) -> None:
        for found in self._detector.feed(level, begin_ms, self._appended_ms, settings):
            if isinstance(found, SpeechStarted):
                self._started(found.audio_start_ms, settings)
            else:
                self._stopped(found.audio_end_ms, settings)

    def _started(self, audio_start_ms: int, settings: Json) -> None:
        self._idle_epoch += 1
        turn = self._turn()
        self._context.outbox.answer(
            {"type": "input_audio_buffer.speech_started", "audio_start_ms": audio_start_ms, "item_id": turn}
        )
        if settings["interrupt_response"]:
            self._interrupt()
        self._transcriber.begin(lambda: self._words() if turn == self._turn_id else [], turn)

    def _interrupt(self) -> None:
        if self._context.quirks.committed_first:
            self._responses.silence()
        else:
            self._responses.interrupt()

    def _stopped(self, audio_end_ms: int, settings: Json) -> None:
        self._context.outbox.answer(
            {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": audio_end_ms, "item_id": self._turn()}
        )
        self._commit()
        self._responses.end_silenced()
        if settings["create_response"] and self._context.session["type"] == "realtime":
            self._responses.respond("voice")

    def _time_out(self, epoch: int, since_ms: float) -> None:
        """Respond to the user's silence, unless speech or an update came since."""
        if epoch != self._idle_epoch or self._detector.is_speech or self._responses.active is not None:
            return
        self._context.outbox.answer(
            {
                "type": "input_audio_buffer.timeout_triggered",
                "audio_start_ms": int(since_ms),
                "audio_end_ms": int(self._appended_ms),
                "item_id": self._turn(),
            }
        )
        self._commit()
        self._responses.respond("idle")

    def _turn(self) -> str:
        """Return the id of the current turn's item; it has one from its first sound on."""
        if not self._turn_id:
            self._turn_id = self._context.ids.make("item")
        return self._turn_id

    def _words(self) -> list[str]:
        """Return the words of the turn; none for silence."""
        if not self._turn_text and self._was_loud:
            self._turn_text = re.findall(r"\s*\S+", self._context.run.transcript())
        return self._turn_text

    def _commit(self) -> None:
        context, turn, words = self._context, self._turn(), self._words()
        seconds = self._buffered_ms / 1000
        self._empty()
        item = voice_item(turn, "".join(words))
        previous = context.conversation.add(item)
        context.log.note_item(item.as_received)
        context.outbox.answer({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": turn})
        context.outbox.answer_item_added(previous, item.view)
        self._transcriber.finish(turn, words, seconds)

    def _empty(self) -> None:
        self._buffered_ms = 0.0
        self._was_loud = False
        self._turn_id = ""
        self._turn_text = []


def _decoded(audio: str) -> bytes:
    if len(audio) > APPEND_LIMIT * 4 / 3 + 4:
        raise schema_errors.too_long("audio", len(audio), APPEND_LIMIT * 4 // 3)
    try:
        return pybase64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise api_errors.bad_audio() from error
