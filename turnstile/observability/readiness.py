"""Whether more clients are welcome, by the figures of the processes that serve together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from turnstile.observability.figures import Figures

LATELY: Final = 60.0
"""Seconds for which a failure to reach upstream counts, unless a later attempt succeeds."""


def unready(figures: Figures, wall_time: float) -> list[str]:
    """Return why no client should be sent here now; empty where clients are welcome.

    Args:
        figures: Those of all processes that serve together.
        wall_time: Seconds since 1970.

    Returns:
        Of these, those that are so: ``draining`` and ``full``: every process is; ``upstream_unreachable``: the latest
        attempts within the last minute found it out of reach or out of order.
    """
    failed, reached = figures["upstream_last_failure"], figures["upstream_last_success"]
    reasons = {
        "draining": all(figures["draining"].values()),
        "full": all(figures["full"].values()),
        "upstream_unreachable": failed > reached and wall_time - failed < LATELY,
    }
    return [reason for reason, is_so in reasons.items() if is_so]
