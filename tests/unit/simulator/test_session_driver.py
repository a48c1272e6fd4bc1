"""Sessions over connections and in memory, with time in the test's hand."""

from __future__ import annotations

import threading

import orjson
import pytest

from turnstile.ports import Inbox, LinkReady, UpstreamTarget
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.simulator.faults import Faults, Pace
from turnstile.simulator.quirks import Quirks
from turnstile.simulator.scenario import Expect, Reply, Scenario, Step
from turnstile.simulator.session import SimulatedSession
from turnstile.simulator.session_driver import SessionDriver
from turnstile.simulator.simulator import Simulator, SimulatorConnector

TEXT = {"output_modalities": ["text"]}
ANSWER = Step(Expect(), Reply("one two three"))


class _Timer:
    def __init__(self, due, callback):
        self.due = due
        self.callback = callback

    def cancel(self):
        self.callback = None


class _Time:
    """The `Clock` and `Timers` ports: time goes on when the test says so."""

    def __init__(self):
        self.now = 100.0
        self.timers: list[_Timer] = []

    def __call__(self):
        return self.now

    def start(self, delay, callback):
        assert delay > 0
        timer = _Timer(self.now + delay, callback)
        self.timers.append(timer)
        return timer

    @property
    def live(self):
        return [timer for timer in self.timers if timer.callback is not None]

    def advance(self, seconds):
        end = self.now + seconds
        while (due := sorted(self.live, key=lambda timer: timer.due)) and due[0].due <= end:
            self.now = due[0].due
            callback, due[0].callback = due[0].callback, None
            callback()
        self.now = end


class _Inbox(Inbox):
    """Keeps what it is told, and may answer at once, on the same thread."""

    def __init__(self):
        self.told = []
        self.react = None

    def tell(self, message, /):
        self.told.append(message)
        if self.react:
            self.react(message)

    @property
    def kinds(self):
        return [orjson.loads(frame.data)["type"] for frame in self.told if isinstance(frame, TextFrame)]


class _Socket:
    """The server's end of a connection; counts what belongs together."""

    def __init__(self):
        self.flushed = []
        self.queued = []
        self.closed = None
        self.credit = 0

    def send_text(self, data):
        self.queued.append(orjson.loads(data)["type"])

    def send_binary(self, data):
        self.queued.append(data)

    def flush(self):
        if self.queued:
            self.flushed.append(self.queued)
        self.queued = []

    def close(self, code, reason=""):
        self.flush()
        self.closed = Closed(code, reason)

    def handled(self, size, messages):  # noqa: ARG002 - the port
        self.credit += size


@pytest.fixture
def time():
    return _Time()


@pytest.fixture
def simulator(time):
    return _simulator(time)


def _simulator(time, *steps, **options):
    scenario = Scenario(steps or (ANSWER,))
    return Simulator(scenario, clock=time, timers=time, wall_clock=lambda: 1000.0, **options)


def _connected(simulator, url="simulator:"):
    inbox = _Inbox()
    SimulatorConnector(simulator).connect(UpstreamTarget(url), inbox)
    ready = inbox.told.pop(0)
    assert isinstance(ready, LinkReady)
    return ready.connection, inbox


def _send(connection, kind, **fields):
    connection.send_text(orjson.dumps({"type": kind, **fields}))


def test_a_link_in_memory_is_ready_at_once_and_the_session_follows(simulator, time):
    connection, inbox = _connected(simulator)
    assert inbox.told == []
    time.advance(0.01)
    assert inbox.kinds == ["session.created"]
    assert repr(connection) == "<MemoryConnection open, 0 bytes to write>"
    assert connection.buffered == 0


def test_frames_reach_the_session_with_the_flush_and_answers_come_when_due(simulator, time):
    connection, inbox = _connected(simulator)
    _send(connection, "response.create", response=TEXT)
    time.advance(0.1)
    assert inbox.kinds == ["session.created"]
    connection.flush()
    time.advance(1)
    assert inbox.kinds[-2:] == ["response.done", "rate_limits.updated"]
    connection.handled(5)
    connection.holds_back(connection)


def test_a_binary_frame_is_refused(simulator, time):
    connection, inbox = _connected(simulator)
    connection.send_binary(b"\x00")
    connection.flush()
    time.advance(0.1)
    assert inbox.kinds == ["session.created", "error"]


def test_one_timer_at_most_is_pending(simulator, time):
    connection, _ = _connected(simulator)
    for _ in range(5):
        _send(connection, "response.create", response=TEXT)
        connection.flush()
        assert len(time.live) == 1
        time.advance(0.01)
        assert len(time.live) == 1


def test_an_answer_on_the_same_thread_is_no_deadlock_and_keeps_the_order(simulator, time):
    connection, inbox = _connected(simulator)

    def react(message):
        if isinstance(message, TextFrame) and orjson.loads(message.data)["type"] == "session.created":
            _send(connection, "session.update", session={"type": "realtime"})
            connection.flush()

    inbox.react = react
    time.advance(0.1)
    assert inbox.kinds == ["session.created", "session.updated"]


def test_an_answer_within_the_sending_is_taken_by_the_sender(time):
    connection, inbox = _connected(_simulator(time, pace=Pace(answer=0.0)))
    more = iter(range(3))

    def react(_message):
        if next(more, None) is not None:
            _send(connection, "input_audio_buffer.clear")
            connection.flush()

    inbox.react = react
    _send(connection, "input_audio_buffer.clear")
    connection.flush()
    assert inbox.kinds == ["session.created"] + ["input_audio_buffer.cleared"] * 4


def test_nothing_is_told_while_reading_is_paused(simulator, time):
    connection, inbox = _connected(simulator)
    connection.pause_reading()
    connection.pause_reading()
    time.advance(0.1)
    connection.resume_reading()
    assert inbox.told == []
    connection.resume_reading()
    assert inbox.kinds == ["session.created"]


def test_a_closed_link_is_told_once_and_holds_no_timer(simulator, time):
    connection, inbox = _connected(simulator)
    connection.close(1000, "bye")
    connection.close(1000, "again")
    assert inbox.told == [Closed(1000, "bye")]
    assert time.live == []
    _send(connection, "response.create")
    connection.send_binary(b"")
    connection.flush()
    time.advance(10)
    assert len(inbox.told) == 1
    assert simulator.logs[0].received == {}
    assert repr(connection) == "<MemoryConnection closed, 0 bytes to write>"


def test_what_was_sent_before_the_close_is_taken(simulator):
    connection, _ = _connected(simulator)
    _send(connection, "input_audio_buffer.clear")
    connection.close(1000)
    assert simulator.logs[0].received == {"input_audio_buffer.clear": 1}


def test_the_sessions_own_end_is_told_behind_its_frames(time):
    connection, inbox = _connected(_simulator(time, lifetime=1.0))
    time.advance(2)
    assert inbox.kinds == ["session.created", "error"]
    assert inbox.told[-1] == Closed(1001, "Your session hit the maximum duration of 1 seconds.")
    connection.close(1000)
    assert len(inbox.told) == 3
    assert time.live == []


def test_frames_due_together_leave_in_one_write(simulator, time):
    socket = _Socket()
    link = simulator.accept(socket, model="gpt-realtime")
    time.advance(0.1)
    event = orjson.dumps({"type": "input_audio_buffer.clear"})
    link.tell(TextFrame(event))
    link.tell(TextFrame(event))
    link.tell(BinaryFrame(b"\x00"))
    time.advance(0.1)
    assert socket.flushed == [["session.created"], ["input_audio_buffer.cleared"] * 2 + ["error"]]
    assert socket.credit == 2 * len(event) + 1


def test_binary_frames_keep_their_place_among_the_others(time):
    socket = _Socket()
    simulator = _simulator(time, quirks=Quirks(noise_bytes=2))
    simulator.accept(socket, model="gpt-realtime")
    _, inbox = _connected(simulator)
    time.advance(0.1)
    assert socket.flushed == [[bytes(2), "session.created"]]
    assert [type(frame) for frame in inbox.told] == [BinaryFrame, TextFrame]


def test_messages_queued_together_reach_the_session_in_their_order(simulator, time):
    connection, inbox = _connected(simulator)
    connection.send_all([TextFrame(b'{"type":"input_audio_buffer.clear"}'), BinaryFrame(b"\0")])
    connection.flush()
    time.advance(0.1)
    assert inbox.kinds == ["session.created", "input_audio_buffer.cleared", "error"]


def test_messages_queued_together_are_forgotten_behind_a_close(simulator, time):
    connection, inbox = _connected(simulator)
    connection.close(1000)
    connection.send_all([TextFrame(b'{"type":"input_audio_buffer.clear"}')])
    connection.flush()
    time.advance(0.1)
    assert inbox.told == [Closed(1000, "")]


@pytest.mark.parametrize(
    ("own", "kinds"), [(None, ["conversation.created"]), (Quirks(opening="session.created"), ["session.created"])]
)
def test_the_quirks_are_those_of_the_scenario_unless_others_are_given(time, own, kinds):
    scenario = Scenario(quirks=Quirks(opening="conversation.created"))
    _, inbox = _connected(Simulator(scenario, clock=time, timers=time, quirks=own))
    time.advance(0.1)
    assert inbox.kinds == kinds


def test_a_link_that_is_gone_is_let_go(simulator, time):
    socket = _Socket()
    link = simulator.accept(socket, model="gpt-realtime")
    link.tell(Closed(1006, ""))
    time.advance(1)
    assert socket.flushed == []
    link.tell(TextFrame(b"{}"))
    assert simulator.logs[0].broken == []
    assert time.live == []
    assert repr(link) == "<SessionDriver ended, 0 frames waiting>"


def test_a_socket_is_closed_as_the_session_wants(time):
    socket = _Socket()
    link = _simulator(time, faults=Faults(disconnect_after_events=1)).accept(socket, model="gpt-realtime")
    link.tell(TextFrame(b"{}"))
    time.advance(0.1)
    assert socket.closed == Closed(1011, "disconnected on demand")
    assert socket.flushed == [["session.created", "error"]]


def test_a_failing_scenario_ends_its_session_and_no_other(time, caplog):
    def fail(_turn):
        raise RuntimeError("broken on purpose")

    simulator = _simulator(time, Step(Expect(contains="fail"), fail), ANSWER)
    connection, inbox = _connected(simulator)
    other, other_inbox = _connected(simulator)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fail"}]}
    _send(connection, "conversation.item.create", item=item)
    for each in (connection, other):
        _send(each, "response.create", response=TEXT)
        each.flush()
    time.advance(1)
    assert inbox.told[-1] == Closed(1011, "the simulator failed")
    assert "response.done" in other_inbox.kinds
    assert "broken on purpose" in caplog.text


def test_a_timer_that_fires_behind_the_end_does_nothing(simulator, time):
    connection, inbox = _connected(simulator)
    fire = time.live[0].callback
    connection.close(1000)
    fire()
    assert inbox.told == [Closed(1000, "")]


def test_many_threads_may_send_at_once(time):
    connection, inbox = _connected(_simulator(time, pace=Pace(answer=0.0)))

    def send():
        for _ in range(50):
            _send(connection, "input_audio_buffer.clear")
            connection.flush()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inbox.kinds == ["session.created"] + ["input_audio_buffer.cleared"] * 200


def test_a_link_is_told_only_what_a_connection_says(simulator):
    with pytest.raises(TypeError, match="str"):
        simulator.accept(_Socket(), model="gpt-realtime").tell("hello")


def test_frames_wait_for_the_connection(time):
    session = SimulatedSession(Scenario(), model="gpt-realtime", seed=0, now=time())
    link = SessionDriver(session, time, time)
    link.tell(TextFrame(b"{}"))
    time.advance(0.1)
    socket = _Socket()
    link.begin(socket)
    assert socket.flushed == [["session.created", "error"]]
    link.end()


@pytest.mark.parametrize(
    ("key", "headers", "model", "code", "close"),
    [
        ("k", {}, "gpt-realtime", None, Closed(3000, "invalid_request_error")),
        (
            "k",
            {"Authorization": "Bearer x"},
            "gpt-realtime",
            "invalid_api_key",
            Closed(3000, "invalid_request_error.invalid_api_key"),
        ),
        (
            None,
            {"openai-beta": "realtime=v1"},
            "gpt-realtime",
            "beta_api_shape_disabled",
            Closed(4000, "invalid_request_error.beta_api_shape_disabled"),
        ),
        (None, {}, None, "missing_model", Closed(4000, "invalid_request_error.missing_model")),
        (None, {}, "gpt-nope", "invalid_model", Closed(4000, "invalid_request_error.invalid_model")),
    ],
)
def test_a_connection_is_refused_with_an_error_then_a_close(time, key, headers, model, code, close):
    socket = _Socket()
    simulator = _simulator(time, api_key=key)
    simulator.accept(socket, model=model, headers=headers)
    time.advance(0.1)
    assert socket.flushed == [["error"]]
    assert socket.closed == close
    assert simulator.sessions[0]._rejection.code == code


@pytest.mark.parametrize(("kind", "headers"), [("openai", {"authorization": "Bearer k"}), ("azure", {"api-key": "k"})])
def test_the_right_key_opens(time, kind, headers):
    socket = _Socket()
    _simulator(time, kind=kind, api_key="k").accept(socket, model="my-realtime-deployment", headers=headers)
    time.advance(0.1)
    assert socket.flushed == [["session.created"]]


@pytest.mark.parametrize("value", ["k", "Basic k", "Bearer", ""])
def test_a_key_that_is_no_bearer_token_counts_as_missing(time, value):
    socket = _Socket()
    simulator = _simulator(time, api_key="k")
    simulator.accept(socket, model="gpt-realtime", headers={"authorization": value})
    time.advance(0.1)
    assert socket.closed == Closed(3000, "invalid_request_error")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer k"}, {"api-key": "x"}])
def test_azure_turns_away_in_memory_too_what_brings_no_key_of_its_form(time, headers):
    inbox = _Inbox()
    simulator = _simulator(time, kind="azure", api_key="k")
    SimulatorConnector(simulator).connect(UpstreamTarget("simulator:", headers), inbox)
    (failed,) = inbox.told
    assert (failed.problem.code, failed.retryable) == ("upstream_refused", False)
    assert simulator.sessions == []


def test_the_model_can_be_named_in_memory(simulator):
    _connected(simulator, "simulator:?model=gpt-realtime-2.1")
    _connected(simulator)
    assert [session.settings["model"] for session in simulator.sessions] == ["gpt-realtime-2.1", "gpt-realtime"]


@pytest.mark.parametrize("asked", ["call_id=rtc_1", "intent=transcription"])
def test_a_call_or_an_intent_needs_no_model_and_takes_none(time, asked):
    simulator = _simulator(time)
    _connected(simulator, f"simulator:?{asked}")
    _connected(simulator, f"simulator:?{asked}&model=gpt-realtime")
    joined, refused = simulator.sessions
    assert joined._rejection is None
    assert refused._rejection.code == "invalid_parameter"


def test_sessions_have_seeds_of_their_own_and_the_same_ones_each_time(time):
    def ids():
        simulator = _simulator(time, seed=3)
        for _ in range(2):
            _connected(simulator)
        return [session.settings["id"] for session in simulator.sessions]

    assert len(set(ids())) == 2
    assert ids() == ids()


def test_faults_can_differ_by_session(time):
    simulator = _simulator(time, faults=lambda number: Faults(refused_key=number == 1))
    inboxes = [_connected(simulator)[1] for _ in range(2)]
    time.advance(0.1)
    assert [inbox.kinds for inbox in inboxes] == [["session.created"], ["error"]]


def test_only_so_many_ended_sessions_are_kept(time):
    simulator = _simulator(time, keep=2)
    connections = [_connected(simulator)[0] for _ in range(4)]
    for connection in connections[:3]:
        connection.close(1000)
    assert repr(simulator) == "<Simulator, 1 sessions open>"
    _connected(simulator)
    assert len(simulator.sessions) == len(simulator.logs) == 4


def test_of_large_ended_sessions_fewer_are_kept(time):
    simulator = _simulator(time, keep_bytes=100_000)
    for _ in range(4):
        connection, _ = _connected(simulator)
        _send(connection, "session.update", session={"type": "realtime", "instructions": "x" * 40_000})
        connection.flush()
        connection.close(1000)
    _connected(simulator)
    kept = [session.kept_bytes for session in simulator.sessions[:-1]]
    assert 0 < sum(kept) < 100_000
    assert len(kept) == 2


def test_nothing_is_left_of_an_ended_session_but_its_log_and_its_conversation(time):
    simulator = _simulator(time)
    connection, _ = _connected(simulator)
    _send(connection, "response.create", response={"conversation": "none", **TEXT})
    _send(connection, "response.create", response=TEXT)
    connection.flush()
    connection.close(1000)
    (session,) = simulator.sessions
    assert session.next_due() is None
    assert len(session.log.responses) == 2
    assert not session._responses.is_busy


def test_a_connection_is_broken_and_not_closed_behind_its_frames_where_it_can_be(simulator, time):
    socket, broken = _Socket(), []
    driver = simulator.open_session("gpt-realtime")
    driver.begin(socket, lambda: broken.append(list(socket.flushed)))
    driver.disconnect(behind="session.created")
    time.advance(1)
    assert (broken, socket.closed) == ([[["session.created"]]], None)
    assert driver.has_ended


def test_a_client_is_not_read_while_much_of_what_it_sent_waits_for_its_time(time):
    simulator = _simulator(time)
    connection, _ = _connected(simulator)
    driver = simulator.links.all[0]
    given = []
    driver._connection.handled = lambda size, messages: given.append((size, messages))
    for _ in range(1200):
        driver.tell(TextFrame(b'{"type":"x"}'))
    assert len(given) < 1001
    time.advance(60)
    assert (sum(size for size, _ in given), sum(count for _, count in given)) == (1200 * 12, 1200)
    connection.close(1000)


def test_shutting_down_leaves_no_timer(simulator, time):
    for _ in range(3):
        _connected(simulator)
    simulator.shut_down()
    assert time.live == []


def test_the_default_scenario_answers_when_none_is_given(time):
    simulator = Simulator(clock=time, timers=time)
    connection, inbox = _connected(simulator)
    _send(connection, "response.create", response={"instructions": 'Say exactly: "Hi."', **TEXT})
    connection.flush()
    time.advance(1)
    done = orjson.loads(inbox.told[-2].data)["response"]
    assert done["output"][0]["content"][0]["text"] == "Hi."
