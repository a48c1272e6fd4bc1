"""Limits of one connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KIB = 1024
MIB = 1024 * KIB

UNCHARGED_BYTES: Final = 64 * KIB
"""Up to so many bytes of one kind a connection holds without a charge to its session's budget.

What one read brings or one write takes is not counted: nearly all messages are handled before the next read.
"""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The bounds of one connection; sizes in bytes, times in seconds.

    Args:
        max_message_bytes: The largest message taken from the peer, fragments joined; past it the link ends with 1009.
        write_high_water: With more than this to write, the sources of this one are not read.
        write_low_water: Under this they are read again.
        write_ceiling: With more than this to write the peer is not read; it must read something in `unread_timeout`.
        unread_timeout: A peer that reads nothing for this long, with more than the ceiling to write, is disconnected.
        read_high_water: With more than this received and not yet handled, the peer is not read.
        read_low_water: Under this it is read again.
        message_cost: What each message counts besides its bytes, for the memory that it takes while it waits.
        must_fit: Whether a message is refused that the session's budget has no room for; it counts in any case.
        close_timeout: How long a peer may take to answer a close, and to end the TCP connection afterwards.
        ping_interval: A peer that was silent for this long is sent a ping; 0 sends none.
        ping_timeout: A peer that stays silent for this long after a ping is gone.
    """

    max_message_bytes: int = 4 * MIB
    write_high_water: int = 256 * KIB
    write_low_water: int = 64 * KIB
    write_ceiling: int = 8 * MIB
    unread_timeout: float = 20.0
    read_high_water: int = 1 * MIB
    read_low_water: int = 256 * KIB
    message_cost: int = 512
    must_fit: bool = True
    close_timeout: float = 5.0
    ping_interval: float = 20.0
    ping_timeout: float = 20.0
