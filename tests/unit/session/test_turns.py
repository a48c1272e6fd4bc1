"""The user's voice: turns ended by the API, by the proxy, and by the client."""

from __future__ import annotations

import pytest
from session_words import MESSAGE, answers, detection, of

from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, TurnEndForced, UserMessageGiven
from turnstile.session.effects import (
    ObserveAudio,
    OpenAudio,
    Reported,
    SendCommit,
    SendCreate,
    SendItem,
    SendTruncate,
    SetDeadlines,
)
from turnstile.session.events import (
    ConfigAnswered,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
    TimerFired,
)
from turnstile.session.gate import update_waits_for
from turnstile.session.in_flight import Commit, Create, InputAudio, Item, Response, Update, UserAudio
from turnstile.session.journal_notes import Held
from turnstile.session.policy import Policy
from turnstile.session.turn_events import AudioHeard, CutOff, InputCleared, SpeechStarted, SpeechStopped, TurnCommitted
from turnstile.session.waits import Reason, Waits

OFF = detection(None)
BY_US = detection({"type": "server_vad", "create_response": False})


def test_speech_leaves_the_gate_open(at):
    session = at()
    session.handle(SpeechStarted())
    assert update_waits_for(session.state) is None
    assert session.state.user_audio.speaking


def test_what_the_user_did_not_hear_is_taken_out_of_the_conversation(at):
    session = at(serial=7)
    effects = session.handle(SpeechStarted((CutOff("item_1", 250), CutOff("item_2", 1))))
    assert effects == [SendTruncate("ts_7", "item_1", 250), SendTruncate("ts_8", "item_2", 1)]
    assert session.data.serial == 9


@pytest.mark.parametrize("fact", [SpeechStopped("item_1"), TurnCommitted("item_1")])
def test_the_end_of_a_turn_shuts_the_gate_until_the_api_answers_it(at, fact):
    session = at()
    session.handle(fact)
    assert session.state.phase == "expected"
    session.handle(ResponseStarted("resp_1"))
    assert session.state.phase == "in progress"


def test_a_turn_that_the_api_answers_is_owed_nothing(at):
    session = at()
    for fact in (SpeechStopped("item_1"), TurnCommitted("item_1"), ResponseStarted("resp_1")):
        session.handle(fact)
    assert of(SendCreate, session.handle(ResponseFinished("resp_1"))) == []


def test_a_turn_that_the_api_leaves_unanswered_is_answered_by_us(at):
    session = at()
    session.handle(SpeechStopped("item_1"))
    session.handle(TurnCommitted("item_1"))
    effects = session.handle(TimerFired("expected", session.state.expected))
    assert [report.problem.code for report in of(Reported, effects)] == ["response_expected_stalled"]
    assert len(of(SendCreate, effects)) == 1


def test_where_the_api_answers_no_turn_each_commit_is_owed_a_response(at):
    session = at(config=BY_US)
    session.handle(SpeechStopped("item_1"))
    assert session.state.phase == "idle"
    assert len(of(SendCreate, session.handle(TurnCommitted("item_1")))) == 1


def test_a_forced_end_commits_and_the_commit_is_answered_by_one_response(at):
    session = at()
    (commit,) = of(SendCommit, session.handle(TurnEndForced(1)))
    assert session.state.commits == (Commit(commit.event_id, 1),)
    effects = session.handle(TurnCommitted("item_1"))
    assert answers(effects) == [(1, None, True)]
    assert len(of(SendCreate, effects)) == 1


def test_a_forced_end_waits_for_the_response(at):
    session = at(response=Response("resp_1"))
    assert of(Held, session.handle(TurnEndForced(1))) == [Held((1,), Reason(Waits.RESPONSE, "resp_1"))]
    assert len(of(SendCommit, session.handle(ResponseFinished("resp_1")))) == 1


def test_a_turn_that_the_api_ended_itself_does_not_answer_our_commit(at):
    session = at(commits=(Commit("ts_0", 1),))
    session.handle(SpeechStopped("item_1"))
    assert answers(session.handle(TurnCommitted("item_1"))) == []
    assert session.state.commits == (Commit("ts_0", 1),)


def test_a_refused_commit_is_told_to_whoever_asked_for_it(at):
    session = at(commits=(Commit("ts_0", 1), Commit("ts_1")))
    refused = Refused("ts_0", "input_audio_buffer_commit_empty", "buffer too small")
    assert answers(session.handle(refused)) == [(1, "input_audio_buffer_commit_empty", False)]
    assert session.handle(Refused("ts_1", "input_audio_buffer_commit_empty", "buffer too small"))[-1:] != []
    assert session.state.commits == ()


def test_an_unanswered_commit_is_given_up_in_time(at):
    session = at(commits=(Commit("ts_0", 1),))
    assert answers(session.handle(TimerFired("commit", "ts_0"))) == [(1, "commit_stalled", False)]


def test_audio_is_observed_while_the_proxy_commits(at):
    session = at()
    session.handle(ConfigRequested(1, OFF))
    assert of(ObserveAudio, session.handle(ConfigAnswered({}))) == [ObserveAudio(on=True)]
    session.handle(ConfigRequested(2, BY_US))
    assert of(ObserveAudio, session.handle(ConfigAnswered({}))) == [ObserveAudio(on=False)]


def test_the_first_commit_wants_a_second_of_audio(at):
    session = at(config=OFF)
    assert of(SetDeadlines, session.handle(AudioHeard(900))) == []
    (told,) = of(SetDeadlines, session.handle(AudioHeard(100)))
    assert {wait.name: wait.delay for wait in told.deadlines} == {"pause": 0.4, "enough": 0.6}


def test_later_commits_want_a_tenth_of_a_second(at):
    session = at(config=OFF, input_audio=InputAudio(commits=1))
    assert of(SetDeadlines, session.handle(AudioHeard(99))) == []
    assert of(SetDeadlines, session.handle(AudioHeard(1))) != []


def test_the_proxy_commits_after_a_pause(at):
    session = at(config=OFF, input_audio=InputAudio(commits=1))
    session.handle(AudioHeard(200))
    assert len(of(SendCommit, session.handle(TimerFired("pause", "1")))) == 1
    assert session.data.input_audio.uncommitted == 0


def test_more_audio_makes_a_new_pause_but_not_a_new_end(at):
    session = at(config=OFF, input_audio=InputAudio(commits=1))
    (before,) = of(SetDeadlines, session.handle(AudioHeard(200)))
    (after,) = of(SetDeadlines, session.handle(AudioHeard(20)))
    assert [wait.name for wait in after.deadlines if wait not in before.deadlines] == ["pause"]
    assert [wait.name for wait in after.deadlines if wait in before.deadlines] == ["enough"]
    assert of(SendCommit, session.handle(TimerFired("pause", "1"))) == []
    assert len(of(SendCommit, session.handle(TimerFired("enough", "1")))) == 1


def test_the_proxy_does_not_commit_during_a_response_and_commits_the_rest_after_it(at):
    session = at(config=OFF, input_audio=InputAudio(commits=1), response=Response("resp_1"))
    session.handle(AudioHeard(30))
    assert len(of(SendCommit, session.handle(ResponseFinished("resp_1")))) == 1


def test_nothing_is_left_over_where_nothing_was_heard(at):
    session = at(config=OFF, response=Response("resp_1"))
    assert of(SendCommit, session.handle(ResponseFinished("resp_1"))) == []


def test_one_commit_waits_for_the_answer_to_the_one_before(at):
    session = at(config=OFF, input_audio=InputAudio(commits=1, uncommitted=200, heard=1), commits=(Commit("ts_0"),))
    assert of(SendCommit, session.handle(TimerFired("pause", "1"))) == []
    assert len(of(SendCommit, session.handle(TurnCommitted("item_1")))) in {0, 1}
    assert session.state.user_audio.due or session.state.commits


def test_a_commit_that_is_due_when_the_proxy_commits_no_more_is_forgotten(at):
    session = at(user_audio=UserAudio(due=True), input_audio=InputAudio(uncommitted=200))
    session.handle(SpeechStarted())
    assert not session.state.user_audio.due


def test_what_the_user_broke_in_on_waits_for_the_commit_where_the_proxy_answers_turns(at):
    session = at(config=BY_US, items=(Item("ts_9", content={}, stage="confirmed", responder="after_turn"),))
    assert of(SendCreate, session.handle(SpeechStopped("item_1"))) == []
    assert len(of(SendCreate, session.handle(TurnCommitted("item_1")))) == 1
    session.handle(ResponseStarted("resp_1", "ts_0"))
    assert of(SendCreate, session.handle(ResponseFinished("resp_1"))) == []


def test_a_turn_that_ended_just_before_an_agent_message_began_is_still_owed_its_answer(at):
    session = at(requested=Create("ts_0", AgentMessageGiven(5, {}, "queue")))
    for fact in (SpeechStopped("item_1"), TurnCommitted("item_1"), ResponseStarted("resp_1", "ts_0")):
        session.handle(fact)
    assert len(of(SendCreate, session.handle(ResponseFinished("resp_1")))) == 1


def test_a_turn_that_ends_while_a_response_runs_is_answered_by_us_if_the_api_does_not(at):
    session = at(response=Response("resp_1"))
    session.handle(SpeechStopped("item_1"))
    session.handle(TurnCommitted("item_1"))
    assert of(SendCreate, session.handle(ResponseFinished("resp_1"))) == []
    assert len(of(SendCreate, session.handle(TimerFired("expected", session.state.expected)))) == 1


def test_what_came_into_the_conversation_after_the_turn_is_not_seen_by_its_response(at):
    session = at()
    (item,) = of(SendItem, session.handle(UserMessageGiven(1, MESSAGE)))
    for fact in (TurnCommitted("item_1"), ItemConfirmed(item.item["id"]), ResponseStarted("resp_1")):
        session.handle(fact)
    assert [seen.item_id for seen in session.state.response.seen] == ["item_1"]
    assert len(of(SendCreate, session.handle(ResponseFinished("resp_1")))) == 1


def test_a_turn_committed_while_our_create_was_under_way_is_not_seen_by_its_response(at):
    session = at(requested=Create("ts_0", None, ("ts_9",)), items=(Item("ts_9", stage="confirmed"),))
    session.handle(TurnCommitted("item_1"))
    session.handle(ResponseStarted("resp_1", "ts_0"))
    assert [seen.item_id for seen in session.state.response.seen] == ["ts_9"]
    assert len(of(SendCreate, session.handle(ResponseFinished("resp_1")))) == 1


def test_a_commit_of_the_proxys_own_that_stays_unanswered_is_reported(at):
    effects = at(commits=(Commit("ts_0"),)).handle(TimerFired("commit", "ts_0"))
    assert [report.problem.code for report in of(Reported, effects)] == ["commit_stalled"]


def test_a_commit_of_the_proxys_own_that_is_refused_is_nobodys_business(at):
    refused = Refused("ts_0", "input_audio_buffer_commit_empty", "buffer too small")
    assert of(Reported, at(commits=(Commit("ts_0"),)).handle(refused)) == []


def test_no_more_forced_ends_are_under_way_than_may_wait(at):
    session = at(policy=Policy(max_held=1))
    session.handle(TurnEndForced(1))
    assert of(Held, session.handle(TurnEndForced(2))) == [Held((2,), Reason(Waits.CAPACITY))]


def test_a_turn_end_that_waited_for_the_configuration_commits_behind_the_audio(at):
    session = at(audio_open=False, updating=Update("ts_1", (ConfigRequested(1, OFF),), OFF, OFF))
    session.handle(TurnEndForced(2))
    kinds = [type(effect) for effect in session.handle(ConfigAnswered({}))]
    assert kinds.index(OpenAudio) < kinds.index(SendCommit)


@pytest.mark.parametrize("fact", [InputCleared(), ConfigAnswered({})])
def test_what_waits_for_the_next_turn_waits_on_when_none_was_heard(at, fact):
    result = Item("ts_0", content={"type": "function_call_output"}, stage="confirmed", responder="after_turn")
    session = at(items=(result,), updating=Update("ts_1", (), OFF, OFF) if isinstance(fact, ConfigAnswered) else None)
    assert of(SendCreate, session.handle(fact)) == []
    assert of(SendCreate, session.handle(TurnEndForced(2))) == []
    assert len(of(SendCreate, session.handle(TurnCommitted("item_1")))) == 1
