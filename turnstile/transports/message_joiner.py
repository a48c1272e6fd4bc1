"""WebSocket frames joined to the messages they are parts of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.exceptions import ProtocolError
from websockets.frames import OK_CLOSE_CODES, Close, CloseCode, Frame, Opcode

from turnstile.ports import Inbox
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.protocol import Event, Protocol


class MessageJoiner:
    """Makes messages of frames: one at a time, its size already bounded by the framing library."""

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


def end_of(protocol: Protocol) -> Closed | None:
    """Say how the link ended as far as the framing library knows; None while it has not.

    A peer that broke the protocol is answered with a code by the library (1002, 1007, 1009), which is then the link's.
    """
    error = protocol.parser_exc
    if error is None:
        close = protocol.close_rcvd
        return None if close is None else Closed(int(close.code), close.reason)
    if isinstance(error, EOFError) or protocol.close_sent is None:
        return Closed(CloseCode.ABNORMAL_CLOSURE, "the connection ended without a closing handshake")
    return Closed(int(protocol.close_sent.code), protocol.close_sent.reason, by_us=True)


def sendable_close(code: int, reason: str) -> Close:
    """Return what a close frame may say (RFC 6455, 7.4): a code that must not be sent becomes 1000 or 1011."""
    close = Close(code, reason.encode(errors="replace")[:123].decode(errors="ignore"))
    try:
        close.check()
    except ProtocolError:
        close.code = CloseCode.NORMAL_CLOSURE if code in OK_CLOSE_CODES else CloseCode.INTERNAL_ERROR
    return close


class Nobody(Inbox):
    """The inbox of a connection that nobody has taken yet."""

    def tell(self, message: object, /) -> None:
        """Forget it."""
