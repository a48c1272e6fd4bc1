"""The lifetime of a session: how long it waits for its first Settings, how long it is idle, and how long it lasts.

A session is idle while it is at rest (`draining`), and nothing is said, asked, answered or played. The timer of that is
not started anew at each message: a message gives the deadline another token. What passes the session by, input audio
and the playing of the agent's, is asked about when the deadline has come (`MeasureSilence`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from turnstile.errors import Problem
from turnstile.session.client_requests import AudioFollows
from turnstile.session.deadlines import Deadline
from turnstile.session.draining import is_at_rest, session_expired
from turnstile.session.effects import EndSession
from turnstile.session.ending import CloseAtRest, DrainRequested, MeasureSilence, SilenceMeasured
from turnstile.session.events import TimerFired
from turnstile.session.link_events import AudioPaused, OfStandby, TakeOverPutOff, TookOver
from turnstile.session.state import Step

if TYPE_CHECKING:
    from turnstile.session.policy import Policy
    from turnstile.session.state import Now

NAMES: Final = frozenset({"duration", "expiry", "idle"})
"""The names of the deadlines of `lifetime_deadlines`."""
NO_ACTIVITY: Final = frozenset(
    {TimerFired, AudioFollows, DrainRequested, SilenceMeasured, OfStandby, AudioPaused, TookOver, TakeOverPutOff}
)
"""The events of which none is anything that was said, asked or answered."""


def with_activity(now: Now) -> Now:
    """Return the session with one more sign of its use: the time in which it is idle begins anew."""
    return now.change(activity=now.data.activity + 1, silence=0.0)


def lifetime_deadlines(now: Now, held: int, waits: tuple[Deadline, ...], policy: Policy) -> tuple[Deadline, ...]:
    """Return the deadlines `waits` of a session, and those of its lifetime.

    Args:
        now: The session.
        held: The number of held requests.
        waits: The deadlines of what it waits for.
        policy: Its times.
    """
    if now.state.link == "ended":
        return waits
    found = [*waits]
    if now.data.has_expired:
        found.append(Deadline("expiry", "", policy.expiry_grace))
    elif policy.max_duration:
        found.append(Deadline("duration", "", policy.max_duration))
    if policy.idle_timeout and not waits and now.state.link != "lost" and is_at_rest(now, held, policy):
        found.append(Deadline("idle", str(now.data.activity), policy.idle_timeout - now.data.silence))
    return tuple(found)


def settings_missing(now: Now, policy: Policy) -> Step:
    """End a session whose client has not sent Settings in time."""
    text = f"Settings: none came within {policy.settings_timeout:g} s; they must be the first message."
    return Step(now.change(link="ended"), (EndSession(Problem("settings_timeout", text)),))


def lifetime_over(now: Now, fired: TimerFired, policy: Policy) -> Step:
    """Apply the rule of a deadline of the session's lifetime; ignore one of an earlier time."""
    if now.state.link == "ended":
        return Step(now)
    match fired.name:
        case "duration" if not now.data.has_expired:
            return Step(now.change(is_draining=True, has_expired=True))
        case "expiry" if now.data.has_expired:
            return Step(now.change(link="ended"), (EndSession(session_expired(policy)),))
        case "idle" if fired.token == str(now.data.activity):
            return Step(now, (MeasureSilence(fired.token, hears_audio=now.state.proxy_commits),))
        case _:
            return Step(now)


def silence_measured(now: Now, measured: SilenceMeasured, policy: Policy) -> Step:
    """End a session that has been idle for too long; wait for the rest of the time where something was heard or played.

    What has happened since the measurement was asked for puts it out of date.
    """
    if now.state.link == "ended" or measured.token != str(now.data.activity):
        return Step(now)
    if measured.seconds < policy.idle_timeout:
        return Step(now.change(activity=now.data.activity + 1, silence=measured.seconds))
    text = f"Nothing was said, asked or answered for {policy.idle_timeout:g} s; connect again to go on."
    return Step(now.change(link="ended"), (CloseAtRest(Problem("idle_timeout", text)),))
