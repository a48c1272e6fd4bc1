"""The parent of worker processes, with small workers of the tests: what it does when they do not do their part."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import re
import signal
import socket
import sys
import threading

import pytest

from turnstile.server import workers as module
from turnstile.server.exit_codes import USAGE_ERROR
from turnstile.server.listening import listening_socket
from turnstile.server.signals import ProcessSignals
from turnstile.server.workers import Workers
from turnstile.testing import patience

WORKER = """
import signal, sys, threading
from turnstile.server.parent_link import READY_LINE
from turnstile.server.worker_process import Inheritance, WorkerOption

inherited = Inheritance(WorkerOption.parse(sys.argv[3]))
"""
IS_READY = """
inherited.slot.beat()
inherited.parent.send(READY_LINE)
threading.Event().wait()
"""
EXITS_BY_RELOAD = "signal.signal(signal.SIGHUP, lambda *_: sys.exit(7))\n"
ASKS = """
inherited.parent.send(b'not of a worker\\n[1, ["web", "192.0.2.1"], {"identity_sessions": 1}]\\n')
inherited.parent.receive = lambda line: sys.exit(41 if line == b"[1,null]\\n" else 42)
inherited.parent.wait_for_end()
"""
IGNORES_SIGNALS = "[signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)]\n"


class Parent:
    """`Workers` that run in a thread, and what they log."""

    def __init__(self, sock, said, kind, count=1, **options):
        self.signals = ProcessSignals()
        self.address = sock.getsockname()
        self.is_ready = threading.Event()
        self.code = None
        self.said = said
        options = {"heartbeat_timeout": 100, "drain_timeout": 100, **options}
        workers = Workers(count, [sys.executable, "-c", WORKER + kind, "serve"], sock, **options)
        self.thread = threading.Thread(target=self.run, args=(workers,))
        self.thread.start()

    def run(self, workers):
        self.code = workers.run(self.signals, self.is_ready.set)

    def until(self, pattern):
        while True:
            line = self.said.get(timeout=patience())
            if found := re.search(pattern, line):
                return found

    def end(self):
        self.signals.drain.set()
        self.thread.join(patience())
        return self.code


@pytest.fixture
def run_workers(monkeypatch):
    said = queue.SimpleQueue()
    handler = logging.Handler()
    handler.emit = lambda record: said.put(record.getMessage())
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(listening_socket("127.0.0.1", 0))
        monkeypatch.setattr(module.log, "handlers", [handler])
        monkeypatch.setattr(module.log, "level", logging.DEBUG)

        def run(kind, count=1, **options):
            parent = Parent(sock, said, kind, count, **options)
            stack.callback(parent.thread.join, patience())
            stack.callback(parent.signals.abort.set)
            stack.callback(parent.signals.drain.set)
            return parent

        yield run


def test_workers_that_end_by_the_signal_end_in_order(run_workers):
    parent = run_workers(IS_READY, count=2)
    assert parent.is_ready.wait(patience())
    assert parent.end() == 0


def test_a_reload_is_forwarded_to_each_worker(run_workers):
    parent = run_workers(EXITS_BY_RELOAD + IS_READY, count=2)
    assert parent.is_ready.wait(patience())
    parent.signals.reload.set()
    for _ in range(2):
        parent.until("has ended with 7; it is replaced")


def test_a_reload_reaches_a_worker_that_is_starting_when_it_is_ready(run_workers):
    kind = "inherited.listener.setblocking(True)\ninherited.listener.accept()\n" + EXITS_BY_RELOAD + IS_READY
    parent = run_workers(kind)
    parent.signals.reload.set()
    parent.until("read the configuration anew")
    with socket.create_connection(parent.address, timeout=patience()):
        parent.until("has ended with 7; it is replaced")


def test_a_worker_that_ignores_the_signal_is_killed_at_the_deadline(run_workers, monkeypatch):
    monkeypatch.setattr(module, "_GRACE", 0.1)
    parent = run_workers(IGNORES_SIGNALS + IS_READY, drain_timeout=0)
    assert parent.is_ready.wait(patience())
    assert parent.end() == 1
    assert parent.until("has not ended in time; it is killed")


def test_a_second_signal_shortens_the_wait_for_a_worker_that_ignores_it(run_workers, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 0.1)
    parent = run_workers(IGNORES_SIGNALS + IS_READY, drain_timeout=10_000)
    assert parent.is_ready.wait(patience())
    parent.signals.drain.set()
    parent.signals.abort.set()
    assert parent.end() == 1
    assert parent.until("has not ended in time; it is killed")


def test_a_second_signal_reaches_a_worker_that_has_not_taken_the_first(run_workers):
    blocked = "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})\n"
    kind = blocked + IS_READY.replace("threading.Event().wait()", "signal.sigwait({signal.SIGINT})")
    parent = run_workers(kind)
    assert parent.is_ready.wait(patience())
    parent.signals.abort.set()
    assert parent.end() == 0


def test_a_worker_that_never_starts_is_killed_and_replaced(run_workers, monkeypatch):
    monkeypatch.setattr(module, "_START_TIMEOUT", 0.1)
    parent = run_workers("threading.Event().wait()", heartbeat_timeout=0.1)
    first = parent.until(r"Worker 1 is process (\d+)")[1]
    parent.until(rf"\(process {first}\) has given no sign of life; it is killed")
    parent.until(rf"\(process {first}\) has ended with -9; it is replaced")
    assert parent.until(r"Worker 1 is process (\d+)")[1] != first


def test_a_worker_that_falls_silent_is_killed_and_replaced(run_workers):
    parent = run_workers(IS_READY, heartbeat_timeout=0.1)
    assert parent.is_ready.wait(patience())
    first = parent.until(r"Worker 1 is process (\d+)")[1]
    parent.until(rf"\(process {first}\) has given no sign of life; it is killed")
    assert parent.until(r"Worker 1 is process (\d+)")[1] != first


def test_a_worker_whose_io_thread_never_returns_is_killed_though_its_other_threads_live(run_workers):
    kind = """
from turnstile.server.heartbeats import start_heartbeat
from turnstile.transports.loop import IoLoop

def go_round_for_ever():
    while True:
        pass

loop = IoLoop()
loop.start()
start_heartbeat(loop, inherited.slot.beat, 0.2)
loop.call_soon(lambda: loop.call_later(0.5, go_round_for_ever))
"""
    parent = run_workers(kind + IS_READY, heartbeat_timeout=0.2)
    first = parent.until(r"Worker 1 is process (\d+)")[1]
    parent.until(rf"\(process {first}\) has given no sign of life; it is killed")
    assert parent.until(r"Worker 1 is process (\d+)")[1] != first


def test_a_parent_counts_a_workers_sessions_until_it_ends_whatever_else_it_has_said(run_workers):
    parent = run_workers(ASKS)
    parent.until(r"Worker 1 \(process \d+\) has ended with 41; it is replaced")
    parent.until("ended with 41; as it ends again and again")
    assert parent.end() == 0


def test_that_a_worker_ends_again_and_again_is_logged_once_with_the_pauses(run_workers):
    parent = run_workers("sys.exit(3)")
    parent.until(r"Worker 1 \(process \d+\) has ended with 3; it is replaced")
    parent.until("ended with 3; as it ends again and again, it is replaced after pauses of up to 30")
    assert parent.end() == 0


def test_a_configuration_that_became_unusable_ends_no_worker_but_the_one_that_starts(run_workers, tmp_path):
    broken = tmp_path / "broken"
    kind = f"import pathlib\nif pathlib.Path({str(broken)!r}).exists(): sys.exit(2)\n" + EXITS_BY_RELOAD + IS_READY
    parent = run_workers(kind, count=2)
    assert parent.is_ready.wait(patience())
    broken.touch()
    os.kill(int(parent.until(r"Worker 2 is process (\d+)")[1]), signal.SIGKILL)
    parent.until("Worker 2 .* has ended with 2; as it ends again and again, it is replaced after pauses")
    assert parent.end() == 0


def test_a_worker_that_cannot_use_the_configuration_ends_all(run_workers):
    kind = "if inherited.slot is None or sys.argv[3].startswith('2,'): sys.exit(2)\n" + IS_READY
    parent = run_workers(kind, count=2)
    parent.thread.join(patience())
    assert parent.code == USAGE_ERROR


def test_who_watches_is_told_of_each_worker_and_has_what_one_that_ends_has_sent(run_workers):
    class Watch:
        def __init__(self):
            self.told = queue.SimpleQueue()
            self.ours = None

        def began(self, number):
            self.told.put(f"{number} began")
            self.ours, theirs = socket.socketpair()
            return theirs

        def ready(self, number):
            self.told.put(f"{number} is ready")

        def ended(self, number):
            with self.ours:
                self.told.put(f"{number} ended and had sent {self.ours.recv(100)}")

        def draining(self):
            self.told.put("draining")

    watch = Watch()
    kind = "signal.signal(signal.SIGTERM, lambda *_: (inherited.ops.send(b'the last'), sys.exit(0)))\n" + IS_READY
    parent = run_workers(kind, watch=watch)
    assert parent.is_ready.wait(patience())
    assert parent.end() == 0
    told = [watch.told.get_nowait() for _ in range(watch.told.qsize())]
    assert told == ["1 began", "1 is ready", "draining", "1 ended and had sent b'the last'"]


def test_a_worker_that_cannot_be_started_is_tried_again(run_workers, monkeypatch):
    real, tries = module.WorkerProcess, []

    def start(*arguments):
        tries.append(arguments)
        if len(tries) == 1:
            raise OSError(11, "Resource temporarily unavailable")
        return real(*arguments)

    monkeypatch.setattr(module, "WorkerProcess", start)
    parent = run_workers(IS_READY)
    parent.until("Worker 1 cannot be started: Resource temporarily unavailable; it is replaced")
    assert parent.is_ready.wait(patience())
    assert parent.end() == 0
