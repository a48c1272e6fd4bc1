"""The system: who is let in, and what is left when something goes wrong or everything ends. Real sockets."""

from __future__ import annotations

import base64
import http.client
import logging
import socket
import threading
from contextlib import closing

import pytest
from websocket import ABNF, WebSocketBadStatusException, create_connection

import actors.dialects.registry
import actors.proxy_threads
import actors.session_actors
from actors.simulator_system import SimulatorSystem
from actors.system import ProxySystem
from turnstile.config import load_config
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import RecordingConnection, patience

SETTINGS = {"agent": {"think": {"prompt": "Be brief."}}}
UPGRADE = (
    f"GET /openai HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
).encode()


def url(system, path="/openai"):
    host, port = system.address
    return f"ws://{host}:{port}{path}"


def configured(system):
    dialogue = TerminalClient(url(system), timeout=patience())
    dialogue.send("Settings", **SETTINGS)
    assert dialogue.wait_for("SettingsApplied")
    return dialogue


@pytest.fixture
def make_system():
    systems = []

    def make(kind=ProxySystem, **flags):
        defaults = {
            "server.port": "0",
            "simulator.port": "0",
            "upstream.url": "simulator:",
            "limits.close_timeout": "0.1",  # these clients hear the close, and leave when their test does
        }
        named = {name.replace("__", "."): value for name, value in flags.items()}
        systems.append(kind(load_config(flags={**defaults, **named})))
        return systems[-1]

    yield make
    for system in systems:
        system.stop(patience())


@pytest.fixture
def system(make_system):
    system = make_system()
    system.start()
    return system


def test_a_client_that_only_connects_is_told_what_was_missing_and_closed(make_system):
    system = make_system(session__settings_timeout="0.05")
    system.start()
    with TerminalClient(url(system), timeout=patience()) as silent:
        silent.wait_until(lambda: None)
        assert silent.closed == "1008 settings_timeout"
        (error,) = silent.received("Error")
        assert error["description"] == "Settings: none came within 0.05 s; they must be the first message."


def test_a_session_that_is_idle_is_closed_in_an_orderly_way(make_system):
    system = make_system(session__idle_timeout="0.05")
    system.start()
    with configured(system) as idle:
        idle.wait_until(lambda: None)
        assert idle.closed == "1000 idle_timeout"
        assert [error["code"] for error in idle.received("Error")] == ["idle_timeout"]
    assert system._parts.sessions.wait_until_empty(patience())


def test_open_sessions_are_told_that_the_proxy_shuts_down(system):
    with configured(system) as one, configured(system) as other:
        assert system.stop(patience()) == 0
        for dialogue in (one, other):
            dialogue.wait_until(lambda: None)
            assert dialogue.closed == "1001 shutting down"
            assert dialogue.received("Error") == []
    assert system.sessions == 0
    assert repr(system.simulator) == "<Simulator, 0 sessions open>"
    assert len(system.simulator.sessions) == 2


def test_a_session_in_mid_response_ends_behind_its_response(system):
    with configured(system) as dialogue:
        dialogue.send("InjectUserMessage", content="Tell me a long story.")
        assert dialogue.wait_for("AgentStartedSpeaking")
        assert system.stop(patience()) == 0
        dialogue.wait_until(lambda: None)
        assert dialogue.closed == "1001 shutting down"
        assert dialogue.received("AgentAudioDone")


def test_stopping_twice_or_without_a_start_does_no_harm(make_system, system):
    assert make_system().stop(1) == 0
    assert system.stop(1) == 0
    assert system.stop(1) == 0


@pytest.mark.parametrize(
    ("path", "offered", "chosen"),
    [
        ("/v1/agent/converse", ["token", "KEY"], "token"),
        ("/v1/realtime", ["realtime", "openai-insecure-api-key.KEY"], "realtime"),
        ("/openai", [], None),
    ],
)
def test_a_browser_that_brings_its_key_as_a_subprotocol_is_answered(system, path, offered, chosen):
    host, port = system.address
    with closing(create_connection(f"ws://{host}:{port}{path}", subprotocols=offered, timeout=patience())) as link:
        assert link.subprotocol == chosen


def test_why_a_session_cannot_go_on_is_logged(make_system, caplog):
    system = make_system(upstream__url="ws://127.0.0.1:1/", upstream__kind="compatible", upstream__reconnect_for="0")
    system.start()
    with caplog.at_level(logging.WARNING), TerminalClient(url(system), timeout=patience()) as dialogue:
        dialogue.send("Settings", agent={})
        dialogue.wait_until(lambda: None)
    assert "upstream_unreachable" in caplog.text


def test_a_context_starts_and_stops(make_system):
    with make_system() as system, configured(system):
        assert system.sessions == 1
    assert system.sessions == 0


def test_sessions_that_have_not_ended_by_the_deadline_are_counted(make_system, monkeypatch):
    monkeypatch.setattr(actors.proxy_threads, "_GRACE", 0.1)
    system = make_system(dispatcher__workers="1")
    system.start()
    held, may_go = threading.Event(), threading.Event()

    def hold():
        held.set()
        may_go.wait(patience())

    with configured(system):
        system._parts.adapters.threads.waker(hold)()
        assert held.wait(patience())
        assert system.stop(0) == 1
        may_go.set()
    assert system.wait_until_empty(patience())


def test_a_wait_until_all_sessions_have_ended_says_so_when_one_is_open(system):
    with configured(system):
        assert not system.wait_until_empty(0)
        assert system.wait_until_empty(0, but=1)
    assert system.wait_until_empty(patience())


def test_a_client_that_comes_in_behind_the_shutdown_is_told_so(system):
    system._parts.sessions._draining = True
    told = RecordingConnection()
    system._parts.sessions.begin(told, system._parts.admission._dialects.named("deepgram"))
    assert system.wait_until_empty(patience())
    assert told.closed == (1001, "shutting down")


def test_a_client_is_turned_away_while_the_proxy_shuts_down(system):
    system._parts.sessions._draining = True
    with pytest.raises(WebSocketBadStatusException, match="503"):
        create_connection(url(system), timeout=patience())


def test_no_more_clients_than_allowed_get_in_however_many_knock_at_once(make_system):
    system = make_system(server__max_sessions="2")
    knocking = [socket.create_connection(system.address, timeout=patience()) for _ in range(6)]
    try:
        for sock in knocking:
            sock.sendall(UPGRADE)
        system.start()
        answers = sorted(sock.recv(12) for sock in knocking)
        assert answers == [b"HTTP/1.1 101"] * 2 + [b"HTTP/1.1 503"] * 4
        assert system.sessions <= 2
    finally:
        for sock in knocking:
            sock.close()
    assert system.wait_until_empty(patience())


def test_that_clients_are_turned_away_is_logged_once_when_it_begins_and_each_is_counted(make_system, caplog):
    system = make_system(server__max_sessions="1")
    system.start()
    with configured(system):
        for _ in range(3):
            with pytest.raises(WebSocketBadStatusException, match="503"):
                create_connection(url(system), timeout=patience())
    (line,) = [record.message for record in caplog.records if record.name == "turnstile.server.refusals"]
    assert line.startswith("Refused (max_sessions) 127.0.0.1:")
    assert line.endswith(" at /openai: 503, Too many sessions are open; try again later.")
    assert system.refusals == {"max_sessions": 3}


def test_a_place_is_free_again_when_a_session_has_ended(make_system):
    system = make_system(server__max_sessions="1")
    system.start()
    for _ in range(3):
        with configured(system):
            assert system.sessions == 1
        assert system.wait_until_empty(patience())


@pytest.mark.parametrize("bound", ["max_handshakes", "max_handshakes_per_address"])
def test_a_silent_client_gives_its_place_to_one_that_speaks(make_system, bound):
    system = make_system(**{f"server__{bound}": "1"}, server__handshake_timeout=str(patience() * 10))
    system.start()
    with socket.create_connection(system.address) as silent, configured(system):
        silent.settimeout(patience())
        assert silent.recv(1) == b""
    assert sum(system.refusals.values()) == 1


@pytest.mark.parametrize("part", ["VoiceAgentDialect", "Session", "VoiceAgentTranslator", "UpstreamActor"])
def test_nothing_is_left_of_a_session_that_could_not_begin(system, monkeypatch, part):
    def fail(*_, **__):
        raise RuntimeError("boom")

    with monkeypatch.context() as patch:
        if part == "UpstreamActor":
            patch.setattr(actors.session_actors.UpstreamActor, "__init__", fail)
        elif part == "Session":
            patch.setattr(actors.dialects.registry.Session, "__init__", fail)
        else:
            patch.setattr(actors.dialects.registry, part, fail)
        link = create_connection(url(system), timeout=patience())
        opcode, data = link.recv_data()
        assert (opcode, int.from_bytes(data[:2], "big")) == (ABNF.OPCODE_CLOSE, 1011)
        link.shutdown()
    assert system.sessions == 0
    with configured(system):
        assert system.sessions == 1


def test_where_each_session_stands_can_be_asked(system):
    with configured(system) as dialogue:
        (snapshot,) = system.inspect(patience()).values()
        assert snapshot.state.configured
        assert snapshot.held == 0
        dialogue.send("InjectUserMessage", content="Tell me a long story.")
        assert dialogue.wait_for("AgentStartedSpeaking")
        (snapshot,) = system.inspect(patience()).values()
        assert snapshot.state.response is not None
    assert system.wait_until_empty(patience())
    assert system.inspect(patience()) == {}


def test_a_session_that_ends_meanwhile_is_left_out(system):
    with configured(system):
        (live,) = system._parts.sessions._live.values()
        assert live.coordinator.stop(timeout=patience())
        assert system.inspect(patience()) == {}


def test_a_plain_request_is_told_to_upgrade(system):
    connection = http.client.HTTPConnection(*system.address, timeout=patience())
    connection.request("GET", "/openai")
    assert connection.getresponse().status == 426
    connection.close()


def test_the_simulator_alone_serves_the_realtime_path_and_no_other(make_system):
    system = make_system(SimulatorSystem)
    system.start()
    link = create_connection(url(system, "/v1/realtime?model=gpt-realtime"), timeout=patience())
    assert '"session.created"' in link.recv()
    with pytest.raises(WebSocketBadStatusException, match="404"):
        create_connection(url(system, "/openai"), timeout=patience())
    link.close()
