"""Sessions that lose their links together do not try for others together."""

from __future__ import annotations

import itertools
import random

import pytest

from turnstile.session.events import TimerFired
from turnstile.session.link_effects import OpenStandby
from turnstile.session.link_events import LinkLost, OfStandby
from turnstile.session.policy import Policy

SESSIONS = 100
WINDOW = 0.05
LOST = LinkLost("upstream_unreachable", "the upstream cannot be reached")


def knocks(session, seconds, lost):
    """Lose a session's link, and each that it tries for, for so many seconds; return when it tries."""
    now, found = 0.0, []
    effects = session.handle(lost)
    while True:
        opened = [effect for effect in effects if isinstance(effect, OpenStandby)]
        if opened:
            found.append(now)
            effects = session.handle(OfStandby(opened[0].generation, lost))
            continue
        wait = next(deadline for deadline in session.deadlines if deadline.name == "standby")
        now += wait.delay
        if now > seconds:
            return found
        effects = session.handle(TimerFired(wait.name, wait.token))


@pytest.fixture
def all_knocks(at):
    """Lose the links of a hundred sessions at one moment; return when each tries for another."""

    def lose(seconds, lost=LOST):
        ids = random.Random(5)  # noqa: S311 - ids as of sessions
        policies = [Policy(id_prefix=f"ts{ids.getrandbits(32):08x}_") for _ in range(SESSIONS)]
        return [knocks(at(policy=policy), seconds, lost) for policy in policies]

    return lose


def most_at_once(times):
    """Return how many of the moments there are at most within 50 ms."""
    return max(sum(begin <= other < begin + WINDOW for other in times) for begin in times)


def test_a_hundred_sessions_spread_their_first_tries_over_a_quarter_of_a_second(all_knocks):
    first = [one[0] for one in all_knocks(1.0)]
    assert len(first) == SESSIONS
    assert max(first) <= 0.25
    assert most_at_once(first) <= SESSIONS / 3


def test_a_hundred_sessions_spread_their_later_tries_more(all_knocks):
    every = all_knocks(20.0)
    later = sorted(time for one in every for time in one[1:])
    assert most_at_once(later) <= SESSIONS / 4
    assert most_at_once([time for time in later if time > 5.0]) <= SESSIONS / 8


def test_a_session_waits_longer_after_each_try_and_five_seconds_at_most(all_knocks):
    for one in all_knocks(29.0):
        waits = [later - earlier for earlier, later in itertools.pairwise(one)]
        assert max(waits) <= 5.0
        assert waits[-1] > 2 * waits[0]
        assert 8 <= len(one) <= 20


def test_sessions_that_are_asked_to_wait_do_so_and_are_spread_behind_that(all_knocks):
    lost = LinkLost("upstream_refused", "the upstream refused the connection (503)", retry_after=2.0)
    first = [one[0] for one in all_knocks(5.0, lost)]
    assert min(first) >= 2.0
    assert most_at_once(first) <= SESSIONS / 2
