"""The limits of a session's connections, from the operator's settings and the client's dialect."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from turnstile.transports.limits import ConnectionLimits

if TYPE_CHECKING:
    from actors.dialects.registry import DialectName
    from turnstile.config import Config, LimitsSection


def client_limits(limits: LimitsSection, dialect: DialectName) -> ConnectionLimits:
    """Return the limits of a client's connection, which holds its upstream back only past the ceiling.

    Upstream must be read as long as that can be: the session follows what it sends, and it wants its pings answered.
    """
    message = limits.realtime_message_bytes if dialect == "realtime" else limits.client_message_bytes
    unread = limits.client_unread_bytes
    return replace(
        _connection_limits(limits, message, unread), write_high_water=unread, write_low_water=unread * 3 // 4
    )


def upstream_limits(config: Config) -> ConnectionLimits:
    """Return the limits of an upstream link, whose messages count in the session's budget but are always read."""
    limits = config.limits
    return replace(
        _connection_limits(limits, limits.upstream_message_bytes, limits.upstream_unread_bytes), must_fit=False
    )


def _connection_limits(limits: LimitsSection, message: int, unread: int) -> ConnectionLimits:
    return ConnectionLimits(
        max_message_bytes=message,
        write_high_water=limits.high_water_bytes,
        write_low_water=limits.low_water_bytes,
        write_ceiling=unread,
        unread_timeout=limits.unread_timeout,
        close_timeout=limits.close_timeout,
        ping_interval=limits.ping_interval,
        ping_timeout=limits.ping_timeout,
    )
