"""What a process measures, and what of it operators see. Real sockets, and the simulator in the process."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing
from urllib.request import urlopen

import pytest
from websocket import WebSocketBadStatusException, create_connection

from actors.ops_listener import start_ops
from turnstile.config import load_config
from turnstile.observability.figures import FIGURES
from turnstile.observability.metrics import exposition
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import RecordingInbox, patience


def url(system, path="/openai"):
    host, port = system.address
    return f"ws://{host}:{port}{path}"


def test_every_figure_is_plain_json_and_has_a_metric(make_system):
    figures = make_system().counts()
    assert json.loads(json.dumps(figures)) == figures
    shown = exposition(figures).decode()
    assert {one.key for one in FIGURES if f"\n# TYPE {one.name} " in shown} == set(figures)


def test_limits_are_those_of_the_configuration_and_follow_a_reload(make_system):
    system = make_system(server__max_sessions="7", limits__total_bytes="20000000")
    figures = system.counts()
    assert (figures["sessions_limit"], figures["held_bytes_limit"]) == (7, {"1": 20_000_000})
    reread = {"server.port": "0", "upstream.url": "simulator:", "server.max_sessions": "9"}
    system.reload(load_config(flags=reread))
    assert system.counts()["sessions_limit"] == 9


def test_a_client_in_its_handshake_is_counted_and_then_its_session(make_system):
    system = make_system()
    with closing(socket.create_connection(system.address)) as sock:
        sock.sendall(b"GET /openai HTTP/1.1\r\n")
        with TerminalClient(url(system), timeout=patience()) as client:  # accepted behind the other
            client.send("Settings", agent={})
            assert client.wait_for("SettingsApplied")
            figures = system.counts()
    assert (figures["handshakes_open"], figures["sessions_open"]) == (1, 1)


def test_refusals_are_counted_by_reason(make_system):
    system = make_system()
    with pytest.raises(WebSocketBadStatusException):
        create_connection(url(system, "/nothing"), timeout=patience())
    assert system.counts()["refusals"] == {"path": 1}


def test_a_process_without_place_or_that_ends_says_so(make_system):
    system = make_system(server__max_sessions="1")
    assert [system.counts()[name] for name in ("full", "draining")] == [{"1": 0}, {"1": 0}]
    connection, _ = system.connect(RecordingInbox())
    assert [system.counts()[name] for name in ("full", "draining")] == [{"1": 1}, {"1": 0}]
    system.drain()
    assert [system.counts()[name] for name in ("full", "draining")] == [{"1": 0}, {"1": 1}]
    connection.close(1000)


def test_a_proxy_whose_upstream_is_out_of_reach_is_not_ready(make_system):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    system = make_system(upstream__url=f"ws://127.0.0.1:{port}", upstream__api_key="sk-none")
    assert system.view.unready() == []
    with TerminalClient(url(system), timeout=patience()) as client:
        client.send("Settings", agent={})
        assert client.wait_for("Error")
        assert system.view.unready() == ["upstream_unreachable"]
        figures = system.counts()
    assert figures["upstream_last_failure"] > figures["upstream_last_success"] == 0.0


def test_a_recording_that_cannot_be_written_is_counted(make_system, tmp_path):
    directory = tmp_path / "recordings"
    directory.mkdir()
    system = make_system(journal__directory=str(directory))
    assert (system.counts()["recording_failures"], system.counts()["journal_entries_lost"]) == (0, 0)
    directory.rmdir()
    connection, _ = system.connect(RecordingInbox())
    connection.close(1000)
    assert system.wait_until_empty(patience())
    assert system._parts.adapters.journaling._thread.flush(patience())
    assert system.counts()["recording_failures"] == 1


def test_the_lag_of_the_loop_is_measured_from_the_first_question_on(make_system):
    system = make_system()
    assert system.counts()["loop_lag_seconds"] == {"1": 0.0}
    lag = system._parts.gauges._lag
    system.stop(patience())
    assert len(lag._lags) == 1


def timers_of(system):
    """The calls that the loop makes later."""
    return {timer.call for _, _, timer in system._parts.loop._timers._heap}


def test_the_loop_measures_nothing_for_the_ops_listener_until_somebody_scrapes(make_system, reserve_port, tmp_path):
    system = make_system(ops__port=str(reserve_port()), ops__token_file=str(tmp_path / "token"))
    measure, has_come_round = system._parts.gauges._lag._measure, threading.Event()
    with start_ops(system.config, system.view, system.is_alive) as listener:
        connection, _ = system.connect(RecordingInbox())
        host, port = listener.address
        with urlopen(f"http://{host}:{port}/readyz", timeout=patience()) as answer:
            assert answer.status == 200
        assert measure not in timers_of(system)
        with urlopen(f"http://{host}:{port}/metrics", timeout=patience()) as answer:
            assert b"turnstile_sessions_open 1.0" in answer.read()
        system._parts.loop.call_soon(has_come_round.set)
        assert has_come_round.wait(patience())
        assert measure in timers_of(system)
        connection.close(1000)
