"""What goes wrong on the shared threads stays where it happened."""

from __future__ import annotations

import threading

import pytest

from actors.dispatch import DispatchedActor, inbox_of
from actors.inbox import DispatchedInbox
from turnstile.observability.logs import current_session
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


class Dropping(DispatchedActor):
    """Is told another message while it drops one."""

    def __init__(self, dispatcher, late):
        super().__init__(dispatcher)
        self.late = late

    def dropped(self, message):
        self.late.append(message)
        if message == "first":
            self.inbox.tell("second")


def test_what_comes_while_late_messages_are_dropped_is_dropped_too(bench):
    late = []
    ref = Dropping.start(bench.dispatcher, late)
    ref.stop(timeout=patience(5))
    inbox_of(ref).tell("first")
    everything_ran(bench.dispatcher)
    everything_ran(bench.dispatcher)  # with the run that came of the first
    assert late == ["first", "second"]


class Named(DispatchedActor):
    """Returns which session it logs under, now and at the end of its latest run."""

    session_id = "s1"
    at_end = None

    def on_receive(self, _):
        return current_session(), self.at_end

    def run_ended(self):
        self.at_end = current_session()


def test_what_a_run_logs_names_its_session_and_what_comes_behind_it_does_not(bench):
    ref = Named.start(bench.dispatcher)
    assert ref.ask("who", timeout=patience(5)) == ("s1", None)
    assert ref.ask("who", timeout=patience(5)) == ("s1", "s1")
    behind, done = [], threading.Event()
    bench.dispatcher.schedule(lambda: (behind.append(current_session()), done.set()))
    assert done.wait(patience(5))
    assert behind == ["-"]
    ref.stop(timeout=patience(5))


def test_a_run_that_fails_outside_of_the_messages_leaves_no_name_behind(bench, actor):
    actor.stop(timeout=patience(5))
    inbox_of(actor).tell("fail late")
    everything_ran(bench.dispatcher)
    names, done = [], threading.Event()
    bench.dispatcher.schedule(lambda: (names.append(current_session()), done.set()))
    assert done.wait(patience(5))
    assert names == ["-"]


@pytest.mark.parametrize(("waiting", "row"), [(["b", 1, "c"], ["a", "b"]), ([1, "b"], ["a"]), ([], ["a"])])
def test_a_row_is_what_waits_next_of_the_same_class(waiting, row):
    inbox = DispatchedInbox()
    inbox.tell_all(waiting)
    assert inbox.row("a") == row
    assert inbox.waiting() == waiting[len(row) - 1 :]


def test_a_row_is_as_long_as_a_run_at_most():
    inbox = DispatchedInbox()
    inbox.tell_all([1] * 100)
    assert len(inbox.row(1)) == DispatchedActor.run_length
