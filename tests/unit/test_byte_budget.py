import threading
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.byte_budget import ProcessBudget, unlimited_budget


class Host:
    """Opens sessions, and keeps the names of those that were ended."""

    def __init__(self, limit=1000, session_limit=800):
        self.ended = []
        self.process = ProcessBudget(limit, session_limit)

    def session(self, owner, name="", held=0):
        budget = self.process.session(owner, lambda: self.ended.append(name or owner))
        charge = budget.charge()
        charge.set(held)
        return budget, charge


def test_what_is_charged_counts_for_the_session_and_the_process_until_it_is_let_go():
    host = Host()
    budget, first = host.session("a", held=100)
    second = budget.charge()
    second.set(50)
    assert (budget.held, host.process.held, budget.room) == (150, 150, 650)
    first.set(0)
    second.set(20)
    assert (budget.held, host.process.held) == (20, 20)


def test_a_charge_fits_when_what_it_replaces_leaves_room_for_it():
    budget, charge = Host(session_limit=100).session("a", held=60)
    assert charge.fits(100)
    assert not charge.fits(101)
    assert not budget.charge().fits(41)


def test_a_call_for_room_is_made_once_as_soon_as_there_is_enough():
    budget, held = Host(session_limit=100).session("a", held=60)
    calls, charge = [], budget.charge()
    charge.when_fits(50, partial(calls.append, "room"))
    assert (charge.lacking(50), calls) == (10, [])
    held.set(51)
    assert calls == []
    held.set(50)
    held.set(0)
    assert calls == ["room"]


def test_a_call_for_room_is_made_at_once_when_there_is_enough():
    budget, _ = Host(session_limit=100).session("a", held=60)
    calls = []
    budget.charge().when_fits(40, partial(calls.append, "room"))
    assert calls == ["room"]


def test_no_call_for_room_is_made_when_the_session_has_ended():
    budget, held = Host(session_limit=100).session("a", held=60)
    budget.charge().when_fits(50, partial(pytest.fail, "called"))
    budget.close()
    held.set(0)


def test_a_charge_may_fit_later_beside_what_stays():
    budget, _ = Host(session_limit=100).session("a", held=60)
    charge, staying = budget.charge(), budget.charge(stays=True)
    assert (charge.may_fit(100), charge.may_fit(101)) == (True, False)
    staying.set(30)
    assert (charge.may_fit(70), charge.may_fit(71)) == (True, False)


def test_a_charge_with_a_bound_of_its_own_counts_for_the_process_and_takes_no_room():
    process = ProcessBudget(1_000, session_limit=100)
    budget = process.session("a")
    beside, charge = budget.charge(is_limited=False), budget.charge()
    beside.set(90)
    charge.set(60)
    assert (process.held, budget.held, budget.room, charge.lacking(110)) == (150, 150, 40, 10)
    assert charge.fits(100)
    assert not charge.fits(101)


def test_past_the_limit_the_owner_that_holds_most_loses_its_largest_session():
    host = Host()
    host.session("one large", held=400)
    host.session("many", "many: small", held=240)
    _, grows = host.session("many", "many: large", held=200)
    assert host.ended == []
    grows.set(361)
    assert host.ended == ["many: large"]


def test_no_more_is_ended_when_what_was_ended_makes_room_although_it_is_still_held():
    host = Host()
    _, large = host.session("a", held=700)
    _, other = host.session("b", held=301)
    assert host.ended == ["a"]
    other.set(310)
    assert (host.ended, host.process.held) == (["a"], 1010)
    large.set(0)
    assert host.process.held == 310


def test_from_three_quarters_on_no_session_shall_begin():
    host = Host()
    _, charge = host.session("a", held=749)
    assert not host.process.is_high
    charge.set(750)
    assert host.process.is_high


@pytest.mark.parametrize("is_closed_first", [True, False])
def test_a_closed_session_counts_until_it_has_let_go_of_all(is_closed_first):
    host = Host()
    budget, charge = host.session("a", held=700)
    actions = [budget.close, lambda: charge.set(0)]
    for act in actions if is_closed_first else reversed(actions):
        act()
    assert host.process.held == 0
    host.session("b", held=999)
    assert host.ended == []


def test_a_closed_session_is_not_ended_again():
    host = Host()
    budget, _ = host.session("a", held=900)
    budget.close()
    host.session("b", held=400)
    assert host.ended == []


def test_a_connection_of_no_session_has_room_for_all():
    charge = unlimited_budget().charge()
    assert charge.fits(10**15)


CHANGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 600)), max_size=60)


class Counted:
    """Some sessions of three owners, and what each is known to hold."""

    def __init__(self):
        self.process = ProcessBudget(1000, 800)
        self.ended = []
        self.held = [0] * 8
        self.owners = [f"owner {number % 3}" for number in range(8)]
        self.charges = [
            self.process.session(owner, partial(self.end, number)).charge() for number, owner in enumerate(self.owners)
        ]

    def end(self, number):
        live = [one for one in range(8) if one not in self.ended]
        held = {owner: sum(self.held[one] for one in live if self.owners[one] == owner) for owner in self.owners}
        assert held[self.owners[number]] == max(held.values())
        assert held[self.owners[number]] > 1000 / len(held), "below the fair share"
        assert self.held[number] == max(self.held[one] for one in live if self.owners[one] == self.owners[number])
        self.ended.append(number)

    def change(self, number, size):
        self.held[number] = size
        self.charges[number].set(size)


@given(CHANGES)
def test_nobody_below_the_fair_share_is_ended_and_the_count_is_exact_whatever_is_charged(changes):
    counted = Counted()
    for number, size in changes:
        counted.change(number, size)
        assert counted.process.held == sum(counted.held)
        assert sum(size for one, size in enumerate(counted.held) if one not in counted.ended) <= 1000
    assert len(set(counted.ended)) == len(counted.ended)


def test_charges_of_many_threads_come_to_the_exact_count():
    process = ProcessBudget(10_000, 10_000)
    begins = threading.Barrier(4)

    def charge(number):
        charge = process.session(str(number)).charge()
        begins.wait()
        for size in range(5_000):
            charge.set(size % 7)
        charge.set(10)

    threads = [threading.Thread(target=charge, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.held == 40


def test_a_budget_that_is_closed_refers_to_its_session_no_more():
    host = Host()
    budget, _ = host.session("a")
    budget.close()
    budget.end()
    assert host.ended == []


def test_the_end_of_a_session_is_told_once_though_it_still_holds_bytes():
    told = []
    budget = ProcessBudget().session("a")
    budget.on_close = partial(told.append, "end")
    budget.charge().set(10)
    assert told == []
    budget.close()
    budget.close()
    assert told == ["end"]
