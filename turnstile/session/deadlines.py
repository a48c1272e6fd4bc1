"""What a state waits for, and for how long. Timers follow from the state, so none can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.effects import Deadline
from turnstile.session.turns import is_enough

if TYPE_CHECKING:
    from turnstile.session.policy import Policy
    from turnstile.session.state import State


def deadlines_of(state: State, policy: Policy) -> tuple[Deadline, ...]:
    """Return all that `state` waits for."""
    if state.link != "open":
        return _link_deadlines(state, policy)
    found: list[Deadline] = []
    response, user_audio = state.response, state.user_audio
    if state.updating:
        found.append(Deadline("update", state.updating.event_id, policy.update_timeout))
    if state.update_delay:
        found.append(Deadline("update retry", str(state.update_tries), state.update_delay))
    if state.requested:
        found.append(Deadline("create", state.requested.event_id, policy.create_timeout))
    if state.expected and not response:
        found.append(Deadline("expected", state.expected, policy.expected_timeout))
    if state.blocked_by:
        found.append(Deadline("blocking response", state.blocked_by, policy.expected_timeout))
    if user_audio.barge_in and (state.agent_messages or state.has_owed):
        found.append(Deadline("turn", user_audio.barge_in, policy.response_stall))
    if response and response.cancel:
        found.append(Deadline("cancel", response.cancel.event_id, policy.cancel_timeout))
    elif response:
        found.append(Deadline("response", f"{response.response_id}+{response.progress}", policy.response_stall))
    if state.create_delay:
        found.append(Deadline("retry", str(state.tries), state.create_delay))
    for item in state.items:
        if item.stage == "sent":
            found.append(Deadline("item", item.event_id, policy.item_timeout))
            break
    if state.commits:
        found.append(Deadline("commit", state.commits[0].event_id, policy.commit_timeout))
    if user_audio.uncommitted and not user_audio.due and is_enough(state, policy) and state.proxy_commits:
        found.append(Deadline("pause", str(user_audio.heard), policy.commit_pause))
        found.append(Deadline("enough", str(user_audio.commits), policy.commit_enough))
    return tuple(found)


def _link_deadlines(state: State, policy: Policy) -> tuple[Deadline, ...]:
    if state.link == "waiting":
        return (Deadline("link", str(state.losses), policy.retry_delay * 2 ** (state.losses - 1)),)
    if state.link == "connected" and policy.link_silence is not None:
        return (Deadline("link", f"connected {state.losses}", policy.link_silence),)
    if state.link in {"opening", "connected"}:
        return (Deadline("link", f"opening {state.losses}", policy.link_timeout),)
    return ()
