"""What other systems lack is done without, or refused in words: in a Python without it, and one part at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnstile import system_features
from turnstile.testing import patience

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What a process without Unix's modules and functions has told of what it did."""
    script = ROOT / "tests" / "unit" / "without_unix.py"
    names = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    environment = names | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script), str(tmp_path_factory.mktemp("without_unix"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=patience(120), check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_module_can_be_imported_without_what_windows_lacks(told):
    assert told["imported"] == []


def test_a_conversation_is_held_and_recorded_and_operators_get_a_token_without_it(told):
    answer = "You said: Hello. (My instructions: Be brief.)"
    assert told["conversation"] == {"answer": answer, "has_token": True, "recordings": 1}
    assert told["pruned"] == 0


def test_keys_are_made_and_removed_without_it_and_nothing_is_said_of_modes_that_mean_nothing(told):
    assert told["keys"] == ["grace", "None"]


def test_workers_and_hosts_are_refused_in_words_without_it(told):
    workers = "server.workers: processes cannot share a port on this system; leave it 1, instead of 4."
    host = "On this system no server can hand a WebSocket over: run `turnstile serve` beside the host."
    assert told["refusals"] == [workers, workers, host]


def test_an_interrupt_drains_without_it(told):
    assert told["signals"] is True


def test_the_sockets_that_select_takes_are_the_limit_where_there_is_no_other(told):
    words = "server.max_sessions is 1000, but about 160 sessions fit under the limit of open files, 512: "
    assert told["limits"] == [512, 512, f"{words}lower server.max_sessions"]


def test_a_module_that_this_python_lacks_is_none():
    assert system_features.module_or_none("no_such_module") is None
    assert system_features.module_or_none("json") is json


def test_a_file_is_locked_for_one_alone_or_for_several(tmp_path):
    path = tmp_path / "locked"
    path.touch()
    first, second = (os.open(path, os.O_RDONLY | system_features.PRIVATE_FILE) for _ in range(2))
    system_features.lock_shared(first)
    system_features.lock_shared(second)
    with pytest.raises(BlockingIOError):
        system_features.lock_alone(second)
    os.close(first)
    system_features.lock_alone(second)
    os.close(second)


def test_nothing_is_locked_where_there_are_no_locks(monkeypatch):
    monkeypatch.setattr(system_features, "_fcntl", None)
    assert not system_features.can_lock_files()
    system_features.lock_shared(-1)
    system_features.lock_alone(-1)
