"""Actors on shared threads."""

from __future__ import annotations

import threading
from functools import partial

import pykka
import pytest

from actors.dispatch import DispatchedActor, inbox_of
from actors.dispatcher import ThreadDispatcher
from actors.inbox import DispatchedInbox
from actors.pykka_names import Envelope
from turnstile.errors import InternalError

DEADLINE = 5.0


@pytest.fixture
def dispatcher():
    dispatcher = ThreadDispatcher()
    yield dispatcher
    assert dispatcher.stop(DEADLINE)


class Recorder(DispatchedActor):
    """Keeps what it is told; a callable is called."""

    def __init__(self, dispatcher):
        super().__init__(dispatcher)
        self.actor_ref.recorder = self
        self.told = []
        self.runs = []
        self.failures = []
        self.fail_at_end_of_run = False

    def on_receive(self, message):
        self.told.append(message)
        return message() if callable(message) else message

    def run_ended(self):
        self.runs.append(len(self.told))
        if self.fail_at_end_of_run:
            raise ValueError("the run cannot end")

    def on_failure(self, _exception_type, exception_value, _traceback):
        self.failures.append(exception_value)


class Slow(pykka.ThreadingActor):
    pass


@pytest.fixture
def actor(dispatcher):
    ref = Recorder.start(dispatcher)
    yield ref
    if ref.is_alive():
        ref.stop(timeout=DEADLINE)


def test_messages_are_handled_in_the_order_told(actor):
    for number in range(1000):
        actor.tell(number)
    assert actor.ask(lambda: actor.recorder.told[:1000], timeout=DEADLINE) == list(range(1000))


def test_messages_from_many_threads_are_each_handled_once(actor):
    def tell_many():
        for number in range(500):
            actor.actor_inbox.tell(number)

    threads = [threading.Thread(target=tell_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    told = actor.ask(lambda: list(actor.recorder.told), timeout=DEADLINE)
    assert sorted(told[:-1]) == sorted(list(range(500)) * 4)


def test_an_actor_is_woken_once_when_several_messages_are_told_together():
    inbox, wakes = DispatchedInbox(), []
    inbox.wake = lambda: wakes.append(len(inbox.contents))
    inbox.release()
    inbox.tell_all([1, 2, 3])
    assert inbox.waiting() == [1, 2, 3]
    assert wakes == [3]


def test_messages_told_during_a_run_are_handled_in_a_later_one(actor):
    began, go_on = threading.Event(), threading.Event()

    def hold():
        began.set()
        assert go_on.wait(DEADLINE)

    actor.tell(hold)
    assert began.wait(DEADLINE)
    for number in range(100):
        actor.tell(number)
    go_on.set()
    actor.ask("last", timeout=DEADLINE)
    assert len(actor.recorder.runs) >= 1
    assert actor.recorder.runs[0] == DispatchedActor.run_length


def test_one_actor_failing_leaves_the_others_on_its_thread_alone(actor, dispatcher, caplog):
    other = Recorder.start(dispatcher)
    try:
        actor.tell(lambda: 1 / 0)
        assert actor.actor_stopped.wait(DEADLINE)
        assert other.ask("still here", timeout=DEADLINE) == "still here"
        assert isinstance(actor.recorder.failures[0], ZeroDivisionError)
        assert "Unhandled exception" in caplog.text
    finally:
        other.stop(timeout=DEADLINE)


def test_a_failed_ask_is_the_askers_and_the_actor_lives(actor):
    with pytest.raises(ZeroDivisionError):
        actor.ask(lambda: 1 / 0, timeout=DEADLINE)
    assert actor.is_alive()


def test_a_failure_at_the_end_of_a_run_ends_the_actor(actor, dispatcher, caplog):
    actor.recorder.fail_at_end_of_run = True
    actor.tell("anything")
    assert actor.actor_stopped.wait(DEADLINE)
    assert Recorder.start(dispatcher).stop(timeout=DEADLINE)
    assert "the run cannot end" in caplog.text


def test_a_cleanup_that_fails_too_is_logged_and_the_thread_goes_on(actor, dispatcher, caplog):
    actor.recorder.failures = None
    actor.tell(lambda: 1 / 0)
    assert actor.actor_stopped.wait(DEADLINE)
    assert Recorder.start(dispatcher).stop(timeout=DEADLINE)
    assert "Cleaning up after a failed actor failed too" in caplog.text


def test_asks_behind_a_stop_are_answered_with_the_actors_death(actor):
    began, go_on = threading.Event(), threading.Event()

    def hold():
        began.set()
        assert go_on.wait(DEADLINE)

    actor.tell(hold)
    assert began.wait(DEADLINE)
    stopping = actor.stop(block=False)
    late = actor.ask("too late", block=False)
    go_on.set()
    assert stopping.get(timeout=DEADLINE)
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=DEADLINE)


def test_telling_a_stopped_actor_through_its_inbox_is_silent(actor):
    inbox = inbox_of(actor)
    actor.stop(timeout=DEADLINE)
    inbox.tell("nobody home")
    assert "nobody home" not in actor.recorder.told


class Hooked(DispatchedActor):
    """Keeps which of its hooks were called, and raises `fault` in some of its methods."""

    def __init__(self, dispatcher, calls, fails_in="", fault=None):
        super().__init__(dispatcher)
        self.calls = calls
        self.fails_in = fails_in
        self.fault = fault

    def _note(self, name):
        self.calls.append((name, threading.current_thread().name))
        if name in self.fails_in.split():
            raise self.fault

    def on_start(self):
        self._note("on_start")

    def on_receive(self, message):
        if message == "stop":
            self.stop_now()
        self._note(message)

    def run_ended(self):
        self._note("run_ended")

    def on_stop(self):
        self._note("on_stop")

    def on_failure(self, *_):
        self._note("on_failure")


def called(calls, but=("run_ended",)):
    return [name for name, _ in calls if name not in but]


def test_on_start_is_called_on_the_actors_thread_before_the_first_message(dispatcher):
    calls = []
    ref = Hooked.start(dispatcher, calls)
    ref.tell("message")
    ref.stop(timeout=DEADLINE)
    assert called(calls) == ["on_start", "message", "on_stop"]
    assert {thread for _, thread in calls} == {"turnstile-actors-0"}


@pytest.mark.parametrize("fault", [ValueError("boom"), SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_an_actor_that_fails_to_start_is_stopped_and_no_hook_is_called(dispatcher, fault, caplog):
    calls = []
    ref = Hooked.start(dispatcher, calls, "on_start", fault)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("too early", timeout=DEADLINE)
    assert called(calls) == ["on_start"]
    assert not ref.is_alive()
    assert "Unhandled exception" in caplog.text


@pytest.mark.parametrize("fault", [SystemExit(1), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize(("told", "fails_in"), [("message", "message"), ("message", "run_ended"), ("stop", "on_stop")])
def test_an_exit_that_an_actor_raises_stops_it_alone_and_no_thread(dispatcher, told, fails_in, fault):
    calls, others = [], []
    other = Hooked.start(dispatcher, others)
    ref = Hooked.start(dispatcher, calls, fails_in, fault)
    ref.actor_inbox.tell(told)
    assert ref.actor_stopped.wait(DEADLINE)
    other.stop(timeout=DEADLINE)
    assert called(calls)[-1] == "on_failure"
    assert called(others) == ["on_start", "on_stop"]


def test_who_asks_learns_that_the_actor_has_ended_when_it_raises_an_exit(dispatcher):
    calls = []
    ref = Hooked.start(dispatcher, calls, "message", SystemExit(1))
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("message", timeout=DEADLINE)
    assert called(calls) == ["on_start", "message", "on_failure"]


def test_a_cleanup_that_raises_an_exit_stops_no_thread(dispatcher, caplog):
    ref = Hooked.start(dispatcher, [], "message on_failure", SystemExit(1))
    ref.tell("message")
    assert ref.actor_stopped.wait(DEADLINE)
    assert Hooked.start(dispatcher, []).stop(timeout=DEADLINE)
    assert "Cleaning up after a failed actor failed too" in caplog.text


def test_nothing_that_waits_is_handled_when_an_actor_stops_at_once(dispatcher):
    calls = []
    ref = Hooked.start(dispatcher, calls)
    ref.actor_inbox.tell_all(["first", "stop", "second"])
    assert ref.actor_stopped.wait(DEADLINE)
    assert Hooked.start(dispatcher, []).stop(timeout=DEADLINE)
    assert called(calls) == ["on_start", "first", "on_stop", "stop"]


def test_an_ask_that_passed_the_stop_unseen_is_answered_with_the_actors_death(actor):
    inbox = inbox_of(actor)
    actor.stop(timeout=DEADLINE)
    late = pykka.ThreadingFuture()
    inbox.put(Envelope("too late", reply_to=late))
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=DEADLINE)


def test_messages_told_before_the_start_wait_for_it(dispatcher):
    actor = Recorder(dispatcher)
    actor.inbox.tell("early")
    actor._start_actor_loop()
    assert actor.actor_ref.ask("second", timeout=DEADLINE) == "second"
    assert actor.told == ["early", "second"]
    actor.actor_ref.stop(timeout=DEADLINE)


def test_an_actor_of_another_kind_has_no_inbox_to_tell():
    ref = Slow.start()
    try:
        with pytest.raises(InternalError, match="no dispatched actor"):
            inbox_of(ref)
    finally:
        ref.stop(timeout=DEADLINE)


def test_an_idle_dispatcher_has_no_thread():
    before = threading.active_count()
    dispatcher = ThreadDispatcher(workers=3)
    assert threading.active_count() == before
    assert dispatcher.stop(DEADLINE)


def test_a_run_that_fails_outside_of_an_actor_leaves_the_thread_alive(dispatcher, caplog):
    done = threading.Event()
    dispatcher.waker(lambda: 1 / 0)()
    dispatcher.waker(done.set)()
    assert done.wait(DEADLINE)
    assert "outside of its message handling" in caplog.text


def test_a_stopped_dispatcher_starts_no_thread_and_drops_what_is_told(dispatcher):
    ran, before = [], threading.active_count()
    wake = dispatcher.waker(lambda: ran.append("run"))
    assert dispatcher.stop(0)
    wake()
    assert (threading.active_count(), ran) == (before, [])


def test_what_is_told_after_the_threads_have_ended_is_dropped(dispatcher):
    ran, done = [], threading.Event()
    dispatcher.waker(done.set)()
    assert done.wait(DEADLINE)
    assert dispatcher.stop(DEADLINE)
    before = threading.active_count()
    dispatcher.waker(lambda: ran.append("run"))()
    assert (threading.active_count(), ran) == (before, [])


def test_the_threads_have_one_deadline_to_end_together():
    dispatcher, may_go, held = ThreadDispatcher(workers=2), threading.Event(), threading.Semaphore(0)
    for _ in range(2):
        dispatcher.waker(lambda: (held.release(), may_go.wait(DEADLINE)))()
        assert held.acquire(timeout=DEADLINE)
    assert not dispatcher.stop(0)
    may_go.set()
    assert dispatcher.stop(DEADLINE)


class AtOnceElsewhere:
    """A dispatcher that runs an actor on another thread, and waits for it."""

    def schedule(self, run):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join(DEADLINE)

    def waker(self, run):
        return partial(self.schedule, run)


def test_a_run_may_follow_on_another_thread_before_the_first_has_returned():
    handled = []

    class Countdown(DispatchedActor):
        run_length = 1

        def on_receive(self, message):
            handled.append(message)
            if message:
                self.inbox.tell(message - 1)

    actor = Countdown.start(AtOnceElsewhere())
    inbox_of(actor).tell(3)
    assert handled == [3, 2, 1, 0]
    actor.stop(block=False)
