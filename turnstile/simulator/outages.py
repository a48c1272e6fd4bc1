"""Outages: for some time the simulator takes no new links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.ports import LinkFailed

if TYPE_CHECKING:
    from turnstile.ports import Clock


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without new links.

    Args:
        seconds: How long it lasts.
        status: The HTTP status that handshakes are answered with; None: nothing listens.
        retry_after: The seconds of its ``Retry-After``; None for none.
    """

    seconds: float
    status: int | None = 503
    retry_after: float | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        return {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}

    @property
    def link_failed(self) -> LinkFailed:
        """What becomes of a link in memory."""
        if self.status is None:
            return LinkFailed(Problem("upstream_unreachable", "the upstream cannot be reached"), retryable=True)
        problem = Problem("upstream_refused", f"the upstream refused the connection ({self.status})")
        return LinkFailed(problem, retryable=True, retry_after=self.retry_after)


class Outages:
    """The outages of a simulator.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._outage: Outage | None = None
        self._ends = 0.0

    def begin(self, outage: Outage) -> None:
        """Begin an outage, in place of one that lasts."""
        self._ends = self._clock() + outage.seconds
        self._outage = outage

    @property
    def now(self) -> Outage | None:
        """The outage that lasts now."""
        if self._outage is not None and self._clock() >= self._ends:
            self._outage = None
        return self._outage
