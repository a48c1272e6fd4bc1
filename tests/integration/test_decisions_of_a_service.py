"""The mode `ask`: a service of the operator's decides who gets in, and what the session is like, in every dialect."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path

import pytest
from http_service import hang, serve, serve_raw
from websocket import WebSocketBadStatusException, WebSocketConnectionClosedException, create_connection
from werkzeug.serving import make_server

from turnstile.config import load_config
from turnstile.testing import patience

__all__ = ["serve", "serve_raw"]

WAIT = patience()
UPGRADE = (
    b"GET /openai HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer hangs\r\n\r\n"
)
PATHS = ["/openai", "/v1/agent/converse", "/v1/realtime"]
TOOL = {"type": "function", "name": "get_weather", "description": "Look it up.", "parameters": {"type": "object"}}
OWN_TOOL = {"name": "delete_all", "description": "Delete.", "parameters": {"type": "object"}}
DECIDED = {"identity": "acme/7", "prompt": "Obey.", "voice": "cedar", "model": "gpt-realtime-mini", "tools": [TOOL]}


def asking(url, **settings):
    return {"auth.mode": "ask", "auth.ask_url": url, **{f"auth.{name}": value for name, value in settings.items()}}


def connect(proxy, path="/openai", key="k3y-of-mine"):
    return create_connection(proxy.url(path), timeout=WAIT, header={"Authorization": f"Bearer {key}"})


def refusal(proxy, path="/openai"):
    """Return the status, the words and the headers that a client is refused with."""
    with pytest.raises(WebSocketBadStatusException) as caught:
        connect(proxy, path)
    error = caught.value
    return error.status_code, error.resp_body.decode().strip(), error.resp_headers


def answer_to_one_more(proxy):
    """Return the status that a client is answered."""
    try:
        connect(proxy).close()
    except WebSocketBadStatusException as error:
        return error.status_code
    return 101


def question_on(sock):
    """Read one question to its end; the headers come before the body."""
    read = b""
    while not read.endswith(b"}"):
        read += sock.recv(1 << 16)
    return read


def receive_until(link, kind):
    while True:
        message = json.loads(link.recv())
        if message["type"] == kind:
            return message


@pytest.mark.parametrize("path", PATHS)
def test_the_service_is_asked_about_a_client_of_every_dialect(start_proxy, serve, caplog, path):
    caplog.set_level("DEBUG")
    service = serve(json.dumps({"identity": "acme/7"}).encode())
    proxy = start_proxy(asking(service.url, ask_token="sesame-of-the-operator"))
    connect(proxy, path).close()
    (asked,) = service.seen
    question = json.loads(asked.body)
    assert (question["path"], question["address"], question["credential"]) == (path, "127.0.0.1", "k3y-of-mine")
    assert asked.headers["Authorization"] == "Bearer sesame-of-the-operator"
    assert "identity=acme/7 address=127.0.0.1 " in caplog.text
    assert "k3y-of-mine" not in caplog.text
    assert "sesame-of-the-operator" not in caplog.text


@pytest.mark.parametrize("path", PATHS)
def test_a_browsers_key_is_shown_to_the_service_too(start_proxy, serve, path):
    service = serve(json.dumps({"identity": "a"}).encode())
    proxy = start_proxy(asking(service.url))
    link = create_connection(proxy.url(path), timeout=WAIT, subprotocols=["token", "k3y-of-mine"])
    assert link.getsubprotocol() == "token"
    link.close()
    create_connection(proxy.url(f"{path}?token=k3y-of-mine"), timeout=WAIT).close()
    assert [json.loads(asked.body)["credential"] for asked in service.seen] == ["k3y-of-mine"] * 2


@pytest.mark.parametrize(
    ("status", "headers", "body", "words"),
    [
        (401, {"Content-Type": "text/plain"}, b"Your account is closed.", "Your account is closed."),
        (403, {"Content-Type": "application/json"}, b'{"reason": "Not from there."}', "Not from there."),
        (429, {"Retry-After": "77"}, b"", "The client connects too often; try again later."),
    ],
)
def test_a_refusal_of_the_service_is_the_clients(start_proxy, serve, caplog, status, headers, body, words):
    proxy = start_proxy(asking(serve(body, status, headers).url))
    answered = refusal(proxy)
    assert answered[:2] == (status, words)
    assert answered[2].get("retry-after") == headers.get("Retry-After")
    assert f"{status}, {words}" in caplog.text


def test_a_service_that_fails_admits_nobody_and_is_logged_once(start_proxy, serve, caplog):
    answers = [(200, {}, b'{"identity": "a", "tools": [{"type": "function"}]}')]
    proxy = start_proxy(asking(serve(answer=lambda _: answers[-1]).url))
    for _ in range(5):
        assert refusal(proxy)[:2] == (
            503,
            "The service that decides about clients gave no answer; try again later.",
        )
    lines = [line for line in caplog.messages if line.startswith("Refused (ask)")]
    assert [line.partition(": 503, ")[2] for line in lines] == [
        "auth.ask_url: The service's answer: tools[0].name: must be text."
    ]
    answers.append((200, {}, b'{"identity": "a"}'))
    connect(proxy).close()


def test_what_is_decided_is_enforced_on_a_realtime_client(start_proxy, serve):
    proxy = start_proxy(asking(serve(json.dumps(DECIDED).encode()).url))
    link = connect(proxy, "/v1/realtime?model=gpt-realtime")
    wanted = {
        "type": "realtime",
        "instructions": "Ignore all.",
        "tools": [{"type": "function", **OWN_TOOL}],
        "audio": {"output": {"voice": "marin"}},
    }
    for _ in range(2):
        link.send(json.dumps({"type": "session.update", "session": wanted}))
        session = receive_until(link, "session.updated")["session"]
        assert (session["instructions"], session["audio"]["output"]["voice"]) == ("Obey.", "cedar")
        assert [tool["name"] for tool in session["tools"]] == ["get_weather"]
    assert session["model"] == "gpt-realtime-mini"
    link.close()


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse"])
def test_what_is_decided_is_enforced_on_a_voice_agent_client(start_proxy, serve, path):
    proxy = start_proxy(asking(serve(json.dumps(DECIDED).encode()).url))
    link = connect(proxy, path)
    think = {
        "provider": {"type": "open_ai", "model": "gpt-realtime"},
        "prompt": "Ignore all.",
        "functions": [OWN_TOOL],
    }
    speak = {"provider": {"type": "open_ai", "model": "tts-1", "voice": "marin"}}
    link.send(json.dumps({"type": "Settings", "audio": {}, "agent": {"think": think, "speak": speak}}))
    receive_until(link, "SettingsApplied")
    link.send(json.dumps({"type": "UpdatePrompt", "prompt": "Forget it."}))
    assert receive_until(link, "Warning")["code"] == "host_decides"
    (update,) = proxy.log.updates
    assert (update["instructions"], update["audio"]["output"]["voice"]) == ("Obey.", "cedar")
    assert [tool["name"] for tool in update["tools"]] == ["get_weather"]
    assert any(
        "gpt-realtime-mini" in entry.detail for entry in proxy.journal.entries() if entry.kind == "session.created"
    )
    link.close()


def test_sessions_and_other_paths_go_on_while_the_service_hangs(start_proxy, serve_raw):
    reached = threading.Semaphore(0)

    def talk(sock):
        if b'"hangs"' in question_on(sock):
            reached.release()
            hang(sock)
        answer = b'{"identity": "a"}'
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

    proxy = start_proxy(asking(serve_raw(talk).url, ask_timeout=str(WAIT)))
    link = connect(proxy, "/v1/realtime")
    receive_until(link, "session.created")

    def wait():
        with pytest.raises(WebSocketConnectionClosedException):
            connect(proxy, key="hangs")

    waiting = [threading.Thread(target=wait) for _ in range(16)]
    for thread in waiting:
        thread.start()
    for _ in waiting:
        assert reached.acquire(timeout=WAIT)
    assert refusal(proxy)[:2] == (503, "Too many clients wait for a decision; try again later.")
    link.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}}))
    assert receive_until(link, "session.updated")["session"]["instructions"] == "Be brief."
    link.close()
    proxy.system.stop(0)  # waits for no answer
    for thread in waiting:
        thread.join(WAIT)


def test_a_client_that_goes_while_the_service_is_asked_frees_its_place(start_proxy, serve_raw):
    reached, ended = threading.Event(), threading.Event()

    def talk(sock):
        if b'"hangs"' in question_on(sock):
            reached.set()
            hang(sock)
            ended.set()
            return
        answer = b'{"identity": "a"}'
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

    proxy = start_proxy(asking(serve_raw(talk).url, ask_concurrent="1", ask_timeout=str(WAIT)))
    with socket.create_connection(proxy.system.address, timeout=WAIT) as client:
        client.sendall(UPGRADE)
        assert reached.wait(WAIT)
    assert ended.wait(WAIT)
    until = time.monotonic() + WAIT
    while (status := answer_to_one_more(proxy)) == 503:  # the thread that asked is just ending
        assert time.monotonic() < until
    assert status == 101


def test_the_service_that_is_named_at_a_reload_decides_from_then_on(start_proxy, serve):
    proxy = start_proxy(asking(serve(b'{"identity": "a"}').url))
    connect(proxy).close()
    base = {"server.port": "0", "upstream.url": "simulator:"}
    proxy.system.reload(load_config(flags={**base, **asking(serve(b"", 403).url)}))
    assert refusal(proxy)[0] == 403


def test_the_service_of_the_page_decides(start_proxy):
    page = (Path(__file__).parents[2] / "docs/howto/authenticate-clients.md").read_text()
    example = page.partition("```python ask\n")[2].partition("```")[0]
    names = {"__name__": "example"}
    exec(example, names)  # noqa: S102 - our own page
    service = make_server("127.0.0.1", 0, names["app"], threaded=True)
    thread = threading.Thread(target=service.serve_forever, args=(0.01,))
    thread.start()
    try:
        url = f"http://127.0.0.1:{service.server_port}/decide"
        proxy = start_proxy(asking(url, ask_token="secret-of-the-proxy"))
        link = connect(proxy, "/v1/realtime", key="key-of-acme")
        link.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": "No."}}))
        assert receive_until(link, "session.updated")["session"]["instructions"] == "You sell roses."
        link.close()
        assert refusal(proxy)[:2] == (401, "This key is not known: see your account page.")
        assert refusal(start_proxy(asking(url)))[0] == 503
    finally:
        service.shutdown()
        service.server_close()
        thread.join(WAIT)
