"""What a state waits for, and for how long. Timers follow from the state, so none can be forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from turnstile.session.listening import is_enough

if TYPE_CHECKING:
    from turnstile.session.state import Policy, State


class Wait(NamedTuple):
    """One thing waited for.

    Args:
        token: Names the occasion: the same name with another token is another wait.
        delay: Seconds from the moment the state began to wait.
    """

    token: str
    delay: float


def waits(state: State, policy: Policy) -> dict[str, Wait]:
    """Return all that `state` waits for, by the name of the timer."""
    if state.link == "waiting":
        return {"link": Wait(str(state.losses), policy.retry_delay * 2 ** (state.losses - 1))}
    if state.link == "connected" and policy.link_silence is not None:
        return {"link": Wait(f"connected {state.losses}", policy.link_silence)}
    if state.link in {"opening", "connected"}:
        return {"link": Wait(f"opening {state.losses}", policy.link_timeout)}
    if state.link != "open":
        return {}
    found: dict[str, Wait] = {}
    if state.updating:
        found["update"] = Wait(state.updating.event_id, policy.update_timeout)
    if state.update_waits:
        found["update retry"] = Wait(str(state.overtaken), state.update_waits)
    if state.requested:
        found["create"] = Wait(state.requested.event_id, policy.create_timeout)
    if state.expected and not state.response:
        found["expected"] = Wait(state.expected, policy.expected_timeout)
    if state.winner:
        found["winner"] = Wait(state.winner, policy.expected_timeout)
    if state.hearing.broke_in and (state.sayings or state.has_owed):
        found["turn"] = Wait(state.hearing.broke_in, policy.response_stall)
    if state.response and state.response.cancel:
        found["cancel"] = Wait(state.response.cancel.event_id, policy.cancel_timeout)
    elif state.response:
        token = f"{state.response.response_id}+{state.response.progress}"
        found["response"] = Wait(token, policy.response_stall)
    if state.backing_off:
        found["retry"] = Wait(str(state.tries), state.backing_off)
    for item in state.items:
        if item.stage == "sent":
            found["item"] = Wait(item.event_id, policy.item_timeout)
            break
    if state.commits:
        found["commit"] = Wait(state.commits[0].event_id, policy.commit_timeout)
    found.update(_audio_waits(state, policy))
    return found


def _audio_waits(state: State, policy: Policy) -> dict[str, Wait]:
    hearing = state.hearing
    if hearing.due or not is_enough(state, policy) or not state.proxy_commits:
        return {}
    return {
        "pause": Wait(str(hearing.heard), policy.commit_pause),
        "enough": Wait(str(hearing.commits), policy.commit_enough),
    }
