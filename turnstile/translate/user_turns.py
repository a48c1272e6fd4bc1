"""The user's turns as a Voice Agent client is shown them: their ends, their transcripts, their texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from turnstile.protocol.frames import TextFrame
from turnstile.protocol.voice_agent import server
from turnstile.translate.bounded_dict import BoundedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from turnstile.protocol.frames import Frame
    from turnstile.translate.client_output import ClientOutput

Json = dict[str, Any]

_UTTERANCE_END: Final = TextFrame(server.utterance_end())
# Most characters of an interim transcript: minutes of speech, and so little that many deltas of a long turn, each with
# all of it so far, do not add up.
_INTERIM_SHOWN: Final = 4_096


class UserTurns:
    """The turns of one session's user.

    Args:
        output: The output to the client.
    """

    def __init__(self, output: ClientOutput) -> None:
        self.ended_at: float | None = None
        """When the turn or request that has no response yet ended, in seconds; None while all have one."""
        self.transcription: float | None = None
        """How long the latest turn took to be transcribed, in seconds, if that is known."""
        self._output = output
        self._stopped: BoundedDict[str, float] = BoundedDict()
        self._transcripts: BoundedDict[str, str] = BoundedDict(lambda item_id, text: len(item_id) + len(text))

    @property
    def kept_bytes(self) -> int:
        """The bytes kept, about."""
        return self._stopped.kept_bytes + self._transcripts.kept_bytes

    def stopped(self, event: Json, now: float) -> list[Frame]:
        """Record that the user stopped speaking; return `UtteranceEnd` for a client that takes it."""
        self.ended_at, self.transcription = now, None
        self._stopped.remember(event["item_id"], now)
        return [_UTTERANCE_END] if self._output.has_extras else []

    def committed(self, event: Json, now: float) -> list[Frame]:
        """Record the end of a turn that is committed without a ``speech_stopped``."""
        item_id = event["item_id"]
        if item_id not in self._stopped:
            self.ended_at = now if self.ended_at is None else self.ended_at
            self._stopped.remember(item_id, now)
        return []

    def transcript_delta(self, event: Json, _now: float) -> list[Frame]:
        """Return an interim `Transcript` for a client that takes it: the item so far, of a long one its latest part."""
        if not self._output.has_extras:
            return []
        item_id = event["item_id"]
        text = (self._transcripts.get(item_id, "") + (event.get("delta") or ""))[-_INTERIM_SHOWN:]
        self._transcripts.remember(item_id, text)
        return [TextFrame(server.transcript(text, is_final=False))]

    def transcript_final(self, event: Json, now: float) -> list[Frame]:
        """Return the final `Transcript`, for a client that takes it, and the user's `ConversationText`."""
        item_id, text = event["item_id"], event["transcript"]
        self._transcripts.forget(item_id)
        stopped = self._stopped.forget(item_id)
        if stopped is not None:
            self.transcription = now - stopped
        frames: list[Frame] = [TextFrame(server.transcript(text, is_final=True))] if self._output.has_extras else []
        return frames + self._output.show_text("user", text) if text else frames

    def transcription_failed(self, event: Json, _now: float) -> list[Frame]:
        """Return the problem that upstream gives as the reason."""
        self._transcripts.forget(event["item_id"])
        error = event.get("error") or {}
        code = error.get("code") or "transcription_failed"
        return [self._output.problem(code, error.get("message") or "The user's speech could not be transcribed.")]

    def written(self, item: Json) -> list[Frame]:
        """Return the text of an item that the user wrote, once; a spoken one has no text but its transcript."""
        if item["id"] in self._output.sent_items:
            return []
        parts = item.get("content") or ()
        text = "".join([part.get("text") or "" for part in parts if part.get("type") == "input_text"])
        return self._output.show_item(item["id"], text, "user") if text else []


USER_HANDLERS: Final[Mapping[str, Callable[[UserTurns, Json, float], list[Frame]]]] = {
    "input_audio_buffer.committed": UserTurns.committed,
    "input_audio_buffer.speech_stopped": UserTurns.stopped,
    "conversation.item.input_audio_transcription.delta": UserTurns.transcript_delta,
    "conversation.item.input_audio_transcription.completed": UserTurns.transcript_final,
    "conversation.item.input_audio_transcription.failed": UserTurns.transcription_failed,
}
"""What reads each of upstream's events about the user's turns, by the event's type; takes the time in seconds, too."""
