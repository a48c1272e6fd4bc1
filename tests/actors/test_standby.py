"""Another link is prepared beside the one in use, unseen by the client, and takes over between two facts."""

from __future__ import annotations

import json
from functools import partial

import pytest

from actors.messages import AudioEvent, End, SessionSnapshot
from tests.actors.test_upstream import AGREED, TELEPHONE, WEATHER, Upstream, created, delta, done
from turnstile.errors import Problem
from turnstile.ports import LinkFailed, LinkReady
from turnstile.protocol.frames import BinaryFrame, Closed, TextFrame
from turnstile.session import effects
from turnstile.session.events import ConfigAnswered, FunctionCalled, HandedBack, ItemConfirmed, Refused, ResponseStarted
from turnstile.session.link_effects import (
    CloseStandby,
    OnStandby,
    OpenStandby,
    PauseAudio,
    RemoveItem,
    RestoreItem,
    TakeOver,
)
from turnstile.session.link_events import (
    AudioPaused,
    LinkConnected,
    LinkLost,
    LinkOpened,
    OfStandby,
    TakeOverPutOff,
    TookOver,
)
from turnstile.testing import RecordingConnection

UPDATED = {"type": "session.updated", "session": {}}
SAID = {"id": "i1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "I am Ada."}]}
SPEECH = {"type": "input_audio_buffer.speech_started", "item_id": "i9"}


class Stage(Upstream):
    """An `UpstreamActor` that was not started, the far end of its link, and of its standby."""

    def prepare(self, generation=1):
        """Open a standby, and have it come up."""
        self.tell(OpenStandby(generation, "m1"))
        self.standby = RecordingConnection()
        self.links(LinkReady(self.standby))
        self.hears({"type": "session.created", "session": {}})
        return self

    def takes_over(self, generation=1, epoch=0, speeches=0):
        self.tell(TakeOver(generation, epoch, speeches))
        return self

    def on_standby(self, command, generation=1):
        self.tell(OnStandby(generation, command))

    def old(self, *events):
        """Have the first link say something."""
        for event in events:
            self.links(TextFrame(json.dumps(event).encode()), link=0)


@pytest.fixture
def upstream(bench):
    return Stage(bench)


def added(item, **fields):
    return {"type": "conversation.item.added", "item": item, **fields}


# Preparing it.


def test_a_standby_is_opened_beside_the_link_and_what_it_says_is_told_as_its_own(bench, upstream):
    upstream.ready().prepare(7)
    assert bench.connector.asked[1][0].url == "ws://upstream/?model=m1"
    assert upstream.facts()[-2:] == [OfStandby(7, LinkConnected()), OfStandby(7, LinkOpened())]
    upstream.hears(UPDATED, added(SAID), {"type": "error", "error": {"code": "x", "message": "No.", "event_id": "e1"}})
    assert upstream.facts()[-3:] == [
        OfStandby(7, ConfigAnswered({})),
        OfStandby(7, ItemConfirmed("i1", "message", "user")),
        OfStandby(7, Refused("e1", "x", "No.")),
    ]
    assert (upstream.link.closed, upstream.standby.closed) == (None, None)


def test_a_standby_says_once_that_it_is_up(upstream):
    upstream.ready().prepare()
    upstream.hears({"type": "conversation.created"}, UPDATED)
    assert upstream.facts().count(OfStandby(1, LinkOpened())) == 1


def test_a_standby_may_come_up_without_showing_its_session(upstream):
    upstream.ready().tell(OpenStandby(1, None))
    upstream.links(LinkReady(RecordingConnection()))
    upstream.hears({"type": "conversation.created"})
    assert upstream.facts()[-1] == OfStandby(1, LinkOpened(shows_session=False))


def test_the_session_hears_how_long_a_standby_will_last(bench, upstream):
    upstream.ready().tell(OpenStandby(1, None))
    upstream.links(LinkReady(RecordingConnection()))
    upstream.hears({"type": "session.created", "session": {"expires_at": bench.wall_clock.now + 60}})
    assert upstream.facts()[-1].fact.lifetime == 60


@pytest.mark.parametrize("takes_events", [False, True])
def test_a_client_is_shown_nothing_of_a_standby(bench, takes_events):
    upstream = Stage(bench, takes_events=takes_events).ready()
    before = list(bench.client.messages)
    upstream.prepare()
    upstream.hears(UPDATED, added(SAID), created(), delta(bytes(480)), delta(bytes(480)), done())
    assert bench.client.messages == before


def test_what_is_sent_on_a_standby_goes_there_and_is_written_out_with_the_run(upstream):
    upstream.ready().prepare()
    link = len(upstream.link.sent)
    flushes = upstream.standby.flushes
    upstream.on_standby(effects.SendUpdate("e1", {"instructions": "Rhyme."}, 0))
    upstream.on_standby(RestoreItem("e2", SAID))
    upstream.on_standby(RestoreItem("e3", {**SAID, "id": "i2"}, previous_id="i0"))
    upstream.on_standby(RemoveItem("e4", "i1"))
    assert upstream.sent(upstream.standby) == [
        {"type": "session.update", "event_id": "e1", "session": {"type": "realtime", "instructions": "Rhyme."}},
        {"type": "conversation.item.create", "event_id": "e2", "item": SAID},
        {"type": "conversation.item.create", "event_id": "e3", "previous_item_id": "i0", "item": {**SAID, "id": "i2"}},
        {"type": "conversation.item.delete", "event_id": "e4", "item_id": "i1"},
    ]
    assert len(upstream.link.sent) == link
    assert upstream.standby.flushes == flushes + 4


def test_a_beta_upstream_gets_its_own_names_on_a_standby(bench):
    upstream = Stage(bench, is_beta=True)
    said = {"id": "i1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    upstream.ready().prepare()
    upstream.on_standby(RestoreItem("e1", said, "i0"))
    (event,) = upstream.sent(upstream.standby)
    assert event["previous_item_id"] == "i0"
    assert event["item"]["content"] == [{"type": "text", "text": "Hi."}]


@pytest.mark.parametrize(("length", "is_given"), [(0, False), (1, True), (32, True), (33, False)])
def test_the_id_of_an_item_is_left_to_upstream_where_the_api_would_not_take_it(upstream, length, is_given):
    item_id = "i" * length
    upstream.ready().prepare()
    upstream.on_standby(RestoreItem("e1", {**SAID, "id": item_id}))
    (event,) = upstream.sent(upstream.standby)
    assert event["item"].get("id") == (item_id if is_given else None)


def test_an_item_whose_id_is_too_long_for_the_api_is_known_by_it_on_the_next_link(upstream):
    item_id = "i" * 33
    upstream.ready().prepare()
    upstream.on_standby(RestoreItem("e1", {**SAID, "id": item_id}))
    upstream.hears(added({**SAID, "id": "own_1"}))
    assert upstream.facts()[-1].fact.item_id == item_id
    upstream.takes_over().tell(RemoveItem("e2", item_id))
    assert upstream.sent(upstream.standby)[-1]["item_id"] == "own_1"


def test_what_is_for_another_generation_is_dropped(upstream):
    upstream.ready().prepare(2)
    facts = list(upstream.facts())
    upstream.on_standby(RestoreItem("e1", SAID), generation=1)
    upstream.takes_over(generation=1)
    upstream.takes_over(generation=3)
    assert upstream.sent(upstream.standby) == []
    assert upstream.facts() == facts


def test_what_is_for_a_standby_is_dropped_when_there_is_none(upstream):
    facts = list(upstream.ready().facts())
    upstream.on_standby(RestoreItem("e1", SAID))
    upstream.tell(CloseStandby())
    assert upstream.takes_over().facts() == facts


def test_a_command_for_a_standby_without_a_connection_goes_nowhere(upstream):
    upstream.ready().tell(OpenStandby(1, None))
    upstream.on_standby(RestoreItem("e1", SAID))
    standby = RecordingConnection()
    upstream.links(LinkReady(standby))
    assert standby.sent == []


def test_the_credit_for_a_standbys_events_is_given_back(bench, upstream):
    upstream.ready().prepare()
    size, messages = upstream.standby.handled_bytes, upstream.standby.handled_messages
    bench.connector.asked[-1][1].tell_all([TextFrame(b"{}"), BinaryFrame(b"1")])
    upstream.tell()
    assert (upstream.standby.handled_bytes - size, upstream.standby.handled_messages - messages) == (3, 2)


def test_the_frames_of_a_standby_are_in_the_journal(bench, upstream):
    upstream.ready().prepare()
    upstream.on_standby(RestoreItem("e1", SAID))
    kinds = [(way, kind) for wire, way, kind, _ in bench.notes() if wire == "upstream"]
    assert kinds[-2:] == [("in", "session.created"), ("out", "conversation.item.create")]


# Its end.


def test_the_session_hears_why_a_standby_is_lost_and_the_link_goes_on(upstream):
    upstream.ready().prepare().links(Closed(1011, "oops"))
    words = "Upstream closed the connection (1011 oops)."
    assert upstream.facts()[-1] == OfStandby(1, LinkLost("upstream_closed", words, closed=Closed(1011, "oops")))
    assert upstream.link.closed is None


def test_the_session_hears_why_a_standby_cannot_be_opened(upstream):
    upstream.ready().tell(OpenStandby(1, None))
    upstream.links(LinkFailed(Problem("upstream_refused", "No."), retryable=False))
    assert upstream.facts()[-1] == OfStandby(1, LinkLost("upstream_refused", "No.", retryable=False))


def test_a_standby_that_is_replaced_is_closed_and_heard_no_more(upstream):
    upstream.ready().prepare(1)
    first = upstream.standby
    upstream.prepare(2)
    assert first.closed == (1000, "")
    facts = list(upstream.facts())
    upstream.links(Closed(1000, ""), link=1)
    assert upstream.facts() == facts


@pytest.mark.parametrize("ends", [CloseStandby(), OpenStandby(2, None)])
def test_the_attempt_to_open_a_standby_ends_when_it_is_closed_or_replaced(bench, upstream, ends):
    ended = []
    upstream.ready().tell(OpenStandby(1, None))
    bench.connector.asked[-1][1].when_unwanted(partial(ended.append, "ended"))
    upstream.tell(ends)
    assert ended == ["ended"]


def test_a_standby_that_opens_too_late_is_closed(upstream):
    upstream.ready().tell(OpenStandby(1, None), CloseStandby())
    late = RecordingConnection()
    upstream.links(LinkReady(late))
    assert late.closed == (1000, "")


def test_a_standby_is_closed_with_the_session(upstream):
    upstream.ready().prepare().actor.release(End(1000, ""))
    assert (upstream.link.closed, upstream.standby.closed) == ((1000, ""), (1000, ""))


def test_a_standby_stays_when_the_link_is_lost_and_takes_over_then(upstream):
    upstream.ready().prepare().links(Closed(1006, ""), link=0)
    assert upstream.standby.closed is None
    assert upstream.takes_over().facts()[-1] == TookOver(1)
    upstream.tell(effects.SendItem("e1", {"type": "message"}))
    assert [event["event_id"] for event in upstream.sent(upstream.standby)] == ["e1"]


def test_a_loss_is_logged_with_its_reason_on_one_line(upstream, caplog):
    caplog.set_level("INFO")
    upstream.ready().prepare().links(Closed(1006, "the network\nis gone"), link=1)
    upstream.prepare(2).links(Closed(1013, "busy"), link=0)
    upstream.takes_over(2)
    said = [record.getMessage() for record in caplog.records if record.name.startswith("actors.")]
    prepared, lost, replaced = said
    assert prepared.endswith(r" is lost: Upstream closed the connection (1006 the network\nis gone).")
    assert lost == "The upstream link is lost: Upstream closed the connection (1013 busy)."
    assert replaced == "Another upstream link is in use"


# Its beginning.


def test_the_standby_is_the_link_once_it_has_taken_over_and_the_old_one_is_read_no_more(bench, upstream):
    upstream.ready().prepare().takes_over()
    assert (upstream.link.closed, upstream.standby.closed) == ((1000, ""), None)
    assert ("upstream", "note", "took over", "1") in bench.notes()
    upstream.old(created("old"), {"type": "error", "error": {"code": "session_expired"}})
    upstream.links(Closed(1000, ""), link=0)
    assert upstream.facts()[-1] == TookOver(1)
    upstream.hears(created("new"))
    assert upstream.facts()[-1] == ResponseStarted("new")
    upstream.tell(effects.SendItem("e1", {"type": "message"}))
    assert [event["event_id"] for event in upstream.sent(upstream.standby)] == ["e1"]


def test_the_session_hears_of_the_take_over_before_any_fact_of_the_new_link(bench, upstream):
    upstream.ready().prepare()
    bench.connector.asked[1][1].tell(TextFrame(json.dumps(added(SAID)).encode()))
    inbox = upstream.actor.inbox
    inbox.tell(TakeOver(1, 0, 0))
    bench.connector.asked[1][1].tell(TextFrame(json.dumps(created()).encode()))
    upstream.tell()
    kinds = [type(fact) for fact in upstream.facts()[-3:]]
    assert kinds == [OfStandby, TookOver, ResponseStarted]


@pytest.mark.parametrize(
    "event",
    [
        created(),
        {"type": "input_audio_buffer.speech_stopped", "item_id": "i9"},
        {"type": "input_audio_buffer.committed", "item_id": "i9"},
        SPEECH,
    ],
)
def test_a_fact_that_the_decision_did_not_know_puts_it_off(upstream, event):
    upstream.ready().prepare().old(event)
    assert upstream.takes_over().facts()[-1] == TakeOverPutOff(1)
    assert (upstream.link.closed, upstream.standby.closed) == (None, None)
    assert upstream.takes_over(epoch=1, speeches=1).facts()[-1] == TookOver(1)


def test_no_fact_puts_it_off_at_the_latest_moment_and_the_response_that_runs_ends_for_the_client(upstream):
    upstream.ready().prepare().old(SPEECH, created(), delta(bytes(480)))
    upstream.takes_over(epoch=None)
    assert upstream.facts()[-1] == TookOver(1)
    assert [one["type"] for one in upstream.shown() if isinstance(one, dict)][-2:] == ["AgentAudioDone", "AgentDone"]


def test_what_the_client_still_plays_may_be_cut_off_after_an_idle_take_over(bench, upstream):
    upstream.ready().prepare().old(created(), delta(bytes(48_000)), done())
    upstream.takes_over(epoch=1)
    bench.timers.advance(0.25)
    upstream.hears(SPEECH)
    (cut,) = upstream.facts()[-1].cut_off
    assert (cut.item_id, cut.milliseconds) == ("i1", 250)


@pytest.mark.parametrize("ends", ["lost", "left"])
def test_what_the_client_still_plays_of_a_response_that_died_may_be_cut_off(bench, upstream, ends):
    words = {"type": "response.output_audio_transcript.delta", "response_id": "r1", "item_id": "i1"}
    said = [{**words, "delta": "One"}, delta(bytes(4_800)), {**words, "delta": " two"}, delta(bytes(48_000))]
    upstream.ready().prepare().old(created(), *said)
    if ends == "lost":
        upstream.links(Closed(1006, ""), link=0)
    upstream.takes_over(epoch=None)
    bench.timers.advance(0.05)
    upstream.hears(SPEECH)
    (cut,) = upstream.facts()[-1].cut_off
    assert cut == ("i1", 50, "One")


def test_the_facts_are_counted_on_across_links(upstream):
    upstream.ready().old(created(), SPEECH)
    upstream.prepare().takes_over(epoch=1, speeches=1)
    upstream.hears(created("r2"))
    upstream.tell(effects.SendCreate("e1", {}, 1))
    assert upstream.facts()[-1] == HandedBack("e1")
    upstream.tell(effects.SendCreate("e2", {}, 2))
    assert [event["event_id"] for event in upstream.sent(upstream.standby)] == ["e2"]


@pytest.mark.parametrize("news", [Closed(1006, ""), None])
def test_a_standby_that_is_lost_or_not_open_yet_does_not_take_over(upstream, news):
    upstream.ready().tell(OpenStandby(1, None))
    if news is not None:
        upstream.links(LinkReady(RecordingConnection()))
        upstream.links(news)
    assert upstream.takes_over().facts()[-1] == TakeOverPutOff(1)
    assert upstream.link.closed is None


def test_back_pressure_is_between_the_client_and_the_link_in_use(bench, upstream):
    upstream.ready().prepare()
    assert (upstream.standby.held_back, bench.connection.held_back) == ([], [upstream.link])
    upstream.takes_over()
    assert upstream.standby.held_back == [bench.connection]
    assert bench.connection.held_back[-1] is upstream.standby
    before = upstream.standby.handled_messages
    upstream.hears(b"{}")
    assert upstream.standby.handled_messages == before + 1


def test_what_upstream_has_named_on_the_standby_is_known_on_the_link(upstream):
    upstream.ready().prepare()
    upstream.hears(added(SAID), {**created("r9"), "response": {"id": "r9", "conversation_id": None}})
    upstream.takes_over()
    facts = list(upstream.facts())
    upstream.hears({**added(SAID), "type": "conversation.item.done"})
    assert upstream.facts() == facts


def test_the_functions_of_the_standbys_configuration_are_the_proxys_to_call(upstream):
    upstream.ready().prepare()
    upstream.on_standby(effects.SendUpdate("e1", {"tools": []}, 0, {"look": WEATHER}))
    upstream.hears(UPDATED)
    upstream.takes_over()
    call = {"response_id": "r1", "item_id": "i1", "output_index": 0, "call_id": "c1", "name": "look", "arguments": "{}"}
    upstream.hears(created(), {"type": "response.function_call_arguments.done", **call})
    (called,) = [fact for fact in upstream.facts() if isinstance(fact, FunctionCalled)]
    assert called.endpoint is WEATHER


def test_a_new_link_of_another_format_gets_audio_in_that(upstream):
    formats = {"audio": {side: {"format": {"type": "audio/pcmu"}} for side in ("input", "output")}}
    upstream.ready().prepare()
    upstream.on_standby(effects.SendUpdate("e1", formats, 0))
    upstream.hears(UPDATED)
    upstream.takes_over().tell(TELEPHONE, effects.OpenAudio(), BinaryFrame(b"\xff" * 160))
    upstream.link = upstream.standby
    assert upstream.appended() == b"\xff" * 160
    upstream.hears(created(), delta(b"\xff" * 160))
    assert upstream.shown()[-1] == b"\xff" * 160


@pytest.mark.parametrize("shows", [True, False])
def test_the_session_that_the_new_link_shows_goes_to_a_client_that_is_shown_it(bench, shows):
    upstream = Stage(bench, shows_session=shows).ready().prepare()
    updated = {"type": "session.updated", "session": {"model": "new"}}
    upstream.hears(updated)
    shown = len([one for one in bench.client.messages if isinstance(one, SessionSnapshot)])
    upstream.takes_over()
    snapshots = [one.event for one in bench.client.messages if isinstance(one, SessionSnapshot)][shown:]
    assert snapshots == ([updated] if shows else [])


def test_nothing_goes_to_the_client_where_the_new_link_shows_no_session(bench):
    upstream = Stage(bench, shows_session=True).ready()
    upstream.tell(OpenStandby(1, None))
    upstream.links(LinkReady(RecordingConnection()))
    shown = len(bench.client.messages)
    assert upstream.takes_over().facts()[-1] == TookOver(1)
    assert len(bench.client.messages) == shown


# The conversation.


@pytest.mark.parametrize(
    "event",
    [
        {"type": "conversation.item.done"},
        {"type": "conversation.item.done", "item": {}},
        {"type": "conversation.item.done", "item": {"id": ["i1"]}},
        {"type": "conversation.item.deleted"},
        {"type": "conversation.item.deleted", "item_id": {}},
    ],
)
def test_an_event_of_a_standbys_about_no_item_changes_nothing(upstream, event):
    upstream.ready().prepare()
    upstream.on_standby(RestoreItem("e1", SAID))
    facts = list(upstream.facts())
    upstream.hears(event)
    assert upstream.facts() == facts
    shown = len(upstream.takes_over().shown())
    upstream.hears(added(SAID))
    assert len(upstream.shown()) == shown


def test_an_item_that_was_restored_is_not_said_again(upstream):
    upstream.ready().prepare()
    answer = {"id": "i2", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    for item in (SAID, answer):
        upstream.on_standby(RestoreItem("e1", item))
    upstream.takes_over()
    shown = len(upstream.shown())
    upstream.hears(added(SAID), created(), {**added(answer), "type": "conversation.item.done"})
    assert len(upstream.shown()) == shown


def test_an_item_that_is_mended_on_the_link_in_use_is_not_said_again(upstream):
    upstream.ready().tell(RemoveItem("e1", "i1"), RestoreItem("e2", SAID, "i0"))
    assert upstream.sent() == [
        {"type": "conversation.item.delete", "event_id": "e1", "item_id": "i1"},
        {"type": "conversation.item.create", "event_id": "e2", "previous_item_id": "i0", "item": SAID},
    ]
    shown = len(upstream.shown())
    upstream.hears(added(SAID))
    assert len(upstream.shown()) == shown
    assert upstream.facts()[-1] == ItemConfirmed("i1", "message", "user")


# The audio.


def test_audio_goes_to_one_link_only_and_none_is_lost_or_doubled(upstream):
    upstream.ready().prepare().tell(AGREED, BinaryFrame(b"\1\0" * 100))
    upstream.tell(PauseAudio(), BinaryFrame(b"\2\0" * 100))
    assert upstream.facts()[-1] == AudioPaused(pytest.approx(200 / 48))
    upstream.takes_over().tell(BinaryFrame(b"\3\0" * 100))
    assert upstream.appended() == b"\1\0" * 100
    upstream.link = upstream.standby
    assert upstream.appended() == b""
    upstream.tell(effects.OpenAudio(), BinaryFrame(b"\4\0" * 100))
    assert upstream.appended() == b"\2\0" * 100 + b"\3\0" * 100 + b"\4\0" * 100


def test_audio_that_waits_goes_on_the_old_link_where_the_take_over_is_off(upstream):
    upstream.ready().prepare().tell(PauseAudio(), BinaryFrame(b"\1\0" * 100))
    assert upstream.appended() == b""
    upstream.tell(effects.OpenAudio())
    assert upstream.appended() == b"\1\0" * 100


@pytest.mark.parametrize("kind", ["input_audio_buffer.commit", "input_audio_buffer.clear"])
def test_a_clients_own_audio_is_uncommitted_until_its_event_ends_it(bench, kind):
    upstream = Stage(bench, takes_events=True).ready().prepare()
    append = json.dumps({"type": "input_audio_buffer.append", "audio": "AAAA" * 1600}).encode()
    upstream.tell(AudioEvent(append), effects.PassOn(b'{"type":"conversation.item.delete"}'), PauseAudio())
    assert upstream.facts()[-1] == AudioPaused(100.0)
    upstream.tell(effects.OpenAudio(), effects.PassOn(json.dumps({"type": kind}).encode()), PauseAudio())
    assert upstream.facts()[-1] == AudioPaused(0.0)
