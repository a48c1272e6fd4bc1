"""The limits of a session's connections, from the operator's settings and the client's dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.transports.limits import ConnectionLimits

if TYPE_CHECKING:
    from actors.dialects.registry import DialectName
    from turnstile.config import Config, LimitsSection


def client_limits(limits: LimitsSection, dialect: DialectName) -> ConnectionLimits:
    """Return the limits of a client's connection.

    Upstream returns a Realtime client's item, such as an image, in one event, so that much more may wait to be written.
    """
    if dialect != "realtime":
        return _connection_limits(limits, limits.client_message_bytes, limits.client_unread_bytes)
    largest = limits.realtime_message_bytes
    return _connection_limits(limits, largest, limits.client_unread_bytes + largest)


def upstream_limits(config: Config) -> ConnectionLimits:
    """Return the limits of an upstream link, on which everything held may be sent at once."""
    limits = config.limits
    unread = limits.upstream_unread_bytes + config.session.max_held_bytes
    return _connection_limits(limits, limits.upstream_message_bytes, unread)


def _connection_limits(limits: LimitsSection, message: int, unread: int) -> ConnectionLimits:
    return ConnectionLimits(
        max_message_bytes=message,
        write_high_water=limits.high_water_bytes,
        write_low_water=limits.low_water_bytes,
        write_ceiling=unread,
        close_timeout=limits.close_timeout,
        ping_interval=limits.ping_interval,
        ping_timeout=limits.ping_timeout,
    )
