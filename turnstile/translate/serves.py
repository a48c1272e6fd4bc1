"""What a client of this proxy may ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from turnstile.translate.host_overrides import HostRule

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Serves:
    """What a client may ask for, and what is decided for it.

    Args:
        model: Tells whether a model may be asked of upstream.
        endpoint: Tells whether a function at an address may be called from here.
        host: What the host of the session decides.
    """

    model: Callable[[str], bool]
    endpoint: Callable[[str], bool]
    host: HostRule = field(default_factory=HostRule)


SERVES_ALL = Serves(lambda _: True, lambda _: True)
