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
        self._partial = bytearray()  # not a list: a message in fragments of one byte must cost what it weighs
        self._is_text = False
        self.has_begun = False
        """Whether a message has begun whose last fragment has not come."""

    @property
    def size(self) -> int:
        """Bytes that have come of such a message."""
        return len(self._partial)

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
                    self._partial += frame.data
                    self.has_begun = True
            elif opcode is Opcode.CONT:
                self._partial += frame.data
                frame.data = b""  # freed before the copy below is made
                if frame.fin:
                    messages.append(self._message(bytes(self._partial)))
                    self._partial = bytearray()
                    self.has_begun = False
        return messages

    def _message(self, data: bytes) -> TextFrame | BinaryFrame:
        return TextFrame(data) if self._is_text else BinaryFrame(data)
