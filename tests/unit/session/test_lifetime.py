"""A session ends when no Settings come, when it is idle for too long, and when it has lasted as long as it may."""

from __future__ import annotations

import math

import pytest
from given import (
    BRIEF,
    DONE,
    PROXY_COMMITS,
    UPDATED,
    began,
    confirmed,
    message,
    running,
    session,
    told,
)
from session_words import of

from turnstile.session.client_requests import AudioFollows, ConfigRequested, EventGiven, FunctionAnswered, LinkWanted
from turnstile.session.deadlines import Deadline
from turnstile.session.effects import EndSession, SetDeadlines
from turnstile.session.ending import CloseAtRest, DrainRequested, MeasureSilence, SilenceMeasured
from turnstile.session.events import (
    AsideStarted,
    FunctionCalled,
    ResponseFinished,
    TimerFired,
)
from turnstile.session.in_flight import Response
from turnstile.session.link_events import LinkLost, LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.turn_events import AudioHeard, SpeechStarted, SpeechStopped

LIMITED = Policy(idle_timeout=60.0, max_duration=600.0)
IDLE = Policy(idle_timeout=60.0)
REALTIME = Policy(is_transparent=True, idle_timeout=60.0)
LONG_AGO = math.inf


def due(session, name):
    """The deadline of this name that is set, or None."""
    return next((deadline for deadline in session.deadlines if deadline.name == name), None)


def fires(session, name):
    """The deadline of this name passes."""
    return session.handle(TimerFired(name, due(session, name).token))


def measured(session, seconds=LONG_AGO):
    """The session is idle for its time, and so is what passes it by, for `seconds`."""
    (asked,) = fires(session, "idle")
    return session.handle(SilenceMeasured(asked.token, seconds))


def problems(effects):
    return [end.problem.code for end in of((EndSession, CloseAtRest), effects)]


# The first Settings.


def test_a_session_without_settings_ends_in_words_when_their_time_is_up():
    fresh = Session(Policy(settings_timeout=7.0))
    assert fresh.deadlines == (Deadline("settings", "", 7.0),)
    (end,) = of(EndSession, fires(fresh, "settings"))
    assert end.problem.code == "settings_timeout"
    assert end.problem.description == "Settings: none came within 7 s; they must be the first message."
    assert fresh.deadlines == ()


def test_settings_that_came_end_the_wait_for_them():
    fresh = Session()
    stale = due(fresh, "settings")
    fresh.handle(ConfigRequested(1, BRIEF))
    assert due(fresh, "settings") is None
    assert fresh.handle(TimerFired(*stale[:2])) == []


def test_a_message_before_the_settings_does_not_count_as_settings():
    fresh = Session()
    fresh.handle(message())
    assert problems(fires(fresh, "settings")) == ["settings_timeout"]


@pytest.mark.parametrize("policy", [Policy(is_transparent=True), Policy(settings_timeout=0.0)])
def test_no_settings_are_waited_for_from_a_realtime_client_or_where_that_is_off(policy):
    assert Session(policy).deadlines == ()


# Idle.


def test_by_default_a_session_may_be_idle_and_last_for_ever():
    assert session().deadlines == ()


def test_an_idle_session_ends_in_words_when_nothing_was_heard_or_played_either():
    idle = session(IDLE)
    assert due(idle, "idle").delay == 60.0
    (asked,) = fires(idle, "idle")
    assert asked == MeasureSilence(due(idle, "idle").token, hears_audio=False)
    close, deadlines = idle.handle(SilenceMeasured(asked.token, 60.0))
    assert close.problem.code == "idle_timeout"
    assert close.problem.description == "Nothing was said, asked or answered for 60 s; connect again to go on."
    assert deadlines == SetDeadlines(())
    assert idle.state.link == "ended"


@pytest.mark.parametrize(("seconds", "left"), [(45.0, 15.0), (0.0, 60.0), (-30.0, 90.0)])
def test_a_session_in_which_something_was_heard_or_played_waits_for_the_rest_of_the_time(seconds, left):
    idle = session(IDLE)
    assert measured(idle, seconds) == [SetDeadlines((due(idle, "idle"),))]
    assert due(idle, "idle").delay == left
    assert problems(measured(idle)) == ["idle_timeout"]


def test_what_is_given_while_the_silence_is_measured_keeps_the_session():
    idle = session(IDLE)
    (asked,) = fires(idle, "idle")
    told(idle, SpeechStarted())
    assert idle.handle(SilenceMeasured(asked.token, LONG_AGO)) == []


def test_a_session_that_has_ended_is_not_ended_again():
    idle = session(LIMITED)
    told(idle, DrainRequested())
    for name in ("idle", "duration", "expiry"):
        assert idle.handle(TimerFired(name, "0")) == []
    assert idle.handle(SilenceMeasured("0", LONG_AGO)) == []
    assert idle.deadlines == ()


@pytest.mark.parametrize(
    "event",
    [message(), ConfigRequested(1, BRIEF), FunctionAnswered(1, "call_unknown", "4"), ResponseFinished("resp_0")],
    ids=["a message", "an update", "a result", "an answer"],
)
def test_the_time_begins_anew_at_whatever_is_asked_or_answered(event):
    idle = session(IDLE)
    measured(idle, 45.0)
    before = due(idle, "idle")
    idle.handle(event)
    after = due(idle, "idle")
    assert after is None or (after.token != before.token and after.delay == 60.0)
    assert idle.handle(TimerFired("idle", before.token)) == []


def test_an_event_of_a_realtime_client_begins_the_time_anew_though_it_waits_for_nothing():
    idle = session(REALTIME)
    before = due(idle, "idle")
    idle.handle(EventGiven(b"{}", at_once=True))
    assert due(idle, "idle").token != before.token


@pytest.mark.parametrize("event", [AudioFollows(1), TimerFired("update", "ts_1")], ids=["audio", "a late timer"])
def test_silent_audio_is_no_activity(event):
    idle = session(IDLE)
    before = due(idle, "idle")
    idle.handle(event)
    assert due(idle, "idle") == before


@pytest.mark.parametrize(
    "events",
    [
        [message()],
        [SpeechStarted()],
        [SpeechStarted(), SpeechStopped("turn_1")],
        [AsideStarted("resp_9")],
        [LinkLost("upstream_closed", "gone")],
    ],
    ids=["a message", "speech", "a turn", "out of band", "a lost link"],
)
def test_a_session_is_not_idle_while_something_is_under_way(events):
    busy = session(IDLE)
    told(busy, *events)
    assert due(busy, "idle") is None


def test_a_session_is_idle_when_its_turn_is_over_and_no_call_is_open():
    busy = running(IDLE)
    assert due(busy, "idle") is None
    told(busy, FunctionCalled("resp_1", 0, "call_1"), DONE)
    assert due(busy, "idle") is None
    items = busy.handle(FunctionAnswered(1, "call_1", "4"))
    response = began(told(busy, *confirmed(items)))
    told(busy, response)
    assert due(busy, "idle") is None
    told(busy, ResponseFinished(response.response_id))
    assert due(busy, "idle").delay == 60.0


def test_a_request_that_is_held_keeps_a_session_from_being_idle():
    busy = running(IDLE)
    told(busy, ConfigRequested(1, {"instructions": "Be calm."}), DONE)
    assert due(busy, "idle") is None
    told(busy, UPDATED)
    assert due(busy, "idle") is not None


def test_any_audio_counts_where_nobody_detects_speech():
    off = session(IDLE, {**BRIEF, **PROXY_COMMITS})
    assert fires(off, "idle") == [MeasureSilence("0", hears_audio=True)]


def test_audio_that_is_about_to_be_committed_keeps_the_session():
    off = session(IDLE, {**BRIEF, **PROXY_COMMITS})
    (asked,) = fires(off, "idle")
    told(off, AudioHeard(2_000.0))
    assert due(off, "idle") is None
    assert off.handle(SilenceMeasured(asked.token, LONG_AGO)) == []


def test_a_realtime_session_is_idle_from_the_time_when_its_link_is_open():
    realtime = Session(REALTIME)
    told(realtime, LinkWanted())
    assert due(realtime, "idle") is None
    told(realtime, LinkOpened())
    assert problems(measured(realtime)) == ["idle_timeout"]


def test_a_session_that_never_gets_settings_is_idle_where_they_are_not_waited_for():
    fresh = Session(Policy(settings_timeout=0.0, idle_timeout=60.0))
    assert problems(measured(fresh)) == ["idle_timeout"]


# The longest time.


def expired(effects):
    return problems(effects) == ["session_expired"]


def test_a_session_at_rest_ends_in_words_when_it_has_lasted_as_long_as_it_may():
    old = session(LIMITED)
    (close,) = of(CloseAtRest, fires(old, "duration"))
    assert close.problem.code == "session_expired"
    words = "The session has lasted as long as it may, 600 s (session.max_duration); connect again for another one."
    assert close.problem.description == words
    assert old.deadlines == ()


def test_its_time_begins_with_the_session_and_passes_whatever_happens():
    fresh = Session(LIMITED)
    begun = due(fresh, "duration")
    told(fresh, ConfigRequested(1, BRIEF), LinkOpened())
    assert begun == due(fresh, "duration") == Deadline("duration", "", 600.0)
    assert expired(fires(fresh, "duration"))


def test_a_turn_goes_on_to_its_end_when_the_time_is_over():
    old = running(LIMITED)
    assert not problems(fires(old, "duration"))
    assert due(old, "expiry").delay == 10.0
    assert due(old, "duration") is None
    assert expired(told(old, DONE))


def test_a_turn_that_does_not_end_is_cut_off_after_the_grace():
    old = running(LIMITED)
    fires(old, "duration")
    ends = of(EndSession, fires(old, "expiry"))
    assert expired(ends)
    assert old.state.link == "ended"


def test_an_expiry_that_comes_for_nothing_ends_nothing():
    assert running(LIMITED).handle(TimerFired("expiry", "")) == []


def test_a_session_that_has_expired_does_not_expire_again():
    old = running(LIMITED)
    fires(old, "duration")
    assert old.handle(TimerFired("duration", "")) == []


def test_a_session_that_is_drained_when_its_time_is_over_ends_with_these_words():
    old = session(LIMITED, response=Response("resp_1"))
    told(old, DrainRequested())
    fires(old, "duration")
    assert expired(told(old, DONE))
