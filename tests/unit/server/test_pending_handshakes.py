from __future__ import annotations

import random

import pytest

from turnstile.server.pending_handshakes import UNKNOWN_OWNER, PendingHandshakes


class Loop:
    """A clock and timers that the test moves."""

    def __init__(self):
        self.now = 0.0
        self.timers = []

    def call_later(self, delay, call):
        self.timers.append((self.now + delay, call))

    def pass_time(self, seconds):
        self.now += seconds
        due = [call for when, call in self.timers if when <= self.now]
        self.timers = [timer for timer in self.timers if timer[0] > self.now]
        for call in due:
            call()


class Handshake:
    """A handshake that does as the test says."""

    def __init__(self, pending, owner, unread=0, *, finishes=False, named="", timeout=10.0):
        self.pending, self.unread, self.finishes, self.named = pending, unread, finishes, named
        self.gone = ""
        self.turns = 0
        pending.add(self, owner, timeout)

    def has_unread(self):
        return bool(self.unread)

    def ready(self, _events):
        self.turns += 1
        self.unread -= 1
        if self.named:
            self.pending.move(self, self.named)
        if self.finishes:
            self.pending.remove(self)

    def failed(self, error):
        raise error

    def give_up(self, reason, _words):
        self.gone = reason
        self.pending.remove(self)


@pytest.fixture
def loop():
    return Loop()


@pytest.fixture
def make(loop):
    """Make a `PendingHandshakes`, and handshakes in it."""
    counts = []

    def make(at_most=100, of_one=100):
        pending = PendingHandshakes(loop, at_most, of_one, counts.append)
        pending.counts = counts
        return pending

    return make


def test_the_oldest_of_the_address_that_has_most_goes_when_there_is_no_place(make):
    pending = make(at_most=4)
    quiet = Handshake(pending, "a")
    flood = [Handshake(pending, "b") for _ in range(3)]
    new = Handshake(pending, "c")
    assert [one.gone for one in (quiet, *flood, new)] == ["", "max_handshakes", "", "", ""]
    assert len(pending) == 4


def test_the_oldest_of_all_goes_when_each_address_has_one(make):
    pending = make(at_most=3)
    first, *others = (Handshake(pending, owner) for owner in "abcd")
    assert first.gone
    assert not any(one.gone for one in others)


def test_an_address_that_has_as_many_as_one_may_loses_its_own_oldest(make):
    pending = make(of_one=2)
    other = Handshake(pending, "a")
    first, second, third = (Handshake(pending, "b") for _ in range(3))
    assert [one.gone for one in (other, first, second, third)] == ["", "max_handshakes_per_address", "", ""]


def test_a_client_that_waits_for_us_gets_its_turn_before_it_would_go(make):
    pending = make(of_one=1)
    first = Handshake(pending, "a", unread=1, finishes=True)
    Handshake(pending, "a")
    assert (first.gone, first.turns) == ("", 1)
    assert len(pending) == 1


def test_a_client_that_waits_for_us_and_does_not_finish_is_spared_once(make):
    pending = make(of_one=2)
    slow = Handshake(pending, "a", unread=5)
    silent = Handshake(pending, "a")
    Handshake(pending, "a")
    assert (slow.gone, silent.gone) == ("", "max_handshakes_per_address")
    Handshake(pending, "a")
    assert (slow.turns, slow.gone) == (1, "max_handshakes_per_address")


def test_every_one_that_waits_for_us_is_spared_once_and_then_the_first_goes(make):
    pending = make(of_one=3)
    first, *others = (Handshake(pending, "a", unread=9) for _ in range(3))
    Handshake(pending, "a")
    assert first.gone
    assert [one.turns for one in (first, *others)] == [1, 1, 1]
    assert not any(one.gone for one in others)


def test_a_handshake_whose_client_turns_out_to_be_another_leaves_its_place(make):
    pending = make(of_one=1)
    renamed = Handshake(pending, "proxy", unread=1, named="client")
    Handshake(pending, "proxy")
    assert not renamed.gone
    assert len(pending) == 2


def test_a_client_that_fails_in_its_turn_ends_alone(make, caplog):
    pending = make(of_one=1)
    failing = Handshake(pending, "a", unread=1)
    failing.ready = lambda _: 1 / 0
    failing.failed = lambda _: pending.remove(failing)
    Handshake(pending, "a")
    assert len(pending) == 1
    assert "division" in caplog.text


def test_no_bound_of_one_address_applies_where_the_address_is_not_known_yet(make):
    pending = make(at_most=5, of_one=1)
    unknown = [Handshake(pending, UNKNOWN_OWNER) for _ in range(5)]
    assert not any(one.gone for one in unknown)
    Handshake(pending, "a")
    assert [bool(one.gone) for one in unknown] == [True, False, False, False, False]


def test_the_bound_of_one_address_applies_as_soon_as_it_is_known(make):
    pending = make(of_one=1)
    first, second = Handshake(pending, UNKNOWN_OWNER), Handshake(pending, UNKNOWN_OWNER)
    pending.move(first, "a")
    pending.move(first, "a")
    pending.move(second, "a")
    assert (first.gone, second.gone) == ("max_handshakes_per_address", "")


def test_one_can_be_ended_for_another_reason_as_long_as_there_is_one(make):
    pending = make()
    only = Handshake(pending, "a")
    assert pending.evict("open_files")
    assert only.gone == "open_files"
    assert not pending.evict("open_files")


def test_a_lower_bound_is_kept_from_the_next_handshake_on(make):
    pending = make()
    for _ in range(10):
        Handshake(pending, "a")
    pending.at_most = 3
    Handshake(pending, "b")
    assert len(pending) == 3


def test_a_handshake_goes_when_its_time_is_up_and_not_before(make, loop):
    pending = make()
    first = Handshake(pending, "a")
    loop.pass_time(4)
    second = Handshake(pending, "a")
    loop.pass_time(6)
    assert (first.gone, second.gone) == ("handshake_timeout", "")
    loop.pass_time(4)
    assert second.gone == "handshake_timeout"
    assert loop.timers == []


def test_one_timer_runs_however_many_come_and_go(make, loop):
    pending = make()
    for _ in range(1000):
        pending.remove(Handshake(pending, "a"))
    assert len(loop.timers) == 1
    loop.pass_time(10)
    assert loop.timers == []
    late = Handshake(pending, "a")
    loop.pass_time(10)
    assert late.gone


def test_a_shorter_time_counts_at_once_where_none_is_older(make, loop):
    pending = make()
    pending.remove(Handshake(pending, "a"))
    short = Handshake(pending, "a", timeout=1.0)
    loop.pass_time(1)
    assert short.gone
    late = Handshake(pending, "a")
    loop.pass_time(9)
    assert not late.gone
    loop.pass_time(1)
    assert late.gone
    assert loop.timers == []


def test_what_is_removed_or_moved_twice_counts_once(make):
    pending = make()
    one = Handshake(pending, "a")
    pending.remove(one)
    pending.remove(one)
    pending.move(one, "b")
    assert len(pending) == 0
    assert pending.counts == [1, 0]


def test_the_books_stay_right_whatever_comes_and_goes(make):
    chance, pending = random.Random(7), make(at_most=30, of_one=12)  # noqa: S311 - no secret
    there = []
    for _ in range(5000):
        there = [one for one in there if not one.gone and one in pending._places]
        match chance.randrange(4):
            case 0 if there:
                pending.remove(chance.choice(there))
            case 1 if there:
                pending.move(chance.choice(there), chance.choice("abcd"))
            case _:
                unread = chance.randrange(2)
                there.append(Handshake(pending, chance.choice("abcde"), unread, finishes=chance.random() < 0.5))
        counts = {owner: len(those) for owner, those in pending._of.items()}
        assert sum(counts.values()) == len(pending) <= 30
        assert max(counts.values(), default=0) == pending._largest <= 12
        assert {n: set(owners) for n, owners in pending._owners.items()} == {
            n: {owner for owner in counts if counts[owner] == n} for n in set(counts.values())
        }
