"""Another link takes over before the session of the one in use ends."""

from __future__ import annotations

import pytest
from relinking import LOST, fire, prepared, renewing, said, served, switched
from session_words import CONFIG, MESSAGE, of

from turnstile.session.client_requests import ConfigRequested, UserMessageGiven
from turnstile.session.conversation import Entry
from turnstile.session.conversation_events import ItemDeleted, ItemTruncated
from turnstile.session.effects import EndSession, OpenAudio, Reported, SendCreate, SendItem, SendTruncate, SendUpdate
from turnstile.session.events import ItemConfirmed, Refused, ResponseFinished, ResponseStarted, TimerFired
from turnstile.session.in_flight import Aside, Commit, Create, Item, Response, UserAudio
from turnstile.session.link_effects import OnStandby, OpenStandby, PauseAudio, RemoveItem, RestoreItem, TakeOver
from turnstile.session.link_events import (
    AudioPaused,
    LinkLost,
    LinkOpened,
    OfStandby,
    TakeOverPutOff,
    TookOver,
)
from turnstile.session.policy import Policy
from turnstile.session.turn_events import CutOff, InputCleared, SpeechStarted, SpeechStopped, TurnCommitted
from turnstile.session.waits import Waits

CALMER = ConfigRequested(1, {"instructions": "Be calm."})
NO_DETECTION = {"audio": {"input": {"turn_detection": None}}}


def codes(effects):
    return [report.problem.code for report in of(Reported, effects)]


def ready_in(at, **facts):
    """Return a session in which something is under way, with a standby ready."""
    session = renewing(at)
    now = session.now.change(**facts)
    session.now = now
    served(session, fire(session, "renewal"))
    assert session.data.standby.is_ready
    return session


def test_another_link_is_prepared_in_a_window_before_the_end_and_not_for_all_sessions_at_once(at):
    starts = set()
    for number in range(20):
        session = renewing(at, policy=Policy(id_prefix=f"ts{number}_", session_lifetime=3600.0))
        (begin, latest) = [one for one in session.deadlines if one.name in {"renewal", "latest"}]
        assert 3300.0 <= begin.delay <= 3420.0
        assert latest.delay == 3590.0
        starts.add(begin.delay)
    assert len(starts) == 20


@pytest.mark.parametrize(
    ("shown", "setting", "latest"), [(1800.0, 0.0, 1790.0), (1800.0, 600.0, 590.0), (6.0, 0.0, 5.0), (None, 0.0, None)]
)
def test_the_end_is_the_one_that_upstream_shows_or_the_setting_if_that_is_sooner(at, shown, setting, latest):
    session = at(link="opening", policy=Policy(session_lifetime=setting))
    session.handle(LinkOpened(lifetime=shown))
    assert [one.delay for one in session.deadlines if one.name == "latest"] == ([] if latest is None else [latest])


def test_a_session_shared_with_a_call_is_not_renewed(at):
    session = renewing(at, policy=Policy(session_lifetime=3600.0, is_transparent=True, is_shared=True))
    assert session.data.renewals == ()


def test_another_link_is_configured_and_restored_beside_the_one_in_use(at):
    session = renewing(at, conversation=said("Hi.", "Hello."))
    effects = served(session, fire(session, "renewal"))
    assert of(OpenStandby, effects) == [OpenStandby(1, None)]
    kinds = [type(one.command) for one in of(OnStandby, effects)]
    assert kinds == [SendUpdate, RestoreItem, RestoreItem]
    assert session.state.link == "open"


def test_it_takes_over_at_rest_without_a_word_and_audio_waits_only_for_the_pause(at):
    session = renewing(at, conversation=said("Hi.", "Hello."))
    effects = served(session, fire(session, "renewal"))
    assert len(of(PauseAudio, effects)) == 1
    assert of(TakeOver, effects) == []
    effects = switched(session)
    assert of(TakeOver, effects) == [TakeOver(1, session.data.epoch, session.data.speeches)]
    assert codes(effects) == []
    assert len(of(OpenAudio, effects)) == 1
    assert session.state.in_force == CONFIG
    assert (session.state.link, session.state.switching, session.data.standby) == ("open", "", None)


def test_what_the_client_asks_for_during_the_switch_goes_on_the_next_link(at):
    session = prepared(at)
    session.handle(AudioPaused(0.0))
    assert of(SendUpdate, session.handle(CALMER)) == []
    assert [why.waits for _, why in session.waiting()] == [Waits.RENEWAL]
    assert session.state.phase == "idle"
    assert [one.patch for one in of(SendUpdate, switched(session))] == [CALMER.patch]


def test_what_the_conversation_gains_meanwhile_is_added_in_order(at):
    session = prepared(at, conversation=said("Hi."))
    session.now = session.now.change(conversation=said("Hi.", "Hello."))
    session.handle(AudioPaused(0.0))
    effects = switched(session)
    (gained,) = of(RestoreItem, effects)
    assert gained.item["id"] == "item_1"
    assert session.state.restoring == ()


def test_a_create_waits_for_what_was_gained(at):
    session = prepared(at, conversation=said("Hi."))
    session.now = session.now.change(conversation=said("Hi.", "Hello."))
    session.handle(AudioPaused(0.0))
    session.handle(UserMessageGiven(3, MESSAGE))
    fire(session, "switch")
    (item,) = of(SendItem, session.handle(TookOver(1)))
    assert of(SendCreate, session.handle(ItemConfirmed(item.item["id"]))) == []
    assert len(of(SendCreate, session.handle(ItemConfirmed("item_1")))) == 1


@pytest.mark.parametrize("how", ["refused", "in silence"])
def test_a_create_does_not_wait_for_ever_for_what_was_gained(at, how):
    session = prepared(at, conversation=said("Hi."))
    session.now = session.now.change(conversation=said("Hi.", "Hello."))
    session.handle(AudioPaused(0.0))
    fire(session, "switch")
    (gained,) = of(RestoreItem, session.handle(TookOver(1)))
    if how == "refused":
        assert codes(session.handle(Refused("other", "invalid_value", "no"))) == ["invalid_value"]
        assert codes(session.handle(Refused(gained.event_id, "invalid_value", "no"))) == ["not_restored"]
    else:
        fire(session, "restored")
    assert session.state.restoring == ()


# The moment.


@pytest.mark.parametrize(
    "facts",
    [
        {"response": Response("resp_1")},
        {"requested": Create("ts_9")},
        {"expected": "item_9"},
        {"items": (Item("ts_9", 1, MESSAGE, "sent", event_id="ts_8"),)},
        {"commits": (Commit("ts_9"),)},
        {"user_audio": UserAudio(speaking=True)},
        {"user_audio": UserAudio(barge_in="resp_1")},
        {"asides": (Aside("mine"),)},
        {"asides_running": ("resp_9",)},
        {"has_uncommitted": True},
        {"interrupting": True, "response": Response("resp_1")},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_no_link_takes_over_while_something_is_under_way(at, facts):
    session = ready_in(at, **facts)
    assert session.state.switching == ""


def test_no_link_takes_over_while_a_transcript_is_awaited(at):
    session = ready_in(at, conversation=said("Hi.").__class__(awaited=("item_9",)))
    assert session.state.switching == ""


def test_it_takes_over_right_after_the_response_before_what_is_held(at):
    session = ready_in(at, response=Response("resp_1"))
    session.handle(CALMER)
    effects = session.handle(ResponseFinished("resp_1"))
    assert of(SendUpdate, effects) == []
    assert len(of(PauseAudio, effects)) == 1
    session.handle(AudioPaused(0.0))
    assert [one.patch for one in of(SendUpdate, switched(session))] == [CALMER.patch]


@pytest.mark.parametrize("fact", [SpeechStarted(), SpeechStopped("item_9"), ResponseStarted("resp_9")])
def test_what_begins_in_the_pause_puts_the_switch_off(at, fact):
    session = prepared(at)
    session.handle(AudioPaused(0.0))
    assert len(of(OpenAudio, session.handle(fact))) == 1
    assert session.state.switching == ""
    assert all(one.name != "switch" for one in session.deadlines)


def test_what_has_begun_before_it_is_done_puts_the_switch_off(at):
    session = prepared(at)
    session.handle(AudioPaused(0.0))
    fire(session, "switch")
    session.handle(SpeechStarted())
    effects = session.handle(TakeOverPutOff(1))
    assert len(of(OpenAudio, effects)) == 1
    assert (session.state.switching, session.data.standby.is_ready) == ("", True)
    assert session.handle(TakeOverPutOff(7)) == []


def test_audio_that_nobody_has_committed_puts_the_switch_off_until_it_is(at):
    session = prepared(at, config=NO_DETECTION)
    assert len(of(OpenAudio, session.handle(AudioPaused(20.0)))) == 1
    assert session.state.switching == ""
    session.handle(InputCleared())
    assert session.state.switching == "pausing"
    session.handle(AudioPaused(20.0))
    session.handle(TurnCommitted("item_9"))
    assert not session.data.has_uncommitted


def test_late_news_of_a_switch_that_was_put_off_change_nothing(at):
    session = prepared(at)
    session.handle(SpeechStarted())
    assert session.handle(AudioPaused(0.0)) == []
    assert session.handle(TookOver(9)) == []


# What goes wrong.


def test_a_standby_that_is_lost_is_tried_again_while_the_link_is_in_use(at):
    session = prepared(at)
    effects = session.handle(OfStandby(1, LinkLost("upstream_refused", "Refused (503).")))
    assert codes(effects) == of(EndSession, effects) == []
    assert session.state.link == "open"
    assert of(OpenStandby, fire(session, "standby")) != []


@pytest.mark.parametrize("stage", ["ready", "opening", "waiting"])
def test_the_standby_replaces_a_link_that_is_lost_before_the_switch(at, stage):
    session = renewing(at)
    fire(session, "renewal")
    if stage == "ready":
        served(session, [OpenStandby(1, None)])
    if stage == "waiting":
        session.handle(OfStandby(1, LOST))
    effects = session.handle(LOST)
    assert codes(effects) == ["upstream_lost"]
    if stage == "waiting":
        effects += fire(session, "standby")
    if stage == "opening":
        effects += served(session, [OpenStandby(1, None)])
    assert codes(served(session, effects))[-1] == "upstream_restored"
    assert session.state.link == "open"


def test_a_link_that_is_lost_while_the_standby_takes_over_is_replaced_by_it(at):
    session = prepared(at)
    session.handle(AudioPaused(0.0))
    fire(session, "switch")
    session.handle(LOST)
    session.handle(TookOver(1))
    assert session.state.link == "open"


# Near the end.


def test_near_the_end_the_standby_takes_over_whatever_runs_and_what_ran_is_owed_again(at):
    session = ready_in(at, response=Response("resp_1", seen=(Item("item_0", 1, MESSAGE, "confirmed"),)))
    session.now = session.now.change(conversation=said("Hi."))
    effects = fire(session, "latest")
    assert of(TakeOver, effects) == [TakeOver(1, None)]
    effects = served(session, effects)
    assert codes(effects) == ["upstream_lost", "upstream_restored"]
    assert len(of(SendCreate, effects)) == 1


def test_near_the_end_a_link_is_used_to_its_last_where_no_standby_is_ready(at):
    session = renewing(at)
    assert fire(session, "latest") == []
    fire(session, "renewal")
    assert session.data.standby.stage == "opening"


def test_the_next_link_is_renewed_in_its_turn(at):
    session = prepared(at)
    session.handle(AudioPaused(0.0))
    fire(session, "switch")
    session.handle(TookOver(1, lifetime=1200.0))
    assert [one.delay for one in session.deadlines if one.name == "latest"] == [1190.0]


# Restored items, upstream.


def _with_restored(at):
    agent = Entry("item_1", "assistant", b'{"type":"message","role":"assistant","content":[]}', version=1)
    return at(conversation=said("Hi.").appended(agent), restored=frozenset({"item_0", "item_1"}))


@pytest.mark.parametrize("fact", [SpeechStarted((CutOff("item_1", 20, "Hel"),)), ItemTruncated("item_1", "Hel")])
def test_a_restored_item_that_is_cut_is_replaced_since_upstream_has_it_as_text(at, fact):
    effects = _with_restored(at).handle(fact)
    assert [one.item_id for one in of(RemoveItem, effects)] == ["item_1"]
    assert [one.item["id"] for one in of(RestoreItem, effects)] == ["item_1"]
    assert of(SendTruncate, effects) == []


def test_an_item_that_was_not_restored_is_truncated(at):
    assert len(of(SendTruncate, at().handle(SpeechStarted((CutOff("item_1", 20),))))) == 1
    assert at().handle(ItemTruncated("item_1", "Hel")) == []


def test_a_restored_item_that_is_replaced_stays_one(at):
    session = _with_restored(at)
    served(session, session.handle(ItemTruncated("item_1", "Hel")))
    assert session.data.restored == {"item_0", "item_1"}
    session.handle(ItemDeleted("item_1"))
    assert session.data.restored == {"item_0"}


def test_a_switch_that_was_put_off_for_what_is_over_begins_again(at):
    session = prepared(at)
    session.handle(AudioPaused(0.0))
    fire(session, "switch")
    assert len(of(PauseAudio, session.handle(TakeOverPutOff(1)))) == 1
    session.handle(AudioPaused(0.0))
    assert len(of(TakeOver, fire(session, "switch"))) == 1


def test_a_deadline_of_an_earlier_standby_changes_nothing(at):
    assert prepared(at).handle(TimerFired("standby", "0 waiting")) == []


def test_a_restored_item_that_is_replaced_goes_behind_the_restored_one_before_it(at):
    later = Entry("item_2", "user", b'{"type":"message","role":"user","content":[]}')
    agent = Entry("item_1", "assistant", b'{"type":"message","role":"assistant","content":[]}', version=1)
    conversation = said("Hi.").appended(later).appended(agent)
    session = at(conversation=conversation, restored=frozenset({"item_0", "item_1"}))
    (put,) = of(RestoreItem, session.handle(ItemTruncated("item_1", "Hel")))
    assert put.previous_id == "item_0"
