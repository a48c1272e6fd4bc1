"""The Dockerfile's steps in an empty Debian: what they make serves, is healthy, and ends in order."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from container import Container
from image_steps import build, make_base

from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
FUNCTIONS = [{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}]
# Gets the signal before it has installed the handlers of `serve`.
EARLY = """
import importlib.abc, os, signal, sys

class Ending(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "actors.system":
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Ending())
import proxy_main
sys.exit(proxy_main.main(["serve"]))
"""
COMPILERS = ("cc", "c++", "gcc", "clang", "ld", "make")


@pytest.fixture(scope="module")
def base(required):
    """The root of an image with nothing but Python; kept for the next time."""
    if os.geteuid():
        pytest.skip("only root can change the root of a process")
    folder = ROOT / "build" / "deploy"
    folder.mkdir(parents=True, exist_ok=True)
    return make_base(folder, required("mmdebstrap"))


@pytest.fixture(scope="module")
def image(base, tmp_path_factory):
    directory = tmp_path_factory.mktemp("image")
    directory.chmod(0o755)  # those of pytest's are for their owner alone, and the image's user is another
    directory.parent.chmod(0o755)
    return build(ROOT / "config" / "deploy" / "Dockerfile", ROOT, base, directory)


@pytest.fixture
def run(image, reserve_port):
    """Return a function that starts the image with ports that are free on this machine, and the address of clients."""

    def start(**given):
        port, ops = reserve_port(), reserve_port()
        ports = {"TURNSTILE_SERVER__PORT": str(port), "TURNSTILE_OPS__PORT": str(ops)}
        return Container(image, **ports, **given), f"ws://127.0.0.1:{port}/openai"

    return start


def test_there_is_no_compiler_where_it_is_built(base):
    programs = {file.name for folder in ("bin", "usr/bin", "usr/local/bin") for file in (base / folder).iterdir()}
    assert programs.isdisjoint(COMPILERS)


def test_it_serves_as_process_1_without_root_is_healthy_and_ends_a_turn_in_order(run):
    container, url = run(TURNSTILE_AUTH__MODE="none")
    with container:
        container.until("Turnstile listens on")
        wait_until(container.is_healthy)
        rights = Path(f"/proc/{container.pid}/status").read_text()
        assert "Uid:\t10001\t10001\t10001\t10001\n" in rights
        assert f"NSpid:\t{container.pid}\t1\n" in rights
        assert "CapEff:\t0000000000000000\n" in rights
        with TerminalClient(url, timeout=patience()) as client:
            client.send("Settings", agent={"think": {"functions": FUNCTIONS}})
            client.send("InjectUserMessage", content="Please call get_weather")
            call = client.wait_for("FunctionCallRequest")["functions"][0]
            os.kill(container.pid, signal.SIGTERM)
            container.until("Ending 1 open sessions")
            client.send("FunctionCallResponse", id=call["id"], name=call["name"], content="Sunny.")
            client.wait_until(lambda: None)
            assert client.closed == "1001 shutting down"
            assert "Sunny" in client.received("ConversationText")[-1]["content"]
        code, said = container.end()
    assert code == 0, said
    assert "Nobody has the token of the ops listener" in said  # there is no place to write it to
    assert "Traceback" not in said


def test_a_signal_that_comes_before_it_listens_ends_process_1(image):
    container = Container(image._replace(command=["python", "-c", EARLY]))
    with container:
        code, said = container.end()
    assert (code, said) == (128 + signal.SIGTERM, "")


def test_it_does_not_start_before_somebody_may_connect(run):
    container, _ = run(OPENAI_API_KEY="sk-made-up")
    with container:
        code, said = container.end()
    assert (code, "auth.mode" in said) == (2, True), said


def test_any_command_of_the_program_runs_in_it(image):
    command = [image.command[0], "demo"]
    with Container(image._replace(command=command)) as container:
        code, said = container.end()
    assert code == 0, said
    assert said.rstrip().endswith("0 collisions, 0 settings lost")


def test_it_adds_110_megabytes_and_neither_pip_nor_its_cache(image, base):
    command = ["du", "--summarize", "--block-size=1M", image.root, base]
    sizes = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    whole, empty = (int(line.split()[0]) for line in sizes.splitlines())
    assert 50 < whole - empty < 130
    assert not list(image.root.glob("opt/turnstile/lib/python*/site-packages/pip"))
    assert not (image.root / "root" / ".cache").exists()


def wait_until(holds):
    deadline, never = time.monotonic() + patience(), threading.Event()
    while not holds():
        assert time.monotonic() < deadline
        never.wait(0.1)
