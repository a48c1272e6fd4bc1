"""One response of the agent's as the client hears it: its start, its text and audio, its end, each once, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pybase64

from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.protocol.voice_agent import server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.protocol.frames import Frame
    from turnstile.translate.ear import Ear

Json = dict[str, Any]

# Why a response is cancelled in the ordinary course of things (reference of ``response.status_details.reason``).
_CUT_OFF = {"turn_detected", "client_cancelled", "unknown"}


class Answer:
    """One response.

    Args:
        response_id: The API's name for it.
        ear: Who hears it.
        created: When it was created, in seconds.
        asked: When the user's turn that it answers ended, in seconds, if that was heard.
    """

    def __init__(self, response_id: str, ear: Ear, created: float, asked: float | None) -> None:
        self.response_id = response_id
        self.is_silenced = False
        """The user broke in: no audio of it is heard any more."""
        self._ear = ear
        self._created = created
        self._asked = created if asked is None else asked
        self._header = ear.header
        self._is_started = False
        self._partial: dict[str, str] = {}

    def audio(self, delta: str, now: float) -> list[Frame]:
        """Tell more of its audio, given in base64: the hot path."""
        audio = self._ear.converter.feed(pybase64.b64decode(delta))
        frames = [] if self._is_started else [*self._start(now)]
        if audio:
            frames.append(BinaryFrame(self._header + audio))
            self._header = b""
        return frames

    def text_grows(self, item_id: str, delta: str, now: float) -> Iterator[Frame]:
        """Keep more of an item's text, in case that no event will hold all of it."""
        if not self._ear.has_heard(item_id):
            self._partial[item_id] = self._partial.get(item_id, "") + delta
        yield from self._start(now)

    def final_text(self, item_id: str, text: str, now: float) -> Iterator[Frame]:
        """Tell an item's text, unless that was done."""
        self._partial.pop(item_id, None)
        if text and not self._ear.has_heard(item_id):
            yield from self._start(now)
            yield from self._ear.hear_item(item_id, text)

    def done(self, response: Json, now: float) -> Iterator[Frame]:
        """Tell what is left of it, that it is over, and why if it did not complete."""
        for item in response.get("output") or ():
            if item["type"] == "message":
                yield from self.final_text(item["id"], text_of(item), now)
        for item_id, text in [*self._partial.items()]:
            yield from self.final_text(item_id, text, now)
        yield from self.over()
        yield from self._complaint(response)

    def over(self) -> Iterator[Frame]:
        """Tell the last of its audio and that it is over, if it was heard at all."""
        rest = self._ear.converter.flush()
        if rest and not self.is_silenced:
            yield BinaryFrame(self._header + rest)
        if self._is_started:
            yield TextFrame(server.agent_audio_done())
            if self._ear.has_extras:
                yield TextFrame(server.agent_done())

    def _start(self, now: float) -> Iterator[Frame]:
        if self._is_started or self.is_silenced:
            return
        self._is_started = True
        total, text = max(0.0, now - self._asked), max(0.0, self._created - self._asked)
        yield TextFrame(server.agent_started_speaking(total, max(0.0, total - text), text))

    def _complaint(self, response: Json) -> Iterator[Frame]:
        """Say why it did not complete; that the user or a command of ours cut it off needs no saying."""
        status, details = response.get("status"), response.get("status_details") or {}
        reason = details.get("reason") or "unknown"
        if status == "failed":
            error = details.get("error") or {}
            code = error.get("code") or error.get("type") or "response_failed"
            yield self._ear.fault(code, error.get("message") or "The response failed.")
        elif status == "incomplete" or (status == "cancelled" and reason not in _CUT_OFF):
            yield self._ear.fault(f"response_{status}", f"The response is {status}: {reason}.")


def text_of(item: Json) -> str:
    """Return the text or transcript of a message item."""
    parts = item.get("content") or ()
    return "".join(part.get("text") or part.get("transcript") or "" for part in parts)
