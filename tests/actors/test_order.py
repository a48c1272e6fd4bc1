"""A whole session, its actors run in whatever turn the test chooses: what one end sends, the other hears in order."""

from __future__ import annotations

import base64
import json
import random
from contextlib import contextmanager
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.dialects.registry import Dialects
from actors.messages import End
from actors.session_actors import SessionDependencies
from actors.sessions import Sessions
from turnstile.config import load_config
from turnstile.observability.journal import Journal
from turnstile.ports import LinkReady, UpstreamTarget
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.testing import ManualClock, ManualTimers, RecordingConnection

CONFIG = load_config(flags={"upstream.url": "simulator:"})
SETTINGS = {"type": "Settings", "agent": {}, "audio": {"input": {"encoding": "linear16", "sample_rate": 24_000}}}
APPEND = {"type": "input_audio_buffer.append", "audio": "AAAA"}
COMMIT = {"type": "input_audio_buffer.commit"}
ITEM = {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": []}}
CREATE = {"type": "response.create"}
NO_DETECTION = {"audio": {"input": {"turn_detection": None}}}
SHORT = {
    "session.update": "update",
    "conversation.item.create": "item",
    "input_audio_buffer.append": "append",
    "input_audio_buffer.commit": "commit",
    "response.create": "create",
}


def newest(_):
    """Choose what was made ready last: whoever is told something overtakes all who were told before."""
    return -1


def oldest(_):
    return 0


class ChosenDispatcher:
    """Runs what is scheduled, each time the run that is chosen."""

    def __init__(self, choose):
        self.choose = choose
        self._runs = []

    def schedule(self, run):
        self._runs.append(run)

    def waker(self, run):
        return partial(self.schedule, run)

    def run(self):
        while self._runs:
            self._runs.pop(self.choose(len(self._runs)))()


class Talk:
    """A session, and both its ends."""

    at_once = False
    """Whether a socket tells all that one read completed together, as a real one does."""

    def __init__(self, dialect, choose):
        self.dispatcher = ChosenDispatcher(choose)
        self.client, self.link = RecordingConnection(), RecordingConnection()
        self.sessions = Sessions(
            SessionDependencies(
                dispatcher=self.dispatcher,
                timers=ManualTimers(ManualClock()),
                connector=self,
                target=lambda *_: UpstreamTarget("ws://upstream"),
                functions=None,
                host_functions=None,
                clock=ManualClock(),
                journal=Journal(ManualClock()),
            )
        )
        self.inbox = self.sessions.begin(self.client, Dialects(CONFIG, lambda _: False).named(dialect))
        self.dispatcher.run()

    def connect(self, target, inbox):
        """Be the `Connector`."""
        del target
        self.upstream = inbox

    def reads(self, *frames):
        """Read some frames of the client's at once."""
        return self._tell(self.inbox, map(_frame, frames))

    def hears(self, *events):
        """Read some events of upstream's at once."""
        return self._tell(self.upstream, map(_frame, events))

    def _tell(self, inbox, messages):
        if self.at_once:
            inbox.tell_all(list(messages))
        else:
            for message in messages:
                inbox.tell(message)
        self.dispatcher.run()
        return self

    def connects(self):
        self.upstream.tell(LinkReady(self.link))
        return self

    def opens(self):
        return self.connects().hears({"type": "session.created", "session": {"id": "s"}})

    def updated(self):
        """Upstream's confirmation of the last update."""
        patch = next(event["session"] for event in reversed(self.events()) if event["type"] == "session.update")
        return {"type": "session.updated", "session": {"id": "s", **patch}}

    def events(self):
        return [json.loads(frame.data) for frame in self.link.sent]

    def sent(self):
        return [SHORT.get(event["type"], event["type"]) for event in self.events()]

    def told(self):
        """What the client was told, by type."""
        return [json.loads(frame.data)["type"] for frame in self.client.sent if isinstance(frame, TextFrame)]


def _frame(content):
    return BinaryFrame(content) if isinstance(content, bytes) else TextFrame(json.dumps(content).encode())


@pytest.fixture(scope="module", params=[False, True], ids=["one by one", "at once"], autouse=True)
def _at_once(request):
    Talk.at_once = request.param


@contextmanager
def talking(dialect, choose=newest):
    talk = Talk(dialect, choose)
    try:
        yield talk
    finally:
        talk.inbox.tell(End(1000, ""))
        talk.dispatcher.run()
    assert len(talk.sessions) == 0


def ready(talk):
    """Bring a session of a voice agent's client to rest, configured."""
    talk.reads(SETTINGS)
    talk.opens()
    return talk.hears(talk.updated())


each_turn = pytest.mark.parametrize("choose", [newest, oldest])


@each_turn
def test_a_forced_end_of_a_turn_commits_the_audio_before_it_and_none_behind_it(choose):
    first, second = b"\1\0" * 4800, b"\2\0" * 4800
    with talking("component", choose) as talk:
        ready(talk)
        talk.reads(first, {"type": "ForceEndTurn"}, second)
        sent = talk.sent()
        place = sent.index("commit")
        pieces = [base64.b64decode(event.get("audio", "")) for event in talk.events()]
    assert b"".join(pieces[:place]) == first
    assert b"".join(pieces[place:]) == second


@each_turn
def test_settings_and_speech_and_the_end_of_the_turn_in_one_breath_come_to_one_commit_and_no_error(choose):
    with talking("component", choose) as talk:
        talk.reads(SETTINGS, *[bytes(4800)] * 3, {"type": "ForceEndTurn"})
        talk.opens().hears(talk.updated())
        assert talk.sent() == ["update", "append", "commit"]
        assert talk.told() == ["SettingsApplied"]


@each_turn
def test_an_update_and_audio_and_a_create_in_one_breath_leave_as_they_came(choose):
    update = {"type": "session.update", "session": NO_DETECTION}
    with talking("realtime", choose) as talk:
        talk.reads(update, *[APPEND] * 5, COMMIT, CREATE).opens()
        assert talk.sent() == ["update"]
        talk.hears(talk.updated())
        assert talk.sent() == ["update", *["append"] * 5, "commit", "create"]


@each_turn
def test_items_and_audio_leave_as_they_came_on_an_idle_session(choose):
    with talking("realtime", choose) as talk:
        talk.opens().reads(ITEM, APPEND, COMMIT, ITEM)
        assert talk.sent() == ["item", "append", "commit", "item"]


@each_turn
def test_items_and_audio_leave_as_they_came_before_the_link_is_open(choose):
    with talking("realtime", choose) as talk:
        talk.reads(APPEND, ITEM, APPEND, COMMIT, ITEM).opens()
        assert talk.sent() == ["append", "item", "append", "commit", "item"]


@each_turn
def test_audio_breaks_in_on_a_response_while_messages_wait_for_its_end(choose):
    with talking("component", choose) as talk:
        ready(talk).hears({"type": "response.created", "response": {"id": "r1", "output": []}})
        talk.reads({"type": "InjectUserMessage", "content": "Hello."}, bytes(960))
        assert talk.sent() == ["update", "append"]


@each_turn
@pytest.mark.parametrize(
    ("first", "answer"),
    [
        ("session.updated", "session.updated"),
        ("error", "error"),
    ],
)
def test_what_upstream_says_after_what_is_answered_is_heard_after_the_answer(choose, first, answer):
    with talking("realtime", choose) as talk:
        talk.opens().reads({"type": "session.update", "session": {"instructions": "Rhyme."}})
        refused = {"event_id": talk.events()[-1]["event_id"], "type": "invalid_request_error", "message": "No."}
        events = {"session.updated": talk.updated(), "error": {"type": "error", "error": refused}}
        talk.hears(events[first], {"type": "response.created", "response": {"id": "r1", "output": []}})
        assert talk.told()[1:] == [answer, "response.created"]


@each_turn
def test_settings_are_acknowledged_before_what_upstream_says_after_it_took_them(choose):
    with talking("component", choose) as talk:
        talk.reads(SETTINGS).opens()
        started = {"type": "input_audio_buffer.speech_started", "item_id": "i1", "audio_start_ms": 0}
        talk.hears(talk.updated(), started)
        assert talk.told() == ["SettingsApplied", "UserStartedSpeaking"]


@each_turn
def test_what_upstream_says_after_a_commit_was_refused_here_is_heard_after_that(choose):
    with talking("component", choose) as talk:
        ready(talk).reads({"type": "ForceEndTurn"}, {"type": "UpdatePrompt", "prompt": "Rhyme."})
        started = {"type": "input_audio_buffer.speech_started", "item_id": "i1", "audio_start_ms": 0}
        talk.hears(talk.updated(), started)
        assert talk.told() == ["SettingsApplied", "Error", "PromptUpdated", "UserStartedSpeaking"]


def test_a_session_that_is_assumed_does_not_take_the_place_of_one_that_upstream_has_shown_since():
    update = {"type": "session.update", "session": {"type": "realtime", "model": "another"}}
    created = {"type": "session.created", "session": {"id": "s", "type": "realtime"}}
    with talking("realtime") as talk:
        talk.connects().hears({"type": "conversation.created"}, created).reads(update)
        told = [json.loads(frame.data) for frame in talk.client.sent]
        assert [event["session"]["id"] for event in told if "session" in event] == ["s", "s"]


_WORDS = st.lists(st.sampled_from(["append", "item", "commit"]), max_size=10)
_TURNS = st.integers(0, 2**32).map(random.Random)


@given(_WORDS, _WORDS, _TURNS)
def test_whoever_runs_first_a_realtime_clients_events_leave_in_their_order(before, after, turns):
    frames = {"append": APPEND, "item": ITEM, "commit": COMMIT}
    with talking("realtime", turns.randrange) as talk:
        talk.reads({"type": "session.update", "session": NO_DETECTION}, *(frames[word] for word in before))
        talk.opens().hears(talk.updated()).reads(*(frames[word] for word in after))
        assert [word for word in talk.sent() if word != "update"] == before + after


@given(_WORDS, _TURNS)
def test_whoever_runs_first_a_voice_agents_audio_and_messages_leave_in_their_order(words, turns):
    frames = {
        "append": b"\1\0" * 4800,
        "item": {"type": "InjectUserMessage", "content": "Hello."},
        "commit": {"type": "ForceEndTurn"},
    }
    with talking("component", turns.randrange) as talk:
        talk.reads(SETTINGS, *(frames[word] for word in words))
        talk.opens().hears(talk.updated())
        commits = [word for place, word in enumerate(words) if word != "commit" or "append" in _since(words, place)]
        assert _joined(word for word in talk.sent() if word != "update") == _joined(commits)


def _since(words, place):
    """Return the words between the commit before `place` and it."""
    return words[max((at for at in range(place) if words[at] == "commit"), default=-1) + 1 : place]


def _joined(words):
    """Take appends in a row for one: frames that wait together go together."""
    joined = []
    for word in words:
        if word != "append" or joined[-1:] != ["append"]:
            joined.append(word)
    return joined
