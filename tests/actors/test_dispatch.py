"""What goes wrong on the shared threads stays where it happened."""

from __future__ import annotations

import threading
from typing import ClassVar

import pytest

from actors.dispatch import DispatchedActor, inbox_of
from actors.inbox import DispatchedInbox
from turnstile.observability.logs import log_context
from turnstile.testing import patience


class Fragile(DispatchedActor):
    """Fails at what it is told to, and at cleaning up."""

    def on_receive(self, message):
        if message == "fail":
            raise ValueError("boom")
        return message

    def on_failure(self, *_):
        raise OSError("cannot clean up")

    @staticmethod
    def dropped(message):
        if message == "fail late":
            raise ValueError("late boom")


@pytest.fixture
def actor(bench):
    ref = Fragile.start(bench.dispatcher)
    yield ref
    if ref.is_alive():
        ref.stop(timeout=patience())


def everything_ran(dispatcher):
    done = threading.Event()
    dispatcher.waker(done.set)()
    assert done.wait(patience())


def test_the_threads_go_on_when_cleaning_up_fails_too(bench, actor, caplog):
    inbox_of(actor).tell("fail")
    everything_ran(bench.dispatcher)
    assert "Cleaning up after a failed actor failed too" in caplog.text
    assert not actor.is_alive()
    other = Fragile.start(bench.dispatcher)
    assert other.ask("still there", timeout=patience()) == "still there"
    other.stop(timeout=patience())


def test_whoever_tells_too_late_takes_no_harm_when_the_message_cannot_be_dropped(bench, actor, caplog):
    actor.stop(timeout=patience())
    inbox_of(actor).tell("fail late")
    assert "A message that came too late could not be dropped" in caplog.text
    assert Fragile.start(bench.dispatcher).stop(timeout=patience())


class Dropping(DispatchedActor):
    """Is told another message while it drops one."""

    late: ClassVar[list] = []

    @staticmethod
    def dropped(message):
        Dropping.late.append(message)
        if message == "first":
            Dropping.also.tell("second")


def test_what_comes_while_late_messages_are_dropped_is_dropped_too(bench):
    Dropping.late.clear()
    ref = Dropping.start(bench.dispatcher)
    ref.stop(timeout=patience())
    everything_ran(bench.dispatcher)
    Dropping.also = inbox_of(ref)
    inbox_of(ref).tell("first")
    assert Dropping.late == ["first", "second"]


class Named(DispatchedActor):
    """Returns which session it logs under, now and at the end of its latest run."""

    session_id = "s1"
    at_end = None

    def on_receive(self, _):
        return log_context.session_id, self.at_end

    def run_ended(self):
        self.at_end = log_context.session_id


def test_what_a_run_logs_names_its_session_and_what_comes_behind_it_does_not(bench):
    ref = Named.start(bench.dispatcher)
    assert ref.ask("who", timeout=patience()) == ("s1", None)
    assert ref.ask("who", timeout=patience()) == ("s1", "s1")
    behind, done = [], threading.Event()
    bench.dispatcher.waker(lambda: (behind.append(log_context.session_id), done.set()))()
    assert done.wait(patience())
    assert behind == ["-"]
    ref.stop(timeout=patience())


def test_a_failure_to_drop_a_message_leaves_no_name_behind(bench, actor):
    actor.stop(timeout=patience())
    inbox_of(actor).tell("fail late")
    names, done = [], threading.Event()
    bench.dispatcher.waker(lambda: (names.append(log_context.session_id), done.set()))()
    assert done.wait(patience())
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
