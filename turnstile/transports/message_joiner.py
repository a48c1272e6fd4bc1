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
        self.begun: int | None = None
        """How many bytes have come of a message whose last fragment has not; None when there is no such message."""

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
                    self.begun = len(self._partial)
            elif opcode is Opcode.CONT:
                self._partial += frame.data
                self.begun = len(self._partial)
                if frame.fin:
                    messages.append(self._message(bytes(self._partial)))
                    self._partial.clear()
                    self.begun = None
        return messages

    def _message(self, data: bytes) -> TextFrame | BinaryFrame:
        return TextFrame(data) if self._is_text else BinaryFrame(data)
