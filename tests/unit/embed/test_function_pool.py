"""A host's functions, called on threads of their own."""

from __future__ import annotations

import json
import logging
import sys
import threading

import pytest

from turnstile.embed.function_pool import HostFunctionPool, SerialCallback, UnusableArguments
from turnstile.observability.logs import log_context
from turnstile.ports import FunctionReturned
from turnstile.testing import ManualTimers, RecordingInbox, patience
from turnstile.transports.pool import WorkerPool


@pytest.fixture
def make_pool():
    pools = []

    def make(threads=1, max_waiting=0, max_result_bytes=100, timers=None):
        pools.append(HostFunctionPool(threads, max_waiting, max_result_bytes, 10.0, timers or ManualTimers()))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close(patience())


def result(pool, function, arguments="{}"):
    inbox = RecordingInbox()
    pool.call(function, "c1", arguments, inbox)
    returned = inbox.wait_for(FunctionReturned)
    assert returned.call_id == "c1"
    return returned.output


def test_a_function_gives_its_result(make_pool):
    assert result(make_pool(), lambda arguments: f"got {arguments}", '{"a": 1}') == 'got {"a": 1}'


def test_what_a_function_raises_is_in_the_log_and_the_model_hears_only_that_it_failed(make_pool, caplog):
    def fail(_):
        raise RuntimeError("with a secret")

    assert json.loads(result(make_pool(), fail)) == {"error": "The function failed."}
    assert "with a secret" in caplog.text


def test_a_function_that_wants_to_end_the_process_has_failed_and_its_thread_goes_on(make_pool):
    pool = make_pool()

    def leave(_):
        raise SystemExit

    for _ in range(2):
        assert json.loads(result(pool, leave)) == {"error": "The function failed."}
    assert result(pool, lambda _: "here") == "here"


def test_half_a_character_in_a_result_is_made_one_that_can_be_sent(make_pool):
    assert result(make_pool(), lambda _: "half \ud83d") == "half ?"


class Held:
    """A function that waits until it may go on."""

    def __init__(self):
        self.begun, self.may_go = threading.Event(), threading.Event()

    def __call__(self, _):
        self.begun.set()
        self.may_go.wait(patience())
        return "done"


def test_a_function_that_takes_too_long_has_failed_and_its_result_is_dropped(make_pool, caplog):
    timers, held, inbox = ManualTimers(), Held(), RecordingInbox()
    pool = make_pool(timers=timers)
    pool.call(held, "c1", "{}", inbox)
    assert held.begun.wait(patience())
    timers.advance(10.0)
    assert json.loads(inbox.wait_for(FunctionReturned).output) == {"error": "The function did not answer within 10 s."}
    held.may_go.set()
    pool.close(patience())
    assert len(inbox.messages) == 1
    assert "did not answer within 10 s" in caplog.text
    assert "is dropped" in caplog.text


def test_a_call_for_which_no_thread_was_free_is_said_not_to_have_been_made(make_pool):
    timers, held, called, inbox = ManualTimers(), Held(), [], RecordingInbox()
    pool = make_pool(max_waiting=1, timers=timers)
    pool.call(held, "c1", "{}", RecordingInbox())
    assert held.begun.wait(patience())
    pool.call(called.append, "c2", "{}", inbox)
    timers.advance(10.0)
    words = "The function was not called: no thread was free within 10 s."
    assert json.loads(inbox.wait_for(FunctionReturned).output) == {"error": words}
    held.may_go.set()
    pool.close(patience())
    assert called == []


class Session:
    """Calls a function of its host; notes which session is named in what is logged where the result is told."""

    session_id = "s1"

    def __init__(self):
        self.inbox, self.named = RecordingInbox(), []

    def call(self, pool, function):
        log_context.session_id = self.session_id
        try:
            pool.call(function, "c1", "{}", self)
        finally:
            log_context.session_id = "-"

    def tell(self, message):
        self.named.append(log_context.session_id)
        self.inbox.tell(message)


def test_what_is_logged_of_a_call_names_the_session_that_called(make_pool):
    session = Session()
    session.call(make_pool(), lambda _: "done")
    session.inbox.wait_for(FunctionReturned)
    assert session.named == ["s1"]


def test_what_is_logged_of_a_call_that_takes_too_long_names_the_session_that_called(make_pool):
    timers, held, session = ManualTimers(), Held(), Session()
    session.call(make_pool(timers=timers), held)
    assert held.begun.wait(patience())
    timers.advance(10.0)
    held.may_go.set()
    assert session.named == ["s1"]


def test_a_call_that_has_its_result_waits_for_no_time(make_pool):
    timers = ManualTimers()
    assert result(make_pool(timers=timers), lambda _: "done") == "done"
    timers.advance(10.0)
    assert timers.pending == 0


def test_a_call_that_is_cancelled_is_not_begun_and_tells_nothing(make_pool):
    timers, held, called, inbox = ManualTimers(), Held(), [], RecordingInbox()
    pool = make_pool(max_waiting=1, timers=timers)
    under_way = pool.call(held, "c1", "{}", inbox)
    assert held.begun.wait(patience())
    waiting = pool.call(called.append, "c2", "{}", inbox)
    under_way.cancel()
    waiting.cancel()
    held.may_go.set()
    pool.close(patience())
    assert (called, inbox.messages, timers.pending) == ([], [], 0)


def test_the_model_hears_what_is_wrong_with_its_arguments(make_pool):
    def refuse(_):
        raise UnusableArguments("city: missing.")

    assert json.loads(result(make_pool(), refuse)) == {"error": "city: missing."}


def test_words_about_arguments_that_cannot_be_sent_are_made_sendable(make_pool):
    def refuse(_):
        raise UnusableArguments("c\ud800ty: unknown.")

    assert json.loads(result(make_pool(), refuse)) == {"error": "c?ty: unknown."}


def test_a_result_that_is_too_large_has_failed(make_pool):
    output = result(make_pool(max_result_bytes=3), lambda _: "äö")
    assert json.loads(output) == {"error": "The function's result is larger than 3 bytes."}


def test_a_call_beyond_those_that_may_wait_fails_at_once(make_pool):
    pool, may_go, begun = make_pool(), threading.Event(), threading.Event()
    inbox = RecordingInbox()

    def hold(_):
        begun.set()
        may_go.wait(patience())
        return "done"

    pool.call(hold, "c0", "{}", inbox)
    assert begun.wait(patience())
    assert json.loads(result(pool, lambda _: "")) == {"error": "Too many functions are being called."}
    may_go.set()
    assert inbox.wait_for(FunctionReturned).output == "done"


def test_a_call_after_the_end_has_failed(make_pool):
    pool = make_pool()
    pool.close(patience())
    assert json.loads(result(pool, lambda _: "")) == {"error": "The proxy is shutting down."}


def test_a_call_that_still_waits_at_the_end_has_failed(make_pool):
    pool, may_go, begun = make_pool(max_waiting=1), threading.Event(), threading.Event()
    first, second = RecordingInbox(), RecordingInbox()

    def hold(_):
        begun.set()
        may_go.wait(patience())
        return "done"

    pool.call(hold, "c0", "{}", first)
    assert begun.wait(patience())
    pool.call(lambda _: "too late", "c1", "{}", second)
    pool.close(0)
    assert json.loads(second.wait_for(FunctionReturned).output) == {"error": "The proxy is shutting down."}
    may_go.set()
    first.wait_for(FunctionReturned)


@pytest.fixture
def pool():
    pool = WorkerPool("test", 4)
    yield pool
    pool.close(patience())


def test_things_are_taken_one_after_the_other_and_in_order(pool):
    taken, done = [], threading.Event()

    def take(message):
        taken.append(message)
        if message == b"99":
            done.set()

    in_order = SerialCallback(pool, take)
    for number in range(100):
        in_order.put(b"%d" % number)
    assert done.wait(patience())
    assert taken == [b"%d" % number for number in range(100)]


def test_one_thing_that_fails_does_not_keep_the_next(pool, caplog):
    done = threading.Event()

    def take(thing):
        if thing == b"bad":
            raise RuntimeError("boom")
        done.set()

    in_order = SerialCallback(pool, take)
    in_order.put(b"bad")
    in_order.put(b"good")
    assert done.wait(patience())
    assert "boom" in caplog.text


def test_one_thing_that_wants_to_end_the_process_does_not_keep_the_next(pool):
    done = threading.Event()

    def take(thing):
        if thing == b"bad":
            raise SystemExit
        done.set()

    in_order = SerialCallback(pool, take)
    in_order.put(b"bad")
    in_order.put(b"good")
    assert done.wait(patience())


def test_the_oldest_are_dropped_when_the_host_is_slow_which_is_said_once(pool, caplog):
    taken, begun, may_go, done = [], threading.Event(), threading.Event(), threading.Event()

    def take(message):
        begun.set()
        may_go.wait(patience())
        taken.append(message)
        if message == b"9":
            done.set()

    in_order = SerialCallback(pool, take, most_bytes=2 * sys.getsizeof(b"0"))
    in_order.put(b"0")
    assert begun.wait(patience())
    with caplog.at_level(logging.WARNING):
        for number in range(1, 10):
            in_order.put(b"%d" % number)
    may_go.set()
    assert done.wait(patience())
    assert taken == [b"0", b"8", b"9"]
    assert len(caplog.records) == 1


@pytest.fixture
def one_thread():
    pool = WorkerPool("test", 1)
    yield pool
    pool.close(patience())


def hold_thread(pool):
    """Occupy the pool's only thread; returns the event that frees it."""
    begun, may_go = threading.Event(), threading.Event()
    pool.submit(lambda: (begun.set(), may_go.wait(patience())))
    assert begun.wait(patience())
    return may_go


def test_a_session_with_many_messages_lets_the_others_have_the_thread(one_thread):
    taken, done = [], threading.Event()
    may_go = hold_thread(one_thread)
    many = SerialCallback(one_thread, taken.append)
    one = SerialCallback(one_thread, lambda message: (taken.append(message), done.set()))
    for number in range(100):
        many.put(b"%d" % number)
    one.put(b"one")
    may_go.set()
    assert done.wait(patience())
    assert taken.index(b"one") == 16
    one_thread.drain(patience())
    taken.remove(b"one")
    assert taken == [b"%d" % number for number in range(100)]


def test_all_that_wait_are_taken_while_the_pool_is_drained(one_thread):
    taken = []
    may_go = hold_thread(one_thread)
    in_order = SerialCallback(one_thread, taken.append)
    for number in range(100):
        in_order.put(b"%d" % number)
    draining = threading.Thread(target=one_thread.drain, args=(patience(),))
    draining.start()
    may_go.set()
    draining.join(patience())
    assert taken == [b"%d" % number for number in range(100)]


def test_a_session_whose_functions_hang_leaves_threads_to_the_others(make_pool):
    pool, inbox = make_pool(threads=4, max_waiting=100), RecordingInbox()
    hung = [Held() for _ in range(60)]
    for held in hung:
        pool.call(held, "c1", "{}", inbox)
    assert result(pool, lambda _: "at once") == "at once"
    assert sum(held.begun.is_set() for held in hung) <= 2
    for held in hung:
        held.may_go.set()


def test_a_call_that_has_timed_out_leaves_its_place_in_the_queue(make_pool):
    timers, held, inbox = ManualTimers(), Held(), RecordingInbox()
    pool = make_pool(max_waiting=1, timers=timers)
    pool.call(held, "c1", "{}", inbox)
    assert held.begun.wait(patience())
    pool.call(lambda _: "never", "c2", "{}", RecordingInbox())
    timers.advance(10.0)
    other = RecordingInbox()
    pool.call(lambda _: "done", "c3", "{}", other)
    held.may_go.set()
    assert other.wait_for(FunctionReturned).output == "done"


def test_nothing_is_called_once_the_threads_have_ended(pool):
    pool.close(patience())
    taken = []
    SerialCallback(pool, taken.append).put(b"1")
    assert taken == []
