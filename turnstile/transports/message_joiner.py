"""Joins the fragments of WebSocket messages (RFC 6455, section 5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.frames import Frame, Opcode

from turnstile.protocol.frames import BinaryFrame, TextFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.protocol import Event


class MessageJoiner:
    """Join frames to messages: one at a time, its size already bounded by the framing library."""

    def __init__(self) -> None:
        self.partial = bytearray()  # not a list: a message in fragments of one byte must cost what it weighs
        """What has come of a message whose last fragment has not come."""
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
                if frame.fin:
                    messages.append(self._message(bytes(frame.data)))
                else:
                    self.partial += frame.data
                    self.has_begun = True
            elif opcode is Opcode.CONT:
                self.partial += frame.data
                frame.data = b""  # freed before the copy below is made
                if frame.fin:
                    messages.append(self._message(bytes(self.partial)))
                    self.partial = bytearray()
                    self.has_begun = False
        return messages

    def _message(self, data: bytes) -> TextFrame | BinaryFrame:
        return TextFrame(data) if self._is_text else BinaryFrame(data)
