"""What a process imports is what its command needs: counted in modules, since a start costs little else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnstile.testing import patience

ROOT = Path(__file__).parents[2]
COMPUTING = {"numpy"}
CRYPTOGRAPHY = {"cryptography", "jwt"}
HTTP_CLIENT = {"anyio", "httpcore2"}
HANDSHAKE_CLIENT = {"python_socks", "websocket"}
OPS = {"prometheus_client", "waitress", "werkzeug"}
CONFIGURATION = {"pydantic", "pydantic_settings"}

ONE_COMMAND = """
import sys, proxy_main
try:
    proxy_main.main(sys.argv[1:])
except SystemExit:
    pass
"""
PROXY = """
import sys
from actors.system import ProxySystem
from turnstile.config import load_config

upstream, *more = sys.argv[1:]
flags = dict(word.split("=", 1) for word in more)
ProxySystem(load_config(flags={"upstream.url": upstream, "server.port": "0", **flags})).stop(0)
"""
SIMULATOR = """
from actors.simulator_system import SimulatorSystem
from turnstile.config import load_config

SimulatorSystem(load_config(flags={"simulator.port": "0"})).stop(0)
"""
HOST = """
from turnstile.embed import converse
"""
OPENAI = ("wss://api.openai.com/v1/realtime", "upstream.api_key=sk-made-up")


def imported(source, *arguments):
    """The modules that a process has imported, in the end."""
    shown = f"{source}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
    # Where coverage is counted, it would import its own modules there.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", shown, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
        timeout=patience(),
    )
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("source", "arguments", "unneeded", "most"),
    [
        pytest.param(ONE_COMMAND, ["--version"], {"actors", "logging", *CONFIGURATION}, 150, id="version"),
        pytest.param(ONE_COMMAND, ["talk", "--help"], {"actors", *COMPUTING, *CONFIGURATION}, 350, id="talk"),
        pytest.param(
            PROXY,
            ["simulator:"],
            {*COMPUTING, *CRYPTOGRAPHY, *HTTP_CLIENT, *HANDSHAKE_CLIENT, *OPS, "turnstile.terminal.demo"},
            800,
            id="serve",
        ),
        pytest.param(PROXY, OPENAI, {*CRYPTOGRAPHY, *HTTP_CLIENT, "turnstile.simulator"}, 900, id="serve for OpenAI"),
        pytest.param(HOST, [], {"actors", "django", "flask", *COMPUTING, *CRYPTOGRAPHY}, 400, id="host"),
        pytest.param(
            SIMULATOR,
            [],
            {
                *COMPUTING,
                *CRYPTOGRAPHY,
                *HTTP_CLIENT,
                *HANDSHAKE_CLIENT,
                *OPS,
                "actors.system",
                "turnstile.session.machine",
            },
            700,
            id="simulate",
        ),
    ],
)
def test_a_process_imports_nothing_that_its_command_does_not_need(source, arguments, unneeded, most):
    modules = imported(source, *arguments)
    assert modules & unneeded == set()
    assert len(modules) < most


def test_what_the_first_session_needs_is_imported_before_it_comes():
    assert {*COMPUTING, *HANDSHAKE_CLIENT} <= imported(PROXY, *OPENAI)
    assert imported(PROXY, "simulator:", "functions.allowed_hosts=api.example.com") >= {"httpcore2"}
    assert imported(PROXY, "simulator:", f"auth.token_secret={'s' * 40}") >= {"jwt"}
