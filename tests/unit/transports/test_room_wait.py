"""A connection's wait for room in its session's budget."""

from __future__ import annotations

import pytest

from turnstile.byte_budget import ProcessBudget
from turnstile.transports.loop import IoLoop
from turnstile.transports.read_credit import ReadCredit
from turnstile.transports.room_wait import RoomWait


class Waiting:
    """A message of 60 bytes that waits for room in a budget of 100, of which 90 are held."""

    def __init__(self):
        self.now = 0.0
        self.loop = IoLoop(clock=lambda: self.now)
        self.credit = ReadCredit(1000, 100)
        self.read = []
        self.wait = RoomWait(self.loop, self.credit, 20.0)
        budget = ProcessBudget(session_limit=100).session("")
        self.other = budget.charge()
        self.other.set(90)
        self.wait.begin(budget.charge(), 60, self.read_on, None)

    def read_on(self):
        if self.wait.end():
            self.read.append("given up" if self.wait.is_given_up else "room")

    def step(self, seconds=0.0):
        self.now += seconds
        while self.loop.step(0.0):
            pass


@pytest.fixture
def waiting():
    waiting = Waiting()
    yield waiting
    waiting.loop.stop(0.0)


def test_the_peer_is_not_read_until_there_is_room(waiting):
    assert not waiting.credit.may_read
    waiting.other.set(40)
    waiting.step()
    assert (waiting.read, waiting.credit.may_read) == (["room"], True)
    waiting.step(60.0)
    assert waiting.read == ["room"]


def test_the_message_is_given_up_when_nothing_is_let_go_of_in_time(waiting):
    waiting.step(19.0)
    assert waiting.read == []
    waiting.step(1.0)
    assert (waiting.read, waiting.credit.may_read) == (["given up"], True)


def test_the_message_waits_on_as_long_as_something_is_let_go_of(waiting):
    for left in (80, 70, 60):
        waiting.other.set(left)
        waiting.step(20.0)
    assert waiting.read == []
    waiting.step(20.0)
    assert waiting.read == ["given up"]


def test_nothing_is_read_when_room_comes_after_the_end_of_the_wait(waiting):
    waiting.other.set(0)
    assert waiting.wait.end()
    waiting.step(60.0)
    assert (waiting.read, waiting.credit.may_read) == ([], True)
