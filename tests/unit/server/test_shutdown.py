from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from turnstile.server import shutdown
from turnstile.server.signals import ProcessSignals
from turnstile.testing import patience

ROOT = Path(__file__).parents[3]


def test_the_sessions_that_an_orderly_end_has_cut_off_are_returned():
    asked = []
    assert shutdown.stop_in_time(lambda timeout: asked.append(timeout) or 3, ProcessSignals(), 7.0) == 3
    assert asked == [7.0]


def test_the_next_signal_stops_at_once():
    asked, may_end = [], threading.Event()

    def stop(timeout):
        asked.append(timeout)
        if timeout:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
            assert may_end.wait(patience())
        return 0

    with ProcessSignals() as signals:
        assert shutdown.stop_in_time(stop, signals, patience()) is None
    may_end.set()
    assert asked == [patience(), 0]


def test_an_end_in_order_that_is_cut_short_is_given_time_to_end_its_threads():
    cut, ended = [], threading.Event()

    def stop(timeout):
        if not timeout:
            cut.append(threading.current_thread())
            return 0
        signals.abort.set()
        signals._when_aborted()
        while not cut:
            threading.Event().wait(0.001)
        cut[0].join(patience())
        threading.Event().wait(0.1)  # as long as a thread may take to end
        ended.set()
        return 0

    with ProcessSignals() as signals:
        assert shutdown.stop_in_time(stop, signals, patience()) is None
    assert ended.is_set()


def test_a_signal_that_came_before_the_stop_cuts_it_short():
    signals, may_end = ProcessSignals(), threading.Event()
    signals.abort.set()
    assert shutdown.stop_in_time(lambda timeout: timeout and may_end.wait(patience()), signals, patience()) is None
    may_end.set()


def test_an_end_that_is_frozen_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(shutdown, "FROZEN_AFTER", 0.05)
    may_end = threading.Event()
    assert shutdown.stop_in_time(lambda _: may_end.wait(patience()), ProcessSignals(), 0.05) is None
    may_end.set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_end_that_fails_counts_as_cut_short():
    def stop(_timeout):
        raise RuntimeError("boom")

    assert shutdown.stop_in_time(stop, ProcessSignals(), patience()) is None


FROZEN = """
import atexit, logging, sys, threading
from turnstile.server.shutdown import end_process

logging.basicConfig(level="INFO", format="%(message)s")
atexit.register(print, "ended in order")
if sys.argv[1] != "none":
    threading.Thread(target=threading.Event().wait, name=sys.argv[1], daemon=True).start()
end_process(1)
"""


@pytest.mark.parametrize(
    ("thread", "words"),
    [
        ("turnstile-io", "Threads did not end in time and are abandoned: turnstile-io\n"),
        ("turnstile-log", "ended in order\n"),
        ("a-hosts-own", "ended in order\n"),
        ("none", "ended in order\n"),
    ],
)
def test_the_process_ends_at_once_when_a_thread_of_ours_is_frozen(thread, words):
    done = subprocess.run(
        [sys.executable, "-c", FROZEN, thread],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=patience(),
        check=False,
    )
    assert (done.returncode, done.stdout) == (1 if thread == "turnstile-io" else 0, words)
