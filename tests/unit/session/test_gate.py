"""What each kind of request waits for, and what ends the wait."""

from __future__ import annotations

from copy import copy

import pytest
from given import CALM, configured, message, sent_item
from session_words import of

from turnstile.session.backlog import Backlog
from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, TurnEndForced
from turnstile.session.effects import Answered
from turnstile.session.events import (
    ConfigAnswered,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
    TimerFired,
)
from turnstile.session.gate import create_waits_for
from turnstile.session.in_flight import Commit, Create, Response, Update, UserAudio
from turnstile.session.journal_notes import Held
from turnstile.session.link_events import LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.rules import decide
from turnstile.session.turn_events import InputCleared, TurnCommitted
from turnstile.session.waits import Reason, Waits

UPDATE = ConfigRequested(9, CALM)
TURN_END = TurnEndForced(9)
SAY = AgentMessageGiven(9, {}, "queue")
OTHER = AgentMessageGiven(8, {}, "queue")
# An update that upstream refused a moment ago waits for its second try.
REFUSED = {"updates": (ConfigRequested(1, CALM),), "update_delay": 1.0, "update_tries": 2}

# For each reason: the state that sets it, the request that waits for it, and the event that ends it.
WAITS = [
    (Reason(Waits.LINK), {"link": "connected"}, UPDATE, LinkOpened()),
    (Reason(Waits.LINK), {"link": "connected"}, message(9), LinkOpened()),
    (Reason(Waits.LINK), {"link": "connected", "audio_open": False}, TURN_END, LinkOpened()),
    (Reason(Waits.LINK), {"link": "connected"}, SAY, LinkOpened()),
    (Reason(Waits.RESPONSE, "r1"), {"response": Response("r1")}, UPDATE, ResponseFinished("r1")),
    (Reason(Waits.RESPONSE, "r1"), {"response": Response("r1")}, message(9), ResponseFinished("r1")),
    (Reason(Waits.RESPONSE, "r1"), {"response": Response("r1")}, SAY, ResponseFinished("r1")),
    (Reason(Waits.RESPONSE, "r1"), {"blocked_by": "r1"}, UPDATE, TimerFired("blocking response", "r1")),
    (Reason(Waits.CREATE, "ts_1"), {"requested": Create("ts_1")}, UPDATE, Refused("ts_1", "invalid_value", "no")),
    (Reason(Waits.TURN, "t1"), {"expected": "t1"}, UPDATE, TimerFired("expected", "t1")),
    (Reason(Waits.UPDATE, "ts_1"), {"updating": Update("ts_1", (), {}, {})}, UPDATE, ConfigAnswered({})),
    (Reason(Waits.UPDATE, "ts_1"), {"updating": Update("ts_1", (), {}, {})}, message(9), ConfigAnswered({})),
    (Reason(Waits.BACK_OFF), REFUSED, UPDATE, TimerFired("update retry", "2")),
    (Reason(Waits.CAPACITY), {"items": (sent_item(),)}, message(9), Refused("ts_1", "invalid_value", "no")),
    (Reason(Waits.CAPACITY), {"commits": (Commit("ts_1"),)}, TURN_END, TurnCommitted("t1")),
    (Reason(Waits.CAPACITY), {"agent_messages": (OTHER,), "create_delay": 1.0}, SAY, TimerFired("retry", "0")),
]


def ident(value):
    return str(value) if isinstance(value, Reason) else type(value).__name__


@pytest.mark.parametrize(("reason", "state", "request_", "end"), WAITS, ids=ident)
def test_a_request_is_held_for_its_reason_until_the_event_that_ends_it(reason, state, request_, end):
    session = Session(Policy(max_held=1), *configured(**state))
    assert of(Held, session.handle(request_)) == [Held((9,), reason)]
    assert [*session.waiting()] == [(request_, reason)]
    session.handle(end)
    assert reason not in [reason for _, reason in session.waiting()]


def test_a_message_behind_a_configuration_that_was_refused_waits_for_one():
    session = Session(None, *configured(configured=False, audio_open=False, accepted={}, in_force={}))
    session.handle(UPDATE)
    session.handle(message(2))
    effects = session.handle(Refused("ts_100", "invalid_value", "no"))
    assert of(Held, effects) == [Held((2,), Reason(Waits.CONFIGURATION))]
    effects = session.handle(ConfigRequested(3, {"instructions": "Be brief."}))
    assert of(Held, effects) == [Held((2,), Reason(Waits.UPDATE, "ts_101"))]
    session.handle(ConfigAnswered({}))
    assert session.held == 0


def test_a_message_behind_as_many_as_may_be_under_way_waits_for_capacity():
    session = Session()
    session.now = configured(items=tuple(sent_item(f"ts_{n}", event_id=f"ts_e{n}") for n in range(256)))
    assert of(Held, session.handle(message(9))) == [Held((9,), Reason(Waits.CAPACITY))]


def test_a_change_of_what_is_waited_for_is_noted_once_for_all_requests():
    session = Session(None, *configured(response=Response("r1")))
    assert of(Held, session.handle(UPDATE)) == [Held((9,), Reason(Waits.RESPONSE, "r1"))]
    session.handle(message(2))
    session.handle(message(3))
    effects = session.handle(ResponseFinished("r1"))
    assert of(Held, effects) == [Held((2, 3), Reason(Waits.UPDATE, "ts_100"))]
    assert of(Held, session.handle(ResponseStarted("r2"))) == [Held((2, 3), Reason(Waits.RESPONSE, "r2"))]


def test_a_message_behind_a_commit_that_waits_waits_for_the_same():
    commits = (Commit("ts_1"), Commit("ts_2"))
    session = Session(Policy(max_held=2), *configured(response=Response("r1"), commits=commits))
    session.handle(TURN_END)
    session.handle(message(2))
    assert of(Held, session.handle(ResponseFinished("r1"))) == [Held((9, 2), Reason(Waits.CAPACITY))]


def test_nothing_is_kept_of_a_request_that_was_released():
    backlog = Backlog(Policy(), decide)
    backlog.hold(UPDATE, Waits.RESPONSE, configured(response=Response("r1")).state)
    assert backlog.reasons == {9: Reason(Waits.RESPONSE, "r1")}
    backlog.offer(configured())
    assert (backlog.events, backlog.reasons) == ((), {})


def test_a_copy_of_a_session_goes_its_own_way():
    session = Session(None, *configured(response=Response("r1")))
    session.handle(message(1))
    other = copy(session)
    other.handle(ResponseFinished("r1"))
    assert (session.held, other.held) == (1, 0)
    assert repr(session) == "<Session in progress r1, 1 held: item for response>"


@pytest.mark.parametrize(
    ("waits", "state", "end"),
    [
        (Waits.ITEMS, {"items": (sent_item(),)}, ItemConfirmed("ts_0")),
        (Waits.TURN, {"user_audio": UserAudio(barge_in="r1")}, InputCleared()),
        (Waits.TURN, {"commits": (Commit("ts_1"),)}, Refused("ts_1", "input_audio_buffer_commit_empty", "no")),
        (Waits.BACK_OFF, {"create_delay": 1.0}, TimerFired("retry", "0")),
    ],
)
def test_a_create_waits_where_items_may_go(waits, state, end):
    session = Session(None, *configured(**state))
    assert create_waits_for(session.state) is waits
    session.handle(end)
    assert create_waits_for(session.state) is not waits


def test_a_turn_end_behind_an_agent_message_waits_for_what_that_waits_for():
    session = Session(None, *configured(agent_messages=(OTHER,), create_delay=1.0))
    assert of(Held, session.handle(TURN_END)) == [Held((9,), Reason(Waits.BACK_OFF))]


def test_the_state_of_a_session_is_told_with_what_is_held_and_why():
    session = Session(None, *configured(response=Response("r1")))
    for event in (UPDATE, message(2), message(3)):
        session.handle(event)
    assert repr(session) == "<Session in progress r1, 3 held: config update for response, 2 x item for response>"


def test_a_refused_message_is_held_for_nothing():
    session = Session(Policy(max_held=1), *configured(response=Response("r1")))
    session.handle(message(1))
    assert [answer.ref for answer in of(Answered, session.handle(message(2)))] == [2]
    assert [request.ref for request, _ in session.waiting()] == [1]
