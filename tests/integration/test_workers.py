"""Several processes on one port: they share the clients, are replaced when they die, and end together."""

from __future__ import annotations

import os
import re
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from worker_processes import Serving, configured

from actors import ScriptedSession
from turnstile.errors import SessionError
from turnstile.testing import patience

WEATHER = {"name": "get_weather", "description": "Look up the weather.", "parameters": {"type": "object"}}


@pytest.fixture
def serve():
    with ExitStack() as started:

        def start(*options):
            serving = Serving(*options)
            started.callback(serving.process.stdout.close)
            started.callback(serving.process.kill)  # one that does not end would have the output open
            started.callback(serving.process.wait, patience())
            started.callback(serving.process.terminate)
            return serving

        yield start


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_workers_share_the_clients_and_end_together_in_order(serve, how):
    serving = serve()
    url = serving.url
    with ExitStack() as sessions:
        clients = [sessions.enter_context(configured(url)) for _ in range(16)]
        assert serving.end(how) == 0
        for client in clients:
            with pytest.raises(SessionError, match="1001 shutting down"):
                client.wait_for("AgentDone")
    served = {line.split("worker ")[1][0] for line in serving.lines if " began " in line}
    assert served == {"1", "2"}


def test_each_worker_shows_the_timeline_of_its_sessions_in_whole_rows(serve):
    serving = serve("--trace", "--upstream", "simulator:")
    url = serving.url
    with ExitStack() as sessions:
        for _ in range(6):
            sessions.enter_context(configured(url))
    serving.until(r"= ended by client: 1000", 6)
    assert serving.end() == 0
    rows = [line for line in serving.lines if re.match(r"[0-9a-f]{6} ", line)]
    assert len({row[:6] for row in rows}) == 6
    assert all(re.match(r"[0-9a-f]{6} (session [0-9a-f]{12} |[ \d]{6}  )", row) for row in rows)
    assert any("--> Settings (" in row for row in rows)


def test_the_port_is_closed_while_sessions_end_where_nobody_is_to_be_answered_meanwhile(serve, until_refused):
    serving = serve("--upstream", "simulator:", "--set", "server.answer_while_draining=false")
    with ScriptedSession(serving.url, timeout=patience()) as client:
        client.configure(functions=[WEATHER])
        client.say("What is the weather like?")
        call = client.wait_for("FunctionCallRequest")
        serving.process.send_signal(signal.SIGTERM)
        host, port = serving.until(r"ws://([^/]+)/").split(":")
        # Each worker closes it, and their parent.
        until_refused((host, int(port)))
        client.answer(call, "hail")
        assert client.wait_for("AgentAudioDone")
        assert serving.process.wait(patience()) == 0


def test_a_worker_that_hangs_is_killed_and_replaced_and_the_others_serve_on(serve):
    serving = serve("--set", "server.heartbeat_timeout=3")  # of a busy machine, too, the other worker is not late
    url, pid = serving.url, int(serving.until(r"Worker 2 is process (\d+)"))
    os.kill(pid, signal.SIGSTOP)
    serving.until(rf"Worker 2 \(process {pid}\) has given no sign of life; it is killed")
    assert int(serving.until(r"Worker 2 is process (\d+)", 2)) != pid
    with ExitStack() as sessions:
        for _ in range(4):
            sessions.enter_context(configured(url)).say("Hello")
        assert serving.end() == 0


def test_a_secret_of_the_command_line_is_warned_of_and_is_not_on_those_of_the_workers(serve):
    secret = "sk-made-up-and-secret"
    serving = serve("--upstream", "simulator:", "--set", f"upstream.api_key={secret}")
    assert configured(serving.url).close() is None
    assert serving.until(r"(upstream\.api_key is on the command line), which every user of this machine can read")
    for number in "12":
        worker = Path("/proc", serving.until(rf"Worker {number} is process (\d+)"))
        assert b"--worker" in worker.joinpath("cmdline").read_bytes()
        assert secret.encode() not in worker.joinpath("cmdline").read_bytes()
        assert f"TURNSTILE_UPSTREAM__API_KEY={secret}".encode() in worker.joinpath("environ").read_bytes()
    assert serving.end() == 0
    assert secret not in "".join(serving.lines)


def test_the_bound_of_sessions_holds_for_all_workers_together(serve):
    serving = serve("--set", "server.max_sessions=3")
    url = serving.url
    with ExitStack() as sessions:
        clients = [sessions.enter_context(configured(url)) for _ in range(3)]
        with pytest.raises(SessionError, match="503"):
            configured(url)
        clients[0].close()
        serving.until(r"session ended ")
        with configured(url):
            assert serving.end() == 0


def test_clients_that_connect_while_all_workers_are_replaced_find_the_places_of_the_lost_sessions(serve):
    serving = serve("--set", "server.max_sessions=16")
    url = serving.url
    with configured(url), configured(url):
        pids = [int(serving.until(rf"Worker {number} is process (\d+)")) for number in "12"]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for number, pid in zip("12", pids, strict=True):
            serving.until(rf"Worker {number} \(process {pid}\) has ended with -9; it is replaced")
    with ExitStack() as sessions, ThreadPoolExecutor(16) as threads:
        for client in threads.map(lambda _: configured(url), range(16)):
            sessions.enter_context(client)
        assert serving.end() == 0


def test_a_quota_holds_for_all_workers_together_and_a_worker_that_dies_gives_back_what_it_had(serve, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[quotas]\naddress_sessions = 10\n")
    serving = serve("--config", str(file))
    url, pid = serving.url, int(serving.until(r"Worker 2 is process (\d+)"))
    with ExitStack() as sessions:
        for _ in range(10):
            sessions.enter_context(configured(url))
        with pytest.raises(SessionError, match="429"):
            configured(url)
        serving.until("429, quotas.address_sessions: 10 sessions at once from 127.0.0.1")
        serving.until(r"session began", 10)
        os.kill(pid, signal.SIGKILL)
        serving.until(r"Worker 2 is process (\d+)", 2)
        lost = len([line for line in serving.lines if "worker 2" in line and " began " in line])
        assert lost
        for _ in range(lost):
            sessions.enter_context(configured(url))
        with pytest.raises(SessionError, match="429"):
            configured(url)
        file.write_text("[quotas]\naddress_sessions = 11\n")
        serving.process.send_signal(signal.SIGHUP)
        serving.until("The configuration was read anew", 2)
        sessions.enter_context(configured(url))
        with pytest.raises(SessionError, match="429"):
            configured(url)
        assert serving.end() == 0


def test_a_reload_ends_no_worker_and_no_session(serve):
    serving = serve()
    with configured(serving.url) as client:
        serving.process.send_signal(signal.SIGHUP)
        serving.until("The workers are told to read the configuration anew")
        client.say("Hello")
        client.wait_for("AgentDone")
        assert serving.end() == 0
    assert not [line for line in serving.lines if "has ended" in line]


def test_workers_end_when_the_process_that_keeps_them_is_gone(serve):
    serving = serve()
    assert serving.url
    serving.process.kill()
    # The workers hold the other end of what it said: it ends when they have.
    serving._reader.join(patience())
    assert not serving._reader.is_alive()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("simulator.scenario=nonsense", "nonsense"),
        ("server.tls_cert_file=none.pem --set server.tls_key_file=none.key", "none.pem"),
    ],
)
def test_a_configuration_that_no_worker_can_use_stops_the_start(serve, setting, words):
    serving = serve("--set", *setting.split())
    assert serving.process.wait(patience()) == 2
    serving.until(words)
    assert len(serving.lines) == 1


def test_a_port_that_another_holds_is_refused_at_once_even_if_that_one_would_share_it(serve):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        serving = serve("--port", str(other.getsockname()[1]))
        assert serving.process.wait(patience()) == 2
    serving.until("is taken")
