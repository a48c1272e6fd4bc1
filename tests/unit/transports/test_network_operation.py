from __future__ import annotations

import errno
import socket
import threading
import time
from concurrent.futures import Future

import pytest

from turnstile.testing import patience
from turnstile.transports.network_operation import NetworkOperation, fail, settle
from turnstile.transports.pool import WorkerPool

WAIT = patience()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def operation():
    return NetworkOperation(time.monotonic, WAIT)


def test_what_is_left_becomes_less_and_then_is_an_error():
    now = [5.0]
    operation = NetworkOperation(lambda: now[0], 10)
    now[0] = 8.0
    assert operation.left() == 7.0
    now[0] = 15.0
    with pytest.raises(TimeoutError):
        operation.left()


@pytest.mark.parametrize("seconds", [1e300, float("inf")])
def test_an_operation_that_may_take_for_ever_can_wait_for_a_socket_and_for_a_result(listener, seconds):
    operation = NetworkOperation(time.monotonic, seconds)
    operation.connect([listener.getsockname()]).close()
    done = Future()
    done.set_result(7)
    assert operation.wait_for(done) == 7


def test_nothing_is_left_of_an_operation_that_was_cancelled(operation):
    operation.cancel()
    with pytest.raises(ConnectionAbortedError):
        operation.left()
    assert operation.is_cancelled


def test_a_socket_that_is_used_too_late_is_closed(operation):
    operation.cancel()
    with socket.socket() as sock:
        with pytest.raises(ConnectionAbortedError):
            operation.use(sock)
        assert sock.fileno() == -1


def test_a_read_ends_when_another_thread_cancels_the_operation(operation, listener):
    sock = operation.connect([listener.getsockname()])
    far, _ = listener.accept()
    read = []
    reading = threading.Thread(target=lambda: read.append(sock.recv(1)))
    reading.start()
    operation.cancel()
    reading.join(WAIT)
    assert read == [b""]
    assert far.recv(1) == b""
    sock.close()
    far.close()


def test_a_socket_that_was_let_go_is_left_alone(operation, listener):
    sock = operation.connect([listener.getsockname()])
    far, _ = listener.accept()
    operation.let_go()
    operation.cancel()
    sock.sendall(b"x")
    assert far.recv(1) == b"x"
    sock.close()
    far.close()


def test_the_next_place_is_tried_when_one_cannot_be_reached(operation, listener, monkeypatch):
    connect, tried = socket.socket.connect, []

    def refuse_ipv6(sock, place):
        tried.append(place[0])
        if sock.family is socket.AF_INET6:
            raise OSError(errno.ENETUNREACH, "unreachable")
        connect(sock, place)

    monkeypatch.setattr(socket.socket, "connect", refuse_ipv6)
    with operation.connect([("::1", 1, 0, 0), listener.getsockname()]) as sock:
        assert sock.getpeername() == listener.getsockname()
    assert tried == ["::1", "127.0.0.1"]


def test_the_error_is_the_last_ones_when_none_can_be_reached(operation):
    with pytest.raises(OSError, match="no address"):
        operation.connect([])
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = server.getsockname()
    with pytest.raises(ConnectionRefusedError):
        operation.connect([place, place])


def test_no_place_is_tried_once_the_operation_is_cancelled(operation, listener):
    operation.cancel()
    with pytest.raises(ConnectionAbortedError):
        operation.connect([listener.getsockname()] * 3)


def test_another_threads_result_or_error_is_waited_for(operation):
    future = Future()
    settle(future, lambda: 7)
    assert operation.wait_for(future) == 7
    future = Future()
    settle(future, lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        operation.wait_for(future)


def test_no_work_is_done_for_a_result_that_nobody_waits_for(operation):
    future, done = Future(), []
    operation.cancel()
    with pytest.raises(ConnectionAbortedError):
        operation.wait_for(future)
    settle(future, lambda: done.append("work"))
    assert done == []


def test_work_that_waits_for_a_thread_is_not_done_by_the_one_that_closes_the_pool(operation):
    busy, queued, may_end, done, errors = threading.Event(), threading.Event(), threading.Event(), [], []

    class Watched(WorkerPool):
        def submit(self, *job):
            taken = super().submit(*job)
            queued.set()
            return taken

    def run():
        with pytest.raises(ConnectionAbortedError):
            operation.run_on(pool, lambda: done.append("work"))
        errors.append(operation.is_cancelled)

    pool, waiting = Watched("resolve", 1), threading.Thread(target=run)
    pool.submit(lambda: (busy.set(), may_end.wait(WAIT)))
    assert busy.wait(WAIT)
    queued.clear()
    waiting.start()
    assert queued.wait(WAIT)
    pool.close(0)
    waiting.join(WAIT)
    may_end.set()
    pool.close(WAIT)
    assert (done, errors) == ([], [False])


def test_a_result_that_comes_too_late_is_dropped():
    future = Future()
    settle(future, future.cancel)
    fail(future, OSError())
    assert future.cancelled()


def test_a_tls_handshake_ends_when_another_thread_cancels_the_operation(operation, listener, tls_contexts):
    sock = operation.connect([listener.getsockname()])
    far, _ = listener.accept()
    errors = []

    def shake_hands():
        with pytest.raises(OSError, match=r"."):
            operation.start_tls(sock, tls_contexts[1], "localhost")
        errors.append(operation.is_cancelled)

    shaking = threading.Thread(target=shake_hands)
    shaking.start()
    assert far.recv(1)
    operation.cancel()
    shaking.join(WAIT)
    assert errors == [True]
    far.close()
