"""Standard streams that are closed, full, or read by nobody: they stop neither sessions nor the process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
NOT_OURS = ("OPENAI_", "LOG_LEVEL", "PYTHON")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(NOT_OURS)}
CLEAN["TURNSTILE_OPS__PORT"] = "0"  # one port of this machine, which all processes would want
PROGRAM = f"{sys.executable} {ROOT / 'proxy_main.py'}"
_GLANCE = 0.02


def shell(command, **options):
    """Run a command line of bash, in which `turnstile` is the program."""
    script = f'turnstile() {{ {PROGRAM} "$@"; }}; set -o pipefail; {command}'
    return subprocess.run(
        ["/bin/bash", "-c", script],
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=patience(),
        check=False,
        cwd=ROOT,
        **options,
    )


def fill(writing):
    """Fill a pipe, through an open file of our own: the process's stays as it is."""
    descriptor = os.open(f"/proc/self/fd/{writing}", os.O_WRONLY | os.O_NONBLOCK)
    with closing(os.fdopen(descriptor, "wb", buffering=0)) as pipe, contextlib.suppress(BlockingIOError):
        while pipe.write(b"x" * 512) is not None:
            pass


@pytest.fixture
def full_pipe():
    reading, writing = os.pipe()
    fill(writing)
    yield writing
    os.close(reading)
    os.close(writing)


@pytest.fixture
def serve(reserve_port):
    """Start a proxy's process, and return it with its port as soon as it accepts clients."""
    with contextlib.ExitStack() as started:

        def serve(*arguments, redirections="", **streams):
            port = reserve_port()
            command = f"exec {PROGRAM} serve --port {port} {' '.join(arguments)} {redirections}"
            process = subprocess.Popen(["/bin/bash", "-c", command], env=CLEAN, cwd=ROOT, **streams)
            started.callback(process.wait)
            started.callback(process.kill)
            deadline, never = time.monotonic() + patience(), threading.Event()
            while True:
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                    return process, port
                assert process.poll() is None
                assert time.monotonic() < deadline
                never.wait(_GLANCE)

        yield serve


def converse(port, text="Hello."):
    with TerminalClient(f"ws://127.0.0.1:{port}/openai", timeout=patience()) as dialogue:
        dialogue.send("Settings", agent={"think": {"prompt": "Be brief.", "outputModalities": ["text"]}})
        dialogue.send("InjectUserMessage", content=text)
        assert dialogue.wait_for("AgentDone")


def test_a_log_that_nobody_reads_stops_no_session_and_not_the_end(serve, full_pipe):
    process, port = serve("--log-level", "debug", stdout=full_pipe, stderr=full_pipe)
    for _ in range(3):
        converse(port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(patience()) == 0


@pytest.mark.parametrize("redirections", [">/dev/full", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_closed_or_full_stream_stops_neither_the_start_nor_the_end(serve, redirections):
    process, port = serve("--log-level", "debug", redirections=redirections)
    converse(port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(patience()) == 0


@pytest.mark.parametrize("redirections", [">/dev/full", "<&- >&- 2>&-"])
def test_workers_serve_without_standard_streams(serve, redirections):
    process, port = serve("--workers", "2", redirections=redirections)
    converse(port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(patience()) == 0


def test_a_log_whose_reader_has_left_stops_nothing(serve):
    reading, writing = os.pipe()
    process, port = serve("--log-level", "debug", stdout=writing, stderr=writing)
    os.close(writing)
    os.close(reading)
    converse(port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(patience()) == 0


def test_the_lines_of_the_end_are_written_when_the_log_is_read(serve, tmp_path):
    with (tmp_path / "log").open("wb") as log:
        process, port = serve(stdout=subprocess.DEVNULL, stderr=log)
        converse(port)
        process.send_signal(signal.SIGTERM)
        assert process.wait(patience()) == 0
    text = (tmp_path / "log").read_text()
    assert " ended" in text


def test_a_misconfigured_process_ends_with_its_code_when_nobody_reads_why(full_pipe):
    command = [sys.executable, str(ROOT / "proxy_main.py"), "serve", "--set", "server.port=no"]
    done = subprocess.run(command, env=CLEAN, stderr=full_pipe, timeout=patience(), check=False)
    assert done.returncode == 2


@pytest.mark.parametrize("command", ["check --set server.port=0", "demo", "--help", "talk ws://127.0.0.1:1/openai"])
def test_a_result_that_a_full_disk_does_not_take_is_an_error(command):
    done = shell(f"turnstile {command} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == "turnstile: standard output cannot be written: No space left on device.\n"


def test_a_result_for_a_closed_stream_is_an_error():
    done = shell("turnstile check >&-")
    assert done.returncode == 1
    assert done.stderr == "turnstile: standard output cannot be written: Bad file descriptor.\n"


@pytest.mark.parametrize("command", ["check --set server.port=0", "demo", "--help", "talk ws://127.0.0.1:1/openai"])
def test_a_result_whose_reader_has_left_ends_the_command_in_silence(command):
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, str(ROOT / "proxy_main.py"), *command.split()]
    done = subprocess.run(
        program, env=CLEAN, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=patience(), check=False, cwd=ROOT
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_result_is_written_in_an_encoding_that_lacks_a_character():
    done = shell("PYTHONIOENCODING=ascii turnstile check --set upstream.model=gpt-réaltime")
    assert done.returncode == 0, done.stderr
    assert "gpt-r\\xe9altime" in done.stdout
