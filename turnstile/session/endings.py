"""What ends a session for good, and under which close code its client is told.

The codes are those of RFC 6455, section 7.4, and of the registry of WebSocket close codes that it founded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.protocol.frames import Closed

if TYPE_CHECKING:
    from turnstile.session.events import LinkLost

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
    "update_refused": _BAD_GATEWAY,
    "update_stalled": _BAD_GATEWAY,
    "upstream_silent": _BAD_GATEWAY,
    "upstream_unreachable": _BAD_GATEWAY,
}
# Errors of upstream's that say nothing against what it was asked for.
_UPSTREAMS = {"rate_limit_exceeded": _TRY_AGAIN_LATER, "server_error": _INTERNAL_ERROR}
# What the API itself closes with after its own errors (recorded); for those about the quota no close was recorded,
# but trying again does not help there.
_KEY_REFUSED, _REQUEST_REFUSED = 3000, 4000
_API_CLOSES = {
    "session_expired": _GOING_AWAY,
    "invalid_api_key": _KEY_REFUSED,
    "invalid_model": _REQUEST_REFUSED,
    "missing_model": _REQUEST_REFUSED,
    "beta_api_shape_disabled": _REQUEST_REFUSED,
    "credit_balance_exhausted": _REQUEST_REFUSED,
    "insufficient_quota": _REQUEST_REFUSED,
}
# Codes of the protocol that upstream may have closed with, and that mean the same to a client as they did to us. Not
# among them: 1002 and 1010, which blame our framing, and 1014, after which stock clients do not try again.
_PASSED_ON = frozenset({1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 1013})
_REGISTERED = range(3000, 5000)


def close_code(problem: str) -> int:
    """Return the close code for a client whose session ends with the problem of this code."""
    return _CLOSE_CODES.get(problem, _INTERNAL_ERROR)


def refusal_code(problem: str) -> int:
    """Return the close code for a client whose first configuration is refused with the problem of this code.

    It is the client's to change, but where upstream failed it.
    """
    return (_CLOSE_CODES | _UPSTREAMS).get(problem, _POLICY_VIOLATION)


def api_closing(lost: LinkLost) -> Closed:
    """Return how a client of the API's own language is closed: as the API would, so that it knows what to do next."""
    closed = lost.closed
    if closed is not None and not closed.by_us and (closed.code in _PASSED_ON or closed.code in _REGISTERED):
        return closed
    if lost.code in _API_CLOSES:
        kind = ((lost.event or {}).get("error") or {}).get("type") or "invalid_request_error"
        return Closed(_API_CLOSES[lost.code], f"{kind}.{lost.code}")
    return Closed(_INTERNAL_ERROR if lost.retryable else _REQUEST_REFUSED, lost.code)
