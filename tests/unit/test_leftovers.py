import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from turnstile.testing import patience

ROOT = Path(__file__).parents[2]

CLEAN = """
import threading

def test_it():
    thread = threading.Thread(target=threading.Event().wait, args=(0.05,))
    thread.start()
"""

THREAD = """
import threading

def test_it():
    threading.Thread(target=threading.Event().wait, name="turnstile-lost", daemon=True).start()
"""

ACTOR = """
import pykka

class Lost(pykka.ThreadingActor):
    use_daemon_thread = True

def test_it():
    Lost.start()
"""


INTERRUPTED = """
import signal
import subprocess
import sys

def test_it():
    ask = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert subprocess.check_output([sys.executable, "-c", ask]) == b"True\\n"
"""


@pytest.fixture
def run(tmp_path):
    """Run a test of this text under the conftest of the tests; gives what pytest printed."""

    def run(text, seconds=30, prepare=None):
        plain = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        faster = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TURNSTILE_TEST_PATIENCE": str(seconds / 30)}
        (tmp_path / "conftest.py").write_text((ROOT / "tests/conftest.py").read_text())
        (tmp_path / "test_it.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
        result = subprocess.run(
            [*command, str(tmp_path)],
            cwd=ROOT,
            env={**plain, **faster},
            capture_output=True,
            text=True,
            timeout=patience(60),
            check=False,
            preexec_fn=prepare,
        )
        return result.stdout

    return run


def test_a_thread_that_a_test_leaves_fails_it(run):
    assert "threads left behind: ['turnstile-lost']" in run(THREAD, 0.05)


def test_an_actor_that_a_test_leaves_fails_it(run):
    assert "actors left behind: ['Lost (urn:uuid:" in run(ACTOR, 0.05)


def test_a_thread_that_is_just_ending_is_waited_for(run):
    assert "1 passed" in run(CLEAN)


def test_a_process_that_a_test_starts_can_be_interrupted_when_the_tests_cannot(run):
    assert "1 passed" in run(INTERRUPTED, prepare=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
