"""The listener, and proxies in front of it that name their clients."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import struct
import threading
from functools import partial

import pytest

from turnstile.server.certificates import server_tls
from turnstile.server.handshake_settings import HandshakeSettings
from turnstile.server.listener import Listener
from turnstile.server.listening import listening_socket
from turnstile.server.proxy_protocol import SIGNATURE_2
from turnstile.server.requests import Admission
from turnstile.server.trusted_proxies import TrustedProxies
from turnstile.testing import patience
from turnstile.transports.loop import IoLoop

WAIT = patience()
TRUSTED = TrustedProxies(["127.0.0.0/8"])
LINE = b"PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n"
BINARY = SIGNATURE_2 + b"\x21\x11\0\x0c" + socket.inet_aton("203.0.113.7") + bytes(4) + b"\x12\x67\x01\xbb"
UPGRADE = (
    b"GET /openai HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
FRAME = b"\x81\x82\0\0\0\0hi"
SWITCHED = b"HTTP/1.1 101 "


@pytest.fixture
def tls_files(authority, tmp_path):
    cert = authority.issue_cert("127.0.0.1")
    cert.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    return str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")


def connected(listener):
    sock = socket.create_connection(listener.address, timeout=WAIT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def answered(sock, end=b"\x81\x02hi"):
    """Read until the answer ends so, or the connection does."""
    answer = b""
    while not answer.endswith(end) and (data := sock.recv(4096)):
        answer += data
    return answer


def wait_for_end(sock):
    with contextlib.suppress(ConnectionResetError):  # where the listener has left bytes unread
        while sock.recv(4096):
            pass


def client_hello(client_tls):
    """Return TLS's first flight, and what takes the answer."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_tls.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return tls, incoming, outgoing


def finish(sock, tls, incoming, outgoing):
    """Finish a TLS handshake whose first flight was sent."""
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(1 << 16))
    sock.sendall(outgoing.read())


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["version 1", "version 2"])
@pytest.mark.parametrize("size", [1, 1000], ids=["byte by byte", "one segment"])
def test_a_trusted_proxy_names_its_client_and_nothing_behind_its_header_is_lost(listen, house, header, size):
    data = header + UPGRADE + FRAME
    with connected(listen(proxies=TRUSTED)) as sock:
        for start in range(0, len(data), size):
            sock.sendall(data[start : start + size])
        assert answered(sock).startswith(SWITCHED)
    assert house.asked.get(timeout=WAIT).peer == "203.0.113.7:4711"


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["version 1", "version 2"])
@pytest.mark.parametrize("size", [1, 1000], ids=["byte by byte", "one segment"])
def test_the_header_comes_before_tls(listen, house, tls_files, client_tls, header, size):
    listener = listen(proxies=TRUSTED, tls=server_tls(*tls_files))
    tls, incoming, outgoing = client_hello(client_tls)
    data = header + outgoing.read()
    with connected(listener) as sock:
        for start in range(0, len(data), size):
            sock.sendall(data[start : start + size])
        finish(sock, tls, incoming, outgoing)
        tls.write(UPGRADE)
        sock.sendall(outgoing.read())
        assert house.asked.get(timeout=WAIT).peer == "203.0.113.7:4711"


@pytest.mark.parametrize("first", [1, 5, 6, 12])
def test_a_trusted_proxy_need_not_name_anybody(listen, house, first):
    with connected(listen(proxies=TRUSTED)) as sock:
        peer = "{}:{}".format(*sock.getsockname())
        for data in (UPGRADE[:first], UPGRADE[first:] + FRAME):
            sock.sendall(data)
        assert answered(sock).startswith(SWITCHED)
    assert house.asked.get(timeout=WAIT).peer == peer


def test_a_request_that_begins_like_a_header_is_read_whole(listen):
    with connected(listen(proxies=TRUSTED)) as sock:
        sock.sendall(b"P")
        sock.sendall(b"UT / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answered(sock, b"client.\n").startswith(b"HTTP/1.1 405 ")


def test_a_connection_of_the_proxy_itself_keeps_its_address(listen, house):
    with connected(listen(proxies=TRUSTED)) as sock:
        peer = "{}:{}".format(*sock.getsockname())
        sock.sendall(SIGNATURE_2 + b"\x20\0\0\0" + UPGRADE)
        assert house.asked.get(timeout=WAIT).peer == peer


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["version 1", "version 2"])
def test_the_header_of_a_stranger_ends_the_connection_with_a_line(listen, house, header, caplog):
    with connected(listen(proxies=TrustedProxies(["10.0.0.0/8"]), timeout=WAIT * 2)) as sock:
        peer = "{}:{}".format(*sock.getsockname())
        sock.sendall(header + UPGRADE)
        wait_for_end(sock)
    assert house.asked.empty()
    words = "its header of the PROXY protocol: only networks in server.trusted_proxies are believed"
    assert caplog.messages == [f"Refused (proxy_header) {peer}: {words}"]


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["version 1", "version 2"])
def test_the_header_of_a_stranger_is_no_tls(listen, house, tls_files, client_tls, header, caplog):
    _, _, outgoing = client_hello(client_tls)
    with connected(listen(tls=server_tls(*tls_files), timeout=WAIT * 2)) as sock:
        sock.sendall(header + outgoing.read())
        wait_for_end(sock)
    assert house.asked.empty()
    assert "Refused (proxy_header)" in caplog.text


@pytest.mark.parametrize("header", [LINE.replace(b"4711", b"99999"), SIGNATURE_2 + b"\x2f\x11\0\0"])
def test_a_malformed_header_ends_the_connection_at_once(listen, house, header, caplog):
    with connected(listen(proxies=TRUSTED, timeout=WAIT * 2)) as sock:
        sock.sendall(header)
        wait_for_end(sock)
    assert house.asked.empty()
    assert "Refused (proxy_header)" in caplog.text


def test_a_header_that_does_not_end_ends_with_the_handshake(listen, house):
    with connected(listen(proxies=TRUSTED, timeout=0.05)) as sock:
        sock.sendall(LINE[:-1])
        assert sock.recv(1) == b""
    assert house.asked.empty()


@pytest.mark.parametrize(
    "lines",
    [b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 203.0.113.7, 127.0.0.9\r\n", b"Forwarded: for=203.0.113.7\r\n"],
)
def test_a_trusted_proxy_names_its_client_in_the_request(listen, house, lines):
    request = UPGRADE.replace(b"Host", lines + b"Host")
    with connected(listen(proxies=TRUSTED)) as sock:
        sock.sendall(request)
        assert house.asked.get(timeout=WAIT).peer == "203.0.113.7:?"
    with connected(listen()) as sock:
        peer = "{}:{}".format(*sock.getsockname())
        sock.sendall(request)
        assert house.asked.get(timeout=WAIT).peer == peer


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"POST /openai HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "method"),
        (b"GET /openai HTTP/1.1\r\nHost: x\r\n\r\n", "not_websocket"),
        (UPGRADE.replace(b"Host: x\r\n", b"Accept: */*\r\nhost :x\r\n"), "malformed"),
        (UPGRADE.replace(b"Host: x\r\n", b""), "malformed"),
        (UPGRADE.replace(b"Host: x\r\n", b"Host: x\r\nContent-Length: 9\r\n"), "malformed"),
        (UPGRADE.replace(b"Host: x\r\n", b"Host: x\r\nX: %s\r\n" % (b"x" * 8192)), "size"),
    ],
)
@pytest.mark.parametrize("lines", [b"x-forwarded-for: 203.0.113.7\r\n", b"FORWARDED:for=203.0.113.7 \r\n"])
def test_a_refused_request_is_the_clients_that_a_trusted_proxy_names(listen, caplog, request_, reason, lines):
    with connected(listen(proxies=TRUSTED)) as sock:
        sock.sendall(request_.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\r\n" + lines))
        assert answered(sock).startswith(b"HTTP/1.1 4")
    assert [line.partition(" at ")[0] for line in caplog.messages] == [f"Refused ({reason}) 203.0.113.7:?"]


@pytest.mark.parametrize("folded", [b"\r\n 198.51.100.1", b",\r\n\t198.51.100.1"])
def test_a_line_that_is_folded_names_nobody(listen, caplog, folded):
    with connected(listen(proxies=TRUSTED)) as sock:
        peer = "{}:{}".format(*sock.getsockname())
        sock.sendall(UPGRADE.replace(b"Host", b"X-Forwarded-For: 203.0.113.7" + folded + b"\r\nHost"))
        assert answered(sock).startswith(b"HTTP/1.1 400 ")
    assert caplog.messages[0].startswith(f"Refused (malformed) {peer} ")


def test_a_client_named_before_the_request_cannot_name_another_in_it(listen, house):
    with connected(listen(proxies=TRUSTED)) as sock:
        sock.sendall(LINE + UPGRADE.replace(b"Host", b"X-Forwarded-For: 198.51.100.1\r\nHost"))
        assert house.asked.get(timeout=WAIT).peer == "203.0.113.7:4711"


def test_handshakes_over_a_proxy_are_bounded_for_each_client_that_it_names(listen, house, loop):
    asked, answers = queue.SimpleQueue(), []

    def accept(request, answer):
        answers.append(answer)
        asked.put(request.peer)

    house.accept = accept
    listener = listen(proxies=TRUSTED, of_one=1, timeout=WAIT * 10)
    with connected(listener) as first, connected(listener) as other, connected(listener) as second:
        for sock, client in ((first, b"203.0.113.7"), (other, b"203.0.113.8"), (second, b"203.0.113.7")):
            sock.sendall(LINE.replace(b"203.0.113.7", client) + UPGRADE + FRAME)
            assert asked.get(timeout=WAIT) == f"{client.decode()}:4711"
        wait_for_end(first)
        for answer in answers:
            loop.call_soon(partial(answer, Admission(house.open)))
        assert answered(other).startswith(SWITCHED)
        assert answered(second).startswith(SWITCHED)


@pytest.mark.parametrize("proxies", [TRUSTED, TrustedProxies()], ids=["that names nobody", "that is a stranger"])
def test_handshakes_over_a_proxy_count_for_it(listen, house, proxies):
    asked = queue.SimpleQueue()
    house.accept = lambda request, _: asked.put(request.peer)
    listener = listen(proxies=proxies, of_one=1, timeout=WAIT * 10)
    with contextlib.ExitStack() as stack:
        socks = []
        for number in range(2):
            socks.append(stack.enter_context(connected(listener)))
            # A stranger's headers are not read; of a proxy's own neither is believed.
            lines = f"X-Forwarded-For: 203.0.113.{number}\r\nForwarded: for=198.51.100.{number}\r\nHost".encode()
            socks[-1].sendall(UPGRADE.replace(b"Host", lines))
            assert asked.get(timeout=WAIT) == "{}:{}".format(*socks[-1].getsockname())
        wait_for_end(socks[0])


def test_a_client_that_connects_behind_a_change_finds_it_made(house):
    loop, sock = IoLoop(), listening_socket("127.0.0.1", 0)
    listener = Listener(loop, sock, HandshakeSettings(), accept=house.accept)
    listener.start()
    loop.step(0)
    listener.change(HandshakeSettings(proxies=TRUSTED))
    with connected(listener) as client:
        client.sendall(LINE + UPGRADE)
        while house.asked.empty() and loop.step(WAIT):
            pass
        assert house.asked.get(timeout=WAIT).peer == "203.0.113.7:4711"
    loop.start()
    loop.stop(0)  # closes all


def test_new_handshakes_believe_those_that_are_trusted_now(listen, house):
    listener = listen(proxies=TRUSTED)
    listener.change(HandshakeSettings())
    with connected(listener) as sock:
        sock.sendall(LINE + UPGRADE)
        wait_for_end(sock)
    assert house.asked.empty()


@pytest.mark.parametrize("sent", [b"\x16\x03\x01", LINE], ids=["TLS", "header"])
def test_a_client_that_was_cut_off_before_tls_began_leaves_nothing_behind(loop, listen, tls_files, client_tls, sent):
    listener = listen(tls=server_tls(*tls_files), proxies=TRUSTED)
    held, go_on = threading.Event(), threading.Event()
    loop.call_soon(lambda: (held.set(), go_on.wait(WAIT)))
    assert held.wait(WAIT)
    for _ in range(3):
        sock = connected(listener)
        sock.sendall(sent)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    go_on.set()
    for _ in range(3):
        tls, incoming, outgoing = client_hello(client_tls)
        with connected(listener) as sock:
            sock.sendall(outgoing.read())
            finish(sock, tls, incoming, outgoing)


@pytest.mark.parametrize(
    ("beginning", "reason"), [(b"GET / HTTP/1.1\r\n\r\n", "plain_on_tls_port"), (b"SSH-2.0-x\r\n", "tls")]
)
def test_a_client_whose_tls_fails_right_behind_the_header_is_the_one_that_is_refused(
    listen, tls_files, caplog, beginning, reason
):
    listener = listen(proxies=TRUSTED, tls=server_tls(*tls_files))
    with connected(listener) as sock:
        sock.sendall(LINE + beginning)
        wait_for_end(sock)
    assert [message for message in caplog.messages if f"Refused ({reason}) 203.0.113.7:4711: " in message]
