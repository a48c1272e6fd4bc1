"""What the coordinator and the UpstreamActor count of a session, by the events that show it."""

from __future__ import annotations

import base64
import json
from functools import partial

import pytest

from actors.audio_uplink import AudioUplink
from actors.coordinator import SessionCoordinatorActor
from actors.lifecycle import SHUTTING_DOWN
from actors.messages import LocalSettings
from actors.upstream import UpstreamActor
from turnstile.audio.formats import PCM_24K
from turnstile.audio.input_audio import InputAudio
from turnstile.errors import Problem
from turnstile.ports import LinkFailed, LinkReady, UpstreamTarget
from turnstile.protocol.frames import Closed, TextFrame
from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.session import effects
from turnstile.session.awaited import Awaited
from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    EventGiven,
    LinkWanted,
    UserMessageGiven,
)
from turnstile.session.events import (
    AsideStarted,
    ConfigAnswered,
    FunctionCalled,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.link_effects import OpenStandby, TakeOver
from turnstile.session.link_events import LinkConnected, LinkLost, LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.turn_events import SpeechStopped, TurnCommitted
from turnstile.testing import RecordingConnection
from turnstile.translate.to_realtime_client import RealtimeTranslator
from turnstile.translate.to_voice_agent import VoiceAgentTranslator

COLLISION = "conversation_already_has_active_response"
HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}


class Talk:
    """A coordinator with a session whose link is up and whose configuration is in force."""

    def __init__(self, bench, policy=None, *, is_up=True):
        self.bench = bench
        self.counts = bench.journal.counts
        self._actor = SessionCoordinatorActor(
            "s1",
            bench.dispatcher,
            bench.on_end,
            session=Session(policy or Policy()),
            timers=bench.timers,
            clock=bench.clock,
            journal=bench.journal,
        )
        bench.introduce(self._actor, "coordinator")
        if policy and policy.is_transparent:
            self.tell(LinkWanted())
        else:
            self.asks(1, "Be brief.")
        if is_up:
            self.tell(LinkConnected(), LinkOpened())
        if is_up and not (policy and policy.is_transparent):
            self.confirms()

    def tell(self, *events):
        for event in events:
            self._actor.on_receive(event)

    def asks(self, ref, prompt):
        self.tell(ConfigRequested(ref, {"instructions": prompt}))

    def sent(self, kind):
        """Return the latest command of a kind."""
        return [one for one in self.bench.upstream.messages if isinstance(one, kind)][-1]

    def confirms(self):
        self.tell(ConfigAnswered(self.sent(effects.SendUpdate).patch))

    def refuses(self, kind, code=COLLISION):
        self.tell(Refused(self.sent(kind).event_id, code, "no"))

    def time_passes(self, seconds):
        self.bench.timers.advance(seconds)
        while not self._actor.inbox.empty():
            self._actor.on_receive(self._actor.inbox.get().message)

    def release(self):
        self._actor.release(SHUTTING_DOWN)


@pytest.fixture
def talk(bench):
    return Talk(bench)


def test_what_the_user_says_and_what_it_writes_are_turns(talk):
    talk.tell(SpeechStopped("i1"), TurnCommitted("i1"), ResponseStarted("r1"), ResponseFinished("r1"))
    talk.tell(UserMessageGiven(2, HELLO))
    assert talk.counts.turns == 2


def test_a_realtime_clients_messages_are_turns_and_its_other_events_are_none(bench):
    talk = Talk(bench, Policy(is_transparent=True))
    talk.tell(EventGiven(b"{}", awaits=Awaited("item", "e1", "i1", "message", "user")))
    talk.tell(EventGiven(b"{}", awaits=Awaited("item", "e2", "i2", "function_call_output", call_id="c1")))
    talk.tell(EventGiven(b"{}"))
    talk.tell(TurnCommitted("i3"))
    assert talk.counts.turns == 2


def test_responses_are_counted_by_their_outcome_whoever_asked_for_them(talk):
    talk.tell(ResponseStarted("r1"), ResponseFinished("r1", "cancelled"))
    talk.tell(AsideStarted("r2"), ResponseFinished("r2", "incomplete"))
    talk.tell(ResponseStarted("r3"), ResponseFinished("r3"))
    counted = talk.counts.snapshot()["responses"]
    assert counted == {"completed": 1, "failed": 0, "incomplete": 1, "cancelled": 1, "lost": 0}


def test_a_response_that_runs_when_its_link_is_lost_is_lost(talk):
    talk.tell(ResponseStarted("r1"), AsideStarted("r2"), LinkLost("upstream_closed", "gone"))
    assert talk.counts.responses["lost"] == 2


def test_a_response_that_runs_when_the_last_link_is_lost_for_good_is_lost(bench):
    talk = Talk(bench, Policy(reconnect_for=0.0))
    talk.tell(ResponseStarted("r1"), LinkLost("upstream_closed", "gone"))
    assert talk.counts.responses["lost"] == 1


def test_a_response_whose_end_never_comes_counts_as_cancelled_once_it_is_given_up(talk):
    talk.tell(ResponseStarted("r1"))
    talk.time_passes(31.0)
    assert talk.counts.stalls == 1
    talk.time_passes(6.0)
    assert talk.counts.responses["cancelled"] == 1
    assert talk.counts.stalls == 1


def test_a_response_that_was_given_up_is_not_counted_again_when_its_end_comes_late(talk):
    talk.tell(ResponseStarted("r1"))
    talk.time_passes(31.0)
    talk.time_passes(6.0)
    talk.tell(ResponseFinished("r1"))
    assert talk.counts.responses == {"cancelled": 1}


def test_a_response_whose_end_comes_twice_is_counted_once(talk):
    talk.tell(ResponseStarted("r1"), ResponseFinished("r1"), ResponseFinished("r1"))
    assert talk.counts.responses == {"completed": 1}


def test_a_function_that_the_model_calls_is_counted(talk):
    talk.tell(ResponseStarted("r1"), FunctionCalled("r1", 0, "c1", "weather"))
    assert talk.counts.function_calls == 1


def test_the_first_update_waits_for_its_link_only_and_is_not_held(talk):
    counted = talk.counts.snapshot()
    assert [counted[f"updates_{what}"] for what in ("held", "merged", "replayed")] == [0, 0, 0]


def test_updates_in_mid_response_are_held_for_as_long_as_it_runs_and_then_go_together(talk):
    talk.tell(ResponseStarted("r1"))
    talk.asks(2, "Be calm.")
    talk.bench.clock.now += 4.0
    talk.asks(3, "Be kind.")
    talk.tell(UserMessageGiven(4, HELLO))
    talk.bench.clock.now += 1.0
    talk.tell(ResponseFinished("r1"))
    counted = talk.counts.snapshot()
    assert [counted[f"updates_{what}"] for what in ("held", "merged", "replayed")] == [2, 2, 2]
    assert counted["held_seconds"] == {"buckets": [0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0], "sum": 6.0}
    assert talk.counts.held.longest == 5.0


def test_an_update_that_is_held_when_the_session_ends_is_the_longest_hold_and_no_replay(talk):
    talk.tell(ResponseStarted("r1"))
    talk.asks(2, "Be calm.")
    talk.bench.clock.now += 7.0
    talk.release()
    assert (talk.counts.updates_held, talk.counts.updates_replayed, talk.counts.held.longest) == (1, 0, 7.0)


def test_a_create_that_collides_goes_again_and_is_repaired(talk):
    talk.tell(UserMessageGiven(2, HELLO))
    item_id = talk.sent(effects.SendItem).item["id"]
    talk.tell(ItemConfirmed(item_id, "message", "user"))
    talk.tell(Refused(talk.sent(effects.SendCreate).event_id, COLLISION, "no", running="r1"))
    assert (talk.counts.collisions, talk.counts.repairs) == (1, 0)
    talk.tell(ResponseStarted("r1"), ResponseFinished("r1"))
    assert talk.counts.repairs == 0
    talk.tell(ResponseStarted("r2", talk.sent(effects.SendCreate).event_id))
    assert (talk.counts.collisions, talk.counts.repairs) == (1, 1)
    assert talk.counts.unrepaired == ()


def test_a_response_without_a_mark_repairs_a_collision_once_it_has_ended_undisputed(talk):
    talk.tell(AgentMessageGiven(2, {"instructions": "say it"}, "queue"))
    talk.refuses(effects.SendCreate)
    talk.time_passes(6.0)
    talk.tell(ResponseStarted("r2"))
    assert talk.counts.repairs == 0
    talk.tell(ResponseFinished("r2"))
    assert (talk.counts.collisions, talk.counts.repairs) == (1, 1)


def collide_with_a_turn(talk):
    """Have the API answer the user's turn, and a message with it, whose own create comes too late."""
    talk.tell(UserMessageGiven(2, HELLO))
    item_id = talk.sent(effects.SendItem).item["id"]
    talk.tell(ItemConfirmed(item_id, "message", "user"))
    talk.tell(SpeechStopped("i1"), TurnCommitted("i1"), ItemConfirmed("i1"))
    talk.tell(Refused(talk.sent(effects.SendCreate).event_id, COLLISION, "no", running="r1"), ResponseStarted("r1"))
    assert (talk.counts.collisions, talk.counts.repairs) == (1, 0)


def test_a_create_is_repaired_by_the_response_in_its_way_which_answers_its_message_too(talk):
    collide_with_a_turn(talk)
    talk.tell(ResponseFinished("r1"))
    assert len([one for one in talk.bench.upstream.messages if isinstance(one, effects.SendCreate)]) == 1
    assert (talk.counts.collisions, talk.counts.repairs, talk.counts.unrepaired) == (1, 1, ())


def test_a_create_is_not_repaired_by_the_response_in_its_way_which_fails(talk):
    collide_with_a_turn(talk)
    talk.tell(ResponseFinished("r1", "failed", Problem("server_error", "no")))
    assert talk.counts.repairs == 0


def test_a_create_is_not_repaired_by_the_response_in_its_way_which_is_lost(talk):
    collide_with_a_turn(talk)
    talk.tell(LinkLost("upstream_closed", "gone"))
    assert talk.counts.repairs == 0


def test_a_create_that_is_given_up_on_is_not_repaired(bench):
    talk = Talk(bench, Policy(create_tries=1))
    talk.tell(AgentMessageGiven(2, {"instructions": "say it"}, "queue"))
    talk.refuses(effects.SendCreate)
    talk.tell(AgentMessageGiven(3, {"instructions": "and this"}, "queue"))
    talk.tell(ResponseStarted("r2", talk.sent(effects.SendCreate).event_id))
    assert (talk.counts.collisions, talk.counts.repairs, talk.counts.unrepaired) == (1, 0, ())


def test_an_update_that_collides_goes_again_and_is_repaired(talk):
    talk.asks(2, "Be calm.")
    talk.refuses(effects.SendUpdate)
    talk.time_passes(6.0)
    talk.confirms()
    assert (talk.counts.collisions, talk.counts.repairs) == (1, 1)


def test_a_merged_update_that_is_refused_has_not_collided_and_its_parts_repair_nothing(talk):
    talk.tell(ResponseStarted("r1"))
    talk.asks(2, "Be calm.")
    talk.tell(ConfigRequested(3, {"tools": "bad"}), ResponseFinished("r1"))
    talk.refuses(effects.SendUpdate, "invalid_value")
    talk.confirms()
    assert (talk.counts.collisions, talk.counts.repairs, talk.counts.unrepaired) == (0, 0, ())


def test_an_update_that_upstream_refuses_for_what_it_asks_is_nothing_to_repair(talk):
    talk.asks(2, "Be calm.")
    talk.refuses(effects.SendUpdate, "invalid_value")
    assert talk.counts.unrepaired == ()


def test_a_wait_that_a_timeout_ends_is_one_stall_however_many_requests_waited(talk):
    talk.tell(ResponseStarted("r1"))
    talk.asks(2, "Be calm.")
    talk.asks(3, "Be kind.")
    talk.tell(ResponseFinished("r1"))
    talk.time_passes(11.0)
    assert talk.counts.stalls == 1


def test_a_first_link_that_never_says_that_it_is_up_has_failed(bench):
    talk = Talk(bench, is_up=False)
    talk.time_passes(21.0)
    assert talk.counts.link_failures == 1


def test_another_link_that_never_says_that_it_is_up_has_failed(talk):
    talk.tell(LinkLost("upstream_closed", "gone"))
    talk.time_passes(1.0)
    assert isinstance(talk.bench.upstream.messages[-1], OpenStandby)
    talk.time_passes(21.0)
    assert talk.counts.link_failures == 1


# The UpstreamActor.


class Upstream:
    """An `UpstreamActor` that was not started, and the far ends of its links."""

    def __init__(self, bench, translator):
        self.bench, self.counts = bench, bench.journal.counts
        self.actor = UpstreamActor(
            "s1",
            bench.dispatcher,
            bench.on_end,
            connector=bench.connector,
            target=lambda _: UpstreamTarget("ws://upstream"),
            audio=AudioUplink(InputAudio(), 10_000, takes_events=False),
            translator=translator,
            shows_session=False,
            functions=None,
            host_functions=None,
            labels={},
            source=bench.connection,
            clock=bench.clock,
            wall_clock=bench.wall_clock,
            journal=bench.journal,
        )
        bench.introduce(self.actor, "upstream")
        self.actor.on_receive(effects.ApplyLocal(LocalSettings(PCM_24K, PCM_24K, "none", keeps_history=False)))

    def tell(self, *messages):
        self.actor.inbox.tell_all(messages)
        self.run()

    def run(self):
        while not self.actor.inbox.empty():
            self.actor.on_receive(self.actor.inbox.get().message)

    def connects(self, connection=None):
        """Have the latest link accepted; return its connection."""
        connection = connection or RecordingConnection()
        self.receives(LinkReady(connection))
        return connection

    def receives(self, *messages):
        """Have the latest link receive something."""
        _, inbox = self.bench.connector.asked[-1]
        inbox.tell_all(messages)
        self.run()

    def hears(self, *events):
        self.receives(*[TextFrame(json.dumps(event).encode()) for event in events])

    def is_up(self, session_id="sess_1"):
        connection = self.connects()
        self.hears({"type": "session.created", "session": {"id": session_id}})
        return connection


TRANSLATORS = pytest.mark.parametrize(
    "make_translator",
    [partial(VoiceAgentTranslator, COMPONENT), partial(RealtimeTranslator, "ts_", is_beta=False)],
    ids=["voice agent", "realtime"],
)
ITEM = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
AUDIO = {"type": "response.output_audio.delta", **ITEM, "delta": base64.b64encode(bytes(480)).decode()}
CREATED = {"type": "response.created", "response": {"id": "r1", "output_modalities": ["audio"]}}
STOPPED = {"type": "input_audio_buffer.speech_stopped", "item_id": "u1", "audio_end_ms": 1}
COMMITTED = {"type": "input_audio_buffer.committed", "item_id": "u1"}


@pytest.fixture
def upstream(bench):
    made = Upstream(bench, VoiceAgentTranslator(COMPONENT))
    made.tell(effects.OpenLink(None))
    return made


def first_audio(upstream):
    counted = upstream.counts.first_audio.snapshot()
    return sum(counted["buckets"]), counted["sum"]


@TRANSLATORS
def test_the_first_audio_counts_from_the_end_of_the_users_turn(bench, make_translator):
    upstream = Upstream(bench, make_translator())
    upstream.tell(effects.OpenLink(None))
    upstream.is_up()
    bench.clock.now = 10.0
    upstream.hears(STOPPED)
    bench.clock.now = 10.2
    upstream.hears(COMMITTED, CREATED)
    bench.clock.now = 10.75
    upstream.hears(AUDIO)
    bench.clock.now = 11.0
    upstream.hears(AUDIO)
    assert first_audio(upstream) == (1, 0.75)


@TRANSLATORS
def test_the_first_audio_counts_from_a_message_or_from_what_asks_for_a_response(bench, make_translator):
    upstream = Upstream(bench, make_translator())
    upstream.tell(effects.OpenLink(None))
    upstream.is_up()
    bench.clock.now = 10.0
    upstream.tell(effects.SendItem("e1", {**HELLO, "id": "i0"}))
    bench.clock.now = 10.5
    upstream.tell(effects.SendCreate("e2", {}, 0))
    bench.clock.now = 11.0
    upstream.hears(CREATED, AUDIO)
    upstream.tell(effects.SendCreate("e3", {}, upstream.actor._reader.epoch))
    bench.clock.now = 11.25
    upstream.hears({**CREATED, "response": {"id": "r2"}}, {**AUDIO, "response_id": "r2"})
    assert first_audio(upstream) == (2, 1.25)


def test_a_turn_that_is_committed_without_an_end_of_speech_ends_there(upstream):
    upstream.is_up()
    upstream.bench.clock.now = 10.0
    upstream.hears(COMMITTED)
    upstream.bench.clock.now = 10.5
    upstream.hears(CREATED, AUDIO)
    assert first_audio(upstream) == (1, 0.5)


def test_a_commit_that_comes_behind_the_response_to_its_turn_begins_no_wait(upstream):
    upstream.is_up()
    upstream.hears(STOPPED, CREATED, COMMITTED, AUDIO)
    assert upstream.actor._reader.asked_at is None
    assert first_audio(upstream)[0] == 1


def test_a_response_that_nobody_asked_for_or_that_has_no_audio_counts_nothing(upstream):
    upstream.is_up()
    upstream.hears(CREATED, AUDIO)
    upstream.bench.clock.now = 10.0
    upstream.hears(STOPPED, {**CREATED, "response": {"id": "r2"}}, {"type": "response.done", "response": {"id": "r2"}})
    upstream.hears({**CREATED, "response": {"id": "r3"}}, {**AUDIO, "response_id": "r3"})
    assert first_audio(upstream) == (0, 0.0)


def test_the_audio_of_a_response_out_of_band_is_not_that_of_the_turns(upstream):
    upstream.is_up()
    upstream.hears(STOPPED, CREATED, {"type": "response.created", "response": {"id": "r2", "conversation_id": None}})
    upstream.bench.clock.now = 10.0
    upstream.hears({**AUDIO, "response_id": "r2"})
    upstream.bench.clock.now = 11.0
    upstream.hears(AUDIO)
    assert first_audio(upstream) == (1, 11.0)


def links(upstream):
    counted = upstream.counts.snapshot()
    return {name: counted[name] for name in counted if name.startswith("link") and counted[name]}


def test_a_link_that_upstream_accepts_is_opened_and_named(upstream):
    upstream.is_up("sess_1")
    assert links(upstream) == {"links_opened": 1}
    assert upstream.counts.upstream_sessions == ("sess_1",)


def test_a_link_that_cannot_be_opened_has_failed(upstream):
    upstream.receives(LinkFailed(Problem("upstream_refused", "no"), retryable=True))
    assert links(upstream) == {"link_failures": 1}


def test_a_link_that_ends_before_it_is_up_has_failed(upstream):
    upstream.connects()
    upstream.receives(Closed(1006, ""))
    assert links(upstream) == {"links_opened": 1, "link_failures": 1}


def test_a_link_in_use_that_ends_is_lost_and_the_next_restores_it(upstream):
    upstream.is_up()
    upstream.receives(Closed(1006, ""))
    upstream.tell(OpenStandby(1, None))
    upstream.is_up("sess_2")
    upstream.tell(TakeOver(1))
    assert links(upstream) == {"links_opened": 2, "links_lost": 1, "links_restored": 1}
    assert upstream.counts.upstream_sessions == ("sess_1", "sess_2")


def test_a_link_whose_session_has_expired_is_lost(upstream):
    upstream.is_up()
    upstream.hears({"type": "error", "error": {"type": "x", "code": "session_expired", "message": "over"}})
    assert links(upstream) == {"links_opened": 1, "links_lost": 1}


def test_a_link_that_takes_over_from_one_in_use_renews_it(upstream):
    upstream.is_up()
    upstream.tell(OpenStandby(1, None))
    upstream.is_up("sess_2")
    upstream.tell(TakeOver(1))
    assert links(upstream) == {"links_opened": 2, "links_renewed": 1}


def test_a_standby_that_ends_before_it_is_used_has_failed(upstream):
    upstream.is_up()
    upstream.tell(OpenStandby(1, None))
    upstream.is_up("sess_2")
    upstream.receives(Closed(1006, ""))
    assert links(upstream) == {"links_opened": 2, "link_failures": 1}


def test_the_bytes_of_all_links_are_counted_those_that_are_closed_too(upstream):
    first = upstream.is_up()
    first.handled_bytes = 100
    first.send_text(b"12345")
    upstream.tell(OpenStandby(1, None))
    second = upstream.is_up()
    second.handled_bytes = 7
    assert upstream.counts.upstream_wire.snapshot() == {"in": 107, "out": 5}
    upstream.tell(TakeOver(1))
    second.send_text(b"1")
    assert upstream.counts.upstream_wire.connections == (second,)
    upstream.actor.release(SHUTTING_DOWN)
    assert upstream.counts.upstream_wire.connections == ()
    assert upstream.counts.upstream_wire.snapshot() == {"in": 107, "out": 6}
