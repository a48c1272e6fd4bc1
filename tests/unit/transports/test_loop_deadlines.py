from __future__ import annotations

import math

from turnstile.transports.loop_deadlines import Deadline, Deadlines


def nothing():
    pass


def test_the_earliest_is_taken_first_and_of_equals_the_first_added():
    deadlines, three = Deadlines(), [Deadline(nothing, None) for _ in range(3)]
    for when, deadline in zip((2.0, 1.0, 1.0), three, strict=True):
        deadlines.add(when, deadline)
    assert [deadlines.take(2.0) for _ in three] == [three[1], three[2], three[0]]


def test_none_is_taken_before_it_is_due():
    deadlines = Deadlines()
    deadlines.add(2.0, Deadline(nothing, None))
    assert deadlines.take(1.9) is None
    assert deadlines.first() == 2.0


def test_the_first_is_one_that_was_not_cancelled():
    deadlines, cancelled = Deadlines(), Deadline(nothing, None)
    deadlines.add(1.0, cancelled)
    deadlines.add(2.0, Deadline(nothing, None))
    cancelled.cancel()
    assert deadlines.first() == 2.0


def test_without_deadlines_the_first_is_never_due():
    deadlines = Deadlines()
    assert deadlines.first() == math.inf
    assert deadlines.take(math.inf) is None


def test_a_cancelled_deadline_lets_go_of_what_it_would_have_called():
    deadline = Deadline(nothing, object())
    deadline.cancel()
    assert (deadline.call, deadline.owner) == (None, None)
