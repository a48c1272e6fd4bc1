"""Signals to a serving process: it drains, ends at once at the second, and ends in time whatever is frozen."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest
from websocket import create_connection

from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
PROGRAM = str(ROOT / "proxy_main.py")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOG_LEVEL"))}
CLEAN["TURNSTILE_OPS__PORT"] = "0"  # one port of this machine, which all processes would want
FUNCTIONS = [{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}
# A process whose I/O thread never comes back from what a client sends.
FROZEN = """
import sys, threading
import actors.system, proxy_main
from actors.client import ClientActor

def freeze(*_):
    print("frozen", flush=True)
    threading.Event().wait()

actors.proxy_threads._GRACE = 0.1
ClientActor._read = freeze
sys.exit(proxy_main.main(sys.argv[1:]))
"""


class Serving:
    """A serving process, and what it has said."""

    def __init__(self, *options, program=(PROGRAM,), stdin=subprocess.DEVNULL):
        command = [sys.executable, *program, "serve", "--port", "0", *options]
        self.process = subprocess.Popen(
            command,
            env=CLEAN,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=ROOT,
            text=True,
        )
        self.said = ""
        self.address = self.until("ws://").split("ws://")[1].split("/")[0]
        self.url = f"ws://{self.address}/openai"

    def until(self, words):
        """Return the first line with these words."""
        for line in self.process.stdout:
            self.said += line
            if words in line:
                return line
        return pytest.fail(f"{words!r} was not said: {self.said}")

    def end(self, *signals):
        """Send the signals; return the exit code, and all that was said."""
        for number in signals:
            self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=patience())
        self.said += said
        assert "Traceback" not in self.said
        return self.process.returncode, self.said


@pytest.fixture
def serve():
    with ExitStack() as started:

        def start(*options, **how):
            serving = Serving(*options, **how)
            started.callback(serving.process.stdout.close)
            started.callback(serving.process.wait)
            started.callback(serving.process.kill)
            return serving

        yield start


@contextmanager
def calling(serving):
    """A client in mid-turn: it is to answer a call."""
    with TerminalClient(serving.url, timeout=patience()) as dialogue:
        dialogue.send("Settings", agent={"think": {"functions": FUNCTIONS}})
        dialogue.send("InjectUserMessage", content="Please call get_weather")
        call = dialogue.wait_for("FunctionCallRequest")["functions"][0]
        yield (
            dialogue,
            lambda: dialogue.send("FunctionCallResponse", id=call["id"], name=call["name"], content="Sunny."),
        )


def closed(dialogue):
    dialogue.wait_until(lambda: None)
    return dialogue.closed


def assert_the_turn_is_settled(dialogue, answer):
    """Check that the session is open until its turn is answered, and then ends."""
    assert dialogue.closed is None
    answer()
    assert closed(dialogue) == "1001 shutting down"
    assert "Sunny" in dialogue.received("ConversationText")[-1]["content"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_turn_is_settled_while_new_clients_are_answered_503(serve, number):
    serving = serve()
    with calling(serving) as (dialogue, answer):
        serving.process.send_signal(number)
        serving.until("Ending 1 open sessions")
        connection = http.client.HTTPConnection(serving.address, timeout=patience())
        connection.request("GET", "/openai", headers=UPGRADE)
        refused = connection.getresponse()
        assert (refused.status, refused.headers["Retry-After"], refused.headers["Connection"]) == (503, "5", "close")
        assert b"shutting down" in refused.read()
        connection.close()
        assert_the_turn_is_settled(dialogue, answer)
    code, said = serving.end()
    assert code == 0, said


def test_workers_settle_their_turns_when_their_parent_gets_the_signal(serve):
    serving = serve("--workers", "2")
    with calling(serving) as (dialogue, answer):
        serving.process.send_signal(signal.SIGTERM)
        status = 101
        while status == 101:
            connection = http.client.HTTPConnection(serving.address, timeout=patience())
            # The worker without a session may end just when it has accepted the connection.
            with suppress(ConnectionResetError, BrokenPipeError), closing(connection):
                connection.request("GET", "/openai", headers=UPGRADE)
                status = connection.getresponse().status
        assert status == 503
        assert_the_turn_is_settled(dialogue, answer)
    code, said = serving.end()
    assert code == 0, said


def test_what_is_left_at_the_deadline_is_cut_off_and_named(serve):
    serving = serve("--set", "server.drain_timeout=0.1")
    with calling(serving) as (dialogue, _):
        serving.process.send_signal(signal.SIGTERM)
        assert closed(dialogue) == "1001 shutting down"
    code, said = serving.end()
    assert code == 1, said
    assert "1 sessions did not end in time and were cut off." in said
    assert "1 sessions did not end in time and are cut off: " in said


def test_a_second_signal_closes_what_is_open_at_once(serve):
    serving = serve("--set", "server.drain_timeout=600")
    with calling(serving) as (dialogue, _):
        serving.process.send_signal(signal.SIGTERM)
        serving.until("Ending 1 open sessions")
        serving.process.send_signal(signal.SIGTERM)
        assert closed(dialogue) == "1001 shutting down"
    code, said = serving.end()
    assert code == 1, said
    assert "Cut off.\n" in said


@pytest.mark.parametrize("signals", [[signal.SIGTERM] * 2, [signal.SIGINT] * 5, [signal.SIGTERM, signal.SIGINT]])
def test_signals_right_behind_each_other_end_the_process(serve, signals):
    code, said = serve().end(*signals)
    assert code in {0, 1}, said


def test_a_signal_during_a_flood_of_handshakes_ends_the_process(serve):
    serving = serve("--set", "server.max_handshakes=50")
    host, port = serving.address.split(":")
    with ExitStack() as sockets:
        for number in range(100):
            sock = sockets.enter_context(socket.create_connection((host, int(port)), timeout=patience()))
            sock.sendall(b"GET /openai HTTP/1.1\r\n" if number % 2 else b"")
        code, said = serving.end(signal.SIGTERM)
    assert code == 0, said


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM]], ids=["once", "twice"])
def test_a_frozen_thread_is_named_and_the_process_ends_in_time(serve, signals):
    serving = serve("--set", "server.drain_timeout=0.1", program=("-c", FROZEN))
    link = create_connection(serving.url, timeout=patience())
    link.send("{}")
    serving.until("frozen")
    code, said = serving.end(*signals)
    link.shutdown()
    assert code == 1, said
    assert "Threads did not end in time and are abandoned: turnstile-io" in said


# A process that is the foreground job of the terminal on its standard input, as a shell starts it, or `nohup` does.
IN_TERMINAL = """
import fcntl, signal, sys, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
if sys.argv.pop(1) == "nohup":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
import proxy_main
sys.exit(proxy_main.main(sys.argv[1:]))
"""


@pytest.fixture
def serve_in_terminal(serve):
    with ExitStack() as terminals:

        def start(how, *options):
            """Serve; return the process, and a function that closes its terminal."""
            ours, theirs = os.openpty()
            terminal = terminals.enter_context(os.fdopen(ours, "rb", buffering=0))
            with os.fdopen(theirs, "rb", buffering=0) as stdin:
                return serve(*options, program=("-c", IN_TERMINAL, how), stdin=stdin), terminal.close

        yield start


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_end_of_the_terminal_drains_its_foreground_job(serve_in_terminal, workers):
    serving, close_terminal = serve_in_terminal("shell", "--workers", workers)
    with TerminalClient(serving.url, timeout=patience()) as dialogue:
        close_terminal()
        assert closed(dialogue) == "1001 shutting down"
    code, said = serving.end()
    assert code == 0, said


@pytest.mark.parametrize("how", ["shell", "nohup"])
def test_a_hang_up_that_does_not_mean_the_end_of_a_terminal_reads_the_configuration_anew(serve_in_terminal, how):
    serving, close_terminal = serve_in_terminal(how)
    if how == "nohup":
        close_terminal()
    else:
        serving.process.send_signal(signal.SIGHUP)
    serving.until("was read anew")
    code, said = serving.end(signal.SIGTERM)
    assert code == 0, said


INTERRUPTED = """
import importlib.abc, os, signal, sys

class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
import proxy_main
if not sys.argv[1]:
    import actors.commands.config_options
    actors.commands.config_options.load_config = lambda *_: os.kill(os.getpid(), signal.SIGINT)
sys.exit(proxy_main.main(["serve"]))
"""


@pytest.mark.parametrize(("moment", "code"), [("argparse", -signal.SIGINT), ("actors.system", -signal.SIGINT), ("", 1)])
def test_an_interrupt_during_the_start_ends_it_without_a_traceback(moment, code):
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, moment],
        env=CLEAN,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patience(),
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT] * 3], ids=["once", "thrice"])
def test_the_simulator_ends_at_a_signal_and_at_several(signals):
    command = [sys.executable, PROGRAM, "simulate", "--set", "simulator.port=0"]
    with subprocess.Popen(command, env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert "listens" in process.stdout.readline()
        for number in signals:
            process.send_signal(number)
        out, _ = process.communicate(timeout=patience())
    assert (process.returncode, out) == (0, "")
