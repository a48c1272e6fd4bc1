"""When a worker that has ended is started again."""

from __future__ import annotations

import math

import pytest

from turnstile.server.restarts import Restarts


@pytest.fixture
def restarts():
    restarts = Restarts()
    restarts.started(1, 0)
    restarts.started(2, 0)
    return restarts


def test_a_worker_that_ran_well_is_started_at_once(restarts):
    assert restarts.ended(1, 10) == 0
    assert (restarts.due(10), restarts.next_due()) == ([1], 10)
    restarts.started(1, 10)
    assert (restarts.due(99), restarts.next_due()) == ([], math.inf)


def test_the_pause_grows_up_to_a_bound_while_a_worker_ends_soon_every_time(restarts):
    now, pauses = 0.0, []
    for _ in range(9):
        restarts.ended(1, now)
        pauses.append(restarts.next_due() - now)
        assert restarts.due(restarts.next_due() - 0.1) == []
        now = restarts.next_due()
        assert restarts.due(now) == [1]
        restarts.started(1, now)
    assert pauses == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_how_often_a_worker_ended_soon_is_counted_until_it_runs_well(restarts):
    assert restarts.ended(1, 1) == 1
    restarts.started(1, 1)
    assert restarts.ended(1, 2) == 2
    restarts.started(1, 3)
    assert restarts.steady(12.9) == []
    assert restarts.steady(13) == [1]
    assert restarts.steady(13) == []
    assert restarts.ended(1, 13) == 0


def test_a_worker_that_ended_soon_once_is_not_worth_a_word_when_it_runs_well(restarts):
    restarts.ended(1, 1)
    restarts.started(1, 1)
    assert restarts.steady(20) == []


def test_a_worker_that_ends_does_not_delay_another(restarts):
    for now in (1, 2, 4):
        restarts.ended(1, now)
        restarts.started(1, now)
    restarts.ended(1, 5)
    assert restarts.ended(2, 5) == 1
    assert restarts.due(5) == [2]
