"""What a client of this proxy may configure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from turnstile.translate.host_overlay import HostOverlay

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Permissions:
    """The models and endpoints that a client may use, and what the host overrides.

    Args:
        model: Returns whether the client may choose a model, given its name.
        endpoint: Returns whether the proxy may call a function at a URL.
        host: The overrides of the session's host.
    """

    model: Callable[[str], bool]
    endpoint: Callable[[str], bool]
    host: HostOverlay = field(default_factory=HostOverlay)
