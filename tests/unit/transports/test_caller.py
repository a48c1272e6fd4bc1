from __future__ import annotations

import contextlib
import http.server
import io
import json
import logging
import socket
import ssl
import threading
import time

import pytest

from turnstile.errors import ConfigError
from turnstile.observability.logs import log_context, set_up_logging
from turnstile.ports import FunctionRequest, FunctionReturned
from turnstile.testing import patience
from turnstile.transports.http.caller import HttpFunctionCaller

WAIT = patience()
KEY = "very-secret"


class Server(http.server.ThreadingHTTPServer):
    """Answers what it is told to, and keeps what it was asked."""

    daemon_threads = False

    def __init__(self, answer, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.answer = answer
        self.seen = []
        self.port = self.server_address[1]

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    def reply(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, self.headers, body))
        status, headers, content = self.server.answer()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.reply
        raise AttributeError(name)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    """Answer every request with this status, these headers and this body; returns the `Server`."""
    with contextlib.ExitStack() as stack:

        def start(body=b"", status=200, headers=None, *, context=None, answer=None):
            server = Server(answer or (lambda: (status, headers or {}, body)), context)
            stack.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join, WAIT)
            stack.callback(server.shutdown)
            return server

        yield start


@pytest.fixture
def make_caller():
    with contextlib.ExitStack() as stack:

        def make(port=1, **options):
            hosts = [f"{host}:{port}" for host in ("localhost", "127.0.0.1", "function.example")]
            settings = {"timeout": WAIT, "max_result_bytes": 1000, "threads": 2, "max_waiting": 4}
            caller = HttpFunctionCaller(**{"allowed_hosts": hosts, "allow_private": True, **settings, **options})
            stack.callback(caller.close, WAIT)
            return caller

        yield make
    assert running() == []


@pytest.fixture
def call(make_caller, make_inbox):
    """Call a function at a path of localhost; returns its output."""

    def one(port, path="/", *, arguments="", method="POST", headers=None, scheme="http", **options):
        inbox = make_inbox()
        request = FunctionRequest("call_1", arguments, f"{scheme}://localhost:{port}{path}", method, headers or {})
        make_caller(port, **options).call(request, inbox)
        returned = inbox.next()
        assert isinstance(returned, FunctionReturned)
        assert returned.call_id == "call_1"
        return returned.output

    return one


def running():
    names = ("turnstile-function", "turnstile-resolve")
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith(names))


def error_of(output):
    (words,) = json.loads(output).values()
    return words


def request_to(port, call_id="call_1"):
    return FunctionRequest(call_id, "", f"http://localhost:{port}/")


def read_request(sock):
    """Read the head and the empty object behind it; what is left unread when a socket closes would reset it."""
    read = b""
    while not read.endswith(b"\r\n\r\n{}"):
        read += sock.recv(1 << 16)
    return read


def listen(sock):
    while sock.recv(1 << 16):
        pass


class Gate:
    """Says when somebody has come, and lets nobody on before it is opened."""

    def __init__(self):
        self.reached, self.opened = threading.Event(), threading.Event()

    def pass_through(self):
        self.reached.set()
        assert self.opened.wait(WAIT)


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.opened.set()


# What is asked


def test_the_arguments_are_posted_as_json_and_the_answer_is_the_output(serve, call):
    server = serve('{"wetter": "schön"}'.encode())
    assert call(server.port, "/weather?v=1", arguments='{"city":"Köln"}') == '{"wetter": "schön"}'
    ((method, path, headers, body),) = server.seen
    assert (method, path, body) == ("POST", "/weather?v=1", '{"city":"Köln"}'.encode())
    assert headers["Host"] == f"localhost:{server.port}"
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "patch"])
def test_the_body_is_an_empty_object_when_there_are_no_arguments(serve, call, method):
    server = serve()
    assert call(server.port, method=method) == ""
    assert (server.seen[0][0], server.seen[0][3]) == (method.upper(), b"{}")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize(
    ("path", "arguments", "asked"),
    [
        ("/", "", "/"),
        ("/", "{}", "/"),
        ("/", '{"city":"Köln & so","days":3}', "/?city=K%C3%B6ln+%26+so&days=3"),
        ("/?v=1", '{"near":{"lat":1.5},"open":true,"x":null}', "/?v=1&near=%7B%22lat%22%3A1.5%7D&open=true&x=null"),
    ],
)
def test_the_arguments_go_into_the_query_when_the_method_has_no_body(serve, call, method, path, arguments, asked):
    server = serve(b"done")
    assert call(server.port, path, arguments=arguments, method=method) == "done"
    ((seen_method, seen_path, headers, body),) = server.seen
    assert (seen_method, seen_path, body) == (method, asked, b"")
    assert "Content-Type" not in headers


@pytest.mark.parametrize("arguments", ["[1]", "{", "3", '{"a":"\ud800"}'])
def test_the_call_fails_when_the_query_has_to_be_made_of_no_object(serve, call, arguments):
    server = serve()
    output = call(server.port, arguments=arguments, method="GET")
    assert error_of(output) == "The function's arguments are no JSON object."
    assert server.seen == []


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "CONNECT", "TRACE", "", "GET /x", "POST\r\nX: y"])
def test_the_call_fails_by_name_when_the_method_is_none_of_five(serve, call, method):
    server = serve()
    assert error_of(call(server.port, method=method)) == f"The function cannot be called by the method {method!r}."
    assert server.seen == []


def test_the_clients_headers_are_sent_and_stand_before_ours(serve, call):
    server = serve()
    own = {"authorization": f"Bearer {KEY}", "content-type": "text/plain", "USER-AGENT": "mine", "X": " ü "}
    call(server.port, headers=own)
    headers = server.seen[0][2]
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers.get_all("Content-Type") == ["text/plain"]
    assert headers.get_all("User-Agent") == ["mine"]
    assert headers["X"].encode("latin-1").decode() == "ü"


def test_headers_of_the_connection_are_left_out(serve, call):
    server = serve()
    names = ["Host", "Content-Length", "Connection", "Transfer-Encoding", "Upgrade", "Accept-Encoding", "Expect", "TE"]
    call(server.port, arguments='{"a":1}', headers=dict.fromkeys(names, "7"))
    ((_, _, headers, body),) = server.seen
    assert body == b'{"a":1}'
    assert headers.get_all("Content-Length") == ["7"]  # ours
    assert list(headers.values()).count("7") == 1
    assert headers.get_all("Host") == [f"localhost:{server.port}"]
    assert {"Transfer-Encoding", "Upgrade", "Expect", "TE"}.isdisjoint(headers.keys())


@pytest.mark.parametrize(
    "header",
    [("X", "a\r\nHost: b"), ("X", "a\nb"), ("X", "\0"), ("X\r\nY", "a"), ("X Y", "a"), ("", "a"), ("Ü", "a")],
)
def test_the_call_fails_when_a_header_is_none(serve, call, header):
    server = serve()
    output = call(server.port, headers=dict([header]))
    assert error_of(output) == "The function cannot be called: one of its headers is none."
    assert server.seen == []


# Who is asked


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("http://localhost:1/", True),
        ("https://LOCALHOST.:1/x?y", True),
        ("http://localhost/", False),
        ("ws://localhost:1/", False),
        ("http://user:pass@localhost:1/", False),
        ("http://[::1", False),
    ],
)
def test_a_url_may_be_called_when_its_host_and_port_are_allowed(make_caller, url, may):
    assert make_caller(1).may_call(url) is may


def test_a_host_that_is_not_allowed_is_not_asked(serve, make_caller, make_inbox, caplog):
    server, inbox = serve(), make_inbox()
    url = f"http://localhost:{server.port}/{KEY}?{KEY}"
    make_caller(allowed_hosts=["example.com"]).call(FunctionRequest("call_1", "", url), inbox)
    assert error_of(inbox.next().output) == "The function may not be called: its host is not allowed."
    assert server.seen == []
    assert KEY not in caplog.text


def test_a_url_that_names_a_user_is_not_asked_and_not_logged(make_caller, make_inbox, caplog):
    inbox = make_inbox()
    make_caller(1).call(FunctionRequest("call_1", "", f"http://user:{KEY}@localhost:1/"), inbox)
    assert error_of(inbox.next().output) == "The function may not be called: its URL is none of http or https."
    assert KEY not in caplog.text


def test_a_name_that_leads_to_a_private_address_is_not_asked(serve, call):
    server = serve()
    output = call(server.port, allow_private=False)
    assert error_of(output) == "The function may not be called: its host is on a private network."
    assert server.seen == []


def test_the_name_is_resolved_once_and_the_connection_goes_there(serve, make_caller, make_inbox):
    server, inbox, asked = serve(b"here"), make_inbox(), []

    def resolve(host, port):
        asked.append((host, port))
        return ["127.0.0.1"]

    url = f"http://function.example:{server.port}/"
    make_caller(server.port, resolve=resolve).call(FunctionRequest("call_1", "", url), inbox)
    assert inbox.next().output == "here"
    assert asked == [("function.example", server.port)]
    assert server.seen[0][2]["Host"] == f"function.example:{server.port}"


def test_an_entry_that_is_no_host_is_a_config_error(make_caller):
    with pytest.raises(ConfigError):
        make_caller(allowed_hosts=["https://example.com"])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve, call, status):
    elsewhere = serve(b"elsewhere")
    server = serve(status=status, headers={"Location": f"http://localhost:{elsewhere.port}/"})
    assert error_of(call(server.port, headers={"Authorization": KEY})) == f"The function answered {status}."
    assert (len(server.seen), elsewhere.seen) == (1, [])


# TLS


def test_a_function_is_called_over_tls(serve, call, tls_contexts):
    server = serve(b"safe", context=tls_contexts[0])
    assert call(server.port, scheme="https", ssl_context=tls_contexts[1]) == "safe"


def test_the_certificate_must_be_the_names_though_the_connection_goes_by_address(
    serve, make_caller, make_inbox, tls_contexts
):
    server, inbox = serve(b"safe", context=tls_contexts[0]), make_inbox()
    caller = make_caller(server.port, ssl_context=tls_contexts[1], resolve=lambda *_: ["127.0.0.1"])
    for host in ("localhost", "function.example"):
        caller.call(FunctionRequest("call_1", "", f"https://{host}:{server.port}/"), inbox)
        outputs = inbox.next().output
        if host == "localhost":
            assert outputs == "safe"
    assert error_of(outputs).startswith("The certificate of the function's host is not accepted: Hostname mismatch")
    assert len(server.seen) == 1


def test_a_certificate_that_nobody_vouches_for_is_not_accepted(serve, call, tls_contexts):
    server = serve(context=tls_contexts[0])
    assert "is not accepted" in error_of(call(server.port, scheme="https"))
    assert server.seen == []


def test_the_call_fails_when_the_host_speaks_no_tls(run_raw, call):
    port = run_raw(lambda sock: (sock.recv(1 << 16), sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")))
    assert error_of(call(port, scheme="https")) == "There is no secure connection to the function's host."


# What comes back


@pytest.mark.parametrize(
    ("content_type", "body", "output"),
    [
        ("", "ü".encode(), "ü"),
        ("text/plain", b"\xff!", "\ufffd!"),
        ("text/plain; charset=ISO-8859-1", b"\xfc", "ü"),
        ('text/plain; Charset="utf-16-le"; x=y', "ü".encode("utf-16-le"), "ü"),
        ("text/plain; charset=klingon", "ü".encode(), "ü"),
        ("text/plain; charset=hex", b"00", "00"),
        ("text/plain; charset=idna", "ü".encode(), "ü"),
        ("text/plain; charset=punycode", b"bcher-kva", "bcher-kva"),
        ("text/plain; charset=utf-7", b"+2AA-", "?"),
    ],
)
def test_the_output_is_the_body_as_text_by_its_charset(serve, call, content_type, body, output):
    server = serve(body, headers={"Content-Type": content_type} if content_type else None)
    assert call(server.port) == output


@pytest.mark.parametrize(("status", "body"), [(200, b"ok"), (201, b"made"), (202, b""), (204, b""), (299, b"fine")])
def test_every_status_of_success_is_one(serve, call, status, body):
    assert call(serve(body, status).port) == body.decode()


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_the_status_is_told_and_nothing_of_the_answer_when_it_is_no_success(serve, call, status):
    output = call(serve(KEY.encode(), status, {"X-Key": KEY}).port)
    assert output == f'{{"error":"The function answered {status}."}}'


def test_the_call_fails_when_the_result_is_compressed(serve, call):
    server = serve(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    assert error_of(call(server.port)) == "The function's answer is compressed, which was not asked for."


def test_a_result_as_large_as_allowed_is_the_output(serve, call):
    assert call(serve(b"x" * 50).port, max_result_bytes=50) == "x" * 50


def test_a_result_that_is_too_large_is_not_read_on(run_raw, call):
    hung_up = threading.Event()

    def flood(sock):
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                sock.sendall(b"x" * 1000)
        finally:
            hung_up.set()

    assert error_of(call(run_raw(flood), max_result_bytes=50)) == "The function's answer is larger than 50 bytes."
    assert hung_up.wait(WAIT)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    sock.close()


@pytest.mark.parametrize(
    "talk",
    [
        lambda _: None,
        reset,
        lambda sock: sock.sendall(b"220 mail.example ESMTP\r\n"),
        lambda sock: sock.sendall(b"HTTP/1.1 101 Sure\r\nUpgrade: tea\r\n\r\n"),
        lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfoo"),
        lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        lambda sock: sock.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000),
        lambda sock: (sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfoo"), reset(sock)),
    ],
    ids=[
        "hangs up",
        "resets",
        "no HTTP",
        "another protocol",
        "short",
        "bad chunk",
        "endless header",
        "resets in the body",
    ],
)
def test_the_call_fails_when_the_answer_is_broken_off_or_no_http(run_raw, call, talk):
    port = run_raw(lambda sock: (read_request(sock), talk(sock)))
    assert error_of(call(port)) == "The function gave no complete HTTP answer."


def test_the_call_fails_when_nobody_listens(call):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert error_of(call(port)) == "The function's host cannot be reached."


@pytest.mark.parametrize("error", [OSError("no such host"), UnicodeError("label too long")])
def test_the_call_fails_when_the_name_is_unknown(call, error):
    def resolve(_host, _port):
        raise error

    assert error_of(call(1, resolve=resolve)) == "The function's host was not found."


def test_only_the_kind_of_an_unexpected_error_is_logged(call, caplog):
    def resolve(_host, _port):
        raise ValueError(KEY)

    assert error_of(call(1, resolve=resolve)) == "The function could not be called."
    assert "call_1 to localhost:1: The function could not be called. (ValueError)" in caplog.text
    assert KEY not in caplog.text


# In time


def drip(head, now, hung_up):
    """Send `head`, then byte after byte, a second each by the clock `now`, until the other side has had enough."""

    def talk(sock):
        read_request(sock)
        sock.sendall(head)
        sock.settimeout(0.02)
        while True:
            with contextlib.suppress(TimeoutError):
                sock.recv(1)  # it has nothing more to say
                hung_up.set()
                return
            now[0] += 1
            sock.sendall(b"x")

    return talk


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["in a header", "in the body"],
)
def test_a_host_that_drips_is_cut_off(run_raw, call, head):
    now, hung_up = [0.0], threading.Event()
    port = run_raw(drip(head, now, hung_up))
    assert error_of(call(port, timeout=10, clock=lambda: now[0])) == "The function did not answer within 10 s."
    assert hung_up.wait(WAIT)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_call_fails_when_no_answer_comes_in_time(run_raw, call, scheme):
    now = [0.0]

    def resolve(_host, _port):
        now[0] = 9.9
        return ["127.0.0.1"]

    output = call(run_raw(listen), scheme=scheme, timeout=10, clock=lambda: now[0], resolve=resolve)
    assert error_of(output) == "The function did not answer within 10 s."


def test_the_call_fails_when_the_resolver_takes_the_time_and_an_abandoned_name_is_not_asked_for(
    serve, make_caller, make_inbox, gate
):
    server, inbox, asked = serve(b"back"), make_inbox(), []

    def resolve(host, _port):
        asked.append(host)
        gate.pass_through()
        return ["127.0.0.1"]

    moments = iter([0.0, 9.9] * 2)

    def clock():
        now = next(moments, 0.0)
        if now:
            assert gate.reached.wait(WAIT)  # what is left is asked for when the resolver has the name
        return now

    caller = make_caller(server.port, timeout=10, threads=1, resolve=resolve, clock=clock)
    for host in ("localhost", "127.0.0.1"):
        caller.call(FunctionRequest("call_1", "", f"http://{host}:{server.port}/"), inbox)
        assert error_of(inbox.next().output) == "The function did not answer within 10 s."
    gate.opened.set()
    caller.close(WAIT)
    assert asked == ["localhost"]


def test_the_deadline_is_the_injected_clocks(serve, call):
    now = [0.0]

    def resolve(_host, _port):
        now[0] += 11
        return ["127.0.0.1"]

    server = serve()
    output = call(server.port, timeout=10, clock=lambda: now[0], resolve=resolve)
    assert error_of(output) == "The function did not answer within 10 s."
    assert server.seen == []


# One result each, on few threads


def test_threads_are_started_when_needed_and_no_more_than_allowed(serve, make_caller, make_inbox):
    server, inboxes = serve(b"ok"), [make_inbox() for _ in range(8)]
    caller = make_caller(server.port, threads=2, max_waiting=8)
    assert running() == []
    for inbox in inboxes:
        caller.call(request_to(server.port), inbox)
    for inbox in inboxes:
        assert inbox.next() == FunctionReturned("call_1", "ok")
    assert running()[:2] == ["turnstile-function-1", "turnstile-function-2"]
    assert len(running()) <= 4
    caller.close(WAIT)
    assert running() == []


def answer_behind(gate):
    def answer():
        gate.pass_through()
        return 200, {}, b"ok"

    return answer


def test_a_call_fails_at_once_when_as_many_wait_as_may(serve, make_caller, make_inbox, gate):
    server, inbox, late = serve(answer=answer_behind(gate)), make_inbox(), make_inbox()
    caller = make_caller(server.port, threads=1, max_waiting=1)
    for name in ("first", "second"):
        caller.call(request_to(server.port, name), inbox)
    caller.call(request_to(server.port, "third"), late)
    assert late.messages.qsize() == 1
    assert error_of(late.next().output) == "The function was not called: too many calls are waiting."
    gate.opened.set()
    assert inbox.take(2) == [FunctionReturned("first", "ok"), FunctionReturned("second", "ok")]


def test_calls_that_wait_fail_when_the_caller_closes_and_the_one_under_way_does_not(
    serve, make_caller, make_inbox, gate
):
    server, under_way, waiting = serve(answer=answer_behind(gate)), make_inbox(), make_inbox()
    caller = make_caller(server.port, threads=1)
    caller.call(request_to(server.port), under_way)
    assert gate.reached.wait(WAIT)
    caller.call(request_to(server.port), waiting)
    caller.close(0)
    caller.close(0)
    assert error_of(waiting.next().output) == "The function was not called: the proxy is shutting down."
    gate.opened.set()
    assert under_way.next().output == "ok"
    assert waiting.messages.empty()


def test_a_call_fails_after_close(serve, make_caller, make_inbox):
    server, inbox = serve(), make_inbox()
    caller = make_caller(server.port)
    caller.close(0)
    caller.call(request_to(server.port), inbox)
    assert error_of(inbox.next().output) == "The function was not called: the proxy is shutting down."
    assert server.seen == []


def test_a_call_that_has_just_begun_fails_when_the_caller_closes(make_caller, make_inbox, gate):
    def clock():
        if threading.current_thread().name.startswith("turnstile-function"):
            gate.pass_through()
        return time.monotonic()

    inbox = make_inbox()
    caller = make_caller(1, clock=clock)
    caller.call(request_to(1), inbox)
    assert gate.reached.wait(WAIT)
    caller.close(0)
    gate.opened.set()
    assert error_of(inbox.next().output) == "The function was not called: the proxy is shutting down."


def test_an_inbox_that_raises_costs_its_own_result_only(serve, make_caller, make_inbox, caplog):
    def refuse(message):
        raise ValueError(message.call_id)

    server, inbox = serve(b"ok"), make_inbox()
    caller = make_caller(server.port, threads=1)
    caller.call(request_to(server.port, "lost"), make_inbox(refuse))
    caller.call(request_to(server.port, "told"), inbox)
    assert inbox.next() == FunctionReturned("told", "ok")
    assert "the result of the function call lost could not be delivered" in caplog.text


def test_the_id_of_a_call_begins_no_line_of_the_log(make_caller, make_inbox, caplog):
    inbox = make_inbox()
    make_caller(allowed_hosts=["example.com"]).call(request_to(1, "call\nERROR forged"), inbox)
    assert inbox.next().call_id == "call\nERROR forged"
    assert "\nERROR" not in caplog.text
    assert r"call\nERROR forged" in caplog.text


# Many sessions


@pytest.fixture
def hanging():
    """A host that accepts connections and never answers: its listening socket."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield server


def test_a_session_whose_host_hangs_leaves_threads_to_the_others(serve, make_caller, make_inbox, hanging):
    server, hung, inbox = serve(b"ok"), make_inbox(), make_inbox()
    port = hanging.getsockname()[1]
    caller = make_caller(
        server.port, threads=16, max_waiting=256, allowed_hosts=[f"localhost:{port}", f"localhost:{server.port}"]
    )
    calls = [caller.call(request_to(port, f"hung_{number}"), hung) for number in range(60)]
    connections = [hanging.accept()[0] for _ in range(8)]
    caller.call(request_to(server.port), inbox)
    assert inbox.next().output == "ok"
    assert [call.has_begun for call in calls] == [True] * 8 + [False] * 52
    for call in calls:
        call.cancel()
    for connection in connections:
        connection.close()


def test_a_session_whose_names_hang_leaves_resolvers_to_the_others(serve, make_caller, make_inbox, gate):
    server, hung, inbox = serve(b"ok"), make_inbox(), make_inbox()

    def resolve(host, _port):
        if host == "function.example":
            gate.pass_through()
        return ["127.0.0.1"]

    caller = make_caller(server.port, threads=4, max_waiting=100, resolve=resolve)
    for _ in range(20):
        caller.call(FunctionRequest("hung", "", f"http://function.example:{server.port}/"), hung)
    assert gate.reached.wait(WAIT)
    caller.call(request_to(server.port), inbox)
    assert inbox.next().output == "ok"
    gate.opened.set()
    assert len(hung.take(20)) == 20


def test_a_call_that_is_cancelled_leaves_the_queue_or_ends_and_tells_nothing(serve, make_caller, make_inbox, gate):
    server, inbox, other = serve(answer=answer_behind(gate)), make_inbox(), make_inbox()
    caller = make_caller(server.port, threads=1, max_waiting=1)
    under_way, waiting = (caller.call(request_to(server.port), inbox) for _ in range(2))
    assert gate.reached.wait(WAIT)
    waiting.cancel()
    under_way.cancel()
    caller.call(request_to(server.port), other)
    gate.opened.set()
    assert other.next().output == "ok"
    assert inbox.messages.empty()
    assert len(server.seen) == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_socket_of_a_call_is_closed_when_it_is_cancelled(run_raw, make_caller, make_inbox, caplog, scheme):
    caplog.set_level(logging.INFO)
    inbox, came, over = make_inbox(), threading.Event(), threading.Event()

    def note(sock):
        assert sock.recv(1)  # of the request, or of the TLS handshake
        came.set()
        listen(sock)
        over.set()

    port = run_raw(note)
    caller = make_caller(port)
    call = caller.call(FunctionRequest("call_1", "", f"{scheme}://localhost:{port}/"), inbox)
    assert came.wait(WAIT)
    call.cancel()
    assert over.wait(WAIT)
    caller.close(WAIT)
    assert inbox.messages.empty()
    (record,) = [record for record in caplog.records if record.name.startswith("turnstile")]
    assert (record.levelno, record.getMessage()) == (
        logging.INFO,
        f"function call call_1 to localhost:{port} was ended: its result is not needed any more",
    )


# What is logged


def test_a_failure_is_logged_at_warning_without_query_header_or_body(serve, call, caplog):
    caplog.set_level(logging.INFO)
    server = serve(KEY.encode(), 503, {"X-Key": KEY})
    headers = {"Authorization": KEY}
    output = call(server.port, f"/{KEY}?token={KEY}", arguments=f'{{"key":"{KEY}"}}', headers=headers)
    (record,) = [record for record in caplog.records if record.name.startswith("turnstile")]
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"function call call_1 to localhost:{server.port}: The function answered 503."
    assert KEY not in caplog.text + output


@pytest.fixture
def debug_log():
    """What the whole process has logged, at debug level."""
    loggers = [logging.getLogger(name) for name in (None, "httpcore2", "pykka", "websockets")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    stream = io.StringIO()
    handler = set_up_logging("debug", "text", stream)

    def written():
        handler.flush()
        return stream.getvalue()

    yield written
    handler.stop()
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


def test_no_header_of_either_side_is_logged_at_debug_level(serve, call, debug_log):
    server = serve(b"ok", headers={"X-Key": KEY})
    assert call(server.port, headers={"X-Own": KEY}) == "ok"
    logging.getLogger("turnstile").debug("Said.")
    assert "Said." in debug_log()
    assert KEY not in debug_log()


class Session:
    def __init__(self, session_id):
        self.session_id = session_id

    def run(self, call, *arguments):
        log_context.session_id = self.session_id
        try:
            call(*arguments)
        finally:
            log_context.session_id = "-"


def test_what_is_logged_of_a_call_names_the_session_that_called(serve, make_caller, make_inbox):
    seen = []
    server, inbox = serve(), make_inbox(lambda _: seen.append(log_context.session_id))
    caller = make_caller(server.port)
    Session("s1").run(caller.call, request_to(server.port), inbox)
    inbox.next()
    caller.close(WAIT)
    assert seen == ["s1"]


def test_nobody_is_asked_whom_to_trust_where_there_is_no_certificate(serve, call, monkeypatch):
    monkeypatch.setattr(ssl, "create_default_context", lambda: pytest.fail("it takes 50 ms"))
    assert call(serve(b"plain").port) == "plain"


def test_the_system_is_asked_whom_to_trust_by_default(make_caller, monkeypatch):
    made = []
    monkeypatch.setattr(ssl, "create_default_context", lambda: made.append(True) or "context")
    caller = make_caller()
    assert made == []  # nobody is called yet
    assert caller._client._ssl_context == "context"
    assert made == [True]
