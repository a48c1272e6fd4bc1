from __future__ import annotations

import contextlib
import errno
import queue
import socket
import ssl
import struct
import threading
from functools import partial
from pathlib import Path

import pytest
import websocket
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import connect

from turnstile.errors import ConfigError
from turnstile.protocol.frames import Closed
from turnstile.server.certificates import server_tls
from turnstile.server.handshake_settings import HandshakeSettings
from turnstile.server.listener import Listener
from turnstile.server.listening import listening_socket
from turnstile.server.refusals import Refusals
from turnstile.server.requests import Admission, Rejection
from turnstile.server.worker_board import WorkerBoard
from turnstile.testing import patience

WAIT = patience()
UPGRADE = (
    b"GET /openai?a=1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)

PLAIN = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def url(listener, path="/openai", scheme="ws"):
    return f"{scheme}://127.0.0.1:{listener.address[1]}{path}"


def ask(listener, request):
    """Send bytes; return all that is answered until the end."""
    with socket.create_connection(listener.address, timeout=WAIT) as sock:
        sock.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while data := sock.recv(1 << 16):
                answer += data
        return answer


@pytest.fixture
def tls_files(authority, tmp_path):
    cert = authority.issue_cert("127.0.0.1", "localhost")
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for index, blob in enumerate(cert.cert_chain_pems):
        blob.write_to_path(str(tmp_path / "cert.pem"), append=index > 0)
    return str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")


def test_both_kinds_of_messages_go_both_ways_with_the_websockets_package(listen, house):
    with connect(url(listen()), proxy=None) as client:
        client.send("hello")
        client.send(b"\1\2")
        assert client.recv(WAIT) == "hello"
        assert client.recv(WAIT) == b"\1\2"
        client.ping().wait(WAIT)
    assert house.rooms.get(timeout=WAIT).ends.get(timeout=WAIT) == Closed(1000, "")


def test_messages_go_both_ways_with_websocket_client(listen, house):
    client = websocket.create_connection(url(listen()), timeout=WAIT, http_no_proxy=["*"])
    client.send("hello")
    assert client.recv() == "hello"
    client.close(status=1001)
    assert house.rooms.get(timeout=WAIT).ends.get(timeout=WAIT) == Closed(1001, "")


def _say_too_much(client):
    # The end may come while the last fragment still leaves.
    client.send(["a" * 50, "b" * 51])
    client.recv(WAIT)


def test_fragments_and_a_message_too_large_are_told_apart(listen):
    with connect(url(listen(max_message_bytes=100)), proxy=None) as client:
        client.send(["a" * 50, "b" * 50])
        assert client.recv(WAIT) == "a" * 50 + "b" * 50
        with pytest.raises(ConnectionClosedError) as ended:
            _say_too_much(client)
        assert ended.value.rcvd.code == 1009


def test_a_client_is_told_the_code_when_its_owner_closes(listen, house):
    with connect(url(listen()), proxy=None) as client:
        house.rooms.get(timeout=WAIT).connection.close(1001, "bye")
        with pytest.raises(ConnectionClosedOK) as ended:
            client.recv(WAIT)
        assert (ended.value.rcvd.code, ended.value.rcvd.reason) == (1001, "bye")


def over_tls(listener, client_tls):
    # A client of one thread: one that reads and writes a TLS socket on two loses its request now and then.
    address = url(listener, scheme="wss")
    return contextlib.closing(websocket.create_connection(address, sslopt={"context": client_tls}, timeout=WAIT))


def test_a_large_message_goes_both_ways_over_tls(listen, tls_files, client_tls):
    listener = listen(tls=server_tls(*tls_files))
    large = bytes(range(256)) * (14 * 1024)
    with over_tls(listener, client_tls) as client:
        client.send_binary(large)
        assert client.recv() == large
        client.send("small")
        assert client.recv() == "small"


def test_no_ticket_follows_the_handshake_of_tls(listen, tls_files, client_tls):
    address = listen(tls=server_tls(*tls_files)).address
    with (
        socket.create_connection(address, timeout=WAIT) as sock,
        client_tls.wrap_socket(sock, server_hostname="localhost") as client,
    ):
        client.sendall(UPGRADE)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 101 ")
        assert client.version() == "TLSv1.3"
        assert not client.session.has_ticket


def test_a_client_that_speaks_http_on_a_port_of_tls_is_told_so(listen, tls_files, client_tls, caplog):
    listener = listen(tls=server_tls(*tls_files))
    answer = ask(listener, UPGRADE)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"wss://" in answer
    (line,) = caplog.messages
    assert line.startswith("Refused (plain_on_tls_port) 127.0.0.1:")
    with over_tls(listener, client_tls) as client:
        client.send("still there")
        assert client.recv() == "still there"


def test_a_client_that_speaks_tls_on_a_plain_port_is_closed_at_once(listen, client_tls, caplog):
    listener = listen(timeout=WAIT * 10)
    for _ in range(3):
        with pytest.raises(OSError, match=r"EOF|closed|reset"):
            websocket.create_connection(url(listener, scheme="wss"), sslopt={"context": client_tls}, timeout=WAIT)
    (line,) = caplog.messages
    assert line.startswith("Refused (tls_on_plain_port) 127.0.0.1:")
    assert "ws:// instead of wss://" in line


def test_the_first_byte_of_tls_alone_is_waited_for(listen, caplog):
    with socket.create_connection(listen(timeout=WAIT * 10).address, timeout=WAIT) as sock:
        sock.sendall(b"\x16")
        sock.sendall(b"\x03\x01\x02\0")
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""
    assert len(caplog.messages) == 1


def test_what_is_no_tls_is_closed_at_once_on_a_port_of_tls(listen, tls_files, caplog):
    assert not ask(listen(tls=server_tls(*tls_files), timeout=WAIT * 10), b"SSH-2.0-x\r\n").startswith(b"HTTP")
    (line,) = caplog.messages
    assert line.startswith("Refused (tls) 127.0.0.1:")


def test_a_client_that_does_not_trust_the_certificate_is_logged_with_what_it_says(listen, tls_files, caplog):
    listener = listen(tls=server_tls(*tls_files), timeout=WAIT * 10)
    with pytest.raises(ssl.SSLCertVerificationError):
        over_tls(listener, ssl.create_default_context())
    assert ask(listener, b"SSH-2.0-x\r\n") is not None  # so the first is over
    assert "TLSV1_ALERT_UNKNOWN_CA" in caplog.messages[0]


def test_a_connection_that_is_closed_before_tls_begins_is_no_refusal(listen, tls_files, loop):
    refusals = Refusals(loop.call_later)
    listener = listen(tls=server_tls(*tls_files), refusals=refusals)
    with socket.create_connection(listener.address, timeout=WAIT) as sock:
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert refusals.counts == {}


@pytest.mark.parametrize(
    "first",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x03\0\0\x13\x0e\xe0",
        b"\0",
        b"EHLO a.example\r\n",
    ],
    ids=["SSH", "HTTP/2", "RDP", "binary", "SMTP"],
)
def test_what_cannot_become_a_request_is_answered_at_once(listen, first):
    assert ask(listen(timeout=WAIT * 10), first).split()[1] in {b"400", b"505"}


def test_a_request_that_comes_byte_by_byte_is_read(listen):
    with socket.create_connection(listen(timeout=WAIT * 10).address, timeout=WAIT) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(len(UPGRADE)):
            sock.sendall(UPGRADE[number : number + 1])
        assert sock.recv(12) == b"HTTP/1.1 101"


def test_the_owner_is_asked_with_everything_in_its_place(listen, house):
    headers = {"Authorization": "Token k", "X-Two": "1"}
    path = "/v1/agent/converse%20x?a=1&b=&a=2"
    with connect(url(listen(), path), additional_headers=headers, subprotocols=["token", "KEY"], proxy=None) as client:
        assert client.subprotocol is None
        peer = "{}:{}".format(*client.local_address)
    request = house.asked.get(timeout=WAIT)
    assert request.path == "/v1/agent/converse x"
    assert request.query == {"a": "2", "b": ""}
    assert request.headers["authorization"] == "Token k"
    assert request.subprotocols == ("token", "KEY")
    assert request.peer == peer
    assert "KEY" not in repr(request)
    assert "Token k" not in repr(request)


def test_headers_of_one_name_are_joined(listen, house):
    head = UPGRADE.replace(b"Host: x", b"Host: x\r\nX-Two: 1\r\nx-two: 2")
    with socket.create_connection(listen().address) as sock:
        sock.sendall(head)
        assert house.asked.get(timeout=WAIT).headers["x-two"] == "1, 2"


@pytest.mark.parametrize(("given", "answered"), [("token", "token"), ("other", None)])
def test_a_subprotocol_is_answered_if_the_client_offered_it(listen, house, given, answered):
    house.answer = lambda _: Admission(house.open, given)
    with connect(url(listen()), subprotocols=["token", "KEY"], proxy=None) as client:
        assert client.subprotocol == answered


def test_frames_that_come_with_the_handshake_are_heard(listen):
    with socket.create_connection(listen().address, timeout=WAIT) as sock:
        sock.sendall(UPGRADE + b"\x81\x82\0\0\0\0hi")
        answer = b""
        while not answer.endswith(b"\x81\x02hi"):
            answer += sock.recv(1000)
        assert answer.startswith(b"HTTP/1.1 101 ")


def test_a_frame_goes_out_at_once_when_the_owner_greets(listen, house):
    def greet(connection):
        connection.send_text(b"welcome")
        connection.flush()
        return house.open(connection)

    house.answer = lambda _: Admission(greet)
    with connect(url(listen()), proxy=None) as client:
        assert client.recv(WAIT) == "welcome"


def test_a_rejected_client_is_told_why(listen, house):
    house.answer = lambda _: Rejection(503, "all seats are taken", {"Retry-After": "5"})
    with pytest.raises(InvalidStatus) as refused, connect(url(listen()), proxy=None):
        pass
    response = refused.value.response
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert response.body == b"all seats are taken\n"


def test_a_large_answer_arrives_whole(listen, house):
    reason = "x" * (6 << 20)
    house.answer = lambda _: Rejection(503, reason)
    assert ask(listen(), UPGRADE).endswith(b"\r\n\r\n" + reason.encode() + b"\n")


def test_a_plain_request_is_told_to_upgrade(listen):
    answer = ask(listen(), PLAIN)
    assert answer.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert b"connect with a WebSocket client" in answer


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (UPGRADE.replace(b"GET", b"POST"), b"405"),
        (UPGRADE.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"short"), b"400"),
        (UPGRADE.replace(b": 13", b": 8"), b"426"),
        (b"what is this\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 4000, b"431"),
    ],
    ids=["POST", "key", "version", "nonsense", "long line", "long header", "long head"],
)
def test_a_bad_request_is_answered_with_what_is_wrong(listen, house, request_bytes, status):
    assert ask(listen(), request_bytes).split()[1] == status
    assert house.asked.empty()


def test_a_client_is_answered_500_when_its_owner_fails(listen, house, caplog):
    house.answer = lambda _: 1 / 0
    answer = ask(listen(), UPGRADE)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"division" not in answer
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "Refused (failure)" in caplog.messages[1]


def test_a_client_is_closed_with_1011_when_nobody_can_be_found_for_it(listen, house, caplog):
    house.answer = lambda _: Admission(lambda _connection: {}["nobody"])
    with connect(url(listen()), proxy=None) as client:
        with pytest.raises(ConnectionClosedError) as ended:
            client.recv(WAIT)
        assert ended.value.rcvd.code == 1011
    assert len(caplog.records) == 1


def test_a_client_that_says_nothing_is_let_go_at_the_deadline(listen):
    assert ask(listen(timeout=0.05), b"GET / HTTP/1.1\r\nX: ") == b""


def test_a_client_that_does_not_finish_the_handshake_is_disconnected_at_the_deadline(listen, tls_files):
    assert ask(listen(timeout=0.05, tls=server_tls(*tls_files)), b"") == b""


def test_a_client_that_leaves_in_the_middle_is_forgotten(listen):
    listener = listen(at_most=1)
    for _ in range(3):
        with socket.create_connection(listener.address) as sock:
            sock.sendall(b"GET")
    assert ask(listener, PLAIN).startswith(b"HTTP/1.1 426 ")


def test_the_listener_pauses_when_the_system_has_no_socket_left(listen, loop, caplog, monkeypatch):
    class OutOfSockets:
        def __init__(self, real):
            self.real, self.errors = real, [errno.ECONNABORTED, errno.EMFILE]

        def accept(self):
            if self.errors:
                error = self.errors.pop(0)
                raise OSError(error, "no more")
            return self.real.accept()

        def __getattr__(self, name):
            return getattr(self.real, name)

    monkeypatch.setattr("turnstile.server.listener._ACCEPT_PAUSE", 0.05)
    listener = listen()
    swapped = threading.Event()

    def swap():
        listener._sock = OutOfSockets(listener._sock)
        swapped.set()

    loop.call_soon(swap)
    assert swapped.wait(WAIT)
    assert ask(listener, PLAIN).startswith(b"HTTP/1.1 426 ")
    assert caplog.messages[0] == (
        "Refused (not_accepted) no client can be accepted for a moment: no more; raise the limit of open files "
        "(ulimit -n), or lower server.max_sessions"
    )


@pytest.mark.parametrize("close", [Listener.close, Listener.drain])
def test_nobody_is_accepted_after_close_and_those_inside_stay(listen, loop, close):
    listener = listen(answer_while_draining=False)
    with connect(url(listener), proxy=None) as client:
        close(listener)
        close(listener)
        closed = threading.Event()
        loop.call_soon(closed.set)
        assert closed.wait(WAIT)
        client.send("inside")
        assert client.recv(WAIT) == "inside"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(listener.address)


def test_clients_are_accepted_during_a_drain_unless_the_port_is_to_be_closed(listen, loop):
    listener = listen()
    listener.drain()
    drained = threading.Event()
    loop.call_soon(drained.set)
    assert drained.wait(WAIT)
    with connect(url(listener), proxy=None) as client:
        client.send("inside")
        assert client.recv(WAIT) == "inside"


def test_everything_ends_when_the_loop_stops(listen, loop, house):
    listener = listen()
    with connect(url(listener), proxy=None) as client, socket.create_connection(listener.address, timeout=WAIT) as door:
        client.send("in")
        client.recv(WAIT)
        door.sendall(b"GET")
        loop.stop(WAIT)
        with pytest.raises(ConnectionClosedOK) as ended:
            client.recv(WAIT)
        assert ended.value.rcvd.code == 1001
        # A request half sent is cut off: the system may say so with a reset.
        with contextlib.suppress(ConnectionResetError):
            assert door.recv(1) == b""
    assert house.rooms.get(timeout=WAIT).ends.get(timeout=WAIT) == Closed(1001, "shutting down")
    listener.close()


def test_a_worker_with_more_clients_lets_one_with_fewer_accept(loop, house, monkeypatch):
    board = WorkerBoard.in_memory(workers=2)
    busy, idle = board.slot(1), board.slot(2)
    busy.note_sessions(4)
    busy.beat()
    idle.beat()
    assert _who_accepts(loop, house, monkeypatch, {"busy": busy, "idle": idle}) == ["idle"] * 4


def test_a_worker_that_drains_lets_another_accept(loop, house, monkeypatch):
    board = WorkerBoard.in_memory(workers=2)
    slots = {"drains": board.slot(1), "serves": board.slot(2)}
    assert _who_accepts(loop, house, monkeypatch, slots, last_resort="drains") == ["serves"] * 4


def _who_accepts(loop, house, monkeypatch, slots, last_resort=None):
    """Return who accepts each of four clients of a socket that several workers share."""
    monkeypatch.setattr("turnstile.server.listener._LET_GO_FIRST", 3_600)
    accepted = queue.SimpleQueue()
    with listening_socket("127.0.0.1", 0) as sock, contextlib.ExitStack() as stack:
        for name, slot in slots.items():
            accept = partial(_accept_for, name, accepted, house)
            listener = Listener(loop, sock.dup(), HandshakeSettings(), accept=accept, slot=slot)
            stack.callback(listener.close)
            if name == last_resort:
                listener.drain(has_others=True)
            listener.start()
        for _ in range(4):
            stack.enter_context(connect(url(listener)))
    return [accepted.get() for _ in range(4)]


def _accept_for(name, accepted, house, request, answer):
    accepted.put(name)
    house.accept(request, answer)


def test_a_worker_with_more_clients_accepts_those_that_no_other_takes(listen, house):
    board = WorkerBoard.in_memory(workers=2)
    board.slot(1).note_sessions(50)
    for number in (1, 2):
        board.slot(number).beat()
    listener = listen(slot=board.slot(1))
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(connect(url(listener)))
            house.rooms.get(timeout=WAIT)


def test_a_port_that_is_taken_is_a_config_error(listen):
    port = listen().address[1]
    with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1 is taken"):
        listening_socket("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "words"), [("203.0.113.1", "no address of this machine"), ("no-such-host.invalid", "there is no address")]
)
def test_a_host_that_is_not_ours_is_a_config_error(host, words):
    with pytest.raises(ConfigError, match=words):
        listening_socket(host, 0)


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EACCES, "needs more rights"), (errno.EINVAL, "cannot be listened on")]
)
def test_other_trouble_with_the_port_is_a_config_error(monkeypatch, number, words):
    def refuse(*_args, **_options):
        raise OSError(number, "no")

    monkeypatch.setattr(socket, "create_server", refuse)
    with pytest.raises(ConfigError, match=words):
        listening_socket("127.0.0.1", 80)


def test_tls_files_that_cannot_be_used_are_a_config_error(tls_files, tmp_path):
    cert, _ = tls_files
    with pytest.raises(ConfigError, match="No such file"):
        server_tls(cert, str(tmp_path / "missing.pem"))
    with pytest.raises(ConfigError, match="no PEM file"):
        server_tls(cert, cert)


def test_a_client_that_has_left_already_is_not_let_in(listen, loop):
    listener = listen(tls=None)
    gone = socket.socket()
    gone.close()
    opened = threading.Event()
    loop.call_soon(lambda: (listener._start_handshake(gone, "gone:1"), opened.set()))
    assert opened.wait(WAIT)
    assert ask(listener, PLAIN).startswith(b"HTTP/1.1 426 ")


def test_new_handshakes_are_given_the_time_and_the_certificate_that_are_there_now(listen, tls_files):
    listener = listen(timeout=WAIT)
    assert ask(listener, PLAIN).startswith(b"HTTP/1.1 426 ")
    listener.change(HandshakeSettings(tls=server_tls(*tls_files), timeout=0.05))
    assert ask(listener, b"") == b""


def test_a_client_whose_decision_takes_time_is_let_in_with_what_it_sent_meanwhile(listen, house, loop):
    asked = queue.SimpleQueue()
    house.accept = lambda _, answer: asked.put(answer)
    with socket.create_connection(listen().address, timeout=WAIT) as sock:
        sock.sendall(UPGRADE)
        answer = asked.get(timeout=WAIT)
        sock.sendall(b"\x81\x82\0\0\0\0hi")
        loop.call_soon(lambda: answer(Admission(house.open)))
        received = b""
        while not received.endswith(b"\x81\x02hi"):
            received += sock.recv(1024)
        assert received.startswith(b"HTTP/1.1 101 ")


def test_a_client_whose_decision_comes_after_its_deadline_is_withdrawn(listen, house, loop):
    asked, withdrawn = queue.SimpleQueue(), threading.Event()
    house.accept = lambda _, answer: asked.put(answer)
    with socket.create_connection(listen(timeout=0.05).address, timeout=WAIT) as sock:
        sock.sendall(UPGRADE)
        assert sock.recv(1024) == b""
        answer = asked.get(timeout=WAIT)
        loop.call_soon(lambda: answer(Admission(house.open, withdraw=withdrawn.set)))
        assert withdrawn.wait(WAIT)
    assert house.rooms.empty()


def test_a_rejection_that_comes_after_the_deadline_is_dropped(listen, house, loop):
    asked, told = queue.SimpleQueue(), threading.Event()
    house.accept = lambda _, answer: asked.put(answer)
    with socket.create_connection(listen(timeout=0.05).address, timeout=WAIT) as sock:
        sock.sendall(UPGRADE)
        assert sock.recv(1024) == b""
        answer = asked.get(timeout=WAIT)
        loop.call_soon(lambda: (answer(Rejection(403, "no")), told.set()))
        assert told.wait(WAIT)


@pytest.mark.parametrize(
    ("request_bytes", "reason", "words"),
    [
        (UPGRADE.replace(b"GET", b"POST"), "method", " at /openai: 405, "),
        (UPGRADE.replace(b"Upgrade: websocket\r\n", b""), "not_websocket", " at /openai: 426, "),
        (UPGRADE.replace(b": 13", b": 8"), "handshake", " at /openai: 426, "),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n\r\n", "size", ": 431, "),
    ],
)
def test_a_request_that_is_refused_is_logged_with_address_path_and_reason(
    listen, loop, caplog, request_bytes, reason, words
):
    refusals = Refusals(loop.call_later)
    ask(listen(refusals=refusals), request_bytes)
    (line,) = caplog.messages
    assert line.startswith(f"Refused ({reason}) 127.0.0.1:")
    assert words in line
    assert refusals.counts == {reason: 1}


def test_many_rejections_are_counted_each_and_logged_once(listen, house, loop, caplog):
    house.answer = lambda _: Rejection(403, "not from there", reason="origin")
    refusals = Refusals(loop.call_later)
    listener = listen(refusals=refusals)
    for _ in range(200):
        ask(listener, UPGRADE)
    assert refusals.counts == {"origin": 200}
    assert [line.partition(" at ")[2] for line in caplog.messages] == ["/openai: 403, not from there"]


def test_a_rejection_without_a_reason_is_counted_by_the_name_of_its_status(listen, house, loop):
    house.answer = lambda _: Rejection(429, "too many")
    refusals = Refusals(loop.call_later)
    ask(listen(refusals=refusals), UPGRADE)
    assert refusals.counts == {"too_many_requests": 1}


@pytest.mark.parametrize("sends_more", [b"", b"\x81\x82\0\0\0\0hi"])
def test_what_decides_about_a_client_is_told_when_it_goes_before_the_decision(listen, house, sends_more):
    asked, gone = queue.SimpleQueue(), threading.Event()

    def accept(_, answer):
        asked.put(answer)
        return gone.set

    house.accept = accept
    with socket.create_connection(listen().address, timeout=WAIT) as sock:
        sock.sendall(UPGRADE + sends_more)
        asked.get(timeout=WAIT)
    assert gone.wait(WAIT)


def test_what_decides_about_a_client_is_told_when_it_closes_tls_before_the_decision(
    listen, house, tls_files, client_tls
):
    asked, gone = queue.SimpleQueue(), threading.Event()

    def accept(_, answer):
        asked.put(answer)
        return gone.set

    house.accept = accept
    with (
        socket.create_connection(listen(tls=server_tls(*tls_files)).address, timeout=WAIT) as sock,
        client_tls.wrap_socket(sock, server_hostname="localhost") as secure,
    ):
        secure.sendall(UPGRADE)
        asked.get(timeout=WAIT)
    assert gone.wait(WAIT)


def test_what_decides_about_a_client_is_told_nothing_when_it_has_decided(listen, house, loop):
    asked, gone, ended = queue.SimpleQueue(), [], threading.Event()

    def accept(_, answer):
        asked.put(answer)
        return lambda: gone.append(True)

    house.accept = accept
    with socket.create_connection(listen().address, timeout=WAIT) as sock:
        sock.sendall(UPGRADE)
        answer = asked.get(timeout=WAIT)
        loop.call_soon(lambda: answer(Rejection(403, "no")))
        assert sock.recv(1024).startswith(b"HTTP/1.1 403 ")
    loop.call_soon(lambda: loop.call_later(0.01, ended.set))
    assert ended.wait(WAIT)
    assert gone == []


def test_no_more_than_the_room_of_a_request_is_read_ahead_of_the_decision(listen, house, loop):
    asked, rounds, sent = queue.SimpleQueue(), threading.Semaphore(0), 0
    house.accept = lambda _, answer: asked.put(answer)
    with socket.create_connection(listen().address, timeout=WAIT) as sock:
        sock.sendall(UPGRADE)
        answer = asked.get(timeout=WAIT)
        sock.settimeout(0)
        for _ in range(300):  # rounds, in each of which the loop could read what is there
            with contextlib.suppress(BlockingIOError):
                sent += sock.send(bytes(1 << 20))
            loop.call_soon(rounds.release)
            assert rounds.acquire(timeout=WAIT)
        assert sent < 16 << 20  # what the system's buffers hold
        sock.settimeout(WAIT)
        loop.call_soon(lambda: answer(Rejection(403, "no")))
        assert sock.recv(1024).startswith(b"HTTP/1.1 403 ")


def _half_open(stack, listener, count, first=b"", source="127.0.0.1"):
    """Open connections that send no whole request."""
    for _ in range(count):
        sock = stack.enter_context(socket.create_connection(listener.address, WAIT, (source, 0)))
        sock.sendall(first)


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2"])
@pytest.mark.parametrize("first", [b"", UPGRADE[:60]], ids=["silent", "half a request"])
def test_others_get_in_at_once_while_700_handshakes_are_half_open(listen, caplog, first, source):
    listener = listen(at_most=100, of_one=25, timeout=WAIT * 10)
    with contextlib.ExitStack() as stack:
        _half_open(stack, listener, 700, first, source)
        for _ in range(10):
            stack.enter_context(contextlib.closing(websocket.create_connection(url(listener), timeout=WAIT)))
    (line, *_) = caplog.messages
    assert line.startswith(f"Refused (max_handshakes_per_address) {source}:")
    assert len(caplog.messages) == 1


def test_others_get_in_at_once_while_700_tls_handshakes_are_half_open(listen, tls_files, client_tls):
    listener = listen(at_most=100, of_one=25, timeout=WAIT * 10, tls=server_tls(*tls_files))
    with contextlib.ExitStack() as stack:
        _half_open(stack, listener, 700, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03")
        for _ in range(10):
            stack.enter_context(over_tls(listener, client_tls))


def test_those_that_sent_their_request_get_in_however_many_come_at_once(listen, loop):
    listener, held, may_go = listen(at_most=40, of_one=10), threading.Event(), threading.Event()
    loop.call_soon(lambda: (held.set(), may_go.wait(WAIT)))
    assert held.wait(WAIT)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(listener.address, WAIT)) for _ in range(200)]
        for client in clients:
            client.sendall(UPGRADE)
        may_go.set()
        assert {client.recv(12) for client in clients} == {b"HTTP/1.1 101"}


@pytest.mark.parametrize("kept", ["undecided", "unread"])
def test_one_that_waits_for_its_decision_or_does_not_read_its_rejection_takes_no_place_for_long(listen, house, kept):
    asked, listener = queue.SimpleQueue(), listen(of_one=1)
    if kept == "undecided":
        house.accept = lambda _, answer: asked.put(answer)
        listener = listen(of_one=1)
    else:
        house.answer = lambda _: asked.put(None) or Rejection(403, "x" * (6 << 20))
    with socket.create_connection(listener.address, timeout=WAIT) as first:
        first.sendall(UPGRADE)
        asked.get(timeout=WAIT)
        with socket.create_connection(listener.address, timeout=WAIT) as second:
            second.sendall(UPGRADE)
            asked.get(timeout=WAIT)
            with contextlib.suppress(ConnectionResetError):
                while first.recv(1 << 20):
                    pass


def test_a_client_that_sends_one_byte_now_and_then_goes_for_those_that_come(listen):
    listener = listen(of_one=1)
    with socket.create_connection(listener.address, timeout=WAIT) as slow:
        slow.sendall(UPGRADE[:1])
        slow.sendall(UPGRADE[1:2])
        for _ in range(2):
            with contextlib.closing(websocket.create_connection(url(listener), timeout=WAIT)):
                pass
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1) == b""


def test_a_lower_bound_counts_from_the_next_handshake_on(listen):
    listener = listen(timeout=WAIT * 10)
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(listener.address, timeout=WAIT)) for _ in range(3)]
        listener.change(HandshakeSettings(of_one=1, timeout=WAIT * 10))
        stack.enter_context(contextlib.closing(websocket.create_connection(url(listener), timeout=WAIT)))
        assert [sock.recv(1) for sock in silent] == [b""] * 3


class _OutOfFiles:
    """A listening socket whose next accepts fail."""

    def __init__(self, real, *numbers):
        self.real, self.numbers = real, list(numbers)

    def accept(self):
        if self.numbers:
            raise OSError(self.numbers.pop(0), "too many")
        return self.real.accept()

    def __getattr__(self, name):
        return getattr(self.real, name)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_the_oldest_handshake_goes_when_there_is_no_file_left(listen, loop, monkeypatch, number):
    monkeypatch.setattr("turnstile.server.listener._ACCEPT_PAUSE", 3_600)
    refusals, swapped = Refusals(loop.call_later), threading.Event()
    listener = listen(refusals=refusals)
    with socket.create_connection(listener.address, timeout=WAIT) as silent:
        silent.sendall(b"G")
        with contextlib.closing(websocket.create_connection(url(listener), timeout=WAIT)):
            pass  # so the silent one was accepted
        loop.call_soon(lambda: (setattr(listener, "_sock", _OutOfFiles(listener._sock, number)), swapped.set()))
        assert swapped.wait(WAIT)
        with contextlib.closing(websocket.create_connection(url(listener), timeout=WAIT)):
            assert silent.recv(1) == b""
    assert refusals.counts == {"open_files": 1}


def test_a_client_that_is_gone_when_its_rejection_is_written_leaves_no_trace(listen, house, loop, caplog):
    asked, told = queue.SimpleQueue(), threading.Event()
    house.accept = lambda _, answer: asked.put(answer)
    refusals = Refusals(loop.call_later)
    sock = socket.create_connection(listen(refusals=refusals).address, timeout=WAIT)
    sock.sendall(UPGRADE)
    answer = asked.get(timeout=WAIT)

    def reset_and_answer():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        answer(Rejection(403, "no", reason="credentials"))
        told.set()

    loop.call_soon(reset_and_answer)
    assert told.wait(WAIT)
    assert refusals.counts == {"credentials": 1}
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def _longest_queue():
    """Return how many clients the system lets wait for one socket, at most."""
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text("ascii"))
    except OSError:
        return socket.SOMAXCONN


@pytest.mark.skipif(_longest_queue() < 700, reason="the system's own bound is lower")
def test_nobody_of_700_who_connect_at_once_has_to_try_again():
    with listening_socket("127.0.0.1", 0) as sock, contextlib.ExitStack() as stack:
        for _ in range(700):
            client = stack.enter_context(socket.socket())
            client.settimeout(WAIT)
            client.connect(sock.getsockname())  # fails where the system's queue is full
