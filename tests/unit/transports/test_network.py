from __future__ import annotations

import socket
import threading
import time

import httpcore2
import pytest

from turnstile.testing import patience
from turnstile.transports.http.network import CheckedNetwork, HttpCallError, resolve_name
from turnstile.transports.network_operation import NetworkOperation
from turnstile.transports.pool import WorkerPool

WAIT = patience()
PUBLIC = ["93.184.215.14", "2606:4700::1111"]


@pytest.fixture
def resolving():
    pool = WorkerPool("resolve", 1)
    yield pool
    pool.close(WAIT)


@pytest.fixture
def make_network(resolving):
    def make(addresses, *, allow_private=True, seconds=WAIT, clock=time.monotonic):
        return CheckedNetwork(
            lambda *_: addresses,
            resolving,
            "s1",
            NetworkOperation(clock, seconds),
            "The function",
            allow_private=allow_private,
        )

    return make


@pytest.fixture
def tried(monkeypatch):
    """The addresses that were tried, each with the seconds it was given; none answers."""
    tried = []

    def refuse(sock, place):
        tried.append((*place, round(sock.gettimeout())))
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tried


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(server):
    return server.getsockname()[1]


def test_a_name_stands_for_the_addresses_that_the_system_gives():
    assert set(resolve_name("localhost", 80)) <= {"127.0.0.1", "::1"}
    assert resolve_name("127.0.0.1", 80) == ["127.0.0.1"]


def test_only_the_public_ones_of_a_names_addresses_are_tried(make_network, tried):
    with pytest.raises(HttpCallError, match="cannot be reached"):
        make_network(["10.0.0.1", *PUBLIC, "::1"], allow_private=False).connect_tcp("a.example", 443)
    assert [place[:2] for place in tried] == [(address, 443) for address in PUBLIC]


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fd00:ec2::254"])
def test_nothing_is_tried_when_all_addresses_are_private(make_network, tried, address):
    with pytest.raises(HttpCallError, match="private network"):
        make_network([address, "::1"], allow_private=False).connect_tcp("a.example", 443)
    assert tried == []


def test_the_time_that_is_left_is_shared_by_the_addresses_that_are_left(make_network, tried):
    with pytest.raises(HttpCallError, match="cannot be reached"):
        make_network(["10.0.0.1", "10.0.0.2"], clock=lambda: 0.0).connect_tcp("a.example", 443)
    assert tried == [("10.0.0.1", 443, round(WAIT / 2)), ("10.0.0.2", 443, round(WAIT))]


def test_no_more_than_eight_addresses_are_tried(make_network, tried):
    with pytest.raises(HttpCallError, match="cannot be reached"):
        make_network(["10.0.0.1"] * 100).connect_tcp("a.example", 443)
    assert len(tried) == 8


def test_a_name_without_an_address_cannot_be_reached(make_network, tried):
    with pytest.raises(HttpCallError, match="cannot be reached"):
        make_network([], allow_private=False).connect_tcp("a.example", 443)
    assert tried == []


def test_the_next_address_is_tried_when_one_does_not_answer(make_network, listener):
    stream = make_network(["127.0.0.2", "127.0.0.1"]).connect_tcp("a.example", port_of(listener))
    assert stream.get_extra_info("socket").getpeername() == listener.getsockname()
    assert stream.get_extra_info("ssl_object") is None
    stream.close()


def test_connecting_ends_at_the_deadline(make_network, monkeypatch):
    now = [0.0]

    def hang(sock, _place):
        now[0] += sock.gettimeout()
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", hang)
    with pytest.raises(TimeoutError):
        make_network(["10.0.0.1", "10.0.0.2"], clock=lambda: now[0]).connect_tcp("a.example", 443)
    assert now == [WAIT]


def test_a_name_that_waits_to_be_resolved_is_not_when_the_pool_closes(resolving):
    busy, done, queued = threading.Event(), threading.Event(), threading.Event()

    class Watched:
        @property
        def closed(self):
            return resolving.closed

        def submit(self, *job):
            accepted = resolving.submit(*job)
            queued.set()
            return accepted

    resolving.submit(lambda: (busy.set(), done.wait(WAIT)))
    assert busy.wait(WAIT)
    asked, raised = [], []
    network = CheckedNetwork(
        lambda *place: asked.append(place) or [],
        Watched(),
        "s1",
        NetworkOperation(time.monotonic, WAIT),
        "The function",
        allow_private=True,
    )

    def connect():
        with pytest.raises(HttpCallError) as caught:
            network.connect_tcp("a.example", 443)
        raised.append(str(caught.value))

    connecting = threading.Thread(target=connect)
    connecting.start()
    assert queued.wait(WAIT)
    resolving.close(0)
    connecting.join(WAIT)
    done.set()
    assert asked == []
    assert raised == ["call_failed: The function's host was not looked up."]


def test_a_name_is_not_resolved_when_the_pool_is_closed(resolving, make_network):
    resolving.close(0)
    with pytest.raises(HttpCallError, match="not looked up"):
        make_network(["127.0.0.1"]).connect_tcp("a.example", 443)


@pytest.mark.parametrize("error", [OSError("no such host"), UnicodeError("label too long")])
def test_a_name_that_the_resolver_refuses_is_not_found(resolving, error):
    def resolve(_host, _port):
        raise error

    network = CheckedNetwork(
        resolve, resolving, "s1", NetworkOperation(time.monotonic, WAIT), "The function", allow_private=True
    )
    with pytest.raises(HttpCallError, match="was not found"):
        network.connect_tcp("a.example", 443)


def test_a_name_that_nobody_waits_for_any_more_is_not_resolved(resolving):
    free, asked = threading.Event(), []
    resolving.submit(lambda: free.wait(WAIT))
    network = CheckedNetwork(
        lambda *place: asked.append(place),
        resolving,
        "s1",
        NetworkOperation(time.monotonic, 0.05),
        "The function",
        allow_private=True,
    )
    with pytest.raises(TimeoutError):
        network.connect_tcp("a.example", 443)
    free.set()
    resolving.close(WAIT)
    assert asked == []


def test_an_operation_that_is_cancelled_waits_for_no_name(resolving):
    asked, free, raised = threading.Event(), threading.Event(), []
    operation = NetworkOperation(time.monotonic, WAIT)
    network = CheckedNetwork(
        lambda *_: asked.set() or free.wait(WAIT), resolving, "s1", operation, "The function", allow_private=True
    )

    def connect():
        with pytest.raises(ConnectionAbortedError) as caught:
            network.connect_tcp("a.example", 443)
        raised.append(caught.value)

    connecting = threading.Thread(target=connect)
    connecting.start()
    assert asked.wait(WAIT)
    operation.cancel()
    connecting.join(WAIT)
    free.set()
    assert len(raised) == 1


def test_a_stream_goes_on_in_tls(make_network, listener, tls_contexts):
    stream, far = connected(make_network, listener)
    heard = []

    def answer():
        with tls_contexts[0].wrap_socket(far, server_side=True) as secure:
            heard.append(secure.recv(5))
            secure.sendall(b"world")

    answering = threading.Thread(target=answer)
    answering.start()
    secure = stream.start_tls(tls_contexts[1], "localhost")
    secure.write(b"hello")
    assert secure.read(5) == b"world"
    answering.join(WAIT)
    secure.close()
    assert heard == [b"hello"]


def connected(make_network, listener, **options):
    """Return a stream and the socket on its far side."""
    stream = make_network(["127.0.0.1"], **options).connect_tcp("a.example", port_of(listener))
    return stream, listener.accept()[0]


def test_everything_is_written_when_the_system_takes_it_piece_by_piece(make_network, listener):
    stream, far = connected(make_network, listener)
    sent, received = bytes(range(256)) * 40_000, bytearray()

    def read():
        while data := far.recv(1 << 16):
            received.extend(data)

    reading = threading.Thread(target=read)
    reading.start()
    stream.write(sent)
    stream.close()
    reading.join(WAIT)
    far.close()
    assert received == sent


def test_writing_ends_at_the_deadline_when_the_far_side_does_not_read(make_network, listener):
    stream, far = connected(make_network, listener, seconds=0.2)
    with pytest.raises(TimeoutError):
        stream.write(bytes(100_000_000))
    stream.close()
    far.close()


def test_a_write_error_is_httpcores_so_that_it_looks_for_an_early_answer(make_network, listener):
    stream, far = connected(make_network, listener)
    far.close()
    with pytest.raises(httpcore2.WriteError):
        stream.write(bytes(100_000_000))
    stream.close()


def test_the_socket_is_closed_when_tls_begins_after_the_deadline(make_network, listener, tls_contexts):
    now = [0.0]
    stream, far = connected(make_network, listener, clock=lambda: now[0])
    now[0] += WAIT
    with pytest.raises(TimeoutError):
        stream.start_tls(tls_contexts[1], "localhost")
    assert far.recv(1) == b""
    far.close()
