"""What a state waits for, and for how long. Timers follow from the state, so none can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.session.effects import Wait
from turnstile.session.turns import is_enough

if TYPE_CHECKING:
    from turnstile.session.state import Policy, State


def waits(state: State, policy: Policy) -> tuple[Wait, ...]:
    """Return all that `state` waits for."""
    if state.link != "open":
        return _link_waits(state, policy)
    found: list[Wait] = []
    response, hearing = state.response, state.hearing
    if state.updating:
        found.append(Wait("update", state.updating.event_id, policy.update_timeout))
    if state.update_waits:
        found.append(Wait("update retry", str(state.overtaken), state.update_waits))
    if state.requested:
        found.append(Wait("create", state.requested.event_id, policy.create_timeout))
    if state.expected and not response:
        found.append(Wait("expected", state.expected, policy.expected_timeout))
    if state.winner:
        found.append(Wait("winner", state.winner, policy.expected_timeout))
    if hearing.broke_in and (state.sayings or state.has_owed):
        found.append(Wait("turn", hearing.broke_in, policy.response_stall))
    if response and response.cancel:
        found.append(Wait("cancel", response.cancel.event_id, policy.cancel_timeout))
    elif response:
        found.append(Wait("response", f"{response.response_id}+{response.progress}", policy.response_stall))
    if state.backing_off:
        found.append(Wait("retry", str(state.tries), state.backing_off))
    for item in state.items:
        if item.stage == "sent":
            found.append(Wait("item", item.event_id, policy.item_timeout))
            break
    if state.commits:
        found.append(Wait("commit", state.commits[0].event_id, policy.commit_timeout))
    if hearing.uncommitted and not hearing.due and is_enough(state, policy) and state.proxy_commits:
        found.append(Wait("pause", str(hearing.heard), policy.commit_pause))
        found.append(Wait("enough", str(hearing.commits), policy.commit_enough))
    return tuple(found)


def _link_waits(state: State, policy: Policy) -> tuple[Wait, ...]:
    if state.link == "waiting":
        return (Wait("link", str(state.losses), policy.retry_delay * 2 ** (state.losses - 1)),)
    if state.link == "connected" and policy.link_silence is not None:
        return (Wait("link", f"connected {state.losses}", policy.link_silence),)
    if state.link in {"opening", "connected"}:
        return (Wait("link", f"opening {state.losses}", policy.link_timeout),)
    return ()
