"""One address at which operators see and steer the sessions of several processes, whatever becomes of these."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from worker_processes import Serving, configured

from turnstile.errors import SessionError
from turnstile.testing import patience

TOKEN = "ts_ops_made-up-for-a-test"


class Shown:
    """The ops listener of a process that keeps workers."""

    def __init__(self, serving, port):
        self.serving = serving
        self.port = port

    def _exchange(self, method, path, message=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience())
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
        connection.request(method, path, message and json.dumps(message), headers)
        return connection.getresponse()  # which has the connection from now on, and closes it

    def get(self, path):
        with self._exchange("GET", path) as answer:
            return answer.read()

    def sessions(self):
        return {session["id"]: session["worker"] for session in json.loads(self.get("/sessions"))["sessions"]}

    def give(self, session_id, message):
        with self._exchange("POST", f"/sessions/{session_id}/messages", message) as answer:
            return json.loads(answer.read())

    def events(self, session_id):
        """Open the stream of a session's events; returns the answer, to be read and closed."""
        return self._exchange("GET", f"/sessions/{session_id}/events")

    def turns(self):
        return int(float(re.search(rb"^turnstile_turns_total (\S+)$", self.get("/metrics"), re.MULTILINE)[1]))

    def started_at(self):
        """When each worker was started, by its number."""
        found = re.findall(rb'^process_start_time_seconds{worker="(\d)"} (\S+)$', self.get("/metrics"), re.MULTILINE)
        return {int(number): float(at) for number, at in found}

    def pid(self, worker):
        """The process of a worker, which may have been replaced."""
        self.serving.hear()
        return int(re.findall(rf"Worker {worker} is process (\d+)", "".join(self.serving.lines))[-1])

    def replaced(self, worker, before):
        """Scrape until another process is this worker; yields the turns of each scrape."""
        deadline = time.monotonic() + patience()
        while self.started_at().get(worker, before) == before:
            assert time.monotonic() < deadline
            yield self.turns()


@pytest.fixture(scope="module")
def shown():
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        serving = Serving("--set", f"ops.port={port}", environment={"TURNSTILE_OPS__TOKEN": TOKEN})
        try:
            assert serving.url
            yield Shown(serving, port)
            assert serving.end() == 0
        finally:
            serving.process.kill()
            serving.process.wait(patience())
            serving.process.stdout.close()


@pytest.fixture
def clients(shown):
    """Two clients with a session each, on different workers, by these workers' numbers; both have said something."""
    with ExitStack() as stack:
        before, placed = set(shown.sessions()), {}
        while set(placed) != {1, 2}:
            client = stack.enter_context(configured(shown.serving.url))
            (session_id,) = set(shown.sessions()) - before
            before.add(session_id)
            client.say("Hello")
            client.wait_for("AgentDone")
            placed[shown.sessions()[session_id]] = session_id, client
        yield placed


def descriptors_and_threads(pids):
    return [len(list(Path("/proc", str(pid), kind).iterdir())) for pid in pids for kind in ("fd", "task")]


def test_a_session_of_each_worker_is_seen_and_steered(shown, clients):
    assert json.loads(shown.get("/readyz")) == {"ready": True, "reasons": []}
    for worker, (session_id, _) in clients.items():
        seen = json.loads(shown.get(f"/sessions/{session_id}"))
        assert (seen["worker"], seen["turns"]) == (worker, 1)
        assert shown.give(session_id, {"type": "UpdatePrompt", "prompt": "Be brief."}) == {"done": True}
    assert shown.give("none", {"type": "End"})["error"]["code"] == "unknown_session"


def test_a_session_of_another_worker_is_ended(shown, clients):
    for session_id, client in clients.values():
        assert shown.give(session_id, {"type": "End"}) == {"done": True}
        with pytest.raises(SessionError, match="ended"):
            client.wait_for("AgentDone")
    assert not set(shown.sessions()) & {session_id for session_id, _ in clients.values()}


def test_no_counter_goes_back_while_a_killed_worker_is_replaced_and_the_stream_of_its_session_ends(shown, clients):
    turns, before = shown.turns(), shown.started_at()[2]
    with shown.events(clients[2][0]) as stream:
        assert stream.readline().startswith(b":")
        os.kill(shown.pid(2), signal.SIGKILL)
        stream.read()  # to its end
    scraped = [turns, *shown.replaced(2, before), shown.turns()]
    assert scraped == sorted(scraped)
    assert shown.sessions()[clients[1][0]] == 1
    assert clients[2][0] not in shown.sessions()


def test_a_worker_that_ends_in_order_leaves_all_that_it_has_counted(shown, clients):
    turns, before = shown.turns(), shown.started_at()[1]
    clients[1][1].say("Once more")
    clients[1][1].wait_for("AgentDone")
    os.kill(shown.pid(1), signal.SIGTERM)
    scraped = [turns, *shown.replaced(1, before)]
    assert scraped == sorted(scraped)
    assert shown.turns() == turns + 1


def test_a_worker_that_is_stopped_costs_a_scrape_its_latest_figures_and_nothing_else(shown, clients):
    turns, before, pid = shown.turns(), shown.started_at(), shown.pid(2)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert shown.turns() == turns
        assert clients[1][0] in shown.sessions()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert shown.turns() == turns
    assert shown.started_at() == before


def test_a_reload_changes_nothing_for_operators(shown, clients):
    shown.serving.process.send_signal(signal.SIGHUP)
    shown.serving.until("The configuration was read anew", 2)
    assert shown.give(clients[2][0], {"type": "UpdatePrompt", "prompt": "Be brief."}) == {"done": True}


def test_a_hundred_scrapes_leave_no_descriptor_and_no_thread_in_any_process(shown, clients):
    def look_at_all():
        shown.turns()
        with shown.events(clients[2][0]) as stream:
            stream.readline()

    pids = [shown.serving.process.pid, shown.pid(1), shown.pid(2)]
    look_at_all()  # starts what is kept
    before, deadline = descriptors_and_threads(pids), time.monotonic() + patience()
    for _ in range(100):
        look_at_all()
    while any(map(int.__gt__, descriptors_and_threads(pids), before)):
        assert time.monotonic() < deadline, (descriptors_and_threads(pids), before)
        threading.Event().wait(0.05)
