"""The ops listener on real sockets: what clients do to it, and how it ends."""

from __future__ import annotations

import http.client
import json
import logging
import os
import resource
import selectors
import socket
import threading

import pytest

from tests.unit.inspector.reading import read_all, read_to
from turnstile.inspector import server as ops_server
from turnstile.inspector.resources import ENDS, MESSAGES, STREAMS
from turnstile.inspector.server import CONNECTIONS
from turnstile.testing import patience

WAIT = patience()
EVENTS = "/sessions/s1/events"
END = b'{"type": "End"}'


def giving(message):
    """Return the request that gives a session a message."""
    return (
        "POST /sessions/s1/messages HTTP/1.1\r\nHost: localhost\r\n"
        "Authorization: Bearer correct-horse-battery-staple\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(message)}\r\n\r\n{message.decode()}"
    )


GIVE = giving(b'{"type": "UpdatePrompt"}')


def open_stream(served):
    """Return a stream that has begun, and its journal."""
    sock = served.request(EVENTS)
    read_to(sock, b"from now on\n\n")
    return sock, served.view.journals[-1]


def test_a_stock_client_reads_and_steers(served, caplog):
    caplog.set_level(logging.INFO)
    client = http.client.HTTPConnection(*served.server.address, timeout=WAIT)
    try:
        client.request("GET", "/sessions/s1")
        assert json.loads(client.getresponse().read()) == {"id": "s1", "state": "idle"}
        headers = {"Authorization": "Bearer correct-horse-battery-staple", "Content-Type": "application/json"}
        client.request("POST", "/sessions/s1/messages", END, headers)
        answer = client.getresponse()
        assert (answer.status, json.loads(answer.read())) == (200, {"done": True})
        assert answer.getheader("Server") is None
        assert caplog.messages == ["session steered session=s1 message_type=End asker=127.0.0.1 outcome=done"]
    finally:
        client.close()


def test_a_body_in_chunks_is_read(served):
    sock = served.send(
        giving(END)
        .replace(f"Content-Length: {len(END)}", "Transfer-Encoding: chunked")
        .replace(END.decode(), f"{len(END):x}\r\n{END.decode()}\r\n0\r\n\r\n")
    )
    assert b'{"done": true}' in read_all(sock)


def test_the_address_that_a_request_came_in_at_is_a_host_of_its_own(served):
    """As for a listener on all addresses, whose own is none that a client could name."""
    seen = []
    served.ops.guard.check = lambda request: seen.append(request.environ["turnstile.local_address"])
    assert served.answer("/healthz") == 200
    assert seen == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("request_text", "status", "code"),
    [
        ("garbage\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nHost\x00: a\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (f"GET / HTTP/1.1\r\nContent-Length: {'1' * 5000}\r\n\r\n", 400, "bad_request"),
        ("GET http://[::1/ HTTP/1.1\r\n\r\n", 400, "bad_request"),
        ("GET http://[zz]/ HTTP/1.1\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "not_implemented"),
        ("GET / HTTP/1.1\r\nX: " + "a" * 20_000, 431, "headers_too_large"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000000\r\n\r\n", 413, "too_large"),
    ],
)
def test_what_cannot_be_read_is_refused_as_json(served, caplog, request_text, status, code):
    head, _, body = read_all(served.send(request_text)).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert json.loads(body)["error"]["code"] == code
    assert (status in {413, 431}) == json.loads(body)["error"]["message"].endswith(": send less.")
    assert b"X-Content-Type-Options: nosniff" in head
    assert caplog.messages == []  # whoever can connect could fill the log


@pytest.mark.parametrize(("place", "status"), [("http://evil.example", 421), ("http://localhost:8081", 200)])
def test_an_address_in_the_first_line_counts_in_place_of_the_host(served, place, status):
    answer = read_all(served.send(f"GET {place}/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    assert int(answer.split()[1]) == status


@pytest.mark.parametrize(("length", "status"), [(0, 200), (10_000_000, 413)])
def test_nobody_is_told_to_send_a_body_that_is_not_read(served, length, status):
    sock = served.request("/healthz", Expect="100-continue", Content_Length=length)
    assert int(read_all(sock).split()[1]) == status


def test_what_is_pipelined_behind_a_request_is_not_read(served):
    sock = served.send(GIVE + GIVE + "garbage\r\n\r\n")
    assert read_all(sock).count(b"HTTP/1.1 ") == 1
    assert len(served.view.given) == 1


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_connection_ends_with_the_answer_also_when_the_client_would_keep_it(served, version):
    sock = served.send(f"GET /version HTTP/{version}\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n")
    head, _, _ = read_all(sock).partition(b"\r\n\r\n")
    assert [line for line in head.split(b"\r\n") if line.startswith(b"Connection")] == [b"Connection: close"]


def test_a_host_that_leads_here_by_rebinding_is_refused(served):
    sock = served.send("GET /sessions HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert b"HTTP/1.1 421 " in read_all(sock)


def test_a_stream_tells_what_happens_as_it_happens(served):
    sock, journal = open_stream(served)
    journal.put(b'{"at": 1.5}')
    assert b'id: 1\ndata: {"at": 1.5}\n\n' in read_to(sock, b"1.5}\n\n")
    journal.end()
    assert b"event: end\n" in read_all(sock)


def test_a_stream_ends_at_once_when_its_reader_leaves(served):
    sock, journal = open_stream(served)
    sock.close()
    assert journal.is_closed.wait(WAIT)


def test_a_stream_goes_on_when_its_reader_sends_more(served):
    sock, journal = open_stream(served)
    sock.sendall(b"GET / HTTP/1.1\r\n\r\n" * 100)
    journal.put(b"line")
    read_to(sock, b"data: line\n\n")
    journal.end()
    assert b"HTTP/1.1" not in read_all(sock)


def test_streams_messages_and_ends_leave_threads_for_other_requests(served):
    streams = [open_stream(served) for _ in range(STREAMS)]
    served.view.may_answer.clear()
    with selectors.DefaultSelector() as selector:
        for request, room in ((GIVE, MESSAGES), (giving(END), ENDS)):
            for _ in range(room + 1):
                selector.register(served.send(request), selectors.EVENT_READ)
            [(refused, _)] = selector.select(WAIT)  # the others wait
            assert b"HTTP/1.1 503 " in read_all(refused.fileobj)
            selector.unregister(refused.fileobj)
    assert b"HTTP/1.1 503 " in read_all(served.request(EVENTS))
    assert {served.answer(path) for path in ("/healthz", "/readyz", "/metrics", "/sessions")} == {200}
    streams[0][1].end()
    read_all(streams[0][0])
    open_stream(served)


def test_a_reader_that_takes_nothing_holds_up_nobody(served):
    slow, journal = open_stream(served)
    journal.put(*[b"x" * 60_000] * 1000)
    assert served.answer("/healthz") == 200
    other, others_journal = open_stream(served)
    others_journal.put(b"line")
    read_to(other, b"data: line\n\n")
    assert slow.fileno() >= 0


def test_a_reader_that_takes_nothing_for_long_is_cut_off(served, monkeypatch):
    monkeypatch.setattr(ops_server, "UNREAD_TIMEOUT", 0.0)
    slow, journal = open_stream(served)
    journal.put(*[b"x" * 60_000] * 1000)
    assert journal.is_closed.wait(WAIT)
    assert slow.fileno() >= 0


def test_half_a_request_is_not_waited_for_long(served, monkeypatch):
    monkeypatch.setattr(ops_server, "REQUEST_TIMEOUT", 0.0)
    assert read_all(served.send("GET /healthz HTTP/1.1\r\nHost: ")) == b""


def test_half_requests_give_way_to_those_that_are_whole(served):
    held = [served.send("GET /healthz HTTP/1.1\r\nHost: loc") for _ in range(CONNECTIONS + 20)]
    assert [served.answer("/healthz") for _ in range(5)] == [200] * 5
    assert read_all(held[0]) == b""
    held[-1].sendall(b"alhost\r\n\r\n")
    assert b"HTTP/1.1 200 " in read_all(held[-1])


def test_it_accepts_again_when_there_are_descriptors_again(served, monkeypatch, caplog):
    monkeypatch.setattr(ops_server, "_REST", 0.0)
    failed = threading.Event()
    accept = socket.socket.accept

    def none_left(sock):
        if failed.is_set():
            return accept(sock)
        failed.set()
        raise OSError(24, os.strerror(24))

    monkeypatch.setattr(socket.socket, "accept", none_left)
    assert served.answer("/healthz") == 200
    assert "could not accept a client: Too many open files" in caplog.text


@pytest.fixture
def many_descriptors():
    """Allow more of them than `select` knows."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("many_descriptors")
def test_it_serves_on_descriptors_beyond_those_of_select(served):
    low = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        sock, journal = open_stream(served)
        journal.end()
        assert (sock.fileno() > 1024, b"event: end" in read_all(sock)) == (True, True)
    finally:
        for descriptor in low:
            os.close(descriptor)


def test_nothing_wakes_it_while_there_is_no_client(served, monkeypatch):
    looks, rests = threading.Event(), threading.Event()
    poll = ops_server.wasyncore.poll2

    def noted(timeout, sockets):
        (looks if timeout else rests).set()
        poll(timeout, sockets)

    monkeypatch.setattr(ops_server.wasyncore, "poll2", noted)
    sock = served.request("/healthz")
    read_all(sock)
    assert looks.wait(WAIT)
    rests.clear()
    sock.close()
    assert rests.wait(WAIT)


def test_it_stops_with_streams_and_slow_readers_and_half_requests(served):
    stream, _ = open_stream(served)
    slow, journal = open_stream(served)
    journal.put(*[b"x" * 60_000] * 1000)
    half = served.send("GET / HTTP/1.1\r\n")
    assert served.answer("/healthz") == 200
    served.server.stop(WAIT)
    assert b"event: end" not in read_all(stream)
    assert read_all(half) == b""
    assert slow.fileno() >= 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(served.server.address, WAIT)


def test_it_answers_what_it_has_begun_to_when_it_stops(served):
    served.view.may_answer.clear()
    sock = served.send(GIVE)
    assert served.view.is_waiting.wait(WAIT)
    stopping = threading.Thread(target=served.server.stop, args=(WAIT,))
    stopping.start()
    served.view.may_answer.set()
    assert b'{"done": true}' in read_all(sock)
    stopping.join(WAIT)


def test_a_thread_that_never_answers_is_abandoned_at_the_deadline(served, caplog):
    served.view.may_answer.clear()
    sock = served.send(GIVE)
    assert served.view.is_waiting.wait(WAIT)
    served.server.stop(0.0)
    assert read_all(sock) == b""
    assert "1 threads of the ops listener did not end in time" in caplog.text


def test_it_can_be_stopped_before_it_was_started_and_twice(served):
    served.server.stop(WAIT)
    served.server.stop(WAIT)
    sock = socket.create_server(("127.0.0.1", 0))
    ops_server.OpsServer(served.ops.app, served.ops.resources.close, sock).stop(WAIT)
    assert sock.fileno() == -1
