"""One thread for all timers."""

from __future__ import annotations

import threading

import pytest

from actors.timers import TimerThread

DEADLINE = 5.0


@pytest.fixture
def timers():
    timers = TimerThread()
    yield timers
    assert timers.stop(DEADLINE)


def test_timers_fire_in_the_order_of_their_times(timers):
    fired, done = [], threading.Event()
    timers.start(0.02, lambda: (fired.append("second"), done.set()))
    timers.start(0.01, lambda: fired.append("first"))
    assert done.wait(DEADLINE)
    assert fired == ["first", "second"]


def test_a_cancelled_timer_does_not_fire(timers):
    fired, done = [], threading.Event()
    timers.start(0.01, lambda: fired.append("cancelled")).cancel()
    timers.start(0.02, done.set)
    assert done.wait(DEADLINE)
    assert fired == []


def test_cancelling_twice_or_after_the_fact_is_harmless(timers):
    done = threading.Event()
    timer = timers.start(0, done.set)
    assert done.wait(DEADLINE)
    timer.cancel()
    timer.cancel()
    assert done.is_set()


def test_many_cancelled_timers_are_swept_out(timers):
    for _ in range(1000):
        timers.start(3600, lambda: None).cancel()
    assert len(timers._heap) < 600


def test_a_timer_of_centuries_keeps_no_other_from_firing(timers):
    for delay in (1e10, 1e300):
        done = threading.Event()
        timers.start(delay, done.set)
        timers.start(0, done.set)
        assert done.wait(DEADLINE)


@pytest.mark.parametrize("fault", [ValueError("boom"), SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_a_failing_callback_leaves_the_thread_alive(timers, caplog, fault):
    def fail():
        raise fault

    done = threading.Event()
    timers.start(0, fail)
    timers.start(0.001, done.set)
    assert done.wait(DEADLINE)
    assert "A timer's callback failed" in caplog.text


def test_nothing_fires_after_the_stop(timers):
    fired = []
    timers.start(3600, lambda: fired.append("late"))
    assert timers.stop(DEADLINE)
    timers.start(0, lambda: fired.append("later"))
    assert fired == []


def test_no_thread_is_there_before_the_first_timer():
    before = threading.active_count()
    timers = TimerThread()
    assert threading.active_count() == before
    assert timers.stop(DEADLINE)
