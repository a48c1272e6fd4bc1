"""The deadlines of a session, derived from its state and data, so that none can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from turnstile.session.turns import is_enough

if TYPE_CHECKING:
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now


class Deadline(NamedTuple):
    """The end of one wait of the session's.

    Args:
        name: What it waits for.
        token: Names the occasion: the same name with another token is another deadline.
        delay: Seconds from the moment when the session began to wait.
    """

    name: str
    token: str
    delay: float


def deadlines_of(now: Now, policy: Policy) -> tuple[Deadline, ...]:
    """Return the deadline of each wait in progress."""
    if now.state.link != "open":
        return _link_deadlines(now, policy)
    found: list[Deadline] = []
    response, user_audio, heard = now.state.response, now.state.user_audio, now.data.input_audio
    if now.state.updating:
        found.append(Deadline("update", now.state.updating.event_id, policy.update_timeout))
    if now.state.update_delay:
        found.append(Deadline("update retry", str(now.data.update_tries), now.state.update_delay))
    if now.state.requested:
        found.append(Deadline("create", now.state.requested.event_id, policy.create_timeout))
    if now.state.expected and not response:
        found.append(Deadline("expected", now.state.expected, policy.expected_timeout))
    if now.state.blocked_by:
        found.append(Deadline("blocking response", now.state.blocked_by, policy.expected_timeout))
    if user_audio.barge_in and (now.state.agent_messages or now.state.has_owed):
        found.append(Deadline("turn", user_audio.barge_in, policy.response_stall))
    if response and response.cancel:
        found.append(Deadline("cancel", response.cancel.event_id, policy.cancel_timeout))
    elif response:
        found.append(Deadline("response", f"{response.response_id}+{now.data.progress}", policy.response_stall))
    if now.state.create_delay:
        found.append(Deadline("retry", str(now.data.tries), now.state.create_delay))
    for item in now.state.items:
        if item.stage == "sent":
            found.append(Deadline("item", item.event_id, policy.item_timeout))
            break
    if now.data.unanswered:
        found.append(Deadline("event", now.data.unanswered[0].awaits.event_id, policy.item_timeout))
    if now.state.restoring:
        found.append(Deadline("restored", now.state.restoring[0].event_id, policy.item_timeout))
    if now.state.commits:
        found.append(Deadline("commit", now.state.commits[0].event_id, policy.commit_timeout))
    if heard.uncommitted and not user_audio.due and is_enough(now, policy) and now.state.proxy_commits:
        found.append(Deadline("pause", str(heard.heard), policy.commit_pause))
        found.append(Deadline("enough", str(heard.commits), policy.commit_enough))
    return tuple(found)


def _link_deadlines(now: Now, policy: Policy) -> tuple[Deadline, ...]:
    if now.state.link == "closed" and policy.settings_timeout and not policy.is_transparent:
        return (Deadline("settings", "", policy.settings_timeout),)
    if now.state.link == "connected" and policy.link_silence is not None:
        return (Deadline("link", "connected", policy.link_silence),)
    if now.state.link in {"opening", "connected"}:
        return (Deadline("link", "opening", policy.link_timeout),)
    return ()
