"""The queue that its versions share."""

from __future__ import annotations

from turnstile.session.fifo import Fifo


def test_the_first_in_is_the_first_out():
    queue = Fifo([1, 2]).appended(3)
    assert (queue.first, queue.last, len(queue), [*queue]) == (1, 3, 3, [1, 2, 3])
    assert [*queue.without_first()] == [2, 3]
    assert [*queue.without_last()] == [1, 2]


def test_an_empty_queue_has_no_last():
    assert not Fifo()
    assert Fifo().last is None


def test_versions_go_their_own_ways():
    first = Fifo([1])
    one, other = first.appended(2), first.appended(3)
    assert ([*first], [*one], [*other]) == ([1], [1, 2], [1, 3])


def test_what_follows_an_empty_queue_leaves_that_empty():
    empty = Fifo()
    assert ([*empty.appended(1)], [*empty.appended(2)], [*empty]) == ([1], [2], [])
    assert empty._list == []


def test_a_queue_that_was_emptied_takes_more():
    queue = Fifo([1, 2, 3, 4])
    for value in (5, 6, 7, 8):
        queue = queue.without_first().appended(value)
    assert [*queue] == [5, 6, 7, 8]


def test_queues_are_compared_by_what_they_hold():
    queue = Fifo([1, 2])
    assert queue.without_first() == Fifo([2]) != queue
    assert hash(queue.without_first()) == hash(Fifo([2]))
    assert queue != (1, 2)
    assert repr(queue) == "Fifo([1, 2])"
