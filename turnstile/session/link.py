"""The upstream link in use: a session's first, and what becomes of the session when one is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from turnstile.errors import Problem
from turnstile.session import standby
from turnstile.session.deadlines import Deadline
from turnstile.session.effects import Reported, SessionAssumed
from turnstile.session.left_on_link import left_behind
from turnstile.session.link_events import LinkLost, LinkOpened
from turnstile.session.reconnecting import is_hopeless, jitter, wait_before_try
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.link_events import LinkConnected
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now


# The link is on its way up.
_COMING = frozenset({"opening", "connected"})


def link_connected(now: Now, _: LinkConnected, __: Policy) -> Step:
    """Note that upstream accepted the connection: its first event, or a deadline, decides whether the link is up."""
    return Step(now.change(link="connected")) if now.state.link == "opening" else Step(now)


def link_opened(now: Now, opened: LinkOpened, policy: Policy) -> Step:
    """Note that a session's first link is open, on which no configuration is in force yet."""
    if now.state.link not in _COMING:
        return Step(now)
    after = now.change(
        link="open",
        has_opened=True,
        voice=opened.voice,
        modalities=opened.modalities,
        renewals=renewals(opened.lifetime, now.data.generation, policy),
    )
    return Step(after, _assumed(after, policy, shows_session=opened.shows_session))


def renewals(shown: float | None, generation: int, policy: Policy, *, has_waited: bool = False) -> tuple[Deadline, ...]:
    """Return the deadlines by which another link takes over, since an upstream session ends.

    Args:
        shown: How many seconds the session lasts, if it shows that; the setting counts where it is less.
        generation: Names the link.
        policy: The times; of a short lifetime less is left for them.
        has_waited: The link was a standby beside another: as long, at the most, as a renewal takes.
    """
    asked = policy.session_lifetime
    if has_waited:
        asked -= min(policy.renew_before, asked / 2)
    lifetime = min((one for one in (shown, asked) if one), default=0.0)
    if not lifetime or policy.is_shared:
        return ()
    before = min(policy.renew_before, lifetime / 2)
    begins = lifetime - before * (1 - 0.4 * jitter(policy, generation))
    ends = lifetime - min(policy.renew_latest, before / 3)
    return Deadline("renewal", str(generation), begins), Deadline("latest", str(generation), ends)


def _assumed(now: Now, policy: Policy, *, shows_session: bool) -> tuple[SessionAssumed, ...]:
    """Show a Realtime client the session as far as it is known, where upstream shows none."""
    if not policy.is_transparent or shows_session:
        return ()
    session = {"type": "realtime", "object": "realtime.session", "id": f"sess_{policy.id_prefix.strip('_')}"}
    named = {"model": now.data.model} if now.data.model else {}
    return (SessionAssumed({**session, **named, **now.state.accepted}),)


def link_lost(now: Now, lost: LinkLost, policy: Policy) -> Step:
    """Prepare another link for a lost one; what ran on it is owed again, as far as it can be."""
    if now.state.link not in {*_COMING, "open"}:
        return Step(now)
    was_open, standing_by = now.state.link == "open", now.data.standby
    counted = now.change(losses=now.data.losses + 1)
    if is_hopeless(counted, lost, policy):
        return standby.ended(now, lost, policy)
    if lost.uncommitted >= policy.commit_minimum:
        counted = counted.change(has_uncommitted=True)
    left = left_behind(counted, lost.problem, policy)
    after = left.now.change(
        link="lost",
        outage=now.data.outage or now.data.generation + 1,
        is_restoring=now.data.is_restoring or was_open,
        loss=lost,
        renewals=(),
    )
    if standing_by is None:
        begun = standby.begun(after, wait_before_try(counted, lost, policy))
    elif standing_by.stage == "waiting":
        begun = standby.begun(after, min(standing_by.wait, wait_before_try(counted, lost, policy)))
    else:
        begun = Step(after)  # It is on its way.
    told = lost_in_words(lost.description) if was_open and not policy.is_transparent else ()
    return Step(begun.now, (*told, *left.effects, *begun.effects))


def lost_in_words(description: str) -> tuple[Reported]:
    """Report that a link is lost, for this reason."""
    words = f"{description} Another upstream link is opened, on which the conversation goes on."
    return (Reported(Problem("upstream_lost", words)),)


def link_due(now: Now, policy: Policy) -> Step:
    """Take a first link that is silent as open, or as lost, by the policy."""
    if now.state.link == "connected" and policy.link_silence is not None:
        return link_opened(now, LinkOpened(shows_session=False), policy)
    return link_lost(now, silent(policy), policy)


def silent(policy: Policy) -> LinkLost:
    """Return the loss of a link that does not say in time that it is up."""
    text = f"The upstream link did not come up (session.created) within {policy.link_timeout:g} s."
    return LinkLost("upstream_silent", text)
