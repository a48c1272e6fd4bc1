"""Whom a client has proved to be, and what was decided for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from turnstile.server.addresses import host_of
from turnstile.translate.host_overrides import HostOverrides


@dataclass(frozen=True, slots=True)
class Identity:
    """The client that its credentials name.

    Args:
        name: The name that quotas count by and logs show; "" for a client of which none is known.
        overrides: The settings of its session that it cannot change.
    """

    name: str = ""
    overrides: HostOverrides = field(default_factory=HostOverrides)

    def shown_with(self, peer: str) -> str:
        """Return who and where the client is, for the log, such as ``web from 192.0.2.7``.

        Args:
            peer: Its address, as ``host:port``.
        """
        return f"{self.name} from {host_of(peer)}".lstrip()
