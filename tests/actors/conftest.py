"""The three actors without sockets: their parts in memory, driven one message at a time."""

from __future__ import annotations

import pytest

from actors.dispatcher import ThreadDispatcher
from actors.messages import Peers
from actors.system import ProxySystem
from turnstile.config import load_config
from turnstile.observability.memory_journal import MemoryJournal
from turnstile.testing import ManualClock, ManualTimers, RecordingConnection, RecordingInbox, patience, session_journal


class RecordingConnector:
    """The `Connector` port: keeps who asked for which link."""

    def __init__(self):
        self.asked = []

    def connect(self, target, inbox):
        self.asked.append((target, inbox))


class Bench:
    """What stands around one actor, all in memory."""

    def __init__(self):
        self.clock = ManualClock()
        self.wall_clock = ManualClock(1_800_000_000.0)
        self.timers = ManualTimers(self.clock)
        self.entries = MemoryJournal(self.clock)
        self.journal = session_journal(self.entries)
        self.connection = RecordingConnection()
        self.connector = RecordingConnector()
        self.client = RecordingInbox()
        self.coordinator = RecordingInbox()
        self.upstream = RecordingInbox()
        self.ended = []
        self.dispatcher = ThreadDispatcher(name="turnstile-test-actors")

    def introduce(self, actor, role):
        """Tell an actor that was not started of the other two, and of itself as `role`."""
        inboxes = {"client": self.client, "coordinator": self.coordinator, "upstream": self.upstream}
        actor.on_receive(Peers(**{**inboxes, role: actor.inbox}))
        return actor

    def on_end(self, _end):
        self.ended.append("ended")

    def told_itself(self, actor):
        """Return what an actor that was not started has put into its own inbox."""
        return actor.inbox.waiting()

    def notes(self):
        return [(entry.wire, entry.direction, entry.kind, entry.detail) for entry in self.entries.entries()]


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    assert bench.dispatcher.stop(patience())


@pytest.fixture
def make_system(monkeypatch):
    """Make started proxies with the simulator behind them; a setting is given as ``limits__close_timeout``."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    systems = []

    def make(**flags):
        named = {name.replace("__", "."): value for name, value in flags.items()}
        defaults = {"server.port": "0", "upstream.url": "simulator:", "limits.close_timeout": "0.1"}
        systems.append(ProxySystem(load_config(flags=defaults | named)))
        systems[-1].start()
        return systems[-1]

    yield make
    for system in systems:
        system.stop(patience())
