from __future__ import annotations

import math

from turnstile.transports.loop_timers import TimerHandle, TimerHeap


def nothing():
    pass


def test_the_earliest_is_popped_first_and_of_equals_the_first_added():
    timers, three = TimerHeap(), [TimerHandle(nothing, None) for _ in range(3)]
    for when, timer in zip((2.0, 1.0, 1.0), three, strict=True):
        timers.add(when, timer)
    assert [(timers.earliest, timers.pop()) for _ in three] == [
        (1.0, three[1]),
        (1.0, three[2]),
        (2.0, three[0]),
    ]
    assert timers.earliest == math.inf


def test_one_that_is_due_sooner_than_all_others_is_the_earliest():
    timers = TimerHeap()
    for when, earliest in ((2.0, 2.0), (3.0, 2.0), (1.0, 1.0)):
        timers.add(when, TimerHandle(nothing, None))
        assert timers.earliest == earliest


def test_the_time_that_is_left_is_that_of_one_that_was_not_cancelled():
    timers, cancelled = TimerHeap(), TimerHandle(nothing, None)
    timers.add(1.0, cancelled)
    timers.add(2.0, TimerHandle(nothing, None))
    cancelled.cancel()
    assert timers.earliest == 1.0
    assert timers.time_left(lambda: 0.5) == 1.5
    assert timers.earliest == 2.0


def test_no_time_is_left_when_one_is_due_already():
    timers = TimerHeap()
    timers.add(1.0, TimerHandle(nothing, None))
    assert timers.time_left(lambda: 3.0) == 0


def test_without_timers_none_is_ever_due():
    timers = TimerHeap()
    assert timers.time_left(lambda: 0.0) is None
    assert timers.earliest == math.inf


def test_those_that_are_forgotten_are_never_due():
    timers = TimerHeap()
    timers.add(1.0, TimerHandle(nothing, None))
    timers.clear()
    assert timers.earliest == math.inf


def test_a_cancelled_timer_frees_what_it_would_have_called():
    timer = TimerHandle(nothing, object())
    timer.cancel()
    assert (timer.call, timer.owner) == (None, None)
