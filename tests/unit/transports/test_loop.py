from __future__ import annotations

import select
import socket
import threading
from functools import partial

import pytest

from turnstile.testing import ManualClock, patience
from turnstile.transports.loop import IoLoop
from turnstile.transports.poll import READ, WRITE, SelectorPoller, make_poller

WAIT = patience()


NEEDS_EPOLL = pytest.mark.skipif(not hasattr(select, "epoll"), reason="this system has no epoll")


class ReadingHandler:
    """A handler that reads whatever comes, with something to go wrong."""

    def __init__(self, loop, sock, *, fail="", fault=RuntimeError):
        self.loop, self.sock, self.fail, self.fault = loop, sock, fail, fault
        self.heard = threading.Event()
        self.calls = []
        loop.call_soon(self.begin, self)

    def begin(self):
        self.loop.add(self)
        self.loop.watch(self.sock, READ, self)

    def _note(self, call):
        self.calls.append(call)
        if call in self.fail:
            raise self.fault(call)

    def ready(self, _events):
        self.sock.recv(100)
        self.heard.set()
        self._note("ready")

    def failed(self, error):
        self._note(f"failed: {error}")

    def shut_down(self):
        self._note("shut_down")

    def abort(self):
        self.loop.watch(self.sock, 0, self)
        self.loop.remove(self)
        self.sock.close()
        self.heard.set()
        self._note("abort")


@pytest.fixture(
    params=[pytest.param(make_poller, marks=NEEDS_EPOLL), SelectorPoller], ids=["with epoll", "with selectors"]
)
def any_poller(request):
    return request.param


@pytest.fixture
def poller(any_poller, resting_poller):
    return resting_poller(any_poller())


@pytest.fixture
def loop(poller):
    loop = IoLoop(make_poller=lambda: poller)
    loop.start()
    yield loop
    loop.stop(2)


@pytest.fixture
def stepped(any_poller):
    """A loop whose rounds the test makes."""
    loop = IoLoop(make_poller=any_poller)
    loop.prepare()
    yield loop
    loop._end()


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_calls_run_in_order_on_the_loops_thread(loop):
    seen, done = [], threading.Event()
    for number in range(3):
        loop.call_soon(lambda number=number: seen.append((number, threading.current_thread().name)))
    loop.call_soon(done.set)
    assert done.wait(WAIT)
    assert seen == [(number, "turnstile-io") for number in range(3)]


def test_deadlines_come_in_their_order_and_cancelled_ones_never(loop):
    seen, done = [], threading.Event()

    def start():
        loop.call_later(0.02, done.set)
        loop.call_later(0.01, lambda: seen.append("second"))
        loop.call_later(0.0, lambda: seen.append("first"))
        loop.call_later(0.005, lambda: seen.append("never")).cancel()
        loop.call_later(9.0, lambda: seen.append("never"))

    loop.call_soon(start)
    assert done.wait(WAIT)
    assert seen == ["first", "second"]


class Patient:
    """A poller whose sockets are never ready; notes how long it was to wait."""

    def __init__(self):
        self.waits = []

    def register(self, *_):
        pass

    def poll(self, timeout, _):
        self.waits.append(timeout)
        return []

    def close(self):
        pass


@pytest.mark.parametrize(
    ("delay", "at_most", "wait"),
    [(None, None, None), (None, 2.0, 2.0), (1.0, None, 1.0), (1.0, 2.0, 1.0), (3.0, 2.0, 2.0), (-1.0, None, 0.0)],
)
def test_a_round_waits_for_the_next_deadline_but_no_longer_than_it_may(delay, at_most, wait):
    poller = Patient()
    loop = IoLoop(clock=lambda: 100.0, make_poller=lambda: poller)
    loop.prepare()
    if delay is not None:
        loop.call_later(delay, list)
    loop.step(at_most)
    assert poller.waits == [wait]
    loop._end()


def test_a_round_does_not_wait_while_a_call_does():
    poller = Patient()
    loop = IoLoop(make_poller=lambda: poller)
    loop.prepare()
    loop.call_soon(list)
    loop.step(5.0)
    assert poller.waits == [0.0]
    loop._end()


def test_deadlines_with_slack_share_a_wake_up():
    now, poller = [100.3], Patient()
    loop = IoLoop(clock=lambda: now[0], make_poller=lambda: poller)
    loop.prepare()
    seen = []
    loop.call_later(1.0, lambda: seen.append("a"), slack=1.0)
    loop.call_later(1.5, lambda: seen.append("b"), slack=1.0)
    loop.step()
    assert poller.waits == [pytest.approx(1.7)]
    now[0] = 101.9
    loop.step(0)
    assert seen == []
    now[0] = 102.0
    loop.step(0)
    assert seen == ["a", "b"]
    loop._end()


def test_a_resting_loop_waits_for_its_next_deadline_only(loop, rest):
    assert rest() is None
    loop.call_soon(lambda: loop.call_later(3600, list))
    assert 1800 < rest() <= 3600


def test_a_call_that_a_handler_asks_for_is_made_in_the_same_round_without_a_wake_up(stepped, pair):
    handler = ReadingHandler(stepped, pair[0])
    stepped.step(0)
    made = []
    handler.ready = lambda _: (pair[0].recv(1), stepped.call_soon(lambda: made.append(1)))
    pair[1].send(b"a")
    assert stepped.step(WAIT)
    assert made == [1]
    assert not stepped.step(0), "nothing was ready: the loop has not woken itself"
    handler.abort()


def test_a_round_waits_for_nobody_when_a_call_waits(stepped):
    made = []
    stepped.call_soon(lambda: made.append(1))
    stepped.step()
    assert made == [1]


def test_a_round_ends_with_the_deadline_that_comes_first(stepped):
    made = []
    stepped.call_later(0.01, lambda: made.append(1))
    stepped.step()
    stepped.step(0)  # a system that counts in milliseconds may wake up a moment early
    assert made == [1]


def test_a_resting_loop_is_woken_when_another_thread_asks_for_a_call(stepped):
    made = []
    asking = threading.Thread(target=stepped.call_soon, args=(lambda: made.append(1),))
    stepped._awake = False  # as within a round that waits
    asking.start()
    asking.join(WAIT)
    assert stepped.step(0)
    assert made == [1]
    assert not stepped.step(0)


def test_calls_asked_for_by_a_waker_run_in_the_order_asked_from_any_thread(loop):
    made, done = [], threading.Event()
    wake = loop.waker(lambda: made.append("woken"))

    def on_the_loop():
        wake()
        loop.call_soon(lambda: made.append("called"))
        wake()
        loop.call_soon(done.set)

    wake()
    loop.call_soon(on_the_loop)
    assert done.wait(WAIT)
    assert made == ["woken", "woken", "called", "woken"]


def test_a_wakers_call_is_dropped_when_the_loop_has_stopped(loop):
    made, before = [], threading.active_count()
    wake = loop.waker(lambda: made.append("woken"))
    loop.stop(0)
    wake()
    assert made == []
    assert threading.active_count() < before


def test_a_wakers_call_is_made_when_the_end_of_a_handler_asks_for_it(loop, pair):
    handler, made = ReadingHandler(loop, pair[0]), []
    wake = loop.waker(lambda: made.append("woken"))
    handler.abort = wake
    loop.stop(0)
    assert made == ["woken"]


def test_stop_returns_in_time_when_the_thread_is_held(loop):
    held, may_go = threading.Event(), threading.Event()
    loop.call_soon(lambda: (held.set(), may_go.wait(WAIT)))
    assert held.wait(WAIT)
    assert not loop.stop(0, 0)
    may_go.set()
    assert loop.stop(0)


def test_a_call_is_refused_on_the_loops_own_thread_when_it_ends(loop, pair):
    handler, answers = ReadingHandler(loop, pair[0]), []
    handler.abort = lambda: answers.append(loop.call_soon(lambda: None))
    loop.stop(0)
    assert answers == [False]


@NEEDS_EPOLL
def test_a_round_serves_so_many_sockets_at_most_and_later_ones_the_others():
    loop = IoLoop()
    loop.prepare()
    pairs = [socket.socketpair() for _ in range(100)]
    handlers = [ReadingHandler(loop, ours) for ours, _ in pairs]
    loop.step(0)
    for _, theirs in pairs:
        theirs.send(b"a")
    loop.step(0)
    assert 0 < sum(handler.heard.is_set() for handler in handlers) < 100
    while loop.step(0):
        pass
    assert all(handler.heard.is_set() for handler in handlers)
    loop._end()
    for _, theirs in pairs:
        theirs.close()


def test_a_handler_hears_what_its_socket_is_ready_for(stepped, pair):
    handler, heard = ReadingHandler(stepped, pair[0]), []
    stepped.step(0)
    handler.ready = heard.append
    stepped.watch(pair[0], READ | WRITE, handler)
    stepped.step(0)
    pair[1].send(b"a")
    stepped.step(0)
    stepped.watch(pair[0], READ, handler)
    stepped.step(0)
    assert heard == [WRITE, READ | WRITE, READ]
    handler.abort()


def test_a_handler_hears_of_an_error_as_of_more_than_that_it_can_read(stepped, pair):
    handler, heard = ReadingHandler(stepped, pair[0]), []
    stepped.step(0)
    handler.ready = heard.append
    stepped.watch(pair[0], READ | WRITE, handler)
    pair[1].close()
    stepped.step(0)
    assert heard[0] not in {READ, WRITE}
    handler.abort()


def test_a_handler_hears_when_its_socket_can_be_read(loop, pair):
    handler = ReadingHandler(loop, pair[0])
    pair[1].send(b"a")
    assert handler.heard.wait(WAIT)
    loop.call_soon(handler.abort)


FAULTS = pytest.mark.parametrize("fault", [RuntimeError, SystemExit, KeyboardInterrupt])


@FAULTS
def test_only_the_handler_breaks_whose_call_raised(loop, pair, barrier, caplog, fault):
    def fail():
        raise fault("boom")

    handler = ReadingHandler(loop, pair[0], fail="ready", fault=fault)
    loop.call_soon(fail)
    pair[1].send(b"a")
    assert handler.heard.wait(WAIT)
    barrier()
    assert handler.calls == ["ready", "failed: ready"]
    assert len(caplog.records) == 2
    loop.call_soon(handler.abort)


@FAULTS
def test_a_handler_is_aborted_when_its_end_raises_too(loop, pair, barrier, fault):
    handler = ReadingHandler(loop, pair[0], fail="ready, failed: ready, abort", fault=fault)
    pair[1].send(b"a")
    assert handler.heard.wait(WAIT)
    barrier()
    assert handler.calls == ["ready", "failed: ready", "abort"]
    assert pair[0].fileno() == -1


def test_handlers_are_shut_down_and_then_aborted_when_the_loop_stops(loop, pair):
    handler = ReadingHandler(loop, pair[0])
    loop.stop(0.05)
    assert handler.calls == ["shut_down", "abort"]
    assert not loop.running


def test_a_handler_that_is_added_while_the_loop_stops_is_shut_down_too(loop):
    sockets = [socket.socketpair() for _ in range(2)]
    late = []
    first = ReadingHandler(loop, sockets[0][0])
    first.shut_down = lambda: late.append(ReadingHandler(loop, sockets[1][0]))
    loop.stop(0.05)
    assert late[0].calls == ["shut_down", "abort"]
    for ours, theirs in sockets:
        ours.close()
        theirs.close()


def test_what_was_promised_still_runs_when_the_loop_has_no_time_left(loop):
    ran = []
    loop.call_soon(lambda: loop.call_soon(lambda: ran.append(1)))
    loop.stop(0)
    assert ran == [1]


def test_no_call_is_taken_after_the_end(loop):
    loop.stop(0)
    assert loop.call_soon(lambda: None) is False
    loop.stop(0)


def test_calls_that_came_before_the_start_run_at_the_start():
    loop, done = IoLoop(), threading.Event()
    loop.call_soon(done.set)
    assert not loop.running
    loop.start()
    assert done.wait(WAIT)
    assert loop.running
    loop.stop(0)


def test_a_loop_that_never_started_can_be_stopped():
    loop = IoLoop()
    loop.stop(0)
    assert loop.call_soon(lambda: None) is False


def test_events_of_a_handler_that_left_in_the_same_round_are_dropped(loop, barrier):
    one, two = socket.socketpair(), socket.socketpair()
    handlers = [ReadingHandler(loop, one[0]), ReadingHandler(loop, two[0])]
    handlers[0].ready = lambda _: [handler.abort() for handler in handlers if handler.sock.fileno() != -1]
    handlers[1].ready = handlers[0].ready
    barrier()

    def both_at_once():
        one[1].send(b"a")
        two[1].send(b"a")

    loop.call_soon(both_at_once)
    assert all(handler.heard.wait(WAIT) for handler in handlers)
    one[1].close()
    two[1].close()


def test_a_socket_is_served_among_calls_that_always_ask_for_the_next(stepped, pair):
    handler = ReadingHandler(stepped, pair[0])
    stepped.step(0)
    made = []

    def go_on():
        made.append(1)
        if len(made) < 10_000:
            stepped.call_soon(go_on)

    stepped.call_soon(go_on)
    stepped.step(0)
    pair[1].send(b"a")
    stepped.step(0)
    assert handler.calls == ["ready"]
    assert len(made) < 10_000


@pytest.mark.parametrize("delay", [3e6, 1e12])
def test_the_loop_goes_on_when_a_deadline_is_further_away_than_the_system_can_wait(loop, rest, delay):
    set_up, done = threading.Event(), threading.Event()
    loop.call_soon(lambda: (loop.call_later(delay, done.set), set_up.set()))
    assert set_up.wait(WAIT)
    assert rest() > 0
    loop.call_soon(done.set)
    assert done.wait(patience())


def test_calls_for_the_next_round_have_their_turns_a_few_in_each_round():
    loop, made = IoLoop(ManualClock()), []
    loop.prepare()
    for number in range(40):
        loop.call_next_round(partial(made.append, number), None)
    rounds = []
    while loop.step(0):
        rounds.append(len(made))
    assert made == list(range(40))
    assert [*rounds, len(made)] == [16, 32, 40]
    loop.stop(0)


def test_a_call_for_the_next_round_is_not_made_in_the_round_that_asks_for_it():
    loop, made = IoLoop(ManualClock()), []
    loop.prepare()

    def again():
        made.append("call")
        loop.call_next_round(again, None)

    again()
    loop.step(0)
    loop.step(0)
    assert made == ["call"] * 3
    loop.stop(0)
