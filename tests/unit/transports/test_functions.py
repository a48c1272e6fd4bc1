"""Functions are called over HTTP at hosts that are allowed, and whatever happens there is one result."""

from __future__ import annotations

import json
import logging
import socket
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from turnstile.ports import FunctionRequest
from turnstile.testing import RecordingInbox, patience
from turnstile.transports.functions import AllowedHosts, HttpFunctionCaller

SECRET = "made-up-secret"


class Function(BaseHTTPRequestHandler):
    """Answers as its server is told to, and keeps what it was asked."""

    def _answer(self):
        size = int(self.headers.get("Content-Length") or 0)
        self.server.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(size)))
        status, headers, body = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names of the base class

    def log_message(self, *_):
        """Be silent."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Function)
    server.asked, server.answer = [], (200, {}, b"hail")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join(patience(5))
    server.server_close()


@pytest.fixture
def caller():
    """Make a caller for everything on this machine; `options` are its own."""
    made = []

    def make(*hosts, **options):
        options = {"allow_private": True, "timeout": patience(5), **options}
        made.append(HttpFunctionCaller(AllowedHosts(hosts), **options))
        return made[-1]

    yield make
    for one in made:
        one.close(patience(5))
        assert not any(thread.is_alive() for thread in one._threads)


def at(server, path="/weather"):
    host, port = server.server_address[:2]
    return f"{host}:{port}", f"http://{host}:{port}{path}"


def called(caller, url, arguments='{"city": "Paris"}', method="POST", headers=None):
    inbox = RecordingInbox()
    caller.call(FunctionRequest("call_1", arguments, url, method, headers or {}), inbox)
    returned = inbox.wait_for(lambda _: True)
    assert returned.call_id == "call_1"
    return returned.output


def why(output):
    return json.loads(output)["error"]


# Which hosts.


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("api.example.com", "https://api.example.com/weather?a=b"),
        ("API.example.com.", "http://Api.Example.com./"),
        ("api.example.com", "https://api.example.com:443/"),
        ("api.example.com:8443", "https://api.example.com:8443/"),
        ("*.example.com", "https://api.example.com/"),
        ("*.example.com", "https://a.b.example.com/"),
        ("[2001:db8::1]", "https://[2001:db8::1]/"),
        ("[2001:db8::1]:81", "https://[2001:db8::1]:81/"),
    ],
)
def test_a_host_that_is_named_may_be_called(entry, url):
    assert url in AllowedHosts([entry])


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("api.example.com", "https://example.com/"),
        ("api.example.com", "https://api.example.com.evil.example/"),
        ("api.example.com", "https://api.example.com:8443/"),
        ("api.example.com", "ftp://api.example.com/"),
        ("api.example.com", "https://user@api.example.com/"),
        ("api.example.com", "https://evil.example/@api.example.com"),
        ("api.example.com", "https://api.example.com:port/"),
        ("api.example.com", "api.example.com"),
        ("*.example.com", "https://example.com/"),
        ("*.example.com", "https://badexample.com/"),
        ("*.example.com", "https://api.example.com:8443/"),
        ("", "https:///"),
    ],
)
def test_a_host_that_is_not_named_may_not(entry, url):
    assert url not in AllowedHosts([entry])


def test_no_host_may_be_called_where_none_is_named(caller, server):
    _, url = at(server)
    assert "not one that may be called" in why(called(caller(), url))
    assert server.asked == []


# What is sent, and what comes back.


def test_the_arguments_are_the_body_and_the_answer_is_the_result(caller, server):
    host, url = at(server)
    assert called(caller(host), url, headers={"X-Key": SECRET}) == "hail"
    ((method, path, headers, body),) = server.asked
    assert (method, path, json.loads(body)) == ("POST", "/weather", {"city": "Paris"})
    assert (headers["X-Key"], headers["Content-Type"], headers["Host"]) == (SECRET, "application/json", host)


def test_a_call_without_arguments_sends_an_empty_object(caller, server):
    host, url = at(server)
    called(caller(host), url, arguments="")
    assert server.asked[0][3] == b"{}"


def test_the_arguments_are_the_query_of_a_method_without_a_body(caller, server):
    host, url = at(server, "/weather?units=metric#top")
    called(caller(host), url, '{"city": "São Paulo", "days": [1, 2]}', "GET")
    method, path, headers, body = server.asked[0]
    assert (method, path, body) == ("GET", "/weather?units=metric&city=S%C3%A3o+Paulo&days=%5B1%2C+2%5D", b"")
    assert "Content-Type" not in headers


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_the_method_is_the_clients_choice(caller, server, method):
    host, url = at(server)
    called(caller(host), url, method=method)
    assert server.asked[0][0] == method


def test_headers_of_the_connection_are_ours(caller, server):
    host, url = at(server)
    given = {"host": "evil.example", "Content-Length": "5", "Transfer-Encoding": "chunked", "content-type": "text/x"}
    assert called(caller(host), url, headers=given) == "hail"
    sent = server.asked[0][2]
    assert (sent["Host"], sent["content-type"]) == (host, "text/x")


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", "größer".encode(), "größer"),
        ("text/plain; charset=latin-1", "größer".encode("latin-1"), "größer"),
        ("text/plain; charset=unheard-of", b"plain", "plain"),
        ("application/json", b"\xff", "\ufffd"),
        ("application/json", b"", ""),
    ],
)
def test_the_result_is_text(caller, server, kind, body, text):
    host, url = at(server)
    server.answer = (200, {"Content-Type": kind}, body)
    assert called(caller(host), url) == text


# What goes wrong.


@pytest.mark.parametrize("status", [302, 404, 503])
def test_an_answer_that_is_none_is_said_with_its_status(caller, server, status):
    host, url = at(server)
    server.answer = (status, {"Location": "http://127.0.0.1:1/"}, b"secret page")
    assert why(called(caller(host), url)) == f"The function answered with status {status}."


def test_a_result_that_is_too_long_is_none(caller, server):
    host, url = at(server)
    server.answer = (200, {}, bytes(1001))
    assert why(called(caller(host, max_result=1000), url)) == "The function's result is longer than 1000 bytes."


def test_a_method_that_is_not_served_is_named(caller, server):
    host, url = at(server)
    assert why(called(caller(host), url, method="TRACE")) == "Functions are not called with TRACE."


def test_a_header_that_would_break_out_is_not_sent(caller, server):
    host, url = at(server)
    assert why(called(caller(host), url, headers={"X": "a\r\nY: b"})) == "The function could not be called."
    assert server.asked == []


def test_a_host_that_nobody_listens_on_is_said(caller):
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    assert why(called(caller(host), f"http://{host}/")) == "The function's host cannot be reached."


def test_a_host_without_an_address_is_said(caller):
    nowhere = caller("nowhere.example", resolve=lambda _host, _port: [])
    assert why(called(nowhere, "http://nowhere.example/")) == "The function's host has no address."


def test_the_next_address_is_tried_when_one_does_not_answer(caller, server):
    _, port = server.server_address[:2]
    both = caller(f"two.example:{port}", resolve=lambda _host, _port: [("127.0.0.2", 0), ("127.0.0.1", 0)])
    assert called(both, f"http://two.example:{port}/") == "hail"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.1", "::1", "fe80::1%eth0", "::ffff:127.0.0.1"],
)
def test_a_private_address_is_not_called_whatever_the_name(caller, server, address):
    _, port = server.server_address[:2]
    found = [("93.184.215.14", port), (address, port)]
    careful = caller(f"api.example.com:{port}", allow_private=False, resolve=lambda _host, _port: found)
    assert "private address" in why(called(careful, f"http://api.example.com:{port}/"))
    assert server.asked == []


def test_a_public_address_is_called_and_no_other():
    allowed = HttpFunctionCaller(AllowedHosts(["api.example.com"]), resolve=lambda _host, _port: [("93.184.215.14", 1)])
    assert "https://api.example.com/" in allowed._allowed
    allowed.close(0)


@contextmanager
def talking(*pieces):
    """Serve one connection by these pieces, and then keep it open until the end."""
    over = threading.Event()

    def serve():
        sock, _ = listener.accept()
        with sock:
            sock.recv(10_000)
            for piece in pieces:
                sock.sendall(piece)
            over.wait(patience(10))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        thread.join(patience(5))


@pytest.mark.parametrize("pieces", [(), (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", b"drip")])
def test_a_function_that_does_not_come_to_an_end_is_left(caller, pieces):
    with talking(*pieces) as host:
        output = called(caller(host, timeout=0.2), f"http://{host}/")
    assert why(output) == "The function did not answer within 0.2 s."


def test_the_deadline_is_the_whole_calls(caller, server):
    host, url = at(server)
    moments = iter([0.0, 0.1, 6.0, *[7.0] * 10])
    assert "did not answer" in why(called(caller(host, timeout=5.0, clock=lambda: next(moments)), url))


def test_an_answer_that_is_no_http_is_said(caller):
    with talking(b"hello\r\n\r\n") as host:
        assert why(called(caller(host), f"http://{host}/")) == "The function could not be called."


def test_a_failure_is_logged_without_what_the_client_gave(caller, server, caplog):
    host, url = at(server, f"/{SECRET}?key={SECRET}")
    server.answer = (500, {}, SECRET.encode())
    with caplog.at_level(logging.DEBUG, "turnstile"):
        output = called(caller(host), url, headers={"X-Key": SECRET})
    assert "127.0.0.1" in caplog.text
    assert SECRET not in caplog.text + output


# TLS.


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def tls_server(server, authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.example.com").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def test_a_certificate_is_checked_for_the_name_and_not_for_the_address(caller, tls_server, authority):
    _, port = tls_server.server_address[:2]
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    trusting = caller(f"api.example.com:{port}", tls=tls, resolve=lambda _host, _port: [("127.0.0.1", port)])
    assert called(trusting, f"https://api.example.com:{port}/") == "hail"


def test_a_certificate_that_cannot_be_trusted_is_said(caller, tls_server):
    _, port = tls_server.server_address[:2]
    careful = caller(f"api.example.com:{port}", resolve=lambda _host, _port: [("127.0.0.1", port)])
    assert "certificate" in why(called(careful, f"https://api.example.com:{port}/"))


# Many calls.


def test_calls_beyond_the_threads_wait_and_those_beyond_that_fail_at_once(caller):
    reached, go = threading.Event(), threading.Event()

    def resolve(_host, _port):
        reached.set()
        go.wait(patience(5))
        return []

    busy, inboxes = caller("a.example", threads=1, max_waiting=1, resolve=resolve), [RecordingInbox() for _ in range(3)]
    for inbox in inboxes:
        busy.call(FunctionRequest("call_1", "", "http://a.example/"), inbox)
    assert reached.wait(patience(5))
    assert "Too many" in why(inboxes[2].wait_for(lambda _: True).output)
    go.set()
    for inbox in inboxes[:2]:
        assert "no address" in why(inbox.wait_for(lambda _: True).output)
    assert len(busy._threads) == 1


def test_calls_that_wait_fail_when_the_proxy_shuts_down(caller):
    reached, go = threading.Event(), threading.Event()

    def resolve(_host, _port):
        reached.set()
        go.wait(patience(5))
        return []

    busy, inboxes = caller("a.example", threads=1, resolve=resolve), [RecordingInbox() for _ in range(3)]
    for inbox in inboxes[:2]:
        busy.call(FunctionRequest("call_1", "", "http://a.example/"), inbox)
    assert reached.wait(patience(5))
    busy.close(0)
    busy.call(FunctionRequest("call_1", "", "http://a.example/"), inboxes[2])
    go.set()
    for inbox in inboxes[1:]:
        assert why(inbox.wait_for(lambda _: True).output) == "The proxy is shutting down."


def test_no_thread_begins_before_the_first_call(caller):
    assert caller()._threads == []
