"""The units that a transport delivers: WebSocket messages, and the end of the connection."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class TextFrame(NamedTuple):
    """One WebSocket text message, as undecoded UTF-8."""

    data: bytes


class BinaryFrame(NamedTuple):
    """One WebSocket binary message: always audio."""

    data: bytes


class Closed(NamedTuple):
    """The end of the connection, after which nothing follows.

    Args:
        code: The WebSocket close code received; 1006 when the connection broke without one (RFC 6455, 7.4); or ours,
            where we closed: 1008 for a peer that does not read, 1009 for too large a message, 1011 for a fault of ours.
        reason: The peer's reason, or the failure.
        by_us: Whether the code is ours.
    """

    code: int
    reason: str
    by_us: bool = False


Frame = TextFrame | BinaryFrame

# Built for every message, and so without the Python call of a named tuple's own constructor.
text_frame: Callable[[tuple[bytes]], TextFrame] = partial(tuple.__new__, TextFrame)
"""Make a `TextFrame` of the tuple of its fields."""
binary_frame: Callable[[tuple[bytes]], BinaryFrame] = partial(tuple.__new__, BinaryFrame)
"""Make a `BinaryFrame` of the tuple of its fields."""

PEER_TOO_SLOW: Final = "peer_too_slow"
"""The reason in `Closed(1008, ...)` of a peer that was disconnected because it does not read."""

DOES_NOT_FIT: Final = "the message does not fit beside what the session holds already"
"""The reason in `Closed(1009, ...)` of a peer whose message its session's budget had no room for."""
