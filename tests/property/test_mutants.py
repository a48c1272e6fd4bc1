"""The proofs notice: each of the three ways fails on the mutants of the rules that it can see."""

from __future__ import annotations

import pytest
from mutants import (
    MUTANTS,
    OF_THE_DRAIN,
    OF_THE_LIFETIME,
    OF_THE_LINKS,
    OF_THE_LINKS_IN_ROWS,
    OF_THE_LINKS_WALKED,
    OUTSIDE_THE_WALK,
    ROWS_ONLY,
    Mutant,
    implementation,
)
from rows import ROWS
from schedule import Schedule
from walk import LINK_PLANS, walk
from world import ViolationError

every_mutant = pytest.mark.parametrize("mutant", [*MUTANTS, *OUTSIDE_THE_WALK], ids=lambda mutant: mutant.name)

mutant_of_a_row = pytest.mark.parametrize(
    "mutant", [*MUTANTS, *OUTSIDE_THE_WALK, *OF_THE_LINKS_IN_ROWS, *ROWS_ONLY], ids=lambda mutant: mutant.name
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_the_real_rules_keep_the_row(row):
    row(implementation())
    assert row.__doc__


@mutant_of_a_row
def test_a_row_fails_on_the_mutant(mutant):
    code = implementation(mutant)
    failed = [row.__name__ for row in ROWS if _fails(lambda row=row: row(code))]
    assert failed


def _fails(check):
    try:
        check()
    except (AssertionError, ValueError, AttributeError):
        return True
    return False


def _is_violated_by(schedule):
    try:
        schedule.run()
    except ViolationError:
        return True
    return False


@every_mutant
def test_random_schedules_find_the_mutant(mutant):
    code = implementation(mutant)
    # The rarest shows about once in 1,200; the first that shows is enough.
    assert any(_is_violated_by(Schedule(seed, code)) for seed in range(30_000))


@pytest.mark.parametrize("mutant", OF_THE_DRAIN, ids=lambda mutant: mutant.name)
def test_drained_schedules_find_the_mutant(mutant):
    code = implementation(mutant)
    assert any(_is_violated_by(Schedule(seed, code, drains=True)) for seed in range(30_000))


@pytest.mark.parametrize("mutant", OF_THE_LIFETIME, ids=lambda mutant: mutant.name)
def test_schedules_of_a_session_with_a_lifetime_find_the_mutant(mutant):
    code = implementation(mutant)
    assert any(_is_violated_by(Schedule(seed, code, limits=True)) for seed in range(30_000))


@pytest.mark.parametrize("mutant", OF_THE_LINKS, ids=lambda mutant: mutant.name)
def test_schedules_of_a_session_whose_links_are_lost_or_replaced_find_the_mutant(mutant):
    code = implementation(mutant)
    assert any(_is_violated_by(Schedule(seed, code, troubles=1)) for seed in range(3_000))


@pytest.mark.parametrize("mutant", OF_THE_LINKS_WALKED, ids=lambda mutant: mutant.name)
def test_the_walk_across_links_finds_the_mutant(mutant):
    with pytest.raises(ViolationError):
        walk(implementation(mutant), LINK_PLANS)


# Found in one of the large worlds only, at the end of a long walk; its rows and random schedules find it in a second.
_FOUND_LATE = "a result of an interrupted response waits for another turn (B)"


@pytest.mark.parametrize(
    "mutant",
    [
        pytest.param(mutant, id=mutant.name, marks=[pytest.mark.slow] if mutant.name == _FOUND_LATE else [])
        for mutant in MUTANTS
    ],
)
def test_the_walk_finds_the_mutant(mutant):
    with pytest.raises(ViolationError):
        walk(implementation(mutant))


def test_a_mutant_of_a_line_that_is_gone_fails_loudly():
    with pytest.raises(LookupError, match="0 times"):
        implementation(Mutant("of the past", "machine", "no such line", ""))
