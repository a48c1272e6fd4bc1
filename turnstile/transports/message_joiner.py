"""Joins the fragments of WebSocket messages (RFC 6455, section 5.4)."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from websockets.frames import Frame, Opcode

from turnstile.protocol.frames import BinaryFrame, TextFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.protocol import Event


class MessageJoiner:
    """Join frames to messages: one at a time, its size already bounded."""

    def __init__(self) -> None:
        # Not a list: a message in fragments of one byte must cost what it weighs. What is written to it becomes the
        # message's bytes without a copy of them all, as it would not from a bytearray.
        self.partial = BytesIO()
        """What has come of a message whose last fragment has not come; its position is the end."""
        self._is_text = False
        self.has_begun = False
        """Whether there is such a message; nothing may have come of it."""

    def join(self, events: Sequence[Event]) -> list[TextFrame | BinaryFrame]:
        """Return the messages that `events` complete."""
        messages: list[TextFrame | BinaryFrame] = []
        for frame in events:
            if not isinstance(frame, Frame):
                continue
            opcode = frame.opcode
            if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
                self._is_text = opcode is Opcode.TEXT
            elif opcode is not Opcode.CONT:
                continue
            self.partial.write(frame.data)
            self.has_begun = not frame.fin
            if frame.fin:
                messages.append(self.take(is_text=self._is_text))
        return messages

    def take(self, *, is_text: bool) -> TextFrame | BinaryFrame:
        """Return what has come as a message; the next one begins."""
        data = self.partial.getvalue()
        self.drop()
        return TextFrame(data) if is_text else BinaryFrame(data)

    def drop(self) -> None:
        """Drop what has come of a message."""
        self.partial = BytesIO()
        self.has_begun = False
