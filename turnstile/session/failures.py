"""Classification of failures: whether a repetition may help, and after how many seconds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from turnstile.errors import Problem
    from turnstile.session.policy import Policy

# Codes and types of errors that the same request would get again: quota, authentication, policy.
_FINAL = frozenset(
    {
        "account_deactivated",
        "authentication_error",
        "billing_hard_limit_reached",
        "content_filter",
        "content_policy_violation",
        "credit_balance_exhausted",
        "insufficient_quota",
        "invalid_api_key",
        "moderation_blocked",
        "permission_denied",
        "permission_error",
        "policy_violation",
    }
)
# What the API asks to wait for, or has trouble with itself: the same request may succeed later.
_PASSING = frozenset({"overloaded", "overloaded_error", "rate_limit_exceeded", "rate_limit_error", "server_error"})
_SECONDS_IN = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_WAIT = re.compile(r"(?:try again in|retry[- ]after:?)\s*((?:\d+(?:\.\d+)?\s*(?:ms|s|m|h)?\s*)+)", re.IGNORECASE)
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?", re.IGNORECASE)


def is_final(problem: Problem) -> bool:
    """Return whether a repetition would fail likewise."""
    return problem.code in _FINAL


def is_passing(problem: Problem) -> bool:
    """Return whether a request was refused temporarily."""
    return problem.code in _PASSING


def asked_wait(description: str) -> float | None:
    """Return how many seconds the API asks to wait, in words, if it does.

    "Please try again in 6.42s.", as captured; ``Retry-After`` of gateways that pass it on.
    """
    named = _WAIT.search(description)
    if not named:
        return None
    return sum(float(number) * _SECONDS_IN[unit.lower() or "s"] for number, unit in _PART.findall(named[1]))


def wait_before(problem: Problem, tries: int, policy: Policy) -> float:
    """Return the seconds to wait before a request that failed `tries` times in a row is repeated."""
    asked = asked_wait(problem.description)
    wait = policy.failure_delay * 2.0 ** (tries - 1) if asked is None else asked
    return min(wait, policy.failure_delay_limit)
