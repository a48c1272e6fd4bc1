"""The process as a person meets it: its words, its exit codes, its signals."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import wave
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websocket import create_connection

import proxy_main
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "LOG_LEVEL"))}
CLEAN["TURNSTILE_OPS__PORT"] = "0"  # one port of this machine, which all processes would want


COMPATIBLE = ("--set", "upstream.kind=compatible", "--set", "upstream.url=wss://api.example.com")


def run(*arguments, stdin="", cwd=ROOT, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "proxy_main.py"), *arguments],
        env={**CLEAN, **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=patience(),
        check=False,
        cwd=cwd,
    )


class Running:
    """A started process, and the address that it said."""

    def __init__(self, *arguments, **environment):
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "proxy_main.py"), *arguments],
            env={**CLEAN, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        self.first_line = self.process.stdout.readline()
        words = [word for word in self.first_line.split() if word.startswith("ws://")]
        self.address = "/".join(words[0].split("/")[:3]) if words else ""

    def end(self, *signals):
        for number in signals:
            self.process.send_signal(number)
        code = self.process.wait(patience())
        # `communicate` would lose what was read ahead with the first line.
        with self.process.stdout as stdout:
            return code, stdout.read()


@pytest.fixture
def serve():
    started = []

    def start(*arguments, **environment):
        running = Running(*arguments, **environment)
        started.append(running)
        return running

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
            running.process.communicate()


@pytest.fixture
def command(monkeypatch, capsys):
    """Run a command that opens nothing of the process's own in this one; return its exit code, results, complaints."""
    for name in os.environ:
        if name not in CLEAN:
            monkeypatch.delenv(name)
    said = []
    monkeypatch.setattr(proxy_main, "prepare_standard_streams", lambda: None)
    monkeypatch.setattr(proxy_main, "complain", said.append)
    monkeypatch.setattr("actors.commands.check_command.complain", said.append)
    monkeypatch.setattr("actors.commands.demo_command.set_up_logging", lambda *_: None)
    return lambda *words: (proxy_main.main(words), capsys.readouterr().out, said)


def test_the_demo_shows_updates_held_and_replayed_and_no_collision():
    done = run("demo")
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.endswith("5 updates held, 5 replayed, 0 collisions, 0 settings lost")


def test_the_demo_is_the_same_whatever_is_configured_for_real_use(command, monkeypatch):
    monkeypatch.setenv("OPENAI_PROXY_TLS_KEY_PATH", "k")
    monkeypatch.setenv("OPENAI_PROXY_TLS_CERT_PATH", "c")
    code, out, said = command("demo", "--config", str(ROOT / "config/azure.toml"))
    assert (code, said) == (0, [])
    assert "5 replayed" in out.splitlines()[-1]


def test_the_demo_fails_when_it_cannot_show_what_it_is_for_and_warns_of_a_setting_of_old():
    done = run("demo", "--set", "session.link_timeout=0.0001", "--set", "upstream.reconnects=0")
    assert done.returncode == 1
    assert "The client was told" in done.stdout
    assert done.stdout.startswith("Warning: upstream.reconnects (from the command line) goes with the next release")


def test_the_demos_page_is_served_until_a_signal_and_shows_both_sides(serve, command):
    running = serve("demo", "--page")
    host, port = running.first_line.split("http://")[1].split("/")[0].split(":")
    with closing(HTTPConnection(host, int(port), timeout=patience())) as asked:
        asked.request("GET", "/")
        assert b"without and with the gate" in asked.getresponse().read()
    assert running.end(signal.SIGINT) == (0, "")
    code, _, said = command("demo", "--page", "--without-gate")
    assert (code, len(said)) == (2, 1)
    assert said[0] == "--page shows both, with the gate and without: leave --without-gate out."


def test_the_demo_without_the_gate_shows_collisions_and_lost_settings(command):
    code, out, said = command("demo", "--without-gate")
    assert (code, said) == (0, [])
    last = out.splitlines()[-1]
    assert "0 updates held" in last
    assert " 0 collisions" not in last
    assert " 0 settings lost" not in last


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--set", "server.prot=1"], "did you mean server.port"),
        (["serve", "--set", "nonsense"], "SECTION.NAME=VALUE"),
        (["serve", "--config", "no/such/file.toml"], "cannot be read"),
        (["serve", "--upstream", "https://example.com"], "wss://"),
        (["serve", "--upstream", "wss://api.openai.com/v1/realtime"], "OPENAI_API_KEY"),
        (["check", "--config", str(ROOT / "README.md")], "is not valid TOML"),
        (["serve", "--host", "0.0.0.0", "--workers", "2", *COMPATIBLE], "auth.mode: is not set"),  # noqa: S104
        (["check", "--set", "server.host=::", "--set", "server.port=0", *COMPATIBLE], "auth.mode: is not set"),
    ],
)
def test_a_wrong_configuration_stops_the_start_in_one_line(command, arguments, words):
    code, _, (line,) = command(*arguments)
    assert code == 2
    assert words in line
    assert "\n" not in line


def test_a_scenario_that_there_is_not_stops_the_start_in_one_line():
    done = run("serve", "--set", "simulator.scenario=nonsense")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "nonsense" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "--set", "OPENAI_API_KEY=q1w2e3r4t5"], "--set OPENAI_API_KEY: write SECTION.NAME=VALUE, "),
        (["serve", "--set", "sk-q1w2e3r4t5"], "--set ***: write SECTION.NAME=VALUE, "),
        (["serve", "--api-key", "q1w2e3r4t5"], "there is no option --api-key; see `turnstile --help`."),
        (["serve", "--api-key=q1w2e3r4t5"], "there is no option --api-key; see `turnstile --help`."),
        (
            ["check", "--set", "upstream.api_key", "q1w2e3r4t5"],
            "there is an argument too many: a setting is one word, ",
        ),
        (["sk-q1w2e3r4t5"], "argument COMMAND: invalid choice: '***' (choose from "),
        (["key", "add"], "the following arguments are required: NAME; see `turnstile key add --help`."),
        ([], "the following arguments are required: COMMAND; see `turnstile --help`."),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line_that_repeats_no_secret(arguments, words, monkeypatch):
    said = []
    monkeypatch.setattr(proxy_main, "complain", said.append)
    assert proxy_main.main(arguments) == 2
    assert len(said) == 1
    assert said[0].startswith(words)
    assert "q1w2e3r4t5" not in said[0]
    assert "\n" not in said[0]


def test_a_port_that_is_taken_is_said_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "taken" in done.stderr or "in use" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_misspelt_key_is_warned_of_at_each_start(serve):
    running = serve("serve", "--port", "0", "--host", "0.0.0.0", OPENAI_APIKEY="sk-made-up")  # noqa: S104
    code, out = running.end(signal.SIGTERM)
    assert code == 0
    assert "Warning: the simulator answers, since OPENAI_API_KEY is not set" in out
    assert "OPENAI_APIKEY is set, and is not read: did you mean OPENAI_API_KEY?" in out
    assert "sk-made-up" not in out


def test_the_limit_of_open_files_is_raised_and_what_does_not_fit_under_it_is_warned_of(serve):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
        running = serve("serve", "--port", "0", "--set", "server.max_sessions=10000000")
        if Path("/proc/self/limits").exists():
            limits = Path(f"/proc/{running.process.pid}/limits").read_text(encoding="ascii")
            assert re.search(r"Max open files +(\S+)", limits)[1] == str(before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    code, out = running.end(signal.SIGTERM)
    assert code == 0
    assert "Warning: server.max_sessions is 10000000, but about" in out


def test_check_explains_the_configuration_and_hides_the_key(command, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-and-secret")
    code, out, _ = command("check", "--set", "server.port=0", "--set", "ops.port=0")
    assert code == 0
    assert "api.openai.com" in out
    assert "made-up" not in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_open_sessions_in_order(serve, number):
    running = serve("serve", "--port", "0")
    with TerminalClient(f"{running.address}/openai", timeout=patience()) as dialogue:
        dialogue.send("Settings", agent={"think": {"prompt": "Be brief."}})
        assert dialogue.wait_for("SettingsApplied")
        code, out = running.end(number)
        dialogue.wait_until(lambda: None if dialogue.closed is None else {"type": "closed"})
        assert dialogue.closed == "1001 shutting down"
    assert code == 0, out
    assert "Ending 1 open sessions" in out


def test_operators_see_the_process_drain_up_to_its_end(serve, reserve_port, tmp_path):
    port = str(reserve_port())
    running = serve(
        "serve", "--port", "0", "--set", "limits.close_timeout=600",
        TURNSTILE_OPS__PORT=port, XDG_RUNTIME_DIR=str(tmp_path),
    )  # fmt: skip
    token_file = tmp_path / "turnstile" / f"ops-{port}.token"

    def status(path):
        with closing(HTTPConnection("127.0.0.1", int(port), timeout=patience())) as client:
            client.request("GET", path)
            return client.getresponse().status

    with closing(create_connection(f"{running.address}/openai", timeout=patience(10))) as link:
        link.send('{"type": "Settings", "agent": {}}')
        assert "SettingsApplied" in link.recv()
        assert (status("/healthz"), status("/readyz"), status("/metrics")) == (200, 200, 200)
        assert token_file.exists()
        running.process.send_signal(signal.SIGTERM)
        lines = []
        while not (line := running.process.stdout.readline()).startswith("Ending 1 open sessions"):
            lines.append(line)
        shown = f"Ops: http://127.0.0.1:{port}/ shows the sessions in a browser"
        assert f"{shown} (/healthz, /metrics, /sessions for programs), token in {token_file}.\n" in lines
        assert (status("/healthz"), status("/readyz")) == (200, 503)  # the close is not answered yet
    assert running.end()[0] == 0
    assert not token_file.exists()


def test_a_chosen_ops_port_that_is_taken_ends_the_start(serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        running = serve("serve", "--port", "0", TURNSTILE_OPS__PORT=str(port))
        code, _ = running.end()
    assert (code, running.first_line.startswith(f"turnstile: ops.port: port {port} on 127.0.0.1 is taken")) == (2, True)


def test_a_second_interrupt_ends_the_process_at_once(serve):
    running = serve("serve", "--port", "0", "--set", "server.drain_timeout=600", "--set", "limits.close_timeout=600")
    with closing(create_connection(f"{running.address}/openai", timeout=patience(10))) as link:
        link.send('{"type": "Settings", "agent": {}}')
        assert "SettingsApplied" in link.recv()  # the session has begun; its close is not answered
        running.process.send_signal(signal.SIGINT)
        assert any(line.startswith("Ending 1 open sessions") for line in running.process.stdout)
        code, out = running.end(signal.SIGINT)
    assert code == 1
    assert "Cut off.\n" in out  # the log of another thread may come behind it


HOST = """
import sys
from actors import ProxySystem
from turnstile.config import load_config
from turnstile.testing import RecordingInbox

class Inbox(RecordingInbox):
    def tell(self, message, /):
        super().tell(message)
        if type(message).__name__ == "Closed":
            print(message.code, message.reason, flush=True)

with ProxySystem(load_config(flags={"upstream.url": "simulator:"}), listens=False) as system:
    _, session = system.connect(Inbox())
    print("ready", flush=True)
    session.wait()
"""


def test_an_interrupt_of_a_hosts_process_is_the_hosts_and_ends_its_sessions_in_order():
    process = subprocess.Popen(
        [sys.executable, "-c", HOST], env=CLEAN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=patience(20))
    finally:
        process.kill()
    assert out == "1001 shutting down\n"
    assert error.splitlines()[-1] == "KeyboardInterrupt"


def test_talk_says_what_is_said_and_answered(serve):
    running = serve("serve", "--port", "0")
    done = run(
        "talk", f"{running.address}/openai", stdin="Hello there.\n/prompt Rhyme.\n/voice cedar\n/say Aha.\n/what\n"
    )
    assert done.returncode == 0, done.stdout
    assert "Hello there." in done.stdout
    assert "(PromptUpdated)" in done.stdout
    assert "/prompt TEXT" in done.stdout
    assert "\x1b" not in done.stdout
    assert running.end(signal.SIGTERM)[0] == 0


def test_talk_says_a_file_and_saves_the_answer_when_the_how_to_is_followed(serve, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "howto" / "talk-with-sound.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (command,) = re.findall(r"^turnstile (talk --wav .*)$", page, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    exec(example, {})  # noqa: S102 - our own page
    running = serve("serve", "--port", "0")
    done = run(*command.split(), f"{running.address}/openai", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "you: hello, can you hear me?" in done.stdout
    assert "agent: You said: hello, can you hear me?" in done.stdout
    with wave.open("answer.wav") as file:
        assert file.getnframes() > 12_000
    assert running.end(signal.SIGTERM)[0] == 0


def test_talk_names_the_extra_that_sound_needs_when_it_is_missing(tmp_path):
    (tmp_path / "sounddevice.py").write_text("raise ImportError")
    done = run("talk", "--audio", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert 'pip install "turnstile-realtime[audio]"' in line
    assert "--wav" in line


def test_talk_to_nobody_says_so(command):
    code, out, _ = command("talk", "ws://127.0.0.1:1/openai")
    assert code == 1
    assert "cannot be reached" in out


def test_the_simulator_serves_as_a_process_of_its_own(serve):
    simulator = serve("simulate", "--set", "simulator.port=0")
    proxy = serve(
        "serve", "--port", "0", "--upstream", f"{simulator.address}/v1/realtime", "--set", "upstream.kind=compatible"
    )
    with TerminalClient(f"{proxy.address}/openai", timeout=patience()) as dialogue:
        dialogue.send("Settings", agent={"think": {"prompt": "Be brief."}})
        dialogue.send("InjectUserMessage", content="Hello.")
        assert dialogue.wait_for("AgentDone")
    assert proxy.end(signal.SIGTERM)[0] == 0
    assert simulator.end(signal.SIGTERM)[0] == 0
