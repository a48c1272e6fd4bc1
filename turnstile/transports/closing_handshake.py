"""The closing handshake (RFC 6455, section 7): the close frame that is sent, and how a connection ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from websockets.exceptions import ProtocolError
from websockets.frames import OK_CLOSE_CODES, Close, CloseCode

from turnstile.protocol.frames import Closed

if TYPE_CHECKING:
    from websockets.protocol import Protocol


def close_of(protocol: Protocol) -> Closed | None:
    """Return how the connection ended, as the framing library has it; None while it has not.

    A peer that violated the protocol is sent a code by the library (1002, 1007, 1009), which is then the connection's.
    """
    error = protocol.parser_exc
    if error is None:
        close = protocol.close_rcvd
        return None if close is None else Closed(int(close.code), close.reason)
    if isinstance(error, EOFError) or protocol.close_sent is None:
        return Closed(CloseCode.ABNORMAL_CLOSURE, "the connection ended without a closing handshake")
    return Closed(int(protocol.close_sent.code), protocol.close_sent.reason, by_us=True)


def sendable_close(code: int, reason: str) -> Close:
    """Return a close frame's content (section 7.4): a code that must not be sent becomes 1000 or 1011.

    Args:
        code: The code to send.
        reason: Cut to the 123 bytes that a close frame takes.
    """
    close = Close(code, reason.encode(errors="replace")[:123].decode(errors="ignore"))
    try:
        close.check()
    except ProtocolError:
        close.code = CloseCode.NORMAL_CLOSURE if code in OK_CLOSE_CODES else CloseCode.INTERNAL_ERROR
    return close
