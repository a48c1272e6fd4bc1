from __future__ import annotations

import queue
import threading
from functools import partial

import pytest

from turnstile.testing import patience
from turnstile.transports.pool import WorkerPool

WAIT = patience()


class Held:
    """A job that says when it has begun, and ends when it is let."""

    def __init__(self):
        self.began, self.may_end, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self):
        self.began.set()
        assert self.may_end.wait(WAIT)
        self.ended.set()


@pytest.fixture
def make_pool():
    pools, held = [], []

    def make(threads, **options):
        pools.append(WorkerPool("test", threads, **options))
        return pools[-1]

    def hold():
        held.append(Held())
        return held[-1]

    make.hold = hold
    yield make
    for job in held:
        job.may_end.set()
    for pool in pools:
        pool.close(WAIT)
    assert running() == []


def running():
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("turnstile-test"))


def test_no_thread_is_started_before_there_is_a_job(make_pool):
    make_pool(2)
    assert running() == []


def test_a_thread_is_started_when_a_job_would_wait_and_no_more_than_allowed(make_pool):
    pool = make_pool(2)
    jobs = [make_pool.hold() for _ in range(3)]
    assert pool.submit(jobs[0])
    assert running() == ["turnstile-test-1"]
    assert all(pool.submit(job) for job in jobs[1:])
    assert running() == ["turnstile-test-1", "turnstile-test-2"]
    assert jobs[1].began.wait(WAIT)
    assert not jobs[2].began.is_set()
    jobs[0].may_end.set()
    assert jobs[2].began.wait(WAIT)


def test_the_threads_are_daemons_so_that_a_job_that_hangs_does_not_keep_the_process(make_pool):
    pool, daemons = make_pool(1), queue.SimpleQueue()
    pool.submit(lambda: daemons.put(threading.current_thread().daemon))
    assert daemons.get(timeout=WAIT)


def test_a_job_is_refused_when_as_many_wait_as_may(make_pool):
    pool = make_pool(1, max_waiting=1)
    jobs = [make_pool.hold() for _ in range(3)]
    assert [bool(pool.submit(job)) for job in jobs] == [True, True, False]
    jobs[0].may_end.set()
    assert jobs[1].began.wait(WAIT)
    assert pool.submit(jobs[2])


def test_a_job_that_raises_costs_no_thread(make_pool, caplog):
    pool, done = make_pool(1), threading.Event()
    pool.submit(lambda: 1 / 0)
    pool.submit(done.set)
    assert done.wait(WAIT)
    assert [record.getMessage() for record in caplog.records] == ["a job of turnstile-test failed"]


def test_jobs_that_wait_are_called_by_close_and_see_that_it_is_closed(make_pool):
    pool, seen = make_pool(1), []
    job = make_pool.hold()
    pool.submit(job)
    assert job.began.wait(WAIT)
    pool.submit(lambda: seen.append((pool.closed, threading.current_thread())))
    pool.close(0)
    assert seen == [(True, threading.current_thread())]
    assert not job.ended.is_set()


def test_close_waits_for_the_jobs_that_run(make_pool):
    pool, job = make_pool(1), make_pool.hold()
    pool.submit(job)
    assert job.began.wait(WAIT)
    closing = threading.Thread(target=pool.close, args=(WAIT,))
    closing.start()
    job.may_end.set()
    closing.join(WAIT)
    assert job.ended.is_set()
    assert running() == []


def test_jobs_that_wait_are_called_by_the_threads_when_the_pool_is_drained(make_pool):
    pool, job, callers = make_pool(1), make_pool.hold(), []
    pool.submit(job)
    assert job.began.wait(WAIT)
    pool.submit(lambda: callers.append(threading.current_thread().name))
    draining = threading.Thread(target=pool.drain, args=(WAIT,))
    draining.start()
    job.may_end.set()
    draining.join(WAIT)
    assert callers == ["turnstile-test-1"]
    assert not pool.submit(int)


def test_a_job_that_waits_for_longer_than_the_drain_is_never_called(make_pool):
    pool, job, called = make_pool(1), make_pool.hold(), []
    pool.submit(job)
    assert job.began.wait(WAIT)
    pool.submit(lambda: called.append("too late"))
    pool.drain(0)
    job.may_end.set()
    pool.close(WAIT)
    assert called == []
    assert running() == []


def test_no_job_is_taken_after_close_and_another_close_does_nothing(make_pool):
    pool, job = make_pool(1), make_pool.hold()
    pool.submit(job)
    assert job.began.wait(WAIT)
    pool.close(0)
    pool.close(0)
    assert not pool.submit(job)
    job.may_end.set()
    pool.close(WAIT)
    assert running() == []


def test_a_job_is_refused_when_the_system_gives_no_thread(make_pool, monkeypatch, caplog):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    pool = make_pool(2)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert not pool.submit(int)
    assert "turnstile-test-1 cannot be started: can't start new thread" in caplog.text
    jobs = [make_pool.hold() for _ in range(2)]
    assert pool.submit(jobs[0])
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert pool.submit(jobs[1])
    jobs[0].may_end.set()
    assert jobs[1].began.wait(WAIT)


def test_a_thread_that_is_free_takes_the_next_owners_oldest_job(make_pool):
    pool, order, done = make_pool(1), [], threading.Event()
    job = make_pool.hold()
    pool.submit(job)
    assert job.began.wait(WAIT)
    for name in ("a1", "a2", "b1", "a3"):
        pool.submit(partial(order.append, name), name[0])
    pool.submit(done.set, "c")
    job.may_end.set()
    assert done.wait(WAIT)
    pool.drain(WAIT)
    assert order == ["a1", "b1", "a2", "a3"]


def test_an_owner_whose_jobs_hang_leaves_threads_to_the_others(make_pool):
    pool, hung = make_pool(4), [make_pool.hold() for _ in range(60)]
    for job in hung:
        assert pool.submit(job, "a")
    assert running() == ["turnstile-test-1", "turnstile-test-2"]
    other = make_pool.hold()
    pool.submit(other, "b")
    assert other.began.wait(WAIT)
    assert sum(job.began.is_set() for job in hung) == 2


def test_a_job_that_is_withdrawn_is_never_called_and_leaves_its_place(make_pool):
    pool, job, called = make_pool(1, max_waiting=1), make_pool.hold(), []
    begun = pool.submit(job)
    assert job.began.wait(WAIT)
    waiting = pool.submit(partial(called.append, "withdrawn"))
    waiting.withdraw()
    assert pool.submit(partial(called.append, "next"))
    begun.withdraw()
    job.may_end.set()
    pool.drain(WAIT)
    assert called == ["next"]
    assert job.ended.is_set()


def test_a_job_may_drain_its_own_pool(make_pool):
    pool, job, called = make_pool(2), make_pool.hold(), []

    def drain():
        pool.submit(partial(called.append, "waits"), "b")
        pool.drain(WAIT)
        job()

    pool.submit(drain, "a")
    assert job.began.wait(WAIT)
    assert called == ["waits"]
