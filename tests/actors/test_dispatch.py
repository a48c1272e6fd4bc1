"""What goes wrong on the shared threads stays where it happened."""

from __future__ import annotations

import threading

import pytest

from actors.dispatch import DispatchedActor, inbox_of
from turnstile.testing import patience


class Fragile(DispatchedActor):
    """Fails at what it is told to, and at cleaning up."""

    def __init__(self, dispatcher):
        super().__init__(dispatcher)
        self.late = []

    def on_receive(self, message):
        if message == "fail":
            raise ValueError("boom")
        return message

    def on_failure(self, *_):
        raise OSError("cannot clean up")

    def dropped(self, message):
        self.late.append(message)
        if message == "fail late":
            raise ValueError("late boom")


@pytest.fixture
def actor(bench):
    ref = Fragile.start(bench.dispatcher)
    yield ref
    if ref.is_alive():
        ref.stop(timeout=patience(5))


def everything_ran(dispatcher):
    done = threading.Event()
    dispatcher.schedule(done.set)
    assert done.wait(patience(5))


def test_the_threads_go_on_when_cleaning_up_fails_too(bench, actor, caplog):
    inbox_of(actor).tell("fail")
    everything_ran(bench.dispatcher)
    assert "Cleaning up after a failed actor failed too" in caplog.text
    assert not actor.is_alive()
    other = Fragile.start(bench.dispatcher)
    assert other.ask("still there", timeout=patience(5)) == "still there"
    other.stop(timeout=patience(5))


def test_the_threads_go_on_when_a_run_fails_outside_of_the_messages(bench, actor, caplog):
    actor.stop(timeout=patience(5))
    inbox_of(actor).tell("fail late")
    everything_ran(bench.dispatcher)
    assert "An actor's run failed outside of its message handling" in caplog.text
    assert Fragile.start(bench.dispatcher).stop(timeout=patience(5))
