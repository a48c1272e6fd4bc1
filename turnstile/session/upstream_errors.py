"""Upstream's errors and closes: the event that an error refuses, and the close code for the client.

The close codes are those of RFC 6455, section 7.4, and of the registry of WebSocket close codes that it founded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from turnstile.protocol.frames import Closed
from turnstile.session.collisions import is_collision
from turnstile.session.in_flight import Commit, Create, Item, Response, Restored, Update

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turnstile.session.events import Refused
    from turnstile.session.link_events import LinkLost
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now

Unanswered = Update | Create | Commit | Item | Restored | Response
"""What upstream may refuse; a response stands for the cancel that is out for it."""

# Codes that are about no event of ours, so that without an event id they refuse none.
_ABOUT_NO_EVENT = frozenset({"server_error", "rate_limit_exceeded"})
# A truncation or a cancel that came too late or asked for too much (as reported by the API's users).
_CUT_CODES = frozenset({"item_truncate_invalid_item_id", "response_cancel_not_active"})
_CUT_MESSAGES = (
    "Only model output audio messages can be truncated",
    "Audio content of ",
    "Cancellation failed",
)

ENDING = frozenset(
    {
        "beta_api_shape_disabled",
        "credit_balance_exhausted",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_model",
        "missing_model",
    }
)
"""Codes of errors that end the session: another link would not help."""
EXPIRED = "session_expired"
"""The code of the error before the end of an upstream session that has lasted as long as it may."""

_NORMAL, _GOING_AWAY, _POLICY_VIOLATION = 1000, 1001, 1008
_INTERNAL_ERROR, _TRY_AGAIN_LATER, _BAD_GATEWAY = 1011, 1013, 1014
_CLOSE_CODES = {
    "idle_timeout": _NORMAL,  # A stock client that comes back by itself does so after 1001, and would be idle again.
    "settings_timeout": _POLICY_VIOLATION,
    "session_expired": _GOING_AWAY,
    "credit_balance_exhausted": _TRY_AGAIN_LATER,
    "insufficient_quota": _TRY_AGAIN_LATER,
    "upstream_closed": _BAD_GATEWAY,
    "update_refused": _BAD_GATEWAY,
    "update_stalled": _BAD_GATEWAY,
    "upstream_silent": _BAD_GATEWAY,
    "upstream_unreachable": _BAD_GATEWAY,
}
# Errors of upstream's that are not about what it was asked for.
_UPSTREAM_FAULTS = {"rate_limit_exceeded": _TRY_AGAIN_LATER, "server_error": _INTERNAL_ERROR}
# Refusals that are the proxy's own: of what upstream never got.
_OURS = frozenset({"prompt_too_long", "too_many_held"})
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


# Which event of ours an error refuses.


def is_about_clients_event(error: Refused, policy: Policy) -> bool:
    """Whether the error names an event that a Realtime client sent, which receives it unchanged."""
    return policy.is_transparent and error.event_id is not None and not is_about_own_event(error, policy)


def is_about_own_event(error: Refused, policy: Policy) -> bool:
    """Whether the error names an event of ours; a client's event without an id has one that begins as ours do."""
    name = error.event_id
    return name is not None and name.startswith(policy.id_prefix) and name.removeprefix(policy.id_prefix).isdecimal()


def is_about_cut(error: Refused) -> bool:
    """Whether the error is about a truncation or a cancel."""
    return error.code in _CUT_CODES or error.message.startswith(_CUT_MESSAGES)


def refused_event(now: Now, error: Refused, policy: Policy) -> Unanswered | None:
    """Return the event of ours that the error refuses: by event id; without one by kind, and then the oldest."""
    unproven = _disputed(now, error)
    if unproven:
        return unproven
    unanswered = dict(_unanswered(now))
    if error.event_id is not None:
        return unanswered.get(error.event_id)
    oldest_first = sorted(unanswered.items(), key=lambda entry: _age(entry[0], policy))
    kind = _kind_named(error)
    if kind is Create and is_collision(error) and now.state.requested is None:
        kind = Update  # Some servers refuse updates with the code of creates.
    if kind is not None:
        kinds = (Item, Restored) if kind is Item else kind
        return next((one for _, one in oldest_first if isinstance(one, kinds)), None)
    if error.code in _ABOUT_NO_EVENT or error.param == "audio" or is_about_cut(error):
        return None
    return next((one for _, one in oldest_first if not isinstance(one, Response)), None)


def _disputed(now: Now, error: Refused) -> Create | None:
    """Return the create that the response in progress was taken to answer, if it is refused in favour of this one."""
    response = now.state.response
    if response is None or response.unproven is None:
        return None
    if error.event_id is not None:
        return response.unproven if error.event_id == response.unproven.event_id else None
    names_it = error.running in {None, response.response_id} and now.state.requested is None
    return response.unproven if is_collision(error) and names_it else None


def _unanswered(now: Now) -> Iterator[tuple[str, Unanswered]]:
    if now.state.updating:
        yield now.state.updating.event_id, now.state.updating
    if now.state.requested:
        yield now.state.requested.event_id, now.state.requested
    for commit in now.state.commits:
        yield commit.event_id, commit
    for item in now.state.items:
        if item.stage == "sent":
            yield item.event_id, item
    for one in now.state.restoring:
        yield one.event_id, one
    if now.state.response and now.state.response.cancel:
        yield now.state.response.cancel.event_id, now.state.response


def _age(event_id: str, policy: Policy) -> int:
    return int(event_id.removeprefix(policy.id_prefix))


def _kind_named(error: Refused) -> type[Unanswered] | None:
    """Return the kind of event that the error refuses, by its code, then the field named, then its message."""
    param = error.param or ""
    if is_collision(error) or param.startswith("response"):
        return Create
    if error.code == "input_audio_buffer_commit_empty" or "committing input audio buffer" in error.message:
        return Commit
    if error.code == "cannot_update_voice" or param.startswith("session") or "update a conversation" in error.message:
        return Update
    return Item if param.startswith("item") else None


# Which close code the client gets.


def close_code(problem: str) -> int:
    """Return the close code for a client whose session ends with the problem of this code."""
    return _CLOSE_CODES.get(problem, _INTERNAL_ERROR)


def refusal_code(problem: str) -> int:
    """Return the close code for a client whose first configuration is refused with the problem of this code.

    The client can change it, unless upstream is at fault.
    """
    return (_CLOSE_CODES | _UPSTREAM_FAULTS).get(problem, _POLICY_VIOLATION)


def who_refused(problem: str) -> Literal["upstream", "proxy"]:
    """Return who has refused a configuration with the problem of this code, or has not answered it."""
    return "proxy" if problem in _OURS else "upstream"


def api_closing(lost: LinkLost) -> Closed:
    """Return the API's close code and reason for a Realtime client, which decides by them whether to retry."""
    closed = lost.closed
    if closed is not None and not closed.by_us and (closed.code in _PASSED_ON or closed.code in _REGISTERED):
        return closed
    if lost.code in _API_CLOSES:
        kind = ((lost.event or {}).get("error") or {}).get("type") or "invalid_request_error"
        return Closed(_API_CLOSES[lost.code], f"{kind}.{lost.code}")
    return Closed(_INTERNAL_ERROR if lost.retryable else _REQUEST_REFUSED, lost.code)
