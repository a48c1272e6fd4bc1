from __future__ import annotations

import pytest

from turnstile.server.answers import websocket_answer
from turnstile.server.request_head import HEAD_BYTES, head_size, is_tls, method_and_path, parse_get
from turnstile.server.requests import Rejection

HEADERS = (
    b"Host: agents.example:8080\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)
GOOD = b"GET /openai?a=1 HTTP/1.1\r\n" + HEADERS + b"\r\n"


def outcome(data):
    """Return what is answered to a request that comes at once: the status, 101 for a WebSocket."""
    received = bytearray(data)
    size = head_size(received, 0)
    if not isinstance(size, int):
        return size.status if size else None
    request = parse_get(bytes(received[:size]))
    if not isinstance(request, Rejection):
        request = websocket_answer(request)
    return request.status if isinstance(request, Rejection) else request.status_code


def with_header(line):
    return GOOD.replace(b"Upgrade: websocket", line + b"\r\nUpgrade: websocket")


def with_host(line):
    return GOOD.replace(b"Host: agents.example:8080\r\n", line)


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.0",
        b"GET / HTTP/0.9",
        b"GET / HTTP/2.0",
        b"GET / HTTP/2",
        b"GET / HTTP/1.2",
        b"GET /",
        b"POST / HTTP/1.0",
        b"PRI * HTTP/2.0",
    ],
)
def test_another_version_of_http_is_answered_505_as_soon_as_the_first_line_is_there(line):
    assert outcome(line + b"\r\n") == 505


@pytest.mark.parametrize(
    "hosts",
    [
        b"",
        b"Host: a.example\r\nHost: a.example\r\n",
        b"Host: a.example\r\nhost: b.example\r\n",
        b"Host:\r\n",
        b"Host: a.example, b.example\r\n",
        b"Host: user@a.example\r\n",
        b"Host: a.example/path\r\n",
        b"Host: a example\r\n",
        b"Host: a\x01.example\r\n",
        b"Host: a\x85.example\r\n",
        b"Host: a.example:http\r\n",
        b"Host: a.example:123456\r\n",
        b"Host: ::1\r\n",
        b"Host: [::1\r\n",
        b"Host: :8080\r\n",
    ],
)
def test_a_host_that_is_missing_doubled_or_no_host_is_answered_400(hosts):
    assert outcome(with_host(hosts)) == 400


@pytest.mark.parametrize(
    "host",
    [b"a.example", b"127.0.0.1:8080", b"[::1]:8080", b"[fe80::1%25eth0]", b"voice_agent:80", b"a.example:", b"A%41"],
)
def test_each_form_of_a_host_is_right(host):
    assert outcome(with_host(b"Host: " + host + b"\r\n")) == 101


@pytest.mark.parametrize(
    "data",
    [
        with_header(b"Content-Length: 5"),
        with_header(b"Content-Length: +0"),
        with_header(b"Content-Length: 0\r\nContent-Length: 0"),
        with_header(b"Content-Length: "),
        with_header(b"Transfer-Encoding: chunked"),
        with_header(b"transfer-encoding:identity"),
        with_header(b"X-A: b\r\n c"),
        with_header(b"X-A : b"),
        with_header(b" X-A: b"),
        with_header(b"X-A"),
        with_header(b": b"),
        with_header(b"X-A: b\x00c"),
        with_header(b"X-A: b\rc"),
        with_header(b"X-A: b\nX-B: c"),
        GOOD.replace(b"\r\n", b"\n"),
        GOOD.replace(b" HTTP", b"  HTTP"),
        GOOD.replace(b"GET /", b"GET  /"),
        GOOD.replace(b"/openai", b"/open ai"),
        GOOD.replace(b"/openai", b"/open\x7fai"),
        GOOD.replace(b"/openai", b"openai"),
        GOOD.replace(b"/openai?a=1", b"*"),
        GOOD.replace(b"/openai?a=1", b"a.example:80"),
        GOOD.replace(b"/openai?a=1", b"ftp://a.example/"),
        GOOD.replace(b"/openai?a=1", b"http://user@a.example/openai"),
        GOOD.replace(b"/openai?a=1", b"http:///openai"),
        GOOD.replace(b"HTTP/1.1", b"http/1.1"),
        b"\r\n\r\n" + GOOD,
        with_header(b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
        with_header(b"Sec-WebSocket-Version: 13"),
        with_header(b"Origin: https://a.example\r\nOrigin: https://b.example"),
        with_header(b"Authorization: Bearer a\r\nAuthorization: Bearer b"),
        with_header(b"Api-Key: a\r\napi-key: b"),
        GOOD.replace(b"AAAAAAAAAAAAAAAAAAAAAA==", b"short"),
        GOOD.replace(b"Sec-WebSocket-Key", b"X-Key"),
    ],
)
def test_a_request_that_two_readers_could_take_differently_is_answered_400(data):
    assert outcome(data) == 400


@pytest.mark.parametrize(
    "data",
    [
        GOOD,
        b"\r\n" + GOOD,
        with_header(b"Content-Length: 0"),
        with_header(b"X-A:"),
        with_header(b"X-A: \t b \t"),
        with_header(b"X-A: \xc3\xbc"),
        with_header(b"X-Two: 1\r\nX-Two: 2"),
        with_header(b"Sec-WebSocket-Protocol: token\r\nSec-WebSocket-Protocol: KEY"),
        GOOD.replace(b"/openai?a=1", b"http://a.example"),
        GOOD.replace(b"/openai?a=1", b"wss://a.example?a=1"),
    ],
)
def test_a_legal_request_is_right(data):
    assert outcome(data) == 101


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (GOOD.replace(b"Connection: Upgrade", b"Connection: close"), 426),
        (with_header(b"Upgrade: websocket"), 426),
        (GOOD.replace(b"Version: 13", b"Version: 8"), 426),
        (b"GET /" + b"a" * 9000, 414),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n", 414),
        (with_header(b"X-A: " + b"a" * 9000), 431),
        (with_header(b"X-A: b\r\n" * 2000 + b"X-A: b"), 431),
        (with_header(b"X-A: b\r\n" * 130 + b"X-A: b"), 431),
        (b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 2100, 431),
    ],
)
def test_each_other_fault_has_its_own_status(data, status):
    assert outcome(data) == status


@pytest.mark.parametrize("target", ["/openai?name=é", "/é", "?é", "http://é.example/openai"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_target_beyond_ascii_is_answered_400(target, encoding):
    assert outcome(GOOD.replace(b"/openai?a=1", target.encode(encoding))) == 400


@pytest.mark.parametrize("name", [b"Connection", b"Upgrade", b"Sec-WebSocket-Protocol", b"Sec-WebSocket-Extensions"])
def test_a_header_beyond_ascii_that_decides_about_the_websocket_is_answered_400(name):
    assert outcome(with_header(name + b": \xff")) == 400


@pytest.mark.parametrize("value", [b"\xff", "é".encode()])
def test_any_other_header_may_have_bytes_beyond_ascii(value):
    assert outcome(with_header(b"Cookie: name=" + value)) == 101


def test_a_client_of_another_version_of_websockets_learns_ours():
    rejection = parse_get(GOOD.replace(b"Version: 13", b"Version: 8"))
    assert rejection.headers["Sec-WebSocket-Version"] == "13"


def test_the_host_of_a_whole_address_counts_instead_of_the_header():
    request = parse_get(GOOD.replace(b"/openai?a=1", b"HTTP://b.example:81/openai?a=1"))
    assert (request.path, request.headers["Host"]) == ("/openai?a=1", "b.example:81")
    assert method_and_path(GOOD.replace(b"/openai", b"http://b.example/openai")) == ("GET", "/openai")
    assert method_and_path(b"OPTIONS * HTTP/1.1\r\n\r\n") == ("OPTIONS", "*")


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x03\0\0\x13",
        b"\0",
        b"\x80\x2e",
        b"EHLO a.example\r\n",
        b"\r\n\0",
        b"\x16\x03\x01",
        b"{",
    ],
)
def test_what_cannot_become_a_request_is_answered_400_without_waiting(data):
    assert outcome(data) == 400 or data == b"{"


@pytest.mark.parametrize("number", range(len(GOOD)))
def test_a_beginning_of_a_request_is_waited_for(number):
    assert outcome(GOOD[:number]) is None


@pytest.mark.parametrize("number", range(4))
def test_a_beginning_with_an_empty_line_is_waited_for(number):
    assert outcome((b"\r\nG")[:number]) is None


def test_a_head_is_complete_whatever_the_pieces_that_it_comes_in_and_what_is_behind_it():
    for size in (1, 2, 3, 7, 50):
        received, found = bytearray(), None
        for start in range(0, len(GOOD), size):
            checked = len(received)
            received += GOOD[start : start + size]
            found = head_size(received, checked)
        assert found == len(GOOD)
    assert head_size(bytearray(GOOD + b"\x81\x80\n\r\x00\n"), 0) == len(GOOD)


def test_a_bare_line_end_is_found_on_the_edge_of_two_pieces():
    received = bytearray(b"GET / HTTP/1.1\r\nX: a\r")
    assert head_size(received, 0) is None
    checked = len(received)
    received += b"b"
    assert head_size(received, checked).status == 400


def test_the_longest_head_is_read():
    filler = b"X-Filler: %s\r\n" % (b"a" * 7000)
    rest = HEAD_BYTES - len(GOOD) - 2 * len(filler) - len(b"X-F: \r\n")
    data = with_header(2 * filler + b"X-F: " + b"a" * rest)
    assert len(data) == HEAD_BYTES
    assert outcome(data) == 101


@pytest.mark.parametrize(("data", "is_it"), [(b"\x16\x03\x01\x02", True), (b"\x16", False), (b"GET", False)])
def test_tls_is_told_by_its_first_bytes(data, is_it):
    assert is_tls(data) is is_it


def test_what_is_wrong_is_told_without_the_value_which_may_be_a_key():
    answer = websocket_answer(parse_get(with_header(b"Sec-WebSocket-Protocol: realtime, openai key.KEY")))
    assert isinstance(answer, Rejection)
    assert "Sec-WebSocket-Protocol" in answer.text
    assert "KEY" not in answer.text
