from __future__ import annotations

from given import CALM, configured, message, sent_item

from turnstile.session.client_requests import AgentMessageGiven, AudioFollows, ConfigRequested, TurnEndForced
from turnstile.session.in_flight import Commit, Update
from turnstile.session.journal_notes import Held
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.turn_events import TurnCommitted


def test_a_reason_is_noted_of_those_only_whose_reason_changed():
    session = Session(
        Policy(max_held=2),
        *configured(
            items=(sent_item("ts_0"), sent_item("ts_2")),
            agent_messages=(AgentMessageGiven(9, {}, "queue"),),
            commits=(Commit("ts_1"),),
        ),
    )
    assert [str(note.reason) for ref in (message(1), TurnEndForced(2)) for note in session.handle(ref)] == [
        "capacity",
        "turn",
    ]
    notes = [e for e in session.handle(TurnCommitted("item_1")) if isinstance(e, Held)]
    assert [(note.refs, str(note.reason)) for note in notes] == [((2,), "items")]


def test_of_two_places_of_audio_in_a_row_the_later_is_held():
    session = Session()
    session.handle(AudioFollows(1))
    session.handle(AudioFollows(2))
    assert session.backlog == (AudioFollows(2),)


def test_a_message_behind_audio_that_waits_is_held_for_what_the_audio_waits_for():
    update = Update("ts_1", (), {}, {})
    session = Session(Policy(), *configured(audio_open=False, updating=update, expected="turn_3"))
    session.handle(AudioFollows(1))
    (held,) = session.handle(message(1))
    assert str(held.reason) == "update ts_1"
    (other,) = session.handle(ConfigRequested(2, CALM))
    assert str(other.reason) == "turn turn_3"
