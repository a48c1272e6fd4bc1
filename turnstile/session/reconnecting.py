"""When another link is tried: how long after the loss, and whether at all."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from turnstile.session.failures import asked_wait

if TYPE_CHECKING:
    from turnstile.session.link_events import LinkLost
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now

# Within so many seconds all sessions try for the first time that lost their links together.
_FIRST_SPREAD = 0.25
# How often a first link is tried again: nothing is lost with it, and its client waits for an answer.
_FIRST_TRIES = 2
# The longest wait that is counted out: a `Retry-After` may name any.
_LONGEST = 3600.0


def jitter(policy: Policy, number: int) -> float:
    """Return a number from 0 to 1 that differs between sessions, and between the occasions of one."""
    # No checksum: with one, a session's next number would follow from its last, and sessions would gather.
    digest = blake2b(f"{policy.id_prefix}{number}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32


def wait_before_try(now: Now, lost: LinkLost, policy: Policy) -> float:
    """Return how many seconds to wait before another link is tried.

    As long as upstream asks for (``Retry-After``, "try again in 2.5s"); otherwise hardly at all, then longer each time.
    """
    spread, tries = jitter(policy, now.data.generation), now.data.losses
    asked = _asked(lost)
    if asked is not None:
        return min(asked, _LONGEST) * (1 + 0.1 * spread)
    if tries <= 1:
        return _FIRST_SPREAD * spread
    longest: float = policy.retry_delay * 2.0 ** min(tries - 2, 16)
    return min(longest, policy.reconnect_ceiling) * (0.5 + 0.5 * spread)


def is_hopeless(now: Now, lost: LinkLost, policy: Policy) -> bool:
    """Return whether no other link is tried after this loss."""
    if not lost.retryable or not policy.reconnect_for or policy.is_shared:
        return True
    if not now.data.has_opened and (policy.is_transparent or now.data.losses > _FIRST_TRIES):
        return True
    return (_asked(lost) or 0.0) >= policy.reconnect_for


def _asked(lost: LinkLost) -> float | None:
    return asked_wait(lost.description) if lost.retry_after is None else lost.retry_after
