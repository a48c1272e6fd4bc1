"""Which workers are hung, by their signs of life, and where these come from."""

from __future__ import annotations

import queue
import threading

import pytest

from turnstile.server.heartbeats import Heartbeats, start_heartbeat
from turnstile.server.running_clock import RunningClock
from turnstile.testing import ManualClock, patience


class Watched:
    """Two workers, and a parent that looks after them every 2.5 seconds."""

    def __init__(self):
        self.given = {1: 0, 2: 0}
        self.clock = ManualClock(1_000)
        self.now = RunningClock(self.clock, 2.5)
        self.heartbeats = Heartbeats(10, start_timeout=60)
        for number in self.given:
            self.heartbeats.expect(number, self.now())

    def look(self, *beating, after=2.5):
        for number in beating:
            self.given[number] += 1
        self.clock.now += after
        return self.heartbeats.hung(self.given.__getitem__, self.now())


@pytest.fixture
def workers():
    return Watched()


def test_a_worker_without_a_sign_of_life_for_the_timeout_is_hung(workers):
    assert workers.look(1, 2) == []
    assert [workers.look(1) for _ in range(4)] == [[], [], [], [2]]


def test_a_worker_that_gives_a_late_sign_of_life_is_not_hung(workers):
    workers.look(1, 2)
    assert [workers.look(1) for _ in range(3)] == [[], [], []]
    assert workers.look(1, 2) == []
    assert [workers.look(1) for _ in range(3)] == [[], [], []]


def test_a_worker_that_starts_has_its_own_deadline(workers):
    assert [workers.look(1) for _ in range(23)] == [[]] * 23
    assert workers.look(1) == [2]


def test_nothing_is_expected_of_a_worker_that_has_ended(workers):
    workers.look(1, 2)
    workers.heartbeats.forget(2)
    assert [workers.look(1) for _ in range(5)] == [[]] * 5


def test_no_worker_is_hung_when_all_were_stopped_with_their_parent(workers):
    workers.look(1, 2)
    assert workers.look(1, 2) == []
    assert workers.look(after=3_600) == []
    assert [workers.look(1) for _ in range(2)] == [[], []]
    assert workers.look(1) == [2]


def test_a_clock_stands_still_while_its_process_does():
    clock = ManualClock(50)
    now = RunningClock(clock, step=1)
    clock.now += 0.5
    assert now() == 0.5
    clock.now += 60
    assert now() == 1.5


def test_the_thread_that_serves_the_sockets_gives_the_signs_of_life(loop):
    beats = queue.SimpleQueue()
    start_heartbeat(loop, lambda: beats.put(threading.current_thread().name), 0.01)
    assert {beats.get(timeout=patience()) for _ in range(3)} == {"turnstile-io"}
