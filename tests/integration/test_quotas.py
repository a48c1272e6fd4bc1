"""Quotas of the listener's clients: each excess is named, and whatever ends gives its place back."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import websocket

from actors import proxy_parts
from turnstile.auth.authenticator import NoAuthenticator
from turnstile.auth.identity import Identity
from turnstile.config import load_config
from turnstile.server.requests import Rejection
from turnstile.testing import RecordingInbox, patience

UPGRADE = (
    b"GET /openai?name=%b HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Names(NoAuthenticator):
    """Takes a client by its word, when it is told to."""

    def __init__(self):
        self.waits = False
        self.asked = RecordingInbox()

    def authenticate(self, request, decided):
        name = request.query.get("name", "")
        if name == "nobody":
            decided(Rejection(401, "Nobody."))
        elif self.waits:
            self.asked.tell(lambda: decided(Identity(name)))
        else:
            decided(Identity(name))


@pytest.fixture
def names(monkeypatch):
    names = Names()
    monkeypatch.setattr(proxy_parts, "make_authenticator", lambda *_, **__: names)
    return names


@pytest.fixture
def start(start_proxy, names):  # noqa: ARG001 - it is there before the proxy
    return lambda **quotas: start_proxy(
        {name.replace("__", ".") if "__" in name else f"quotas.{name}": str(value) for name, value in quotas.items()}
    )


@pytest.fixture
def connect():
    links = []

    def connect(proxy, name="", path="/openai"):
        links.append(websocket.create_connection(proxy.url(f"{path}?name={name}"), timeout=patience()))
        return links[-1]

    yield connect
    for link in links:
        link.shutdown()


def refused(connect, proxy, name=""):
    """Connect one client more; return the status, the words and the seconds of its answer."""
    with pytest.raises(websocket.WebSocketBadStatusException) as raised:
        connect(proxy, name)
    error = raised.value
    return error.status_code, error.resp_body.decode().strip(), int(error.resp_headers["retry-after"])


def ends(proxy, link, left=0):
    link.shutdown()
    assert proxy.system.wait_until_empty(patience(), left)


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse", "/v1/realtime"])
def test_one_session_more_than_an_identity_may_have_is_named_until_one_ends(start, connect, path):
    proxy = start(identity_sessions=1)
    first = connect(proxy, "web", path)
    words = "quotas.identity_sessions: 1 session at once for web; try again when one has ended."
    assert refused(connect, proxy, "web") == (429, words, 5)
    connect(proxy, "app", path)
    ends(proxy, first, 1)
    connect(proxy, "web", path)
    assert proxy.system.refusals == {"quotas.identity_sessions": 1}


def test_one_start_more_than_a_minute_has_is_told_when_to_try_again(start, connect):
    proxy = start(address_starts=2)
    for name in ("web", "app"):
        ends(proxy, connect(proxy, name))
    status, words, seconds = refused(connect, proxy)
    assert status == 429
    assert words == f"quotas.address_starts: 2 sessions a minute from 127.0.0.1; try again in {seconds} s."
    assert 1 <= seconds <= 60


def test_a_client_that_goes_before_it_is_decided_about_leaves_no_place_taken(start, connect, names):
    proxy = start(address_sessions=1)
    names.waits = True
    with socket.create_connection(proxy.system.address, timeout=patience()) as gone:
        gone.sendall(UPGRADE % b"web")
        decide = names.asked.wait_for(callable)
        gone.shutdown(socket.SHUT_WR)
        assert gone.recv(1) == b""
    names.waits = False
    proxy.system._parts.loop.call_soon(decide)
    connect(proxy, "web")


def test_what_is_refused_for_another_reason_takes_no_place_and_is_no_start(start, connect):
    proxy = start(address_sessions=1, address_starts=1)
    for path in ("/v1/realtime?model=nobody-serves-this", "/openai?name=nobody", "/nothing"):
        with pytest.raises(websocket.WebSocketBadStatusException, match=r"40[014]"):
            websocket.create_connection(proxy.url(path), timeout=patience())
    connect(proxy)


def test_a_session_that_cannot_begin_gives_its_place_back(start, connect, monkeypatch):
    proxy = start(address_sessions=1)
    with monkeypatch.context() as broken:
        broken.setattr("actors.sessions.start_actors", lambda *_: 1 / 0)
        link = connect(proxy)
        assert link.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE
    connect(proxy)


def test_a_client_whose_websocket_cannot_be_opened_gives_its_place_back(start, connect, monkeypatch):
    proxy = start(address_sessions=1, server__max_sessions=1)
    with monkeypatch.context() as broken:
        broken.setattr("turnstile.server.first_request.open_protocol", lambda *_: 1 / 0)
        with pytest.raises(websocket.WebSocketBadStatusException, match="500"):
            connect(proxy)
    connect(proxy)


@pytest.mark.parametrize("header", [b"Cookie: name=\xff", "User-Agent: é".encode()])
def test_a_client_with_a_header_beyond_ascii_begins_a_session(start, header):
    proxy = start(address_sessions=1)
    with socket.create_connection(proxy.system.address, timeout=patience()) as client:
        client.sendall((UPGRADE % b"web").replace(b"Host:", header + b"\r\nHost:"))
        assert client.recv(100).startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse", "/v1/realtime"])
def test_a_session_that_has_lasted_for_its_minutes_ends_with_words_that_name_the_quota(start, connect, path):
    proxy = start(session_minutes=0.001)
    link, heard = connect(proxy, "web", path), b""
    while b"\x03\xe9" not in heard[:2]:
        heard = link.recv_data()[1]
        if b"session_expired" in heard:
            assert b"as long as it may, 0.06 s (quotas.session_minutes); connect again" in heard
            break
    else:
        pytest.fail("no words came before the close")
    assert proxy.system._parts.admission.admit("component", None, None)("a host's").session.policy.max_duration == 0.0


def test_sessions_of_a_host_in_the_process_have_no_quota(start):
    proxy = start(address_sessions=1, identity_sessions=1)
    sessions = [proxy.system.connect(RecordingInbox())[1] for _ in range(3)]
    assert len(sessions) == proxy.system.sessions == 3


def test_a_reload_counts_the_open_sessions_and_keeps_them(start, connect):
    proxy = start()
    first = connect(proxy, "web")
    quotas = {"quotas.identity_sessions": "2"}
    proxy.system.reload(load_config(flags={"server.port": "0", "upstream.url": "simulator:", **quotas}))
    connect(proxy, "web")
    assert refused(connect, proxy, "web")[0] == 429
    first.send('{"type": "Settings", "agent": {}}')
    assert "SettingsApplied" in first.recv()


def test_what_a_client_with_a_name_holds_counts_for_the_name(start, connect):
    proxy = start()
    connect(proxy, "web")
    connect(proxy)
    assert set(proxy.system._parts.sessions._around.budget._sessions) == {"identity web", "127.0.0.1"}


@pytest.fixture
def function_host():
    """A host of functions: its address, and an event until which it answers nothing at ``/hang``."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/hang":
                may_answer.wait(patience())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hail")

        def log_message(self, *_):
            """Be silent."""

    may_answer = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", may_answer
    may_answer.set()
    server.shutdown()
    thread.join(patience())
    server.server_close()


@pytest.mark.usefixtures("names")
def test_the_sessions_of_one_identity_leave_threads_for_functions_to_others(start_proxy, function_host):
    host, may_answer = function_host
    proxy = start_proxy(
        {
            "functions.concurrent_calls": "4",
            "functions.allowed_hosts": host,
            "functions.allow_private_addresses": "true",
        }
    )

    def calls(name, path):
        dialogue = stack.enter_context(proxy.dialogue(f"/openai?name={name}"))
        function = {"name": "get_weather", "description": "weather", "endpoint": {"url": f"http://{host}{path}"}}
        dialogue.send("Settings", agent={"think": {"prompt": "Be brief.", "functions": [function]}})
        dialogue.send("InjectUserMessage", content="Call get_weather and then say the weather.")
        assert dialogue.wait_for("FunctionCallRequest")
        return dialogue

    with ExitStack() as stack:
        hang = [calls("web", "/hang") for _ in range(4)]
        assert calls("app", "/weather").wait_for("FunctionCallResponse")["content"] == "hail"
        assert not any(dialogue.received("FunctionCallResponse") for dialogue in hang)
        may_answer.set()
        assert all(dialogue.wait_for("FunctionCallResponse") for dialogue in hang)
