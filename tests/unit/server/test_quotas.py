"""What counts sessions of identities and addresses: at once, and started within a minute."""

from __future__ import annotations

import pytest

from turnstile.server.quotas import Claimant, Excess, QuotaCounter, QuotaLimits
from turnstile.server.recent_starts import RecentStarts

WEB, APP = Claimant("web", "192.0.2.1"), Claimant("app", "192.0.2.1")
STRANGER = Claimant("", "192.0.2.1")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def counter(clock):
    return QuotaCounter(clock)


def test_one_session_more_than_an_identity_may_have_at_once_is_refused_until_one_ends(counter):
    limits = QuotaLimits(identity_sessions=2)
    assert [counter.take(WEB, limits) for _ in range(3)] == [None, None, Excess("identity_sessions", 0.0)]
    assert counter.take(APP, limits) is None
    counter.give_back(WEB)
    assert counter.take(WEB, limits) is None


def test_an_identity_is_counted_over_all_its_addresses(counter):
    limits = QuotaLimits(identity_sessions=1)
    assert counter.take(Claimant("web", "192.0.2.1"), limits) is None
    assert counter.take(Claimant("web", "192.0.2.2"), limits) == Excess("identity_sessions", 0.0)


def test_an_address_is_counted_over_all_its_identities(counter):
    limits = QuotaLimits(address_sessions=2)
    assert [counter.take(one, limits) for one in (WEB, APP, STRANGER)] == [None, None, Excess("address_sessions", 0.0)]


def test_a_client_without_a_name_has_no_quota_of_an_identity(counter):
    limits = QuotaLimits(identity_sessions=1, identity_starts=1)
    assert [counter.take(STRANGER, limits) for _ in range(3)] == [None] * 3


def test_a_start_beyond_those_of_a_minute_is_told_when_the_oldest_of_them_is_a_minute_ago(counter, clock):
    limits = QuotaLimits(identity_starts=2)
    for clock.now in (0.0, 10.0):
        assert counter.take(WEB, limits) is None
        counter.give_back(WEB)
    clock.now = 12.5
    assert counter.take(WEB, limits) == Excess("identity_starts", 47.5)
    clock.now = 60.0
    assert counter.take(WEB, limits) is None
    assert counter.take(WEB, limits) == Excess("identity_starts", 10.0)


def test_starts_from_an_address_are_counted_likewise(counter, clock):
    limits = QuotaLimits(address_starts=1)
    assert counter.take(WEB, limits) is None
    clock.now = 15.0
    assert counter.take(APP, limits) == Excess("address_starts", 45.0)


def test_of_several_quotas_the_one_is_named_for_which_the_client_must_wait_longest(counter, clock):
    assert counter.take(WEB, QuotaLimits(identity_starts=1, address_starts=1)) is None
    clock.now = 20.0
    assert counter.take(APP, QuotaLimits(identity_starts=1, address_starts=2)) is None
    limits = QuotaLimits(identity_sessions=1, identity_starts=1, address_sessions=2, address_starts=1)
    assert counter.take(WEB, limits) == Excess("address_starts", 60.0)
    assert counter.take(WEB, QuotaLimits(identity_sessions=1, address_sessions=2)) == Excess("identity_sessions", 0.0)


def test_what_is_refused_counts_for_nothing(counter):
    limits = QuotaLimits(identity_starts=2, address_sessions=1)
    assert counter.take(WEB, limits) is None
    for _ in range(5):
        assert counter.take(WEB, limits) == Excess("address_sessions", 0.0)
    counter.give_back(WEB)
    assert counter.take(WEB, limits) is None
    assert counter.sessions(WEB) == (1, 1)


def test_a_lower_limit_counts_the_starts_that_were_made_before(counter, clock):
    for clock.now in (0.0, 10.0, 20.0):
        assert counter.take(WEB, QuotaLimits(identity_starts=9)) is None
    assert counter.take(WEB, QuotaLimits(identity_starts=2)) == Excess("identity_starts", 50.0)


def test_a_session_that_began_without_quotas_counts_with_them(counter):
    counter.add(WEB)
    assert counter.take(WEB, QuotaLimits(identity_sessions=1)) == Excess("identity_sessions", 0.0)


def test_nothing_is_remembered_of_who_has_no_session_and_started_none_for_a_minute(counter, clock):
    limits = QuotaLimits(identity_sessions=9, identity_starts=9, address_sessions=9, address_starts=9)
    for number in range(100):
        one = Claimant(f"n{number}", f"a{number}")
        assert counter.take(one, limits) is None
        counter.give_back(one)
    assert len(counter) == 200
    clock.now = 60.0
    for _ in range(50):
        counter.take(WEB, QuotaLimits(identity_starts=99, address_starts=99))
        counter.give_back(WEB)
    assert len(counter) == 100


def test_a_flood_of_names_is_remembered_up_to_the_bound_and_the_one_that_started_last_is_kept(clock):
    starts = RecentStarts(clock, most=100)
    for number in range(10_000):
        clock.now = number / 1024
        starts.add(f"name {number}")
    assert len(starts) == 100
    assert starts.wait("name 9999", 1) == 60.0
    assert starts.wait("name 9899", 1) == 0.0


def test_names_whose_starts_were_forgotten_one_by_one_do_not_add_up(clock):
    starts = RecentStarts(clock)
    for number in range(100):
        starts.add(f"name {number}")
    clock.now = 60.0
    for number in range(100):
        assert starts.wait(f"name {number}", 1) == 0.0
    for number in range(50):
        starts.add(f"other {number}")
    assert len(starts) == len(starts._times) == 50
