"""How late the I/O loop's calls come."""

from __future__ import annotations

import time

import pytest

from turnstile.testing import ManualClock, patience
from turnstile.transports.loop import IoLoop
from turnstile.transports.loop_lag import Lag, LoopLag

WAIT = patience()


class Loop:
    """Makes calls when a test says so."""

    def __init__(self, clock):
        self.clock = clock
        self.running = True
        self.calls = []

    def call_soon(self, call):
        self.calls.append((self.clock(), call))

    def call_later(self, delay, call):
        self.calls.append((self.clock() + delay, call))

    def next_call(self, late=0.0):
        """Make the call that waits, so many seconds behind its time."""
        ((due, call),) = self.calls
        self.calls.clear()
        self.clock.now = due + late
        call()


@pytest.fixture
def loop():
    return Loop(ManualClock(100.0))


@pytest.fixture
def lag(loop):
    return LoopLag(loop, loop.clock)


def test_nothing_is_measured_until_somebody_asks(loop, lag):
    assert loop.calls == []
    assert lag.measured() == Lag(0.0, 0.0)
    assert len(loop.calls) == 1


def test_the_lag_is_how_late_the_latest_call_came(loop, lag):
    lag.measured()
    loop.next_call(late=0.25)
    assert lag.measured() == Lag(0.25, 0.25)
    loop.next_call(late=0.125)
    assert lag.measured() == Lag(0.125, 0.25)
    assert len(loop.calls) == 1


def test_a_loop_that_hangs_lags_by_what_its_call_is_overdue(loop, lag):
    lag.measured()
    loop.next_call()
    loop.clock.now += 1.0 + 7.0
    assert lag.measured() == Lag(7.0, 7.0)


def test_a_loop_that_hangs_when_it_is_first_asked_is_seen_to(loop, lag):
    lag.measured()
    loop.clock.now += 3.0
    assert lag.measured().latest == 3.0


def test_the_worst_lag_is_forgotten_after_a_minute(loop, lag):
    lag.measured()
    loop.next_call(late=5.0)
    for _ in range(59):
        loop.next_call()
    assert lag.measured() == Lag(0.0, 5.0)
    loop.next_call()
    assert lag.measured() == Lag(0.0, 0.0)


def test_measuring_ends_when_nobody_asks_any_more_and_begins_again(loop, lag):
    lag.measured()
    calls = 0
    while loop.calls:
        loop.next_call()
        calls += 1
    assert calls == 301
    assert lag.measured() == Lag(0.0, 0.0)
    assert len(loop.calls) == 1


def test_a_loop_that_does_not_run_has_no_lag(loop, lag):
    lag.measured()
    loop.clock.now += 9.0
    loop.running = False
    assert lag.measured() == Lag(0.0, 0.0)


def test_a_real_loop_makes_the_call_on_its_own_thread():
    loop = IoLoop()
    lag = LoopLag(loop, time.monotonic)
    loop.start()
    lag.measured()
    assert loop.stop(WAIT)
    assert [late >= 0.0 for late, _ in lag._lags] == [True]
