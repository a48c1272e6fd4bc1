"""The input audio of a session: the buffer, the turns found in it, their commits and transcriptions."""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any, Final

import pybase64

from turnstile.simulator import api_errors
from turnstile.simulator.conversation_items import voice_item
from turnstile.simulator.log import ReceivedItem
from turnstile.simulator.speech import sample_bytes
from turnstile.simulator.transcribing import Transcriber
from turnstile.simulator.vad import SpeechStarted, VoiceDetector, is_loud, loudness, windows_ms

if TYPE_CHECKING:
    from turnstile.simulator.context import Desk
    from turnstile.simulator.response_engine import Speaking
    from turnstile.simulator.response_events import Response

Json = dict[str, Any]

COMMIT_MINIMUM_MS: Final = 100
APPEND_LIMIT: Final = 15 * 1024 * 1024


class Listening:
    """Hears the audio of one session. Time in audio is counted by what was appended, not by the clock.

    Args:
        desk: What the parts of a session share.
        speaking: Is interrupted and asked to respond.
    """

    def __init__(self, desk: Desk, speaking: Speaking) -> None:
        self._desk = desk
        self._speaking = speaking
        self._transcriber = Transcriber(desk)
        self._detector = VoiceDetector()
        self._heard_ms = 0.0
        self._buffered_ms = 0.0
        self._was_loud = False
        self._turn_id = ""
        self._turn_text: list[str] = []
        self._idle_epoch = 0

    def append(self, audio: str) -> None:
        """Take in audio.

        Args:
            audio: Base64 in the session's input format.

        Raises:
            Refusal: It is too long, no base64, or ends within a sample.
        """
        encoding = self._input["format"]["type"]
        data = _decoded(audio)
        if len(data) % sample_bytes(encoding):
            raise api_errors.bad_audio()
        self._desk.log.audio_bytes += len(data)
        detection = self._input["turn_detection"]
        for level, length in zip(loudness(data, encoding), windows_ms(len(data), encoding), strict=True):
            begin = self._heard_ms
            self._heard_ms += length
            self._buffered_ms += length
            self._was_loud = self._was_loud or is_loud(level)
            if detection is not None:
                self._detect(level, begin, detection)

    def commit(self) -> None:
        """Make an item of what is in the buffer, as the client asked.

        Raises:
            Refusal: It is less than 100 ms.
        """
        if self._buffered_ms < COMMIT_MINIMUM_MS:
            raise api_errors.commit_empty(self._buffered_ms)
        self._detector.reset()
        self._commit()
        self._speaking.end_silenced()

    def clear(self) -> None:
        """Throw away what is in the buffer."""
        self._detector.reset()
        self._empty()
        self._desk.wire.answer({"type": "input_audio_buffer.cleared"})
        self._speaking.end_silenced()

    def changed(self) -> None:
        """Take note that the session object was replaced."""
        if self._input["turn_detection"] is None:
            self._detector.reset()
            self._speaking.end_silenced()
        self._idle_epoch += 1

    def expect_user(self, response: Response) -> None:
        """Start the idle timeout, if there is one, when a response and the playing of its audio have ended."""
        timeout = (self._input["turn_detection"] or {}).get("idle_timeout_ms")
        self._idle_epoch += 1
        if timeout is None:
            return
        epoch, since = self._idle_epoch, self._heard_ms
        wire = self._desk.wire
        wire.at(wire.now + (response.audio_ms + timeout) / 1000, lambda: self._grow_idle(epoch, since))

    @property
    def _input(self) -> Json:
        result: Json = self._desk.session["audio"]["input"]
        return result

    def _detect(self, level: float, begin_ms: float, settings: Json) -> None:
        for found in self._detector.feed(level, begin_ms, self._heard_ms, settings):
            if isinstance(found, SpeechStarted):
                self._started(found.audio_start_ms, settings)
            else:
                self._stopped(found.audio_end_ms, settings)

    def _started(self, audio_start_ms: int, settings: Json) -> None:
        self._idle_epoch += 1
        turn = self._turn()
        self._desk.wire.answer(
            {"type": "input_audio_buffer.speech_started", "audio_start_ms": audio_start_ms, "item_id": turn}
        )
        if settings["interrupt_response"]:
            self._interrupt()
        self._transcriber.begin(lambda: self._words() if turn == self._turn_id else [], turn)

    def _interrupt(self) -> None:
        if self._desk.quirks.committed_first:
            self._speaking.silence()
        else:
            self._speaking.interrupt()

    def _stopped(self, audio_end_ms: int, settings: Json) -> None:
        self._desk.wire.answer(
            {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": audio_end_ms, "item_id": self._turn()}
        )
        self._commit()
        self._speaking.end_silenced()
        if settings["create_response"] and self._desk.session["type"] == "realtime":
            self._speaking.respond("voice")

    def _grow_idle(self, epoch: int, since_ms: float) -> None:
        """Answer the user's silence, unless something has happened since."""
        if epoch != self._idle_epoch or self._detector.speaking or self._speaking.active is not None:
            return
        self._desk.wire.answer(
            {
                "type": "input_audio_buffer.timeout_triggered",
                "audio_start_ms": int(since_ms),
                "audio_end_ms": int(self._heard_ms),
                "item_id": self._turn(),
            }
        )
        self._commit()
        self._speaking.respond("idle")

    def _turn(self) -> str:
        """Return the id of the turn being heard; it has its item's id from the first sound on."""
        if not self._turn_id:
            self._turn_id = self._desk.ids.make("item")
        return self._turn_id

    def _words(self) -> list[str]:
        """Return what is said in the turn; silence says nothing."""
        if not self._turn_text and self._was_loud:
            self._turn_text = re.findall(r"\s*\S+", self._desk.run.transcript())
        return self._turn_text

    def _commit(self) -> None:
        desk, turn, words = self._desk, self._turn(), self._words()
        seconds = self._buffered_ms / 1000
        self._empty()
        item = voice_item(turn, "".join(words))
        previous = desk.conversation.add(item)
        desk.log.items.append(ReceivedItem(turn, "voice", "user", item.text))
        desk.wire.answer({"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": turn})
        for kind in ("conversation.item.added", "conversation.item.done"):
            desk.wire.answer({"type": kind, "previous_item_id": previous, "item": item.view})
        self._transcriber.finish(turn, words, seconds)

    def _empty(self) -> None:
        self._buffered_ms = 0.0
        self._was_loud = False
        self._turn_id = ""
        self._turn_text = []


def _decoded(audio: str) -> bytes:
    if len(audio) > APPEND_LIMIT * 4 / 3 + 4:
        raise api_errors.too_long("audio", len(audio), APPEND_LIMIT * 4 // 3)
    try:
        return pybase64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as error:
        raise api_errors.bad_audio() from error
