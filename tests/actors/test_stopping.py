"""How sessions end that nobody asked politely: pykka stops their actors, code of a host's exits, the proxy stops."""

from __future__ import annotations

import queue
import threading

import pytest
from pykka import ActorRegistry  # noqa: TID251 - what a host may do to all its actors

import actors.proxy_threads
from actors.system import ProxySystem
from turnstile.config import load_config
from turnstile.errors import SessionError
from turnstile.observability.journal import Journal
from turnstile.observability.journal_entries import FrameEntry
from turnstile.protocol.frames import Closed, TextFrame
from turnstile.server.worker_board import WorkerBoard
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import RecordingConnection, RecordingInbox, patience

SETTINGS = {"agent": {"think": {"prompt": "Be brief."}}}
SETTINGS_TEXT = b'{"type": "Settings", "agent": {"think": {"prompt": "Be brief."}}}'
EXITS = pytest.mark.parametrize("fault", [SystemExit(1), KeyboardInterrupt()], ids=repr)
WORKERS = pytest.mark.parametrize("workers", ["0", "2"], ids=["on the I/O thread", "on threads of their own"])


@pytest.fixture
def make_system(monkeypatch):
    monkeypatch.setattr(actors.proxy_threads, "_GRACE", patience())
    systems = []

    def make(workers="0", journal=None, **flags):
        given = {"server.port": "0", "upstream.url": "simulator:", "dispatcher.workers": workers, **flags}
        systems.append(ProxySystem(load_config(flags=given), journal=journal))
        systems[-1].start()
        return systems[-1]

    yield make
    for system in systems:
        system.stop(patience())


class Host:
    """A client in this process, configured, and its session."""

    def __init__(self, system, inbox=None, on_event=None):
        self.inbox = inbox or RecordingInbox()
        self.connection, self.session = system.connect(self.inbox, on_event=on_event)
        self.say(SETTINGS_TEXT)

    def say(self, data):
        self.connection.send_text(data)
        self.connection.flush()


def configured(system):
    host, port = system.address
    dialogue = TerminalClient(f"ws://{host}:{port}/openai", timeout=patience())
    dialogue.send("Settings", **SETTINGS)
    assert dialogue.wait_for("SettingsApplied")
    return dialogue


def closed(dialogue):
    """Wait for the close, and return its words."""
    dialogue.wait_until(lambda: None)
    return dialogue.closed


# pykka stops an actor.


@WORKERS
@pytest.mark.parametrize("kind", ["ClientActor", "SessionCoordinatorActor", "UpstreamActor"])
def test_pykkas_stop_of_an_actor_ends_its_session_as_the_shutdown_does(make_system, workers, kind):
    system = make_system(workers)
    with configured(system) as dialogue:
        (actor,) = ActorRegistry.get_by_class_name(kind)
        assert actor.stop(timeout=patience())
        assert closed(dialogue) == "1001 shutting down"
        assert system.wait_until_empty(patience())
        assert [driver.has_ended for driver in system.simulator.links.all] == [True]
    assert ActorRegistry.get_all() == []


@WORKERS
def test_pykkas_stop_of_all_actors_ends_every_session_and_the_proxy_goes_on(make_system, workers):
    system = make_system(workers)
    with configured(system) as one, configured(system) as other:
        ActorRegistry.stop_all(timeout=patience())
        assert [closed(one), closed(other)] == ["1001 shutting down"] * 2
        assert system.wait_until_empty(patience())
    with configured(system):
        assert system.sessions == 1


# Code of a host's, or a journal, exits.


class SearchingReader:
    """A reader of the journal that calls a function at each frame with a word in it."""

    def __init__(self, word, found):
        self._word, self._found = word, found

    def begin(self, _facts):
        return self.read

    def read(self, entry):
        if isinstance(entry, FrameEntry) and self._word in entry.data:
            self._found()

    def end(self, _journal, _ending):
        pass


def exiting_journal(fault):
    def leave():
        raise fault

    return Journal(lambda: 0.0, [SearchingReader(b"exit", leave)])


@WORKERS
@EXITS
def test_an_exit_that_a_journal_raises_ends_that_session_and_no_other(make_system, workers, fault):
    system = make_system(workers, exiting_journal(fault))
    with configured(system) as other, configured(system) as dialogue:
        dialogue.send("InjectUserMessage", content="exit")
        assert dialogue.wait_for("Error")["code"] == "internal_error"
        assert closed(dialogue) == "1011 internal error"
        other.send("InjectUserMessage", content="Hello.")
        assert other.wait_for("AgentDone")


class ExitingInbox(RecordingInbox):
    """The inbox of a client in this process, which raises for the first frame."""

    def __init__(self, fault):
        super().__init__()
        self.fault = fault

    def tell(self, message, /):
        super().tell(message)
        fault, self.fault = self.fault, None
        if fault is not None:
            raise fault


@WORKERS
@EXITS
def test_an_exit_that_a_hosts_inbox_raises_ends_that_session_and_no_other(make_system, workers, fault):
    system = make_system(workers)
    with configured(system) as other:
        exiting = Host(system, ExitingInbox(fault))
        assert exiting.session.wait(patience())
        other.send("InjectUserMessage", content="Hello.")
        assert other.wait_for("AgentDone")


@EXITS
def test_an_exit_that_a_hosts_callback_raises_harms_nobody(make_system, fault):
    system, called = make_system(), []

    def on_event(_session, event):
        called.append(event["type"])
        raise fault

    host = Host(system, on_event=on_event)
    assert host.session.wait_for("SettingsApplied", patience())
    done = threading.Event()

    def exit_at_once(_future):
        done.set()
        raise fault

    host.session.update(prompt="Rhyme.").add_done_callback(exit_at_once)
    assert done.wait(patience())
    host.say(b'{"type": "InjectUserMessage", "content": "Hello."}')
    assert host.session.wait_for("AgentAudioDone", patience())


# The proxy stops.


def test_stop_keeps_its_deadline_when_the_hosts_callbacks_block(make_system, monkeypatch):
    monkeypatch.setattr(actors.proxy_threads, "_GRACE", 0.1)
    system = make_system(**{"functions.concurrent_calls": "1"})
    may_go, held, callers = threading.Event(), threading.Event(), []

    def on_event(_session, _event):
        callers.append(threading.current_thread())
        held.set()
        assert may_go.wait(patience())

    hosts = [Host(system, on_event=on_event) for _ in range(3)]
    assert held.wait(patience())
    system.stop(patience(1))
    assert not may_go.is_set()
    assert len(callers) == 1
    assert threading.current_thread() not in callers
    assert all(host.session.has_ended for host in hosts)
    may_go.set()


def test_a_thread_whose_work_is_of_no_use_any_more_is_not_given_the_rest_of_the_time(make_system, monkeypatch):
    monkeypatch.setattr(actors.proxy_threads, "_GRACE", 2.0)
    system = make_system()
    adapters, given = system._parts.adapters, {}
    for name, pool in (("functions", adapters.functions), ("host functions", adapters._host_functions)):
        close = pool.close
        monkeypatch.setattr(
            pool, "close", lambda seconds, name=name, close=close: (given.update({name: seconds}), close(0))
        )
    drain = adapters.callbacks.drain
    monkeypatch.setattr(adapters.callbacks, "drain", lambda seconds: (given.update(callbacks=seconds), drain(0)))
    assert system.stop(10 * patience()) == 0
    assert given["functions"] <= 2.0
    assert given["host functions"] <= 2.0
    assert given["callbacks"] > 2.0


class HoldingJournal(Journal):
    """Blocks where a word is seen, until it may go on."""

    def __init__(self):
        super().__init__(lambda: 0.0, [SearchingReader(b"hold it", self._hold)])
        self.held, self.may_go = threading.Event(), threading.Event()

    def _hold(self):
        self.held.set()
        assert self.may_go.wait(patience())


@WORKERS
def test_stop_keeps_its_deadline_when_an_actor_blocks_and_its_host_learns_of_the_end(make_system, monkeypatch, workers):
    monkeypatch.setattr(actors.proxy_threads, "_GRACE", 0.1)
    journal = HoldingJournal()
    system = make_system(workers, journal)
    host = Host(system)
    assert host.session.wait_for("SettingsApplied", patience())
    host.connection.send_text(b'{"type": "InjectUserMessage", "content": "hold it"}')
    telling = threading.Thread(target=host.connection.flush)
    telling.start()
    assert journal.held.wait(patience())
    asked = host.session.announce("Listen.")
    assert system.stop(0.1) == 1
    assert host.session.wait(0)
    with pytest.raises(SessionError, match="session_ended"):
        asked.result(0)
    with pytest.raises(SessionError, match="session_ended"):
        host.session.snapshot()
    journal.may_go.set()
    telling.join(patience())
    assert system.wait_until_empty(patience())


@WORKERS
def test_what_is_told_after_the_stop_is_dropped_and_starts_no_thread(make_system, workers):
    system = make_system(workers)
    host = Host(system)
    assert host.session.wait_for("SettingsApplied", patience())
    inboxes = host.session._steering.inboxes
    assert system.stop(patience()) == 0
    assert host.inbox.wait_for(Closed).code == 1001
    before = set(threading.enumerate())
    inboxes.tell_all(TextFrame(SETTINGS_TEXT))
    host.say(SETTINGS_TEXT)
    host.session.end()
    assert host.session.update(prompt="Rhyme.").exception(0).problem.code == "session_ended"
    assert set(threading.enumerate()) <= before


def test_a_session_that_begins_behind_the_stop_is_closed_at_once(make_system):
    system = make_system()
    make_parts = system._parts.admission.admit("component", None, None)
    system.stop(patience())
    host = RecordingInbox()
    with pytest.raises(SessionError, match="no_place"):
        system.connect(host)
    connection, handle = RecordingConnection(), system._parts.hosted._make_handle(None)
    assert system._parts.sessions.begin(connection, make_parts, handle) is None
    assert connection.closed == (1001, "shutting down")
    assert handle.has_ended
    handle.end()
    assert handle.announce("Listen.").exception(0).problem.code == "session_ended"
    assert ActorRegistry.get_all() == []


class Watched:
    """The slot of a worker process whose signs of life are kept, each with its thread."""

    def __init__(self):
        self.slot = WorkerBoard.in_memory().slot(1)
        self.beats = queue.SimpleQueue()

    def __getattr__(self, name):
        return getattr(self.slot, name)

    def beat(self):
        self.beats.put(threading.current_thread().name)


@pytest.mark.parametrize(("threads", "name"), [("0", "turnstile-io"), ("1", "turnstile-actors-0")])
def test_a_sign_of_life_is_given_by_a_thread_that_runs_the_actors(threads, name):
    slot = Watched()
    flags = {"server.port": "0", "upstream.url": "simulator:", "dispatcher.workers": threads}
    with ProxySystem(load_config(flags=flags), slot=slot):
        assert slot.beats.get(timeout=patience()) == name
