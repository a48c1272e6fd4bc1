"""What a transport hands up and takes down: WebSocket messages, and the end of the link."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


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

# What is made for every message is made without the Python call that a named tuple's own constructor is.
text_frame: Callable[[tuple[bytes]], TextFrame] = partial(tuple.__new__, TextFrame)
"""Makes a `TextFrame` of the tuple of its fields."""
binary_frame: Callable[[tuple[bytes]], BinaryFrame] = partial(tuple.__new__, BinaryFrame)
"""Makes a `BinaryFrame` of the tuple of its fields."""
