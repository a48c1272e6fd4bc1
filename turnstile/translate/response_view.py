"""One response as a Voice Agent client is shown it: its start, text, audio and end, each once and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pybase64

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.frames import BinaryFrame, TextFrame, binary_frame
from turnstile.protocol.voice_agent import server
from turnstile.translate.texts_in_progress import TextsInProgress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.protocol.frames import Frame
    from turnstile.translate.client_output import ClientOutput
    from turnstile.translate.latency import ResponseLatency

Json = dict[str, Any]

# Reasons of an ordinary cancellation (reference of ``response.status_details.reason``).
_ORDINARY_REASONS: Final = frozenset({"turn_detected", "client_cancelled", "unknown"})
# Statuses of a response that ended early.
_CUT_SHORT: Final = frozenset({"incomplete", "cancelled"})
_AUDIO_DONE: Final = TextFrame(server.agent_audio_done())
_DONE: Final = TextFrame(server.agent_done())


class ResponseView:
    """The view of one response.

    Args:
        response: The response, as created.
        output: The output to the client.
        latency: The latencies of the response.
    """

    def __init__(self, response: Json, output: ClientOutput, latency: ResponseLatency) -> None:
        self.response_id: str = response["id"]
        self.is_muted = False
        """Whether it is cancelled, so that no more of its audio is sent."""
        self.has_audio = False
        self.latency = latency
        self._output = output
        self._header = output.header
        # A response in audio starts with its audio, when all its latencies are known.
        self._is_spoken = "audio" in (response.get("output_modalities") or ())
        self._is_started = False
        self._partial = TextsInProgress()

    @property
    def kept_bytes(self) -> int:
        """The bytes kept, at least one a character."""
        return self._partial.characters

    def audio(self, item_id: str, delta: str, now: float, more: Sequence[str] = ()) -> list[Frame]:
        """Return the frames of a piece of audio: the hot path.

        Args:
            item_id: The item that is spoken.
            delta: The piece, in base64.
            now: The time, in seconds.
            more: The pieces that follow; all go to the client in one frame.

        Raises:
            UpstreamProtocolError: A piece is not base64; then the view is unchanged.
        """
        output = self._output
        if not output.is_convertible:
            return []
        audio = b"".join([_decoded(delta), *map(_decoded, more)]) if more else _decoded(delta)
        output.playback.play(item_id, len(audio) / output.bytes_per_ms, now)
        frames: list[Frame] = []
        if not self.has_audio:
            self.has_audio = True
            self.latency.audio(now)
            frames = self._start(now)
        audio = output.converter.feed(audio)
        if audio:
            frames.append(binary_frame((self._header + audio,)))
            self._header = b""
        return frames

    def text_delta(self, item_id: str, delta: str, now: float) -> list[Frame]:
        """Collect a piece of an item's text, in case no event has the whole of it."""
        if item_id not in self._output.sent_items:
            self._partial.add(item_id, delta)
        self.latency.token("text", now)
        return [] if self._is_spoken else self._start(now)

    def final_text(self, item_id: str, text: str, now: float) -> list[Frame]:
        """Return the messages with an item's text, once; if it was muted before its start, keep it for the end."""
        if self.is_muted and not self._is_started:
            self._partial.take(item_id)
            self._partial.add(item_id, text)
            return []
        self._partial.take(item_id)
        if not text or item_id in self._output.sent_items:
            return []
        return self._start(now) + self._output.show_item(item_id, text)

    def done(self, response: Json, transcription: float | None, now: float) -> list[Frame]:
        """Return the end: audio and text that are left, latencies, end messages, and why it was cut short.

        Args:
            response: The response, as done.
            transcription: How long the user's turn took to be transcribed, in seconds, if that is known.
            now: The time, in seconds.
        """
        frames = self._flush()
        if self._is_started or response.get("status") != "cancelled":
            self.is_muted = False
            frames += self._texts(response, now)
            figures = self.latency.report(transcription)
            if figures:
                frames.append(TextFrame(server.latency_report(**figures)))
        frames += self._end_messages()
        return frames + self._status_problem(response) if response.get("status") in _CUT_SHORT else frames

    def _texts(self, response: Json, now: float) -> list[Frame]:
        frames: list[Frame] = []
        for item in response.get("output") or ():
            if item.get("type") == "message":
                frames += self.final_text(item["id"], text_of(item), now)
        for item_id in [*self._partial.texts]:
            frames += self.final_text(item_id, self._partial.take(item_id), now)
        return frames

    def abandon(self) -> list[Frame]:
        """Return the rest of the audio and the end messages of a response without a ``response.done``."""
        return self._flush() + self._end_messages()

    def _flush(self) -> list[Frame]:
        rest = self._output.converter.flush()
        return [BinaryFrame(self._header + rest)] if rest and not self.is_muted else []

    def _end_messages(self) -> list[Frame]:
        if not self._is_started:
            return []
        return [_AUDIO_DONE, _DONE] if self._output.has_extras else [_AUDIO_DONE]

    def _start(self, now: float) -> list[Frame]:
        if self._is_started or self.is_muted:
            return []
        self._is_started = True
        return [TextFrame(server.agent_started_speaking(*self.latency.at_start(now)))]

    def _status_problem(self, response: Json) -> list[Frame]:
        """Return the warning about a response that was cut short, but for a barge-in or a command of ours.

        A failed response is reported by the session, which may retry it.
        """
        status = response.get("status")
        reason = (response.get("status_details") or {}).get("reason") or "unknown"
        if status == "cancelled" and reason in _ORDINARY_REASONS:
            return []
        return [self._output.problem(f"response_{status}", f"The response is {status}: {reason}.")]


def _decoded(delta: str) -> bytes:
    try:
        return pybase64.b64decode(delta, None, True)  # noqa: FBT003 - faster than as a keyword, `validate`
    except ValueError:
        pass
    try:
        return pybase64.b64decode(delta)  # Perhaps in lines: skips what is not in base64's alphabet.
    except ValueError as error:
        raise UpstreamProtocolError("invalid_event", f"Upstream sent audio that is not base64: {error}.") from None


def text_of(item: Json) -> str:
    """Return the text or transcript of a message item."""
    parts = item.get("content") or ()
    return "".join(part.get("text") or part.get("transcript") or "" for part in parts)
