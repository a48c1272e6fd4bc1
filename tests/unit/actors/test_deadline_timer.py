"""The deadlines of a session on one timer: never early, and not checked more often than must be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.deadline_timer import DeadlineTimer
from turnstile.session.deadlines import Deadline
from turnstile.session.events import TimerFired
from turnstile.testing import ManualClock, ManualTimers


class CountingTimers(ManualTimers):
    """Counts what is started."""

    started = 0

    def start(self, delay, callback):
        self.started += 1
        return super().start(delay, callback)


class Waiting:
    """Deadlines, and which expired when."""

    def __init__(self, now=0.0):
        self.clock = ManualClock(now)
        self.timers = CountingTimers(self.clock)
        self.looks = 0
        self.over = []
        self.waits = {}
        self.timer = DeadlineTimer(self.timers, self.clock, self._look)

    def _look(self):
        self.looks += 1
        self.over += [(fired, self.clock.now) for fired in self.told()]

    def told(self):
        for fired in self.timer.expired():
            del self.waits[fired.name]
            yield fired

    def start(self, name, delay, occasion="t"):
        self.waits[name] = Deadline(name, occasion, delay)
        self.timer.set(tuple(self.waits.values()))

    def stop(self, name):
        self.waits.pop(name, None)
        self.timer.set(tuple(self.waits.values()))

    def names(self):
        return [fired.name for fired, _ in self.over]


@pytest.fixture
def waiting():
    return Waiting(100.25)


def test_a_short_wait_is_over_on_the_dot(waiting):
    waiting.start("a", 4.5)
    waiting.timers.advance(10)
    assert waiting.over == [(TimerFired("a", "t"), 104.75)]


def test_a_long_wait_is_over_at_the_next_whole_second(waiting):
    waiting.start("a", 5.0)
    waiting.timers.advance(10)
    assert waiting.over == [(TimerFired("a", "t"), 106.0)]


def test_waits_that_end_in_the_same_second_are_looked_at_together(waiting):
    for name, delay in (("a", 5.1), ("b", 5.7), ("c", 5.5)):
        waiting.start(name, delay)
    waiting.timers.advance(10)
    assert (waiting.names(), waiting.looks) == (["a", "b", "c"], 1)


def test_waits_are_over_in_the_order_of_their_ends(waiting):
    for name, delay in (("a", 3.0), ("b", 1.0), ("c", 2.0)):
        waiting.start(name, delay)
    waiting.clock.now += 3.5  # nobody has looked for so long
    waiting.timers.advance(0)
    assert waiting.names() == ["b", "c", "a"]


def test_waits_that_begin_and_end_one_after_the_other_need_one_timer(waiting):
    for _ in range(100):
        waiting.start("a", 10.0)
        waiting.start("b", 12.0)
        waiting.timers.advance(0.01)
        waiting.stop("a")
        waiting.stop("b")
    assert waiting.timers.started == 1
    waiting.timers.advance(60)
    assert (waiting.over, waiting.looks, waiting.timers.pending) == ([], 1, 0)


def test_a_wait_that_is_over_sooner_than_the_timer_takes_its_place(waiting):
    waiting.start("a", 10.0)
    waiting.start("b", 1.0)
    assert waiting.timers.pending == 1
    waiting.timers.advance(20)
    assert waiting.names() == ["b", "a"]
    assert waiting.timers.pending == 0


def test_a_wait_that_goes_on_is_over_no_later_when_others_begin_and_end(waiting):
    waiting.start("a", 2.0)
    waiting.timers.advance(1)
    waiting.start("b", 3.0)
    waiting.timers.advance(0.5)
    waiting.stop("b")
    waiting.timers.advance(10)
    assert waiting.over == [(TimerFired("a", "t"), 102.25)]


def test_a_look_in_vain_waits_for_what_is_next(waiting):
    waiting.start("a", 1.0)
    waiting.stop("a")
    waiting.start("b", 3.0)
    waiting.timers.advance(2.5)
    assert (waiting.over, waiting.looks) == ([], 1)
    waiting.timers.advance(0.5)
    assert (waiting.names(), waiting.looks) == (["b"], 2)


def test_a_look_that_comes_early_ends_nothing_and_loses_nothing(waiting):
    waiting.start("a", 2.0)
    assert list(waiting.told()) == []
    waiting.timers.advance(2.0)
    assert waiting.names() == ["a"]


def test_what_is_stopped_while_the_waits_are_told_is_not_over(waiting):
    waiting.start("a", 1.0)
    waiting.start("b", 1.0)
    waiting.clock.now += 1.0
    over = waiting.told()
    assert next(over).name == "a"
    waiting.stop("b")
    assert list(over) == []


def test_what_begins_anew_while_the_waits_are_told_waits_its_time(waiting):
    waiting.start("a", 1.0)
    waiting.start("b", 1.0, "old")
    waiting.clock.now += 1.0
    over = waiting.told()
    assert next(over).name == "a"
    waiting.start("b", 1.0, "new")
    assert list(over) == []
    waiting.timers.advance(1.0)
    assert waiting.over == [(TimerFired("b", "new"), 102.25)]


def test_nothing_is_over_after_the_end(waiting):
    waiting.timer.end()
    waiting.start("a", 1.0)
    waiting.timer.end()
    assert waiting.timers.pending == 0
    waiting.timers.advance(10)
    assert waiting.over == []


NAMES = st.sampled_from("abcd")
DELAYS = st.floats(0, 20) | st.sampled_from([0.0, 4.999, 5.0, 5.001])
STEPS = st.lists(
    st.tuples(st.just("start"), NAMES, DELAYS)
    | st.tuples(st.just("stop"), NAMES, st.none())
    | st.tuples(st.just("pass"), st.none(), st.floats(0, 8)),
    max_size=30,
)


@given(STEPS, st.floats(0, 1000))
def test_no_wait_is_over_early_nor_long_after_nor_twice_nor_when_it_was_stopped(steps, now):
    waiting, wanted = Waiting(now), {}
    ended = []
    for number, (what, name, seconds) in enumerate(steps):
        if what == "start":
            waiting.start(name, seconds, str(number))
            wanted[name] = (str(number), waiting.clock.now, seconds)
        elif what == "stop":
            waiting.stop(name)
            wanted.pop(name, None)
        else:
            waiting.timers.advance(seconds)
            for fired, at in waiting.over:
                token, since, delay = wanted.pop(fired.name)
                assert fired.token == token
                assert since + delay <= at
                assert at <= since + delay + (1.0 if delay >= 5 else 1e-9)
                ended.append(at)
            waiting.over.clear()
            assert all(since + delay > waiting.clock.now - 1.0 for _, since, delay in wanted.values())
    waiting.timers.advance(30)
    for fired, at in waiting.over:
        _, since, delay = wanted[fired.name]
        assert since + delay <= at <= since + delay + (1.0 if delay >= 5 else 1e-9)
    assert sorted(fired.name for fired, _ in waiting.over) == sorted(wanted)
    assert ended == sorted(ended)
    assert waiting.timers.pending == 0
