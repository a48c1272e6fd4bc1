"""The ops listener of a proxy: opened as it is configured, and asked over its port."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import stat
import threading
from contextlib import ExitStack, closing

import pytest

from actors import ProxySystem, ScriptedSession
from actors.ops_listener import start_ops
from turnstile.config import load_config
from turnstile.errors import ConfigError
from turnstile.inspector.server import CONNECTIONS
from turnstile.inspector.token_file import read_token
from turnstile.testing import RecordingInbox, patience

WAIT = patience()


@pytest.fixture(autouse=True)
def runtime(tmp_path, monkeypatch):
    directory = tmp_path / "runtime"
    directory.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    return directory


@pytest.fixture
def free_port(reserve_port):
    return str(reserve_port())


@pytest.fixture
def taken():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield str(sock.getsockname()[1])


def configured(**ops):
    flags = {"server.port": "0", "upstream.url": "simulator:", "limits.close_timeout": "0.1"}
    return load_config(flags=flags | {f"ops.{name}": value for name, value in ops.items()})


def ask(listener, path, method="GET", body=None, **headers):
    client = http.client.HTTPConnection(*listener.address, timeout=WAIT)
    try:
        client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()


def test_operators_see_a_session_and_give_it_a_message(free_port):
    config = configured(port=free_port)
    with ProxySystem(config) as proxy, start_ops(config, proxy.view, proxy.is_alive) as ops:
        inbox = RecordingInbox()
        connection, session = proxy.connect(inbox)
        status, text = ask(ops, "/sessions")
        assert (status, [one["id"] for one in json.loads(text)["sessions"]]) == (200, [session.session_id])
        assert json.loads(ask(ops, f"/sessions/{session.session_id}")[1])["dialect"] == "component"
        token = read_token(ops.token_path)
        given = ask(
            ops,
            f"/sessions/{session.session_id}/messages",
            "POST",
            '{"type": "End"}',
            Authorization=f"Bearer {token}",
            Content_Type="application/json",
        )
        assert given == (200, '{"done": true}\n')
        assert session.wait(WAIT)
        connection.close(1000)


def test_metrics_are_those_of_the_proxy(free_port):
    config = configured(port=free_port)
    with ProxySystem(config) as proxy, start_ops(config, proxy.view) as ops:
        status, text = ask(ops, "/metrics")
        assert (status, "turnstile_sessions_open 0.0" in text) == (200, True)


def test_operators_see_what_happens_in_a_session_up_to_its_end(free_port):
    config = configured(port=free_port)
    with ProxySystem(config) as proxy, start_ops(config, proxy.view) as ops:
        session = ScriptedSession(proxy=proxy)
        [one] = json.loads(ask(ops, "/sessions")[1])["sessions"]
        client = http.client.HTTPConnection(*ops.address, timeout=WAIT)
        with session, closing(client):
            client.request("GET", f"/sessions/{one['id']}/events")
            stream = client.getresponse()
            stream.readline()  # it has begun
            session.configure(prompt="Say nothing of the merger.")
            session.close()
            text = stream.read().decode()
    lines = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith('data: {"')]
    assert {"Settings", "session.update"} <= {line.get("type") for line in lines}
    assert (lines[-1]["end"]["by"], text.endswith("event: end\ndata: {}\n\n")) == ("client", True)
    assert "merger" not in text  # journal.level is events


def test_the_listener_stops_while_a_session_is_followed(free_port):
    config = configured(port=free_port)
    with ProxySystem(config) as proxy, ScriptedSession(proxy=proxy):
        with start_ops(config, proxy.view) as ops, ExitStack() as opened:
            [one] = json.loads(ask(ops, "/sessions")[1])["sessions"]
            client = opened.enter_context(closing(http.client.HTTPConnection(*ops.address, timeout=WAIT)))
            client.request("GET", f"/sessions/{one['id']}/events")
            stream = client.getresponse()
            ops.stop()
            assert b"event: end" not in stream.read()
        assert proxy.sessions == 1


def test_wrong_tokens_are_among_the_refused_clients(free_port):
    config = configured(port=free_port)
    with ProxySystem(config) as proxy, start_ops(config, proxy.view) as ops:
        assert ask(ops, "/sessions/s/messages", "POST", "{}", Authorization="Bearer wrong")[0] == 401
        assert 'turnstile_refusals_total{reason="ops_token"} 1.0' in ask(ops, "/metrics")[1]


def test_a_conversation_goes_on_when_half_requests_fill_the_ops_port(free_port):
    config = configured(port=free_port)
    with ExitStack() as opened:
        proxy = opened.enter_context(ProxySystem(config))
        ops = opened.enter_context(start_ops(config, proxy.view))
        session = opened.enter_context(ScriptedSession(proxy=proxy))
        for _ in range(2 * CONNECTIONS):
            half = opened.enter_context(socket.create_connection(ops.address, WAIT))
            half.sendall(b"GET /sessions HTTP/1.1\r\nHost: loc")
        session.configure(prompt="Be brief.")
        session.say("Hello!")
        session.wait_for("AgentAudioDone", WAIT)
        assert ask(ops, "/readyz")[0] == 200


def test_health_stays_and_readiness_fails_when_the_proxy_drains(free_port):
    config = configured(port=free_port)
    with ProxySystem(config) as proxy, start_ops(config, proxy.view, proxy.is_alive) as ops:
        assert ask(ops, "/readyz")[0] == 200
        proxy.drain()
        assert ask(ops, "/healthz")[0] == 200
        assert (ask(ops, "/readyz")[0], json.loads(ask(ops, "/readyz")[1])["reasons"]) == (503, ["draining"])
        proxy.stop()
        assert ask(ops, "/healthz")[0] == 200


def test_health_fails_when_the_io_thread_is_frozen(free_port):
    config = configured(port=free_port)
    thawed = threading.Event()
    with ProxySystem(config) as proxy, start_ops(config, proxy.view, lambda: proxy.is_alive(0.0)) as ops:
        proxy._parts.loop.call_soon(thawed.wait)
        assert ask(ops, "/healthz")[0] == 503
        thawed.set()


def test_a_proxy_is_alive_before_its_start():
    proxy = ProxySystem(configured())
    assert proxy.is_alive(0.0)
    proxy.stop()


def test_a_proxy_in_a_host_opens_no_port_of_its_own(free_port):
    with ProxySystem(configured(port=free_port), listens=False), pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(free_port)), WAIT)


def test_port_0_is_off():
    with start_ops(configured(port="0"), None) as ops:
        assert (ops.address, list(ops.introduction())) == (None, [])


def test_the_default_port_that_is_taken_is_a_warning(taken, caplog):
    config = configured()
    default = config.model_copy(update={"ops": config.ops.model_copy(update={"port": int(taken)})})
    default.ops.model_fields_set.clear()
    with start_ops(default, None) as ops:
        assert ops.address is None
    [message] = caplog.messages
    assert message.startswith(f"There is no ops listener: ops.port: port {taken} on 127.0.0.1 is taken: ")
    assert message.endswith("; ops.port=0 turns the ops listener off")


def test_a_chosen_port_that_is_taken_is_an_error(taken):
    with pytest.raises(ConfigError, match=rf"ops\.port: port {taken} on 127\.0\.0\.1 is taken.*; ops\.port=0 turns"):
        start_ops(configured(port=taken), None)


def test_a_host_that_is_none_is_an_error():
    with pytest.raises(ConfigError, match=r"ops\.host: there is no address 'no\.such\.host\.invalid' to listen on"):
        start_ops(configured(host="no.such.host.invalid"), None)


def test_an_address_of_another_machine_is_an_error():
    with pytest.raises(ConfigError, match=r"ops\.host: 192\.0\.2\.1 is no address of this machine"):
        start_ops(configured(host="192.0.2.1"), None)


def test_the_token_is_in_a_file_of_this_user_as_long_as_the_listener_is_there(free_port, runtime):
    path = runtime / "turnstile" / f"ops-{free_port}.token"
    with start_ops(configured(port=free_port), None) as ops:
        shown = f"Ops: http://127.0.0.1:{free_port}/ shows the sessions in a browser"
        assert list(ops.introduction()) == [f"{shown} (/healthz, /metrics, /sessions for programs), token in {path}."]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_no_token_is_written_when_one_is_configured(free_port, runtime):
    with start_ops(configured(port=free_port, token="a-token-of-enough-characters"), None) as ops:
        assert next(ops.introduction()).endswith("token as configured.")
        answer = ask(ops, "/sessions/s/messages", "POST", "[]", Authorization="Bearer a-token-of-enough-characters")
        assert answer[0] == 415  # past the token
    assert list(runtime.iterdir()) == []


def test_a_token_that_cannot_be_written_where_it_is_configured_is_an_error(free_port, tmp_path):
    with pytest.raises(ConfigError, match=r"ops\.token_file: .* cannot be written: No such file or directory"):
        start_ops(configured(port=free_port, token_file=str(tmp_path / "none" / "ops.token")), None)
    with socket.create_server(("127.0.0.1", int(free_port))):
        pass  # the port is free again


def test_a_token_that_cannot_be_written_is_a_warning_when_its_file_was_not_chosen(free_port, runtime, caplog):
    caplog.set_level(logging.WARNING)
    (runtime / "turnstile").write_text("in the way")
    with start_ops(configured(port=free_port), None) as ops:
        assert ask(ops, "/version")[0] == 200
        assert next(ops.introduction()).endswith("no token: nothing can be steered.")
    assert "Nobody has the token of the ops listener" in caplog.text


def test_a_token_is_asked_for_when_other_machines_can_connect(free_port):
    with start_ops(configured(host="0.0.0.0", port=free_port), None) as ops:  # noqa: S104
        local = http.client.HTTPConnection("127.0.0.1", ops.address[1], timeout=WAIT)
        local.request("GET", "/version")
        assert local.getresponse().status == 401
        local.close()
