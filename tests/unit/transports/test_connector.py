from __future__ import annotations

import base64
import contextlib
import http
import queue
import re
import socket
import ssl
import threading

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve
from websockets.utils import accept_key

from turnstile.errors import ConfigError
from turnstile.ports import LinkFailed, LinkReady, UpstreamTarget
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.testing import patience
from turnstile.transports.connector import WebSocketConnector
from turnstile.transports.loop import IoLoop

WAIT = patience()
KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def no_proxy_from_outside(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def make_connector(loop, limits):
    with contextlib.ExitStack() as stack:

        def make(loop=loop, **options):
            connector = WebSocketConnector(loop, limits, **options)
            stack.callback(connector.close, WAIT)
            return connector

        yield make


@pytest.fixture
def run_upstream():
    """Serve with the `websockets` package; returns the port."""
    connections, over = [], threading.Event()
    with contextlib.ExitStack() as stack:

        def run(handler, **options):
            def keep_and_serve(connection):
                connections.append(connection)
                if not over.is_set():
                    handler(connection)

            server = stack.enter_context(serve(keep_and_serve, "127.0.0.1", 0, **options))
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            stack.callback(thread.join, WAIT)
            stack.callback(server.shutdown)
            return server.socket.getsockname()[1]

        yield run
    # Not every version of the package does this when its server shuts down.
    over.set()
    for connection in connections:
        connection.close()
    for thread in threading.enumerate():
        if thread.name.endswith(("(conn_handler)", "(recv_events)", "(keepalive)")):
            thread.join(WAIT)


def read_head(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    return head


def echo(connection):
    for message in connection:
        connection.send(message)


def test_a_link_echoes_when_it_is_open(make_connector, make_inbox, run_upstream):
    port = run_upstream(echo)
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}/v1/realtime?model=m"), inbox)
    ready = inbox.next()
    assert isinstance(ready, LinkReady)
    ready.connection.send_text(b"hello")
    ready.connection.send_binary(b"\1")
    ready.connection.flush()
    assert inbox.take(2) == [TextFrame(b"hello"), BinaryFrame(b"\1")]
    ready.connection.close(1000)
    assert inbox.next() == Closed(1000, "")


def test_frames_right_behind_the_handshake_are_told_after_link_ready(make_connector, make_inbox, run_upstream):
    def greet(connection):
        connection.send("session.created")
        connection.close(4000, "bye")

    port = run_upstream(greet)
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    assert isinstance(inbox.next(), LinkReady)
    assert inbox.take(2) == [TextFrame(b"session.created"), Closed(4000, "bye")]


def test_the_handshake_carries_the_headers_and_no_origin(make_connector, make_inbox, run_upstream):
    seen = {}

    def look(connection):
        seen.update(connection.request.headers)
        seen["path"] = connection.request.path

    port = run_upstream(look)
    inbox = make_inbox()
    target = UpstreamTarget(f"ws://127.0.0.1:{port}/v1?model=m", {"Authorization": f"Bearer {KEY}"})
    make_connector().connect(target, inbox)
    assert isinstance(inbox.take(2)[0], LinkReady)
    assert seen["authorization"] == f"Bearer {KEY}"
    assert seen["path"] == "/v1?model=m"
    assert "origin" not in seen


def test_large_messages_go_both_ways_over_tls(make_connector, make_inbox, run_upstream, tls_contexts, authority):
    port = run_upstream(echo, ssl=tls_contexts[0], max_size=None)
    inbox = make_inbox()
    with authority.cert_pem.tempfile() as ca_file:
        connector = make_connector(ca_file=ca_file)
    connector.connect(UpstreamTarget(f"wss://localhost:{port}"), inbox)
    connection = inbox.next().connection
    large = bytes(range(256)) * (14 * 1024)
    connection.send_binary(large)
    connection.flush()
    assert inbox.next() == BinaryFrame(large)
    connection.handled(len(large))


def test_a_certificate_is_not_checked_when_told_not_to(make_connector, make_inbox, run_upstream, tls_contexts):
    port = run_upstream(echo, ssl=tls_contexts[0])
    inbox = make_inbox()
    make_connector(verify=False).connect(UpstreamTarget(f"wss://127.0.0.1:{port}"), inbox)
    assert isinstance(inbox.next(), LinkReady)


def test_upstream_tls_is_told_when_the_certificate_is_not_trusted(make_connector, make_inbox, run_raw, tls_contexts):
    def refuse(sock):
        with contextlib.suppress(ssl.SSLError):
            tls_contexts[0].wrap_socket(sock, server_side=True)

    port = run_raw(refuse)
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"wss://localhost:{port}"), inbox)
    failed = inbox.next()
    assert (failed.problem.code, failed.retryable) == ("upstream_tls", False)
    assert "certificate" in failed.problem.description
    assert f"localhost:{port}" in failed.problem.description


def test_upstream_tls_is_told_when_the_upstream_speaks_none(make_connector, make_inbox, run_raw):
    port = run_raw(lambda sock: sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"wss://localhost:{port}"), inbox)
    assert inbox.next().problem.code == "upstream_tls"


def test_another_try_may_be_made_when_the_tls_handshake_is_interrupted(make_connector, make_inbox, run_raw):
    port = run_raw(lambda sock: sock.recv(1 << 16))
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"wss://localhost:{port}"), inbox)
    failed = inbox.next()
    assert (failed.problem.code, failed.retryable) == ("upstream_tls", True)
    assert "interrupted" in failed.problem.description


@pytest.mark.parametrize(("alert", "retryable"), [(80, True), (90, True), (40, False), (70, False)])
def test_an_alert_of_the_servers_own_trouble_is_told_from_one_about_ours(
    make_connector, make_inbox, run_raw, alert, retryable
):
    def refuse(sock):
        sock.recv(1 << 16)
        sock.sendall(bytes([21, 3, 3, 0, 2, 2, alert]))

    port, inbox = run_raw(refuse), make_inbox()
    make_connector().connect(UpstreamTarget(f"wss://localhost:{port}"), inbox)
    failed = inbox.next()
    assert (failed.problem.code, failed.retryable) == ("upstream_tls", retryable)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((400, False), (401, False), (403, False), (404, False), (418, False)),
        *((408, True), (425, True), (429, True), (500, True), (502, True), (503, True), (504, True)),
    ],
)
def test_upstream_refused_is_told_in_words_when_the_answer_is_no(
    make_connector, make_inbox, run_upstream, status, retryable
):
    def refuse(connection, _):
        return connection.respond(http.HTTPStatus(status), f"key {KEY}")

    port = run_upstream(echo, process_request=refuse)
    inbox = make_inbox()
    target = UpstreamTarget(f"ws://127.0.0.1:{port}?token={KEY}", {"Authorization": KEY})
    make_connector().connect(target, inbox)
    failed = inbox.next()
    assert (failed.problem.code, failed.retryable) == ("upstream_refused", retryable)
    assert str(status) in failed.problem.description
    assert KEY not in repr(failed)


def answer_to(make_connector, make_inbox, run_raw, answer, **options):
    """Return what becomes of a link whose handshake gets this answer."""
    port = run_raw(lambda sock: (read_head(sock), sock.sendall(answer)))
    inbox = make_inbox()
    make_connector(**options).connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    return inbox.next()


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (b"", None),
        (b"Retry-After: 7", 7.0),
        (b"retry-after:2.5", 2.5),
        (b"Retry-After: Fri, 15 Jan 2027 08:00:12 GMT", 12.0),
        (b"Retry-After-Ms: 250", 0.25),
    ],
)
def test_how_long_upstream_asks_to_wait_is_told(make_connector, make_inbox, run_raw, headers, seconds):
    answer = b"HTTP/1.1 503 Busy\r\n" + headers + b"\r\n\r\n"
    failed = answer_to(make_connector, make_inbox, run_raw, answer, wall_clock=lambda: NOW)
    assert (failed.retryable, failed.retry_after) == (True, seconds)


class Reach:
    """Keeps when upstream was reached, and when not."""

    def __init__(self):
        self.reached, self.unreached = [], []
        self.note_reached, self.note_unreached = self.reached.append, self.unreached.append


def test_the_time_of_a_link_that_opens_is_kept(make_connector, make_inbox, run_upstream):
    reach, inbox = Reach(), make_inbox()
    connector = make_connector(wall_clock=lambda: NOW, reach=reach)
    connector.connect(UpstreamTarget(f"ws://127.0.0.1:{run_upstream(echo)}"), inbox)
    assert isinstance(inbox.next(), LinkReady)
    assert (reach.reached, reach.unreached) == ([NOW], [])


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        (b"", True),
        (b"HTTP/1.1 500 Failed\r\n\r\n", True),
        (b"HTTP/1.1 503 Busy\r\n\r\n", True),
        (b"HTTP/1.1 401 No\r\n\r\n", False),
        (b"HTTP/1.1 429 Slow down\r\n\r\n", False),
        (b"no HTTP\r\n\r\n", False),
    ],
)
def test_the_time_of_a_failure_is_kept_where_upstream_is_out_of_reach_or_order(
    make_connector, make_inbox, run_raw, answer, is_kept
):
    port = run_raw(lambda sock: (read_head(sock), sock.sendall(answer)))
    reach, inbox = Reach(), make_inbox()
    connector = make_connector(wall_clock=lambda: NOW, reach=reach)
    connector.connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    assert isinstance(inbox.next(), LinkFailed)
    assert (reach.reached, reach.unreached) == ([], [NOW] if is_kept else [])


QUOTA = b'{"error":{"message":"You exceeded your quota.","type":"insufficient_quota","code":"insufficient_quota"}}'
LIMIT = b'{"error":{"message":"Rate limit reached for sk-very-secret.","code":"rate_limit_exceeded"}}'


def framed(body):
    """Return a body as HTTP may frame it: by its length, in chunks, or by the end of the connection."""
    return {
        "length": b"Content-Length: %d\r\n\r\n%b" % (len(body), body),
        "chunks": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
        "end": b"\r\n" + body,
    }


@pytest.mark.parametrize("frame", ["length", "chunks", "end"])
@pytest.mark.parametrize(("body", "retryable"), [(QUOTA, False), (LIMIT, True)])
def test_a_quota_that_is_used_up_is_told_from_a_rate_limit_by_the_body(
    make_connector, make_inbox, run_raw, frame, body, retryable
):
    failed = answer_to(make_connector, make_inbox, run_raw, b"HTTP/1.1 429 No\r\n" + framed(body)[frame])
    assert (failed.problem.code, failed.retryable) == ("upstream_refused", retryable)
    assert ("insufficient_quota" in failed.problem.description) is not retryable
    assert KEY not in repr(failed)


@pytest.mark.parametrize("frame", ["length", "chunks"])
def test_the_connection_is_not_waited_on_behind_the_body_of_a_refusal(make_connector, make_inbox, run_raw, frame):
    over = threading.Event()

    def refuse(sock):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 429 No\r\n")
        sock.sendall(framed(LIMIT)[frame])
        assert sock.recv(1) == b""
        over.set()

    port, inbox = run_raw(refuse), make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    assert inbox.next().retryable
    assert over.wait(WAIT)


def test_a_body_without_end_is_read_to_a_limit(make_connector, make_inbox, run_raw):
    answer = b"HTTP/1.1 429 No\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * (1 << 20) + QUOTA
    assert answer_to(make_connector, make_inbox, run_raw, answer).retryable


def test_a_redirect_is_not_followed(make_connector, make_inbox, run_raw):
    seen = []

    def redirect(sock):
        seen.append(read_head(sock))
        sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n")

    port = run_raw(redirect)
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    failed = inbox.next()
    assert failed.problem.code == "upstream_refused"
    assert "302" in failed.problem.description
    assert len(seen) == 1


def test_upstream_refused_is_told_when_the_answer_is_no_websocket(make_connector, make_inbox, run_raw):
    port = run_raw(lambda sock: (read_head(sock), sock.sendall(b"HTTP/1.1 101 Sure\r\nUpgrade: tea\r\n\r\n")))
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    failed = inbox.next()
    assert failed.problem.code == "upstream_refused"
    assert "as a WebSocket server" in failed.problem.description


def test_upstream_unreachable_is_told_with_host_and_port_when_nobody_listens(make_connector, make_inbox):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://user:{KEY}@127.0.0.1:{port}/v1?token={KEY}"), inbox)
    failed = inbox.next()
    assert (failed.problem.code, failed.retryable) == ("upstream_unreachable", True)
    assert f"127.0.0.1:{port}" in failed.problem.description
    assert KEY not in failed.problem.description


def test_upstream_unreachable_is_told_when_the_name_is_unknown(make_connector, make_inbox):
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget("ws://no-such-host.invalid/"), inbox)
    assert "no-such-host.invalid:80" in inbox.next().problem.description


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101"])
def test_upstream_unreachable_is_told_when_the_upstream_hangs_up(make_connector, make_inbox, run_raw, answer):
    port = run_raw(lambda sock: (read_head(sock), sock.sendall(answer)))
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    failed = inbox.next()
    assert failed.problem.code == "upstream_unreachable"
    assert "before it was open" in failed.problem.description


# One deadline


def test_upstream_unreachable_is_told_when_no_answer_comes_in_time(make_connector, make_inbox, run_raw):
    port = run_raw(lambda sock: sock.recv(1 << 16) and sock.recv(1))
    inbox = make_inbox()
    make_connector(timeout=0.1).connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    assert "within 0.1 s" in inbox.next().problem.description


def test_upstream_unreachable_is_told_when_the_name_is_not_found_in_time(make_connector, make_inbox):
    found, inbox = threading.Event(), make_inbox()
    connector = make_connector(timeout=0.1, resolve=lambda *_: found.wait(WAIT) and [])
    connector.connect(UpstreamTarget("ws://slow.example/"), inbox)
    assert "within 0.1 s: slow.example:80" in inbox.next().problem.description
    found.set()


class SecondsByByte:
    """A clock that advances a second with each byte that an upstream sends; it sends one when the clock was read."""

    def __init__(self, begin):
        self._begin, self._now, self._was_read = begin, 0, threading.Event()
        self.sent = 0

    def __call__(self):
        self._was_read.set()
        return self._now

    def talk(self, sock):
        read_head(sock)
        sock.sendall(self._begin)
        sock.settimeout(0.02)
        while True:
            self._now += 1
            self._was_read.clear()
            sock.sendall(b"x")
            self.sent += 1
            while not self._was_read.is_set():
                with contextlib.suppress(TimeoutError):
                    sock.recv(1)  # it has nothing more to say
                    return


@pytest.mark.parametrize("through_proxy", [False, True], ids=["upstream", "proxy"])
def test_an_answer_that_trickles_ends_at_the_deadline(make_connector, make_inbox, run_raw, monkeypatch, through_proxy):
    clock, inbox = SecondsByByte(b"HTTP/1.1 101 Switching Protocols\r\nX: "), make_inbox()
    port = run_raw(clock.talk)
    if through_proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
    make_connector(timeout=2, clock=clock).connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    assert inbox.next().problem.code == "upstream_unreachable"
    assert clock.sent <= 3


def test_a_tls_handshake_that_trickles_ends_at_the_deadline(make_connector, make_inbox, run_raw):
    sent, inbox, over = [], make_inbox(), threading.Event()

    def talk(sock):
        sock.recv(1 << 16)
        for byte in b"\x16\x03\x03\x40\x00" + bytes(1000):
            if over.wait(0.02):
                return
            sent.append(byte)
            sock.sendall(bytes([byte]))

    port = run_raw(talk)
    make_connector(timeout=0.2).connect(UpstreamTarget(f"wss://127.0.0.1:{port}"), inbox)
    assert "within 0.2 s" in inbox.next().problem.description
    over.set()
    assert len(sent) < 1000


# Bounded answers


def endless(begin):
    """Answer `begin`, then the same line for ever, or without a line's end."""

    def talk(sock):
        read_head(sock)
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(begin)
                begin_again = begin if begin.endswith(b"\r\n") else b"x" * 1000
                sock.sendall(begin_again)

    return talk


@pytest.mark.parametrize(
    "begin",
    [b"HTTP/1.1 101 Switching Protocols\r\n", b"HTTP/1.1 101 Switching Protocols\r\nX: "],
    ids=["many headers", "one line"],
)
def test_an_answer_without_end_is_refused_and_not_read_on(make_connector, make_inbox, run_raw, begin):
    port = run_raw(endless(begin))
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    failed = inbox.next()
    assert (failed.problem.code, failed.retryable) == ("upstream_refused", False)
    assert "its head is longer than 32768 bytes" in failed.problem.description


def test_the_body_of_a_refusal_is_not_waited_for(make_connector, make_inbox, run_raw):
    over = threading.Event()

    def refuse(sock):
        read_head(sock)
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000000\r\n\r\n")
        assert sock.recv(1) == b""
        over.set()

    port = run_raw(refuse)
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    assert "(403)" in inbox.next().problem.description
    assert over.wait(WAIT)


def test_an_answer_that_is_no_http_is_said_to_be_none(make_connector, make_inbox, run_raw):
    port = run_raw(lambda sock: (read_head(sock), sock.sendall(b"SSH-2.0 hello\r\n\r\n")))
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    failed = inbox.next()
    assert failed.problem.code == "upstream_refused"
    assert "does not begin with a status of HTTP" in failed.problem.description


@pytest.mark.parametrize("pieces", [1, 1000], ids=["at once", "byte by byte"])
def test_frames_that_come_with_the_answer_are_told_after_link_ready(make_connector, make_inbox, run_raw, pieces):
    def answer(sock):
        key = re.search(rb"Sec-WebSocket-Key: (.*?)\r\n", read_head(sock))[1].decode()
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
        )
        data = head.encode() + b"\x81\x02hi\x81\x02ho"
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        size = -(-len(data) // pieces)
        for begin in range(0, len(data), size):
            sock.sendall(data[begin : begin + size])
        sock.recv(1)

    port = run_raw(answer)
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    ready, *frames = inbox.take(3)
    assert frames == [TextFrame(b"hi"), TextFrame(b"ho")]
    ready.connection.close(1000)


def test_cookies_of_an_upstream_are_not_kept_for_other_links(make_connector, make_inbox, run_raw):
    heads = []

    def answer(sock):
        heads.append(read_head(sock))
        key = re.search(rb"Sec-WebSocket-Key: (.*?)\r\n", heads[-1])[1].decode()
        sock.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Set-Cookie: a=1; Domain=127.0.0.1\r\n\xc2\xa0set-cookie: b=2; domain=127.0.0.1\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
        )
        sock.recv(1)

    port, connector = run_raw(answer), make_connector()
    for _ in range(2):
        inbox = make_inbox()
        connector.connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
        ready = inbox.next()
        assert isinstance(ready, LinkReady)
        ready.connection.close(1000)
    assert len(heads) == 2
    assert b"cookie" not in heads[1].lower()


# Many sessions


@pytest.fixture
def hanging():
    """An upstream that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_attempts_that_hang_end_with_their_sessions_and_a_good_one_goes_on(
    make_connector, make_inbox, run_upstream, hanging, scheme
):
    connector, port = make_connector(max_connects=8), run_upstream(echo)
    gone = [make_inbox() for _ in range(8)]
    for inbox in gone:
        connector.connect(UpstreamTarget(f"{scheme}://127.0.0.1:{hanging.getsockname()[1]}"), inbox)
    held = [hanging.accept()[0] for _ in gone]
    good = make_inbox()
    connector.connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), good)
    for inbox in gone:
        inbox.give_up()
    assert isinstance(good.next(), LinkReady)
    for sock in held:
        with sock:
            while sock.recv(1 << 16):
                pass
    assert all(inbox.messages.empty() for inbox in gone)


def test_an_attempt_that_waits_leaves_the_queue_when_it_is_not_wanted_any_more(make_connector, make_inbox, hanging):
    reach, target = Reach(), UpstreamTarget(f"ws://127.0.0.1:{hanging.getsockname()[1]}")
    connector, inboxes = make_connector(max_connects=1, reach=reach), [make_inbox() for _ in range(3)]
    for inbox in inboxes:
        connector.connect(target, inbox)
    first = hanging.accept()[0]
    inboxes[1].give_up()
    inboxes[0].give_up()
    third = hanging.accept()[0]
    connector.close(0)
    inboxes[2].give_up()
    connector.close(WAIT)
    hanging.settimeout(0)
    with pytest.raises(BlockingIOError):
        hanging.accept()
    assert all(inbox.messages.empty() for inbox in inboxes)
    assert reach.unreached == []  # those that are not wanted say nothing of upstream
    first.close()
    third.close()


def test_an_attempt_that_finds_no_place_in_time_fails_and_is_logged_once(make_connector, make_inbox, hanging, caplog):
    now = [0.0]
    loop = IoLoop(clock=lambda: now[0])
    loop.start()
    connector = make_connector(loop, max_connects=1, timeout=10)
    target = UpstreamTarget(f"ws://127.0.0.1:{hanging.getsockname()[1]}")
    first, *others = (make_inbox() for _ in range(3))
    for inbox in (first, *others):
        connector.connect(target, inbox)
    held = hanging.accept()[0]
    started = threading.Event()
    loop.call_soon(started.set)
    assert started.wait(WAIT)
    now[0] = 10.0
    loop.call_soon(int)
    for inbox in others:
        failed = inbox.next()
        assert (failed.problem.code, failed.retryable) == ("upstream_unreachable", True)
        assert "no place was free within 10 s" in failed.problem.description
    loop.stop(WAIT)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("turnstile")] == [
        "a link has waited 10 s to be opened: 1 are being opened already (upstream.max_connects)"
    ]
    first.give_up()
    held.close()


# Targets, proxies, threads


@pytest.mark.parametrize(
    ("url", "headers"),
    [("http://host/", {}), ("ws:///path", {}), ("ws://host:port/", {}), ("ws://host/", {"Authorization": "a\r\nb: c"})],
)
def test_upstream_unreachable_is_told_when_the_target_makes_no_sense(make_connector, make_inbox, url, headers):
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget(url, headers), inbox)
    failed = inbox.next()
    assert (failed.problem.code, failed.retryable) == ("upstream_unreachable", False)


def splice(a, b):
    with contextlib.suppress(OSError):
        while data := a.recv(1 << 16):
            b.sendall(data)
    with contextlib.suppress(OSError):
        b.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_a_proxy_of_the_environment_is_used(
    make_connector, make_inbox, run_raw, run_upstream, monkeypatch, tls_contexts, secure
):
    asked = []

    def tunnel(sock):
        head = read_head(sock).decode()
        asked.append(head)
        host, port = head.split()[1].split(":")
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection((host, int(port))) as far:
            back = threading.Thread(target=splice, args=(far, sock))
            back.start()
            splice(sock, far)
            back.join(WAIT)

    port = run_upstream(echo, ssl=tls_contexts[0] if secure else None)
    proxy = run_raw(tunnel)
    monkeypatch.setenv("https_proxy" if secure else "http_proxy", f"http://me:pass@127.0.0.1:{proxy}")
    inbox = make_inbox()
    scheme = "wss" if secure else "ws"
    make_connector(verify=False).connect(UpstreamTarget(f"{scheme}://127.0.0.1:{port}"), inbox)
    connection = inbox.next().connection
    connection.send_text(b"through")
    connection.flush()
    assert inbox.next() == TextFrame(b"through")
    assert asked[0].startswith(f"CONNECT 127.0.0.1:{port} ")
    assert base64.b64encode(b"me:pass").decode() in asked[0]
    connection.close(1000)
    assert inbox.next() == Closed(1000, "")


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *(("407 Authenticate", False), ("403 Forbidden", False), ("429 Too Many", True), ("502 Bad Gateway", True)),
        *(("302 Found", True), ("what", True)),
    ],
)
def test_upstream_unreachable_is_told_when_the_proxy_refuses(
    make_connector, make_inbox, run_raw, monkeypatch, status, retryable
):
    proxy = run_raw(lambda sock: (read_head(sock), sock.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy}")
    inbox = make_inbox()
    make_connector().connect(UpstreamTarget("ws://api.example.com/"), inbox)
    failed = inbox.next()
    assert (failed.problem.code, failed.retryable) == ("upstream_unreachable", retryable)
    assert "the HTTP proxy opened no tunnel" in failed.problem.description
    assert "api.example.com:80" in failed.problem.description


def test_threads_are_started_when_needed_and_no_more_than_allowed(make_connector, make_inbox, run_upstream):
    port = run_upstream(echo)
    connector = make_connector(max_connects=2)

    def running():
        return sorted(t.name for t in threading.enumerate() if re.fullmatch(r"turnstile-connect-\d+", t.name))

    assert running() == []
    inboxes = [make_inbox() for _ in range(6)]
    for inbox in inboxes:
        connector.connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    for inbox in inboxes:
        assert isinstance(inbox.next(), LinkReady)
    assert running() == ["turnstile-connect-1", "turnstile-connect-2"]
    connector.close(WAIT)
    assert running() == []


def test_another_attempt_may_be_made_when_the_system_gives_no_thread(make_connector, make_inbox, monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    connector, inbox = make_connector(), make_inbox()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    connector.connect(UpstreamTarget("ws://127.0.0.1:1"), inbox)
    failed = inbox.next()
    assert failed.retryable
    assert "no thread" in failed.problem.description


def test_link_failed_is_told_after_close(make_connector, make_inbox):
    connector, inbox = make_connector(), make_inbox()
    connector.close(0)
    connector.connect(UpstreamTarget("ws://127.0.0.1:1"), inbox)
    assert isinstance(inbox.next(), LinkFailed)


def test_link_failed_is_told_after_the_loop_has_stopped(make_connector, make_inbox, loop):
    connector, inbox = make_connector(), make_inbox()
    loop.stop(0)
    connector.connect(UpstreamTarget("ws://127.0.0.1:1"), inbox)
    assert isinstance(inbox.next(), LinkFailed)


def test_link_failed_is_told_when_the_connector_closes_or_the_loop_stops_meanwhile(
    make_connector, make_inbox, run_upstream, loop
):
    entered, leave = threading.Event(), threading.Event()

    def wait(_connection, _request):
        entered.set()
        leave.wait(WAIT)

    port = run_upstream(echo, process_request=wait)
    connector = make_connector(max_connects=1)
    first, second = make_inbox(), make_inbox()
    connector.connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), first)
    connector.connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), second)
    assert entered.wait(WAIT)
    loop.stop(0)
    connector.close(0)
    leave.set()
    for inbox in (first, second):
        failed = inbox.next()
        assert isinstance(failed, LinkFailed)
        assert "shutting down" in failed.problem.description


def test_the_link_is_closed_in_order_when_nobody_waits_for_it_any_more(make_connector, make_inbox, run_upstream):
    closes = queue.SimpleQueue()

    def listen(connection):
        try:
            connection.recv()
        except ConnectionClosed as error:
            closes.put(error.rcvd and error.rcvd.code)

    inbox = make_inbox()
    connector = make_connector()
    hand_over = connector._hand_over

    def give_up_first(*outcome):
        inbox.give_up()
        hand_over(*outcome)

    connector._hand_over = give_up_first
    connector.connect(UpstreamTarget(f"ws://127.0.0.1:{run_upstream(listen)}"), inbox)
    assert closes.get(timeout=WAIT) == 1000
    assert inbox.messages.empty()


def test_an_inbox_that_raises_costs_its_own_link_only(make_connector, make_inbox, run_upstream, caplog):
    def refuse(message):
        raise ValueError(message)

    port = run_upstream(echo)
    connector = make_connector(max_connects=1)
    connector.connect(UpstreamTarget("nonsense"), make_inbox(refuse))
    connector.connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), make_inbox(refuse))
    inbox = make_inbox()
    connector.connect(UpstreamTarget(f"ws://127.0.0.1:{port}"), inbox)
    assert isinstance(inbox.next(), LinkReady)
    assert len([record for record in caplog.records if record.name.startswith("turnstile")]) == 2


def test_a_file_that_is_no_certificate_is_a_config_error(make_connector, tmp_path):
    wrong = tmp_path / "ca.pem"
    wrong.write_text("nothing")
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        make_connector(ca_file=str(wrong))
    with pytest.raises(ConfigError, match="No such file"):
        make_connector(ca_file=str(tmp_path / "missing.pem"))
