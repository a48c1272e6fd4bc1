from __future__ import annotations

import random

import pytest

from turnstile.transports.fair_queue import FairQueue, Member


def started(queue):
    """Start as many jobs as may run; return them in order."""
    return list(iter(queue.start, None))


def filled(queue, owner, count):
    """Add jobs of one owner, each started at once if it may; return how many were taken, and how many run."""
    taken, running = 0, 0
    for number in range(count):
        taken += queue.add(f"{owner}{number}", owner)
        running += len(started(queue))
    return taken, running


def test_jobs_start_in_the_order_of_an_owner_and_in_turn_for_several():
    queue = FairQueue(1)
    for job in ("a1", "a2", "a3", "b1", "c1", "b2"):
        assert queue.add(job, job[0])
    order = []
    while (job := queue.start()) is not None:
        order.append(job)
        queue.finish(job[0])
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert (queue.running, queue.waiting) == (0, 0)


def test_an_owner_gets_half_of_the_places_that_are_free():
    queue = FairQueue(16)
    assert [filled(queue, owner, 60)[1] for owner in "abcdef"] == [8, 4, 2, 1, 1, 0]


def test_an_owner_gets_half_of_the_places_to_wait_that_are_free():
    queue = FairQueue(1, max_waiting=256)
    assert filled(queue, "a", 1) == (1, 1)
    assert [filled(queue, owner, 300)[0] for owner in "abc"] == [128, 64, 32]
    assert queue.waiting == 224


def test_another_owner_starts_at_once_while_one_has_all_it_may():
    queue = FairQueue(4)
    filled(queue, "a", 60)
    assert queue.add("b0", "b")
    assert queue.start() == "b0"


def test_the_only_place_is_given_to_anybody():
    queue = FairQueue(1, max_waiting=0)
    assert queue.add("a1", "a")
    assert queue.start() == "a1"
    assert not queue.add("b1", "b")
    queue.finish("a")
    assert queue.add("b1", "b")


def test_a_place_that_is_given_back_lets_two_start_when_both_have_waited_for_it():
    queue = FairQueue(6)
    assert filled(queue, "a", 2) == (2, 2)
    assert filled(queue, "c", 3) == (3, 2)
    queue.add("a2", "a")
    queue.add("c3", "c")
    assert started(queue) == []
    queue.finish("a")
    assert started(queue) == ["c2", "a2"]


def test_a_job_that_is_removed_never_starts_and_frees_its_place_to_wait():
    queue = FairQueue(1, max_waiting=1)
    filled(queue, "a", 1)
    assert queue.add("b1", "b")
    assert queue.remove("b1", "b")
    assert not queue.remove("b1", "b")
    assert not queue.remove("a0", "a")
    assert queue.add("c1", "c")
    queue.finish("a")
    assert started(queue) == ["c1"]


def test_one_of_an_owners_jobs_that_is_removed_keeps_the_turn_of_the_others():
    queue = FairQueue(1)
    filled(queue, "a", 1)
    for job in ("b1", "b2", "c1"):
        queue.add(job, job[0])
    queue.remove("b1", "b")
    queue.finish("a")
    assert started(queue) == ["b2"]


def test_clear_returns_the_jobs_that_wait_in_the_order_of_the_turns():
    queue = FairQueue(1)
    filled(queue, "x", 1)
    for job in ("a1", "a2", "b1"):
        queue.add(job, job[0])
    assert queue.clear() == ["a1", "b1", "a2"]
    assert (queue.running, queue.waiting, queue.start()) == (1, 0, None)


@pytest.mark.parametrize("seed", range(20))
def test_no_more_run_than_there_are_places_and_none_waits_while_nobody_runs(seed):
    rng, queue, running = random.Random(seed), FairQueue(5, max_waiting=40), []  # noqa: S311 - no secret
    for number in range(500):
        owner = rng.choice("abc")
        queue.add((owner, number), owner)
        running += started(queue)
        assert len(running) == queue.running <= 5
        while running and rng.random() < 0.6:
            queue.finish(running.pop(rng.randrange(len(running)))[0])
            running += started(queue)
        assert running or not queue.waiting


def test_no_owner_is_looked_at_while_no_place_is_free():
    class Owner:
        hashed = 0

        def __hash__(self):
            Owner.hashed += 1
            return id(self)

    queue = FairQueue(1)
    for _ in range(100):
        queue.add("job", Owner())
    assert queue.start() == "job"
    Owner.hashed = 0
    assert queue.start() is None
    assert Owner.hashed == 0


def test_the_owners_of_one_group_leave_a_quarter_of_the_places_to_others():
    queue = FairQueue(16)
    assert [filled(queue, Member(owner, "one client"), 60)[1] for owner in "abcdef"] == [8, 4, 0, 0, 0, 0]
    assert filled(queue, Member("a", "another"), 60) == (60, 2)


def test_the_owners_of_one_group_leave_a_quarter_of_the_places_to_wait_to_others():
    queue = FairQueue(1, max_waiting=256)
    filled(queue, "x", 1)
    assert [filled(queue, Member(owner, "one client"), 300)[0] for owner in "abcd"] == [128, 64, 0, 0]
    assert filled(queue, Member("a", "another"), 300)[0] == 32


def test_a_group_is_given_places_again_when_one_of_its_owners_gives_some_back():
    queue = FairQueue(16)
    first, second, third = (Member(owner, "one client") for owner in "abc")
    for owner, count in ((first, 8), (second, 4), (third, 1)):
        filled(queue, owner, count)
    queue.finish(second)
    assert started(queue) == [f"{third}0"]


def test_a_group_is_forgotten_with_the_last_job_of_its_last_owner():
    queue = FairQueue(4)
    for owner in "ab":
        filled(queue, Member(owner, "one client"), 1)
    queue.add("waits", Member("c", "one client"))
    queue.clear()
    for owner in "ab":
        assert queue._groups
        queue.finish(Member(owner, "one client"))
    assert (queue._groups, queue._owners) == ({}, {})
