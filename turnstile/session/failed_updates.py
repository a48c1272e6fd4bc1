"""Updates that upstream did not confirm: refused, lost to a race, handed back, or left without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session.collisions import blocking_response, is_collision, lost_race
from turnstile.session.config_patch import merged
from turnstile.session.config_updates import next_batch, without_batch
from turnstile.session.effects import Answered, Reported
from turnstile.session.shortfalls import about
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.client_requests import ConfigRequested
    from turnstile.session.events import Refused
    from turnstile.session.in_flight import Update
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now


def update_refused(now: Now, update: Update, error: Refused, policy: Policy) -> Step:
    """Split a refused update, which upstream discarded as a whole, so that only the bad request gets the error.

    But where a turn began while it was under way, it may have been refused for that: then it goes again behind it.
    """
    if is_collision(error):
        return _lost_race(now, update, error, policy)
    if update.epoch < now.data.epoch and now.data.update_tries + 1 < policy.create_tries:
        return update_handed_back(now.change(update_tries=now.data.update_tries + 1), update)
    back = now.change(updating=None, update_tries=0, updates=(*update.requests, *now.state.updates))
    if len(update.requests) > 1:
        return Step(back.change(one_by_one=len(update.requests)))
    if error.code == "cannot_update_voice" and not now.data.voice_locked:
        return Step(back.change(voice_locked=True, one_by_one=now.data.one_by_one + len(update.requests)))
    after, problem = now.change(updating=None), error.problem
    if policy.is_transparent:  # its client knows the API's own words
        return _given_up(after, update.requests, problem, problem)
    said = tuple(about(request, problem, error.param) for request in update.requests)
    return _given_up(after, update.requests, problem, *said)


def _lost_race(now: Now, update: Update, error: Refused, policy: Policy) -> Step:
    """Repeat an update that a server refused during a response once that has ended, without a report to the client."""
    collided = lost_race(update.event_id, now.data.update_tries + 1)
    back = update_handed_back(now, update).now
    winner = blocking_response(now, error, update.ended)
    if winner is not None:
        return Step(back.change(blocked_by=winner), (collided,))
    # The first repetition goes at once, later ones after a while.
    wait = policy.retry_delay * 2 ** (now.data.update_tries - 1) if now.data.update_tries else 0.0
    step = _try_again(back, policy, wait)
    return Step(step.now, (collided, *step.effects))


def has_lost_race(now: Now) -> bool:
    """Return whether an update waits for the response that it collided with; no create is sent meanwhile."""
    return bool(now.state.updates) or not now.state.is_in_sync


def blocking_response_missing(now: Now, policy: Policy) -> Step:
    """Stop waiting for the response that an update was refused for: it did not begin in time."""
    return _try_again(now.change(blocked_by=""), policy, 0.0)


def _try_again(now: Now, policy: Policy, wait: float) -> Step:
    """Repeat the first update, up to the limit of tries.

    Args:
        now: The update waits again.
        policy: Says how often.
        wait: Seconds until it may go.
    """
    tries = now.data.update_tries + 1
    if tries < policy.create_tries:
        return Step(now.change(update_tries=tries, update_delay=wait))
    text = "Upstream kept refusing the configuration, since it took a response to be running; send it again."
    problem = Problem("update_refused", text)
    batch = next_batch(now, policy)
    return _given_up(without_batch(now, batch), batch, problem, *(about(request, problem) for request in batch))


def update_stalled(now: Now, update: Update, policy: Policy) -> Step:
    """Report an update without an answer in time, and do not take a late answer for that of the next update."""
    text = f"Upstream did not confirm the configuration (session.updated) within {policy.update_timeout:g} s."
    problem = Problem("update_stalled", text)
    said = tuple(about(request, problem) for request in update.requests)
    after = now.change(updating=None, late=now.data.late + 1)
    if not update.requests:  # what was to be set right counts as set right, until a late answer shows otherwise
        after = after.change(in_force=merged(after.state.in_force, update.patch))
    return _given_up(after, update.requests, problem, *said)


def _given_up(now: Now, requests: tuple[ConfigRequested, ...], problem: Problem, *said: Problem) -> Step:
    """Answer each request with `said`; without requests, report the `problem`.

    What was only to be set right stays as it is in force then.
    """
    after = now.change(update_tries=0, update_delay=0.0)
    if requests:
        answers = zip(requests, said, strict=True)
        return Step(after, tuple(Answered(request.ref, one, in_force=False) for request, one in answers))
    return Step(after.change(accepted=after.state.in_force), (Reported(problem),))


def update_handed_back(now: Now, update: Update) -> Step:
    """Queue an update that was handed back, ahead of later requests."""
    alone = 1 if now.data.one_by_one and update.requests else 0
    updates = (*update.requests, *now.state.updates)
    return Step(now.change(updating=None, updates=updates, one_by_one=now.data.one_by_one + alone))
