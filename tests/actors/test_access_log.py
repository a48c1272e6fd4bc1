"""The line of a session's end says how it ended and who ended it, whichever way it ends."""

from __future__ import annotations

import json
import logging
from collections import deque
from functools import partial

import pytest

from actors.dialects.registry import Dialects
from actors.handle import SessionHandle
from actors.session_actors import SessionDependencies
from actors.sessions import Sessions
from turnstile.config import load_config
from turnstile.embed.feed import EventFeed
from turnstile.errors import Problem
from turnstile.observability.journal import Journal
from turnstile.observability.session_facts import Client
from turnstile.ports import LinkFailed, LinkReady, UpstreamTarget
from turnstile.protocol.frames import PEER_TOO_SLOW, Closed, TextFrame
from turnstile.testing import ManualClock, ManualTimers, RecordingConnection

EVERY_DIALECT = pytest.mark.parametrize("dialect", ["deepgram", "component", "realtime"])
WEB = Client("web", "192.0.2.7", "/openai")
SETTINGS = {"type": "Settings", "audio": {"input": {"encoding": "linear16", "sample_rate": 24_000}}, "agent": {}}


class Stage:
    """A session of any dialect, all on the test's thread, whose time passes when the test says so."""

    def __init__(self, dialect, flags, client):
        self.dialect = dialect
        self._runs = deque()
        self.clock = ManualClock()
        self.timers = ManualTimers(self.clock)
        self.client, self.link = RecordingConnection(), RecordingConnection()
        self.journal = Journal(self.clock)
        self.sessions = Sessions(
            SessionDependencies(
                dispatcher=self,
                timers=self.timers,
                connector=self,
                target=lambda model, _: UpstreamTarget("ws://upstream", model=model or "the operator's"),
                functions=None,
                host_functions=None,
                clock=self.clock,
                journal=self.journal,
            )
        )
        dialects = Dialects(load_config(flags={"upstream.url": "simulator:", **flags}), lambda _: False)
        self.handle = SessionHandle(EventFeed(), lambda call: call())
        self.inbox = self.sessions.begin(self.client, dialects.named(dialect), self.handle, client=client)
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

    def configured(self, **shown):
        """Bring the session to rest; `shown` is what upstream says of its session."""
        if self.dialect != "realtime":
            self.says(SETTINGS)
        self.connects("sess_1", **shown)
        if self.dialect != "realtime":
            self.is_updated()
        return self

    def connects(self, session_id, **shown):
        self.receives(LinkReady(self.link))
        self.hears({"type": "session.created", "session": {"id": session_id, **shown}})

    def says(self, content):
        self.inbox.tell(TextFrame(json.dumps(content).encode()))
        self.run()

    def hears(self, *events):
        self.receives(*[TextFrame(json.dumps(event).encode()) for event in events])

    def receives(self, *messages):
        """Have the link receive something."""
        self._upstream.tell_all(messages)
        self.run()

    def client_is(self, closed):
        self.inbox.tell(closed)
        self.run()

    def is_updated(self):
        """Confirm the latest update."""
        update = json.loads(self.link.sent[-1].data)
        self.hears({"type": "session.updated", "session": {"id": "sess_1", **update["session"]}})

    def passes(self, seconds):
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.timers.advance(1.0)
            self.run()


@pytest.fixture
def begin(caplog):
    caplog.set_level(logging.INFO, "turnstile.access")
    stages = []

    def make(dialect="component", flags=None):
        stages.append(Stage(dialect, flags or {}, WEB))
        return stages[-1]

    yield make
    for stage in stages:
        stage.sessions.cut_off()
        stage.run()


@pytest.fixture
def ended(caplog):
    """Return the record of the only end that was logged."""

    def found():
        (record,) = [one for one in caplog.records if one.__dict__.get("event") == "session ended"]
        return record

    return found


@pytest.fixture
def end(ended):
    """Return the code, the reason and the causer of that end."""

    def found():
        record = ended()
        return record.code, record.__dict__.get("reason", ""), record.by

    return found


def fields(record, *names):
    return {name: record.__dict__.get(name) for name in names}


def test_a_session_has_one_line_at_its_start_and_one_at_its_end(begin, caplog):
    stage = begin().configured()
    stage.says({"type": "InjectUserMessage", "content": "hello"})
    stage.clock.now += 2.5
    stage.client_is(Closed(1000, "bye"))
    began, ended = [one for one in caplog.records if one.name == "turnstile.access"]
    who = {"identity": "web", "address": "192.0.2.7", "path": "/openai", "dialect": "component"}
    assert fields(began, *who) == fields(ended, *who) == who
    assert began.session == ended.session == stage.handle.session_id
    assert fields(ended, "duration", "turns", "links", "upstream_sessions", "updates_held", "longest_hold") == {
        "duration": 2.5,
        "turns": 1,
        "links": 1,
        "upstream_sessions": ["sess_1"],
        "updates_held": 0,
        "longest_hold": 0.0,
    }
    assert ended.client_bytes_out == stage.client.sent_bytes > 0
    assert ended.upstream_bytes_out == stage.link.sent_bytes > 0
    assert ended.client_bytes_in == stage.client.handled_bytes > 0


@EVERY_DIALECT
def test_the_line_of_the_end_names_the_model_that_upstream_says_is_in_use(begin, ended, dialect):
    stage = begin(dialect).configured(model="gpt-realtime-2025-08-28")
    stage.client_is(Closed(1000, ""))
    assert ended().model == "gpt-realtime-2025-08-28"


@EVERY_DIALECT
def test_the_line_of_the_end_names_the_model_that_was_asked_for_where_upstream_names_none(begin, ended, dialect):
    stage = begin(dialect).configured()
    stage.client_is(Closed(1000, ""))
    assert ended().model == "the operator's"


def test_the_line_of_the_end_names_the_model_of_settings_that_upstream_refuses(begin, ended):
    stage = begin("deepgram", {"upstream.models": ["gpt-realtime-mini"]})
    stage.says({**SETTINGS, "agent": {"think": {"provider": {"type": "open_ai", "model": "gpt-realtime-mini"}}}})
    stage.receives(LinkFailed(Problem("upstream_refused", "No such model."), retryable=False))
    assert ended().model == "gpt-realtime-mini"


@EVERY_DIALECT
def test_a_client_that_closes_ends_its_session(begin, end, dialect):
    begin(dialect).configured().client_is(Closed(1000, "bye"))
    assert end() == (1000, "bye", "client")


@EVERY_DIALECT
def test_a_client_that_vanishes_ends_its_session(begin, end, dialect):
    begin(dialect).configured().client_is(Closed(1006, "the connection broke: Connection reset by peer"))
    assert end() == (1006, "the connection broke: Connection reset by peer", "client")


@EVERY_DIALECT
def test_the_proxy_ends_a_session_whose_client_does_not_read(begin, end, dialect):
    begin(dialect).configured().client_is(Closed(1008, PEER_TOO_SLOW, by_us=True))
    assert end() == (1008, PEER_TOO_SLOW, "proxy")


@EVERY_DIALECT
def test_upstream_ends_a_session_whose_link_is_lost_for_good(begin, end, dialect):
    stage = begin(dialect, {"upstream.reconnect_for": "0"}).configured()
    stage.receives(Closed(1006, ""))
    assert end() == ((1011 if dialect == "realtime" else 1014), "upstream_closed", "upstream")


@EVERY_DIALECT
def test_upstream_ends_a_session_to_which_it_gives_no_other_link_in_time(begin, end, dialect):
    stage = begin(dialect, {"upstream.reconnect_for": "5"}).configured()
    stage.receives(Closed(1006, ""))
    stage.passes(7)
    assert end()[2] == "upstream"


@EVERY_DIALECT
def test_upstream_ends_a_session_that_it_refuses(begin, end, dialect):
    stage = begin(dialect)
    if dialect != "realtime":
        stage.says(SETTINGS)
    stage.receives(LinkFailed(Problem("upstream_refused", "The key is wrong."), retryable=False))
    assert end()[1:] == ("upstream_refused", "upstream")


def test_upstream_ends_a_session_whose_first_settings_it_refuses(begin, end):
    stage = begin()
    stage.says(SETTINGS)
    stage.connects("sess_1")
    event_id = json.loads(stage.link.sent[-1].data)["event_id"]
    error = {"type": "invalid_request_error", "code": "invalid_value", "message": "no", "event_id": event_id}
    stage.hears({"type": "error", "error": error})
    assert end() == (1008, "invalid_value", "upstream")


def test_the_proxy_ends_a_session_whose_first_settings_it_refuses(begin, end):
    begin().says({"type": "Settings", "agent": 1})
    assert end()[2] == "proxy"


def test_a_host_ends_its_session(begin, end):
    stage = begin().configured()
    stage.handle.end(4000, "enough")
    stage.run()
    assert end() == (4000, "enough", "host")


@EVERY_DIALECT
def test_the_proxy_ends_a_session_that_it_drains(begin, end, dialect):
    stage = begin(dialect).configured()
    stage.sessions.drain()
    stage.run()
    assert end() == (1001, "shutting down", "proxy")


@EVERY_DIALECT
def test_the_proxy_ends_a_session_that_is_idle(begin, end, dialect):
    begin(dialect, {"session.idle_timeout": "60"}).configured().passes(70)
    assert end() == (1000, "idle_timeout", "proxy")


@EVERY_DIALECT
def test_the_proxy_ends_a_session_that_has_lasted_as_long_as_it_may(begin, end, dialect):
    begin(dialect, {"session.max_duration": "60"}).configured().passes(80)
    assert end() == (1001, "session_expired", "proxy")


def test_the_proxy_ends_a_session_of_which_no_settings_come(begin, end):
    begin().passes(40)
    assert end() == (1008, "settings_timeout", "proxy")


def test_the_proxy_ends_a_session_with_too_many_invalid_messages(begin, end):
    stage = begin(flags={"limits.invalid_messages": "1"}).configured()
    stage.says({"type": "Nothing"})
    stage.says({"type": "Nothing"})
    assert end() == (1008, "too many invalid messages", "proxy")


def test_the_proxy_ends_a_session_in_which_it_fails(begin, end):
    stage = begin().configured()

    def fail(_entry):
        raise ValueError

    stage.journal.watch(stage.handle.session_id, fail)
    stage.says({"type": "KeepAlive"})
    assert end() == (1011, "internal error", "proxy")


def test_a_session_is_over_whatever_a_reader_of_its_journal_does(begin, monkeypatch):
    stage = begin().configured()

    def fail(*_arguments):
        raise ValueError

    monkeypatch.setattr(stage.journal, "end", fail)
    stage.client_is(Closed(1000, ""))
    assert len(stage.sessions) == 0
    assert stage.handle.has_ended


def test_a_session_that_cannot_be_started_has_both_lines(begin, caplog, monkeypatch):
    stage = begin()
    caplog.clear()

    def fail(*_arguments):
        raise MemoryError

    monkeypatch.setattr("actors.sessions.start_actors", fail)
    dialects = Dialects(load_config(flags={"upstream.url": "simulator:"}), lambda _: False)
    with pytest.raises(MemoryError):
        stage.sessions.begin(RecordingConnection(), dialects.named("component"))
    assert [one.event for one in caplog.records] == ["session began", "session ended"]
    assert caplog.records[-1].by == "proxy"
    assert len(stage.sessions) == len(stage.journal.open) == stage.sessions.counts.snapshot()["sessions_open"] == 1
