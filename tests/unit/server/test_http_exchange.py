"""One request that asks for no WebSocket, and its answer."""

from __future__ import annotations

import json

import h11
import pytest

from turnstile.server.http_exchange import MOST_BODY_BYTES, BodyWanted, HttpExchange, Reply
from turnstile.server.requests import Rejection

HEAD = b"POST /v1/realtime/client_secrets?a=1 HTTP/1.1\r\nHost: example.com\r\nContent-Type: application/json\r\n"


class Exchange:
    """An exchange whose endpoint keeps what it is asked, and answers with what it was given to."""

    def __init__(self, decision=None):
        self.sent = b""
        self.asked = []
        self.refused = []
        self.gone = 0
        self.bodies = []
        self.decision = decision or BodyWanted(self.respond)
        self.exchange = HttpExchange(
            "192.0.2.7:1",
            self.decide,
            self.send,
            lambda rejection: self.refused.append((rejection.status, rejection.reason)),
        )

    def send(self, data):
        self.sent += data

    def respond(self, body):
        self.bodies.append(body)
        return Reply(200, {"size": len(body)})

    def decide(self, method, request, answered):
        self.asked.append((method, request))
        self.answered = answered
        if self.decision != "later":
            answered(self.decision)
        return self.note_gone

    def note_gone(self):
        self.gone += 1

    @property
    def answer(self):
        reader = h11.Connection(h11.CLIENT)
        reader.send(h11.Request(method="POST", target="/", headers=[("Host", "a")]))
        reader.receive_data(self.sent)
        response = reader.next_event()
        while isinstance(response, h11.InformationalResponse):
            response = reader.next_event()
        data = reader.next_event()
        assert isinstance(reader.next_event(), h11.EndOfMessage)
        return response.status_code, {k.decode(): v.decode() for k, v in response.headers}, json.loads(data.data)


@pytest.fixture
def exchange():
    return Exchange()


def with_length(body, length=None):
    return HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def chunked(*chunks):
    return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks)


@pytest.mark.parametrize(
    "request_bytes", [with_length(b"hello"), chunked(b"he", b"l", b"lo", b""), HEAD + b"\r\n", with_length(b"")]
)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_a_request_is_answered_whole_however_it_arrives(exchange, request_bytes, step):
    for start in range(0, len(request_bytes), step):
        exchange.exchange.receive(request_bytes[start : start + step])
    status, headers, content = exchange.answer
    (body,) = exchange.bodies
    assert (status, content) == (200, {"size": len(body)})
    assert body == (b"hello" if b"lo" in request_bytes else b"")
    assert (headers["connection"], headers["content-type"]) == ("close", "application/json")
    assert headers["cache-control"] == "no-store"
    assert exchange.exchange.is_answered


def test_the_endpoint_is_shown_the_request_with_its_client(exchange):
    exchange.exchange.receive(HEAD + b"X-A: 1\r\nx-a: 2\r\n\r\n")
    ((method, request),) = exchange.asked
    assert (method, request.path, request.query) == ("POST", "/v1/realtime/client_secrets", {"a": "1"})
    assert (request.peer, request.headers["x-a"], request.subprotocols) == ("192.0.2.7:1", "1, 2", ())


def test_the_body_is_read_once_the_request_is_decided():
    exchange = Exchange("later")
    exchange.exchange.receive(with_length(b"hel", 5))
    exchange.exchange.receive(b"lo")
    assert exchange.sent == b""
    exchange.answered(BodyWanted(exchange.respond))
    assert exchange.answer[2] == {"size": 5}
    assert exchange.gone == 0


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it_when_the_request_is_decided():
    exchange = Exchange("later")
    exchange.exchange.receive(HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert exchange.sent == b""
    exchange.answered(BodyWanted(exchange.respond))
    assert exchange.sent.startswith(b"HTTP/1.1 100 ")
    exchange.exchange.receive(b"hello")
    assert exchange.answer[2] == {"size": 5}


def test_a_client_that_waits_for_leave_is_refused_without_it():
    exchange = Exchange(Rejection(401, "Unknown.\n", {"WWW-Authenticate": "Bearer"}))
    exchange.exchange.receive(HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    status, headers, content = exchange.answer
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    error = {"message": "Unknown.", "type": "invalid_request_error", "code": "unauthorized", "param": None}
    assert content == {"error": error}
    assert exchange.refused == [(401, "")]


def test_a_fault_of_the_proxy_is_no_fault_of_the_request():
    exchange = Exchange(Rejection(503, "Too many wait.\n", {"Retry-After": "1"}, "busy"))
    exchange.exchange.receive(with_length(b"{}"))
    assert exchange.answer[2]["error"]["type"] == "server_error"
    assert exchange.answer[2]["error"]["code"] == "busy"


def test_a_body_of_64_kb_is_read_and_a_longer_one_is_not(exchange):
    exchange.exchange.receive(with_length(b" " * MOST_BODY_BYTES))
    assert exchange.answer[2] == {"size": MOST_BODY_BYTES}
    longer = Exchange()
    longer.exchange.receive(with_length(b"", MOST_BODY_BYTES + 1))
    assert longer.answer[0] == 413
    assert longer.asked == []


def test_chunks_that_are_too_much_together_are_refused(exchange):
    exchange.exchange.receive(chunked(b" " * MOST_BODY_BYTES))
    assert not exchange.exchange.is_answered
    exchange.exchange.receive(b"1\r\n \r\n")
    assert exchange.answer[0] == 413
    assert exchange.refused == [(413, "size")]


@pytest.mark.parametrize("junk", [b"1;" + b"x" * 8_000 + b"\r\n \r\n", b"1\r\n \r\n"])
def test_the_framing_of_chunks_is_bounded_too(exchange, junk):
    exchange.exchange.receive(chunked())
    sent = 0
    while not exchange.exchange.is_answered:
        exchange.exchange.receive(junk * (8_000 // len(junk) + 1))
        sent += len(junk)
        assert sent < 400_000
    assert exchange.answer[0] == 413


def test_what_is_sent_while_the_request_is_decided_is_bounded():
    exchange = Exchange("later")
    exchange.exchange.receive(chunked())
    while not exchange.exchange.is_answered:
        exchange.exchange.receive(b"1000\r\n" + b" " * 4096 + b"\r\n")
    assert (exchange.answer[0], exchange.gone) == (413, 1)
    exchange.answered(BodyWanted(exchange.respond))
    assert exchange.bodies == []


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST /x HTTP/1.1\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n", 400),
        (b"POST /x HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000, 431),
        (b"nonsense\r\n\r\n", 400),
    ],
)
def test_what_is_no_http_is_refused_once(exchange, request_bytes, status):
    exchange.exchange.receive(request_bytes)
    exchange.exchange.receive(b"more")
    assert exchange.answer[0] == status
    assert len(exchange.refused) == 1


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"Host: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n", "Authorization is there more than once"),
        (b"Host: a\r\nOrigin: https://a\r\norigin: https://a\r\n", "Origin is there more than once"),
        (b"Host: a b/c\r\n", "Host must be one name or address"),
        (b"Host: \r\n", "Host must be one name or address"),
        (b"Host: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n", "Content-Length or Transfer-Encoding"),
    ],
)
def test_a_request_that_two_readers_could_take_for_two_is_refused(exchange, head, words):
    exchange.exchange.receive(b"POST /x HTTP/1.1\r\n" + head + b"\r\n")
    assert exchange.answer[0] == 400
    assert words in exchange.answer[2]["error"]["message"]
    assert exchange.asked == []


@pytest.mark.parametrize("host", [b"b", b"a"])
def test_an_address_in_the_target_is_the_host(exchange, host):
    exchange.exchange.receive(b"POST http://a/x%20y?b=1 HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
    ((_, request),) = exchange.asked
    assert (request.path, request.query, request.headers["host"]) == ("/x y", {"b": "1"}, "a")


def test_characters_beyond_ascii_are_kept_as_in_a_handshake(exchange):
    exchange.exchange.receive(HEAD + b"X-Name: \xc3\xa9\r\n\r\n")
    assert exchange.asked[0][1].headers["x-name"] == "\udcc3\udca9"


def test_a_body_of_64_kb_in_a_thousand_chunks_is_read_and_little_more(exchange):
    size = MOST_BODY_BYTES // 1000
    exchange.exchange.receive(chunked(*[b" " * size] * 1000, b""))
    assert exchange.answer[2] == {"size": 1000 * size}
    undecided = Exchange("later")
    undecided.exchange.receive(chunked(b" " * MOST_BODY_BYTES))
    assert not undecided.exchange.is_answered
    undecided.exchange.receive(b" " * 40_000)
    assert undecided.answer[0] == 413


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /x?token=SECRET\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nCookie : id=SECRET\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: token, SECRET\0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nSECRET\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nSECRET",
    ],
)
def test_what_is_no_http_is_not_repeated(exchange, request_bytes):
    exchange.exchange.receive(request_bytes)
    assert exchange.answer[0] == 400
    assert b"SECRET" not in exchange.sent
    assert b"bytearray" not in exchange.sent


def test_a_request_behind_the_first_is_ignored(exchange):
    exchange.exchange.receive(with_length(b"{}") + with_length(b"{}"))
    exchange.exchange.receive(with_length(b"{}"))
    assert exchange.bodies == [b"{}"]
    assert exchange.sent.count(b"HTTP/1.1") == 1


def test_the_answer_to_head_is_its_head():
    exchange = Exchange(Rejection(405, "POST only.\n", {"Allow": "POST"}))
    exchange.exchange.receive(b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert exchange.sent.startswith(b"HTTP/1.1 405 ")
    assert exchange.sent.endswith(b"\r\n\r\n")


def test_what_decides_hears_of_a_client_that_has_gone_and_only_until_it_has_decided():
    exchange = Exchange("later")
    exchange.exchange.client_gone()
    exchange.exchange.receive(with_length(b"{}"))
    exchange.exchange.client_gone()
    exchange.exchange.client_gone()
    assert exchange.gone == 1
