"""The running proxy, with the simulator behind it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from actors import ProxySystem
from actors.simulator_system import SimulatorSystem
from actors.timers import TimerThread
from turnstile.config import load_config
from turnstile.observability.memory_journal import MemoryJournal
from turnstile.simulator.simulator import Simulator
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import patience

# The tests here share some words by name.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "credentials")]


class Proxy:
    """A started proxy and what its journal has seen."""

    def __init__(self, flags, **options):
        self.journal = MemoryJournal(time.monotonic)
        config = load_config(flags={"server.port": "0", "upstream.url": "simulator:", **flags})
        self.system = ProxySystem(config, journal=self.journal, **options)
        self.system.start()

    def url(self, path="/openai"):
        host, port = self.system.address
        return f"ws://{host}:{port}{path}"

    @property
    def log(self):
        """What the simulator saw of the first session."""
        return self.system.simulator.logs[0]

    def dialogue(self, path="/openai", **options):
        return TerminalClient(self.url(path), timeout=patience(), **options)


@pytest.fixture
def start_proxy(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_REALTIME_URL", "OPENAI_PROXY_PORT", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    started = []

    def start(flags=None, **options):
        proxy = Proxy(flags or {}, **options)
        started.append(proxy)
        return proxy

    yield start
    for proxy in started:
        proxy.system.stop(patience())


@pytest.fixture
def proxy(start_proxy):
    return start_proxy()


@pytest.fixture
def start_api():
    """Start a simulated API of a kind on a socket."""
    timers, systems = TimerThread(), []

    def start(kind="openai", **options):
        config = load_config(flags={"simulator.port": "0", "simulator.kind": kind})
        simulator = Simulator(kind=kind, clock=time.monotonic, timers=timers, **options)
        system = SimulatorSystem(config, simulator=simulator)
        system.start()
        systems.append(system)
        return system

    yield start
    for system in systems:
        system.stop(patience())
    assert timers.stop(patience())
