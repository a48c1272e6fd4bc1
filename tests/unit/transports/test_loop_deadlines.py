from __future__ import annotations

import math

from turnstile.transports.loop_deadlines import Deadline, Deadlines


def nothing():
    pass


def test_the_earliest_is_taken_first_and_of_equals_the_first_added():
    deadlines, three = Deadlines(), [Deadline(nothing, None) for _ in range(3)]
    for when, deadline in zip((2.0, 1.0, 1.0), three, strict=True):
        deadlines.add(when, deadline)
    assert [(deadlines.earliest, deadlines.take()) for _ in three] == [
        (1.0, three[1]),
        (1.0, three[2]),
        (2.0, three[0]),
    ]
    assert deadlines.earliest == math.inf


def test_one_that_is_due_sooner_than_all_others_is_the_earliest():
    deadlines = Deadlines()
    for when, earliest in ((2.0, 2.0), (3.0, 2.0), (1.0, 1.0)):
        deadlines.add(when, Deadline(nothing, None))
        assert deadlines.earliest == earliest


def test_the_time_that_is_left_is_that_of_one_that_was_not_cancelled():
    deadlines, cancelled = Deadlines(), Deadline(nothing, None)
    deadlines.add(1.0, cancelled)
    deadlines.add(2.0, Deadline(nothing, None))
    cancelled.cancel()
    assert deadlines.earliest == 1.0
    assert deadlines.left(lambda: 0.5) == 1.5
    assert deadlines.earliest == 2.0


def test_no_time_is_left_when_one_is_due_already():
    deadlines = Deadlines()
    deadlines.add(1.0, Deadline(nothing, None))
    assert deadlines.left(lambda: 3.0) == 0


def test_without_deadlines_none_is_ever_due():
    deadlines = Deadlines()
    assert deadlines.left(lambda: 0.0) is None
    assert deadlines.earliest == math.inf


def test_those_that_are_forgotten_are_never_due():
    deadlines = Deadlines()
    deadlines.add(1.0, Deadline(nothing, None))
    deadlines.clear()
    assert deadlines.earliest == math.inf


def test_a_cancelled_deadline_lets_go_of_what_it_would_have_called():
    deadline = Deadline(nothing, object())
    deadline.cancel()
    assert (deadline.call, deadline.owner) == (None, None)
