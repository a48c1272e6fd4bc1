"""One response of the agent's as the client hears it: its start, its text and audio, its end, each once, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pybase64

from turnstile.errors import UpstreamProtocolError
from turnstile.protocol.frames import BinaryFrame, TextFrame, binary_frame
from turnstile.protocol.voice_agent import server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from turnstile.protocol.frames import Frame
    from turnstile.translate.client_output import Ear
    from turnstile.translate.latency import Latencies

Json = dict[str, Any]

# Why a response is cancelled in the ordinary course of things (reference of ``response.status_details.reason``).
_CUT_OFF: Final = frozenset({"turn_detected", "client_cancelled", "unknown"})
# Statuses of a response that ended before its time.
_CUT_SHORT: Final = frozenset({"incomplete", "cancelled"})
_AUDIO_DONE: Final = TextFrame(server.agent_audio_done())
_DONE: Final = TextFrame(server.agent_done())


class Answer:
    """One response.

    Args:
        response: It, as created.
        ear: Who hears it.
        latencies: Its moments.
    """

    def __init__(self, response: Json, ear: Ear, latencies: Latencies) -> None:
        self.response_id: str = response["id"]
        self.is_silenced = False
        """It is cancelled: no audio of it is heard any more."""
        self.has_audio = False
        self.latencies = latencies
        self._ear = ear
        self._header = ear.header
        # Where audio is to come, it starts with the audio, since only then all latencies are known.
        self._speaks = "audio" in (response.get("output_modalities") or ())
        self._is_started = False
        self._partial: dict[str, str] = {}

    def audio(self, item_id: str, delta: str, now: float, more: Sequence[str] = ()) -> list[Frame]:
        """Tell more of its audio, given in base64: the hot path.

        Args:
            item_id: What is spoken.
            delta: A piece of it.
            now: The time, in seconds.
            more: The pieces that follow; all go down in one frame.

        Raises:
            UpstreamProtocolError: A piece is no base64; then nothing is told, and nothing has changed.
        """
        ear = self._ear
        if not ear.is_audible:
            return []
        audio = b"".join([_decoded(delta), *map(_decoded, more)]) if more else _decoded(delta)
        ear.playback.play(item_id, len(audio) / ear.bytes_per_ms, now)
        frames: list[Frame] = []
        if not self.has_audio:
            self.has_audio = True
            self.latencies.audio(now)
            frames = self._start(now)
        audio = ear.converter.feed(audio)
        if audio:
            frames.append(binary_frame((self._header + audio,)))
            self._header = b""
        return frames

    def text_grows(self, item_id: str, delta: str, now: float) -> list[Frame]:
        """Keep more of an item's text, in case that no event will hold all of it."""
        if not self._ear.has_heard(item_id):
            self._partial[item_id] = self._partial.get(item_id, "") + delta
        self.latencies.token("text", now)
        return [] if self._speaks else self._start(now)

    def final_text(self, item_id: str, text: str, now: float) -> list[Frame]:
        """Tell an item's text, unless that was done; what is silenced before it began waits for how it ends."""
        if self.is_silenced and not self._is_started:
            self._partial[item_id] = text
            return []
        self._partial.pop(item_id, None)
        if not text or self._ear.has_heard(item_id):
            return []
        return self._start(now) + self._ear.hear_item(item_id, text)

    def done(self, response: Json, stt: float | None, now: float) -> list[Frame]:
        """Tell what is left of it, what it took, that it is over, and why if it did not complete."""
        frames = self._rest()
        if self._is_started or response.get("status") != "cancelled":
            self.is_silenced = False
            frames += self._texts(response, now)
            figures = self.latencies.report(stt)
            if figures:
                frames.append(TextFrame(server.latency_report(**figures)))
        frames += self._ends()
        return frames + self._complaint(response) if response.get("status") in _CUT_SHORT else frames

    def _texts(self, response: Json, now: float) -> list[Frame]:
        frames: list[Frame] = []
        for item in response.get("output") or ():
            if item.get("type") == "message":
                frames += self.final_text(item["id"], text_of(item), now)
        for item_id, text in [*self._partial.items()]:
            frames += self.final_text(item_id, text, now)
        return frames

    def over(self) -> list[Frame]:
        """Tell the last of its audio and that it is over, if it was heard at all."""
        return self._rest() + self._ends()

    def _rest(self) -> list[Frame]:
        rest = self._ear.converter.flush()
        return [BinaryFrame(self._header + rest)] if rest and not self.is_silenced else []

    def _ends(self) -> list[Frame]:
        if not self._is_started:
            return []
        return [_AUDIO_DONE, _DONE] if self._ear.has_extras else [_AUDIO_DONE]

    def _start(self, now: float) -> list[Frame]:
        if self._is_started or self.is_silenced:
            return []
        self._is_started = True
        return [TextFrame(server.agent_started_speaking(*self.latencies.started(now)))]

    def _complaint(self, response: Json) -> list[Frame]:
        """Say why it was cut short; that the user or a command of ours cut it off needs no saying.

        That it failed is the session's to say, which may have it repeated.
        """
        status = response.get("status")
        reason = (response.get("status_details") or {}).get("reason") or "unknown"
        if status == "cancelled" and reason in _CUT_OFF:
            return []
        return [self._ear.fault(f"response_{status}", f"The response is {status}: {reason}.")]


def _decoded(delta: str) -> bytes:
    try:
        return pybase64.b64decode(delta, None, True)  # noqa: FBT003 - quicker than by its name, `validate`
    except ValueError:
        pass
    try:
        return pybase64.b64decode(delta)  # In lines, perhaps: what is no letter of base64 is passed over.
    except ValueError as error:
        raise UpstreamProtocolError("invalid_event", f"Upstream sent audio that is no base64: {error}.") from None


def text_of(item: Json) -> str:
    """Return the text or transcript of a message item."""
    parts = item.get("content") or ()
    return "".join(part.get("text") or part.get("transcript") or "" for part in parts)
