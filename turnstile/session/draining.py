"""The end of a session that is drained, or has expired: it ends as soon as nothing that it has begun is unfinished.

What was asked for before is settled, and what is asked for meanwhile is served, up to the first moment of rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.deadlines import deadlines_of
from turnstile.session.ending import CloseAtRest
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.ending import DrainRequested
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now


def drain_requested(now: Now, _: DrainRequested, __: Policy) -> Step:
    """Note that the session shall end at its next moment of rest."""
    return Step(now if now.data.is_draining else now.change(is_draining=True))


def settle_drain(now: Now, held: int, policy: Policy) -> Step | None:
    """End a session that is drained and at rest.

    Args:
        now: The session.
        held: The number of held requests.
        policy: Its times.
    """
    if now.state.link == "ended" or not is_at_rest(now, held, policy):
        return None
    problem = session_expired(policy) if now.data.has_expired else None
    return Step(now.change(link="ended"), (CloseAtRest(problem),))


def session_expired(policy: Policy) -> Problem:
    """Return the problem with a session that has lasted as long as it may, under the code that the API has for it."""
    lasted = f"{policy.max_duration:g} s ({policy.duration_setting})"
    text = f"The session has lasted as long as it may, {lasted}; connect again for another one."
    return Problem("session_expired", text)


def is_at_rest(now: Now, held: int, policy: Policy) -> bool:
    """Return whether nothing is unfinished: no request, no turn of the user's or the agent's, no function call.

    Every wait that an upstream event ends has a deadline, but for responses out of band, which gate nothing. Nothing is
    lost with a session that has no configuration yet, nor with a link on which nothing is to be sent.
    """
    state, data = now
    if not state.configured:
        return True
    if held or data.passthrough_queue or data.asides or data.asides_running:
        return False
    if data.calls or data.follow_up_due or state.user_audio.speaking:
        return False
    if state.link != "open":
        return not (state.updates or state.items or state.agent_messages)
    return not deadlines_of(now, policy)
