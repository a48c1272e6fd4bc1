"""What a renewal waits for, and for how long: transcripts, and the time that a session lasts."""

from __future__ import annotations

import pytest
from relinking import LOST, fire, prepared, renewing, served, switched
from session_words import of

from turnstile.session.conversation import Conversation
from turnstile.session.conversation_events import ItemDeleted, Transcribed
from turnstile.session.effects import Reported
from turnstile.session.events import ItemConfirmed, ResponseFinished, ResponseStarted
from turnstile.session.link_effects import TakeOver
from turnstile.session.link_events import AudioPaused
from turnstile.session.policy import Policy
from turnstile.session.turn_events import SpeechStarted, SpeechStopped, TurnCommitted

TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
ONLY_TRANSCRIBED = {**TRANSCRIBED, "type": "transcription"}
SPOKEN = {"type": "message", "role": "user", "content": [{"type": "input_audio", "transcript": None}]}


def speak(session, turn):
    for fact in (SpeechStarted(), SpeechStopped(turn), TurnCommitted(turn), ItemConfirmed(turn, SPOKEN)):
        session.handle(fact)


def codes(effects):
    return [report.problem.code for report in of(Reported, effects)]


# Transcripts.


@pytest.mark.parametrize(
    ("config", "policy"),
    [
        (ONLY_TRANSCRIBED, Policy(session_lifetime=3600.0, is_transparent=True)),
        (TRANSCRIBED, Policy(session_lifetime=3600.0, is_transparent=True, max_conversation_bytes=0)),
    ],
    ids=["transcription", "no record"],
)
@pytest.mark.parametrize("end", [Transcribed("turn_1", "Hi."), Transcribed("turn_1", None), ItemDeleted("turn_1")])
def test_a_renewal_waits_for_a_transcript_where_no_conversation_is_kept_too(at, config, policy, end):
    session = renewing(at, config=config, policy=policy)
    speak(session, "turn_1")
    session.handle(ResponseStarted("resp_1"))
    session.handle(ResponseFinished("resp_1"))
    served(session, fire(session, "renewal"))
    assert session.state.switching == ""
    effects = served(session, session.handle(end))
    assert len(of(TakeOver, effects + switched(session))) == 1


def test_a_turn_that_a_link_has_not_transcribed_is_lost_with_it_once(at):
    session = at(config=ONLY_TRANSCRIBED, policy=Policy(is_transparent=True))
    speak(session, "turn_1")
    assert codes(session.handle(LOST)) == ["turn_lost"]
    assert session.data.conversation == Conversation()


def test_turns_that_are_never_transcribed_are_remembered_up_to_a_bound(at):
    session = at(config=ONLY_TRANSCRIBED, policy=Policy(is_transparent=True))
    for number in range(20):
        speak(session, f"turn_{number}")
    assert session.data.conversation.awaited == tuple(f"turn_{number}" for number in range(12, 20))


def answered_without_transcript(at):
    session = renewing(at, config=TRANSCRIBED)
    for number in (1, 2):
        speak(session, f"turn_{number}")
        session.handle(ResponseStarted(f"resp_{number}"))
        session.handle(ResponseFinished(f"resp_{number}"))
    served(session, fire(session, "renewal"))
    return session


def test_a_transcript_that_does_not_come_puts_a_renewal_off_for_its_time_only(at):
    session = answered_without_transcript(at)
    assert session.state.switching == ""
    effects = served(session, fire(session, "transcript")) + switched(session)
    assert len(of(TakeOver, effects)) == 1
    assert codes(effects) == ["not_restored"]


def test_a_transcript_that_comes_late_is_kept(at):
    session = answered_without_transcript(at)
    fire(session, "transcript")
    session.handle(Transcribed("turn_1", "Hi."))
    assert session.data.conversation.is_known("turn_1")


def test_a_link_that_has_waited_to_be_used_ends_that_much_sooner_by_the_setting(at):
    session = prepared(at, policy=Policy(session_lifetime=3600.0))
    session.handle(AudioPaused(0.0))
    switched(session)
    assert [one.delay for one in session.deadlines if one.name == "latest"] == [3290.0]


def test_a_renewal_is_no_use_of_a_session(at):
    session = prepared(at, policy=Policy(session_lifetime=3600.0, idle_timeout=60.0))
    used = session.data.activity
    session.handle(AudioPaused(0.0))
    switched(session)
    assert session.data.activity == used
