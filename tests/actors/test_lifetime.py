"""How a session ends by time, for each kind of client: real actors, connections in memory, and time by hand."""

from __future__ import annotations

import base64
import json
from collections import deque
from functools import partial

import pytest

from actors.dialects.registry import Dialects
from actors.session_actors import SessionDependencies
from actors.sessions import Sessions
from turnstile.config import load_config
from turnstile.observability.journal import Journal
from turnstile.ports import LinkReady, UpstreamTarget
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.testing import ManualClock, ManualTimers, RecordingConnection

VOICE_AGENT = pytest.mark.parametrize("dialect", ["deepgram", "component"])
EVERY_DIALECT = pytest.mark.parametrize("dialect", ["deepgram", "component", "realtime"])
REST = {"session.idle_timeout": "60"}
SILENCE = bytes(640)
NO_DETECTION = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


SETTINGS = {"type": "Settings", "audio": {"input": {"encoding": "linear16", "sample_rate": 24_000}}, "agent": {}}
RESPONSE = {"id": "r1", "conversation_id": "c1", "output": []}
BEGIN = {"type": "response.created", "response": RESPONSE}
END = {"type": "response.done", "response": {**RESPONSE, "status": "completed"}}
# 100 ms of audio.
DELTA = {
    "type": "response.output_audio.delta",
    "response_id": "r1",
    "item_id": "i1",
    "delta": base64.b64encode(bytes(4800)).decode(),
}


class Stage:
    """A session of any dialect, whose time passes when the test says so."""

    def __init__(self, dialect, flags, **named):
        self.dialect = dialect
        self._runs = deque()
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.client, self.link = RecordingConnection(), RecordingConnection()
        self.sessions = Sessions(
            SessionDependencies(
                dispatcher=self,
                timers=self.timers,
                connector=self,
                target=lambda *_: UpstreamTarget("ws://upstream"),
                functions=None,
                host_functions=None,
                clock=self.clock,
                journal=Journal(ManualClock()),
            )
        )
        dialects = Dialects(load_config(flags={"upstream.url": "simulator:", **flags}), lambda _: False)
        self.inbox = self.sessions.begin(self.client, dialects.named(dialect, **named))
        self.run()

    def connect(self, target, inbox):
        """Be the `Connector`."""
        del target
        self._upstream = inbox

    def waker(self, run):
        return partial(self._runs.append, run)

    def run(self):
        while self._runs:
            self._runs.popleft()()

    def configured(self):
        """Bring the session to rest."""
        if self.dialect != "realtime":
            self.says(SETTINGS)
        self._upstream.tell(LinkReady(self.link))
        self.hears({"type": "session.created", "session": {"id": "s"}})
        if self.dialect != "realtime":
            self.is_updated()
        return self

    def says(self, content):
        """Read what the client sends."""
        self.inbox.tell(BinaryFrame(content) if isinstance(content, bytes) else TextFrame(json.dumps(content).encode()))
        self.run()

    def hears(self, *events):
        """Read what upstream sends, at once."""
        self._upstream.tell_all([TextFrame(json.dumps(event).encode()) for event in events])
        self.run()

    def is_updated(self):
        """Confirm the latest update."""
        update = json.loads(self.link.sent[-1].data)
        self.hears({"type": "session.updated", "session": {"id": "s", **update["session"]}})

    def passes(self, seconds):
        """Let time pass."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.timers.advance(1.0)
            self.run()

    def speaks(self):
        """The agent's response with one piece of audio, 100 ms long, comes at once."""
        self.hears(BEGIN, DELTA, END)

    def sends_audio(self):
        if self.dialect == "realtime":
            self.says({"type": "input_audio_buffer.append", "audio": "AAAA"})
        else:
            self.says(SILENCE)

    @property
    def errors(self):
        """The codes of the errors that the client got."""
        texts = [json.loads(frame.data) for frame in self.client.sent if isinstance(frame, TextFrame)]
        errors = [one.get("error", one) for one in texts if one["type"] in {"Error", "error"}]
        return [error["code"] for error in errors]


@pytest.fixture
def begin():
    stages = []

    def make(dialect, flags=None, **named):
        stages.append(Stage(dialect, flags or {}, **named))
        return stages[-1]

    yield make
    for stage in stages:
        stage.sessions.cut_off()
        stage.run()


# The first Settings.


@VOICE_AGENT
def test_a_client_that_sends_no_settings_is_closed_with_words(begin, dialect):
    stage = begin(dialect)
    stage.passes(29)
    assert stage.client.closed is None
    stage.passes(2)
    assert stage.client.closed == (1008, "settings_timeout")
    assert stage.errors == ["settings_timeout"]
    assert len(stage.sessions) == 0


@VOICE_AGENT
@pytest.mark.parametrize(
    "frame", [{"type": "KeepAlive"}, SILENCE, {"type": "Sing"}], ids=["KeepAlive", "audio", "none"]
)
def test_neither_keepalive_nor_audio_nor_an_invalid_message_counts_as_settings(begin, dialect, frame):
    stage = begin(dialect)
    for _ in range(31):
        stage.passes(1)
        stage.says(frame)
    assert stage.client.closed == (1008, "settings_timeout")


@VOICE_AGENT
def test_a_client_that_has_sent_settings_stays(begin, dialect):
    stage = begin(dialect).configured()
    stage.passes(3_600)
    assert stage.client.closed is None


def test_a_realtime_client_need_not_configure_anything(begin):
    stage = begin("realtime").configured()
    stage.passes(3_600)
    assert stage.client.closed is None


# Idle.


@EVERY_DIALECT
def test_an_idle_session_ends_with_words_and_a_code_after_which_no_client_comes_back(begin, dialect):
    stage = begin(dialect, REST).configured()
    stage.passes(59)
    assert stage.client.closed is None
    stage.passes(2)
    assert stage.client.closed == (1000, "idle_timeout")
    assert stage.errors == ["idle_timeout"]
    assert stage.link.closed is not None
    assert len(stage.sessions) == 0


@EVERY_DIALECT
def test_a_silent_microphone_does_not_keep_a_session(begin, dialect):
    stage = begin(dialect, REST).configured()
    for _ in range(62):
        stage.sends_audio()
        stage.passes(1)
    assert stage.client.closed == (1000, "idle_timeout")


@VOICE_AGENT
def test_keepalive_does_not_keep_a_session(begin, dialect):
    stage = begin(dialect, REST).configured()
    for _ in range(62):
        stage.says({"type": "KeepAlive"})
        stage.passes(1)
    assert stage.client.closed == (1000, "idle_timeout")


def test_audio_keeps_a_session_in_which_nobody_detects_speech(begin):
    stage = begin("realtime", REST).configured()
    stage.says({"type": "session.update", "session": NO_DETECTION})
    stage.is_updated()
    for _ in range(200):
        stage.sends_audio()
        stage.passes(1)
    assert stage.client.closed is None
    stage.passes(122)
    assert stage.client.closed == (1000, "idle_timeout")


@EVERY_DIALECT
def test_speech_keeps_a_session_until_it_is_answered(begin, dialect):
    stage = begin(dialect, REST).configured()
    stage.hears({"type": "input_audio_buffer.speech_started", "item_id": "i1"})
    stage.passes(200)
    assert stage.client.closed is None


@EVERY_DIALECT
def test_an_answer_keeps_a_session_for_as_long_as_it_plays_and_the_time_thereafter(begin, dialect):
    stage = begin(dialect, REST).configured()
    stage.hears(BEGIN, *[DELTA] * 300, END)
    stage.passes(30 + 59)
    assert stage.client.closed is None
    stage.passes(2)
    assert stage.client.closed == (1000, "idle_timeout")


@EVERY_DIALECT
def test_an_idle_session_starts_no_timer_for_each_message(begin, dialect):
    stage = begin(dialect, REST).configured()
    stage.passes(1)
    before = stage.timers.pending
    for _ in range(20):
        stage.speaks()
    assert stage.timers.pending <= before + 1


# The longest time.


@EVERY_DIALECT
def test_a_session_that_lasts_too_long_ends_with_words_and_the_close_code_of_the_api(begin, dialect):
    stage = begin(dialect, {"session.max_duration": "600"}).configured()
    stage.passes(599)
    assert stage.client.closed is None
    stage.passes(2)
    assert stage.client.closed == (1001, "session_expired")
    assert stage.errors == ["session_expired"]


@EVERY_DIALECT
def test_a_turn_is_finished_before_the_session_ends(begin, dialect):
    stage = begin(dialect, {"session.max_duration": "20"}).configured()
    stage.hears(BEGIN)
    stage.passes(25)
    assert stage.client.closed is None
    stage.hears(DELTA, END)
    assert stage.client.closed == (1001, "session_expired")
    heard = [isinstance(frame, BinaryFrame) or b"output_audio.delta" in frame.data for frame in stage.client.sent]
    assert any(heard)


@EVERY_DIALECT
def test_a_turn_that_does_not_end_is_cut_off(begin, dialect):
    stage = begin(dialect, {"session.max_duration": "20"}).configured()
    stage.hears(BEGIN)
    stage.passes(32)
    assert stage.client.closed == (1001, "session_expired")


@pytest.mark.parametrize(("configured", "admitted"), [("600", 60.0), ("60", 600.0), ("0", 60.0)])
@EVERY_DIALECT
def test_who_admits_a_session_may_shorten_it(begin, dialect, configured, admitted):
    stage = begin(dialect, {"session.max_duration": configured}, max_duration=admitted).configured()
    stage.passes(59)
    assert stage.client.closed is None
    stage.passes(2)
    assert stage.client.closed == (1001, "session_expired")
