"""What a transport hands up and takes down: WebSocket messages, and the end of the link."""

from __future__ import annotations

from typing import NamedTuple


class TextFrame(NamedTuple):
    """One WebSocket text message: UTF-8 bytes as they came, not yet decoded."""

    data: bytes


class BinaryFrame(NamedTuple):
    """One WebSocket binary message: audio, whatever it looks like."""

    data: bytes


class Closed(NamedTuple):
    """The link is gone; nothing follows.

    Args:
        code: The WebSocket close code received; 1006 when the link broke without one (RFC 6455, 7.4); or ours, where we
            closed: 1008 for a peer that does not read, 1009 for too large a message, 1011 for a fault of ours.
        reason: The peer's words, or what broke.
        by_us: The code is ours.
    """

    code: int
    reason: str
    by_us: bool = False


Frame = TextFrame | BinaryFrame
