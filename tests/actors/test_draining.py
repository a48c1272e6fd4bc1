"""A proxy that stops lets each session end what it has begun: real sockets, and responses that end on an event."""

from __future__ import annotations

import json
import logging
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from websocket import ABNF, WebSocketBadStatusException, create_connection

import actors.proxy_threads
from actors.system import ProxySystem
from actors.timers import TimerThread
from turnstile.config import load_config
from turnstile.errors import SessionError
from turnstile.protocol.frames import Closed
from turnstile.simulator.scenario import Expect, Reply, Scenario, Step
from turnstile.simulator.simulator import Simulator
from turnstile.terminal.terminal_client import TerminalClient
from turnstile.testing import RecordingInbox, patience

SETTINGS = {"agent": {"think": {"prompt": "Be brief."}}}
WORKERS = pytest.mark.parametrize("workers", ["0", "2"], ids=["on the I/O thread", "on threads of their own"])


class HeldTimers:
    """The `Timers` port whose timers do not fire between `hold` and `let_go`."""

    def __init__(self):
        self._timers = TimerThread()
        self._lock = threading.Lock()
        self._held = None
        self.holding = threading.Event()
        self.stop = self._timers.stop

    def start(self, delay, callback):
        return self._timers.start(delay, lambda: self._fire(callback))

    def hold(self):
        with self._lock:
            self._held = []
        self.holding.set()

    def let_go(self):
        with self._lock:
            held, self._held = self._held or [], None
        for callback in held:
            callback()

    def _fire(self, callback):
        with self._lock:
            if self._held is not None:
                self._held.append(callback)
                return
        callback()


@pytest.fixture
def timers():
    timers = HeldTimers()
    yield timers
    timers.stop(patience())


@pytest.fixture
def make_system(timers):
    """Make a system whose agent stops in the middle of its answer to "hold", until the timers are let go."""

    def hold(_turn):
        timers.hold()
        return Reply("I am still speaking.")

    scenario = Scenario(steps=(Step(Expect(on="text", contains="hold"), hold),))
    systems = []

    def make(workers="0", **flags):
        given = {"server.port": "0", "upstream.url": "simulator:", "dispatcher.workers": workers, **flags}
        simulator = Simulator(scenario, clock=time.monotonic, timers=timers)
        systems.append(ProxySystem(load_config(flags=given), simulator=simulator))
        systems[-1].start()
        return systems[-1]

    yield make
    timers.let_go()
    for system in systems:
        system.stop(patience())


def address(system, path="/openai"):
    host, port = system.address
    return f"ws://{host}:{port}{path}"


def configured(system, path="/openai", **settings):
    dialogue = TerminalClient(address(system, path), timeout=patience())
    dialogue.send("Settings", **(settings or SETTINGS))
    assert dialogue.wait_for("SettingsApplied")
    return dialogue


@contextmanager
def stopping(system, timeout=None):
    """Stop the system on a thread; yields once it drains, and waits for the end."""
    left, draining, drain = [], threading.Event(), system._parts.sessions.drain
    system._parts.sessions.drain = lambda: (drain(), draining.set())[0]
    thread = threading.Thread(target=lambda: left.append(system.stop(patience() if timeout is None else timeout)))
    thread.start()
    assert draining.wait(patience())
    yield left
    thread.join(patience())
    assert not thread.is_alive()


def closed(dialogue):
    dialogue.wait_until(lambda: None)
    return dialogue.closed


def rest_of(link):
    """Return the types of what a Realtime client still reads, and the content of the close frame."""
    kinds = []
    opcode, data = link.recv_data(control_frame=True)
    while opcode != ABNF.OPCODE_CLOSE:
        kinds.append(json.loads(data)["type"])
        opcode, data = link.recv_data(control_frame=True)
    link.shutdown()
    return kinds, data


@WORKERS
@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse"])
def test_a_response_in_progress_and_what_it_held_are_settled_before_the_end(make_system, timers, workers, path):
    system = make_system(workers)
    with configured(system, path) as dialogue:
        dialogue.send("InjectUserMessage", content="hold it")
        assert timers.holding.wait(patience())
        dialogue.send("UpdatePrompt", prompt="Be calm.")
        dialogue.send("InjectUserMessage", content="And then?")
        with stopping(system) as left:
            assert system.sessions == 1
            timers.let_go()
        assert left == [0]
        assert closed(dialogue) == "1001 shutting down"
        kinds = [message["type"] for message in dialogue.messages]
        assert kinds.count("AgentAudioDone") == 2
        assert kinds.index("AgentAudioDone") < kinds.index("PromptUpdated")
        assert dialogue.received("Error") == []


@WORKERS
def test_a_realtime_clients_response_and_its_held_update_are_settled_before_the_end(make_system, timers, workers):
    system = make_system(workers)
    with ExitStack() as leaving:
        link = create_connection(address(system, "/v1/realtime"), timeout=patience())
        leaving.callback(link.shutdown)  # its `close` leaves the socket open once the proxy has closed
        assert "session.created" in link.recv()
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hold it"}]}
        link.send(json.dumps({"type": "conversation.item.create", "item": item}))
        link.send(json.dumps({"type": "response.create", "response": {"output_modalities": ["text"]}}))
        assert timers.holding.wait(patience())
        link.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": "Be calm."}}))
        with stopping(system) as left:
            assert system.sessions == 1
            timers.let_go()
            kinds, data = rest_of(link)
        assert left == [0]
        assert (int.from_bytes(data[:2], "big"), data[2:]) == (1001, b"shutting down")
        assert kinds[-1] == "session.updated"
        assert "response.done" in kinds


@WORKERS
def test_a_realtime_clients_response_out_of_band_goes_on_to_its_end(make_system, timers, workers):
    system = make_system(workers)
    with ExitStack() as leaving:
        link = create_connection(address(system, "/v1/realtime"), timeout=patience())
        leaving.callback(link.shutdown)
        assert "session.created" in link.recv()
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hold it"}]}
        aside = {"conversation": "none", "output_modalities": ["text"], "input": [item]}
        link.send(json.dumps({"type": "response.create", "response": aside}))
        assert timers.holding.wait(patience())
        with stopping(system) as left:
            assert system.sessions == 1
            timers.let_go()
            kinds, data = rest_of(link)
        assert left == [0]
        assert (int.from_bytes(data[:2], "big"), data[2:]) == (1001, b"shutting down")
        assert kinds[0] == "response.created"
        assert "response.done" in kinds


def test_an_idle_session_ends_at_once_while_another_one_is_speaking(make_system, timers):
    system = make_system()
    with configured(system) as idle, configured(system) as busy:
        busy.send("InjectUserMessage", content="hold it")
        assert timers.holding.wait(patience())
        with stopping(system) as left:
            assert closed(idle) == "1001 shutting down"
            assert busy.closed is None
            timers.let_go()
        assert left == [0]
        assert busy.received("AgentAudioDone")


def test_a_new_client_is_turned_away_in_words_until_the_drain_ends(make_system, timers):
    system = make_system()
    with configured(system) as dialogue:
        dialogue.send("InjectUserMessage", content="hold it")
        assert timers.holding.wait(patience())
        with stopping(system):
            with pytest.raises(WebSocketBadStatusException) as refused:
                create_connection(address(system), timeout=patience())
            answer = refused.value
            assert answer.status_code == 503
            assert answer.resp_headers["retry-after"] == "5"
            assert answer.resp_headers["connection"] == "close"
            assert answer.resp_body.strip() == b"The proxy is shutting down."
            with pytest.raises(SessionError, match="no_place: The proxy is shutting down"):
                system.connect(RecordingInbox())
            timers.let_go()


def test_the_clients_result_of_an_open_call_is_awaited_and_answered(make_system):
    system = make_system()
    functions = [{"name": "get_weather", "parameters": {"type": "object", "properties": {}}}]
    with configured(system, agent={"think": {"functions": functions}}) as dialogue:
        dialogue.send("InjectUserMessage", content="Please call get_weather")
        call = dialogue.wait_for("FunctionCallRequest")["functions"][0]
        with stopping(system) as left:
            dialogue.send("FunctionCallResponse", id=call["id"], name=call["name"], content="It is sunny.")
        assert left == [0]
        assert closed(dialogue) == "1001 shutting down"
        words = [message["content"] for message in dialogue.received("ConversationText")]
        assert "sunny" in words[-1]


@WORKERS
def test_a_host_in_this_process_hears_the_end_of_the_turn_and_then_the_close(make_system, timers, workers):
    system = make_system(workers)
    inbox = RecordingInbox()
    connection, session = system.connect(inbox)
    for message in ({"type": "Settings", **SETTINGS}, {"type": "InjectUserMessage", "content": "hold it"}):
        connection.send_text(json.dumps(message).encode())
    connection.flush()
    assert timers.holding.wait(patience())
    held = session.update(prompt="Be calm.")
    with stopping(system):
        assert not session.has_ended
        timers.let_go()
    assert held.exception(0) is None
    assert session.wait_for("AgentAudioDone", 0)
    assert inbox.wait_for(Closed) == Closed(1001, "shutting down")


def test_what_is_left_at_the_deadline_is_cut_off_counted_and_named(make_system, timers, caplog):
    system = make_system()
    with configured(system) as dialogue, configured(system) as other, caplog.at_level(logging.WARNING):
        for one in (dialogue, other):
            one.send("InjectUserMessage", content="hold it")
        assert timers.holding.wait(patience())
        ids = list(system.inspect(patience()))
        with stopping(system, 0.3) as left:
            pass
        assert left == [2]
        assert [closed(one) for one in (dialogue, other)] == ["1001 shutting down"] * 2
    words = [record.message for record in caplog.records if record.name == "actors.proxy_threads"]
    assert words == [f"2 sessions did not end in time and are cut off: {', '.join(ids)}"]


def test_the_line_about_many_sessions_that_are_cut_off_is_bounded():
    ids = [f"{number:012x}" for number in range(1_000)]
    assert actors.proxy_threads._named(ids) == f"{', '.join(ids[:20])} and 980 more"
    assert actors.proxy_threads._named(ids[:20]) == ", ".join(ids[:20])


def test_a_second_stop_shortens_the_time_of_the_first(make_system, timers):
    system = make_system()
    with configured(system) as dialogue:
        dialogue.send("InjectUserMessage", content="hold it")
        assert timers.holding.wait(patience())
        with stopping(system, 10 * patience()):
            assert system.stop(0) == 1
        assert closed(dialogue) == "1001 shutting down"
