"""What ends a session for good, and under which close code its client is told.

The codes are those of RFC 6455, section 7.4, and of the registry of WebSocket close codes that it founded.
"""

from __future__ import annotations

# Errors after which the API closes, or might as well: another link would not help.
ENDING = frozenset(
    {
        "beta_api_shape_disabled",
        "credit_balance_exhausted",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_model",
        "missing_model",
        "session_expired",
    }
)
_GOING_AWAY, _POLICY_VIOLATION, _INTERNAL_ERROR, _TRY_AGAIN_LATER, _BAD_GATEWAY = 1001, 1008, 1011, 1013, 1014
_CLOSE_CODES = {
    "session_expired": _GOING_AWAY,
    "credit_balance_exhausted": _TRY_AGAIN_LATER,
    "insufficient_quota": _TRY_AGAIN_LATER,
    "upstream_closed": _BAD_GATEWAY,
    "update_stalled": _BAD_GATEWAY,
    "upstream_silent": _BAD_GATEWAY,
    "upstream_unreachable": _BAD_GATEWAY,
}


def close_code(problem: str) -> int:
    """Return the close code for a client whose session ends with the problem of this code."""
    return _CLOSE_CODES.get(problem, _INTERNAL_ERROR)


def refusal_code(problem: str) -> int:
    """Return the close code for a client whose first configuration is refused with the problem of this code.

    It is the client's to change, but where upstream failed it.
    """
    return _CLOSE_CODES.get(problem, _POLICY_VIOLATION)
