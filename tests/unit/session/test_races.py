"""Races between the user's turn, the API's own responses and what is ours, as others have recorded them."""

from __future__ import annotations

import pytest
from given import (
    COLLISION,
    PROXY_ANSWERS,
    PROXY_COMMITS,
    answers,
    client,
    codes,
    confirmed,
    creates,
    kinds,
    message,
    session,
    timer,
    told,
    upstream,
    waiting,
)
from session_words import of

from turnstile.session.awaited import Awaited
from turnstile.session.client_requests import (
    AgentMessageGiven,
    ConfigRequested,
    EventGiven,
    FunctionAnswered,
    TurnEndForced,
)
from turnstile.session.effects import ObserveAudio, SendCommit, SendItem, SendUpdate
from turnstile.session.events import (
    AsideStarted,
    ConfigAnswered,
    FunctionCalled,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.in_flight import Commit, Create, InputAudio, Item, Response, UserAudio
from turnstile.session.link_events import LinkLost
from turnstile.session.policy import Policy
from turnstile.session.turn_events import InputCleared, SpeechStarted, SpeechStopped, TurnCommitted

SAY = AgentMessageGiven(5, {"instructions": "Say hello."}, "queue")


def committed(turn):
    return SpeechStarted(), SpeechStopped(turn), TurnCommitted(turn)


def started(response_id, create=None):
    return ResponseStarted(response_id, create.event_id if create else None)


def cancelled(response_id):
    return ResponseFinished(response_id, "cancelled")


def refused(create, response_id=None, code=COLLISION):
    words = f"Conversation already has an active response in progress: {response_id}."
    return Refused(create.event_id, code, words, running=response_id)


def asked(at_rest, ref=1):
    """Give a message, and return what was created for it."""
    item = upstream(at_rest.handle(message(ref)))
    (create,) = creates(told(at_rest, *confirmed(item)))
    return create


def seen_by(running):
    return [item.item_id for item in running.state.response.seen]


# A: the turn that interrupts a response is the API's to answer.


def test_a_message_held_behind_an_interrupted_response_goes_after_the_answer_to_the_interruption():
    race = session()
    effects = told(race, *committed("t1"), started("r1"), message(), *committed("t2"), cancelled("r1"))
    assert upstream(effects) == []
    assert race.state.phase == "expected"
    race.handle(started("r2"))
    assert seen_by(race) == ["t1", "t2"]
    item = upstream(race.handle(ResponseFinished("r2")))
    assert [type(effect) for effect in item] == [SendItem]
    (create,) = creates(told(race, *confirmed(item)))
    told(race, started("r3", create))
    assert len(seen_by(race)) == 1


def test_a_message_is_answered_though_a_response_without_a_mark_wins_twice():
    race = session()
    first = asked(race)
    told(race, refused(first, "r1"), started("r1"))
    assert seen_by(race) == []
    (second,) = creates(race.handle(ResponseFinished("r1")))
    told(race, refused(second, "r2"), started("r2"))
    assert len(creates(race.handle(ResponseFinished("r2")))) == 1


def test_the_apis_response_has_seen_what_was_there_when_its_turn_was_committed():
    race = session(requested=Create("ts_1", None, ("m",)), items=(Item("m", content={}, stage="confirmed"),))
    told(race, *committed("t1"), started("r1"))
    assert seen_by(race) == ["m", "t1"]


# B: a result of an interrupted response is answered by one create of ours once the turn is.


@pytest.mark.parametrize("order", ["answered before the end", "answered before the turn"])
def test_a_result_of_an_interrupted_response_is_answered_once_after_the_turns_answer(order):
    race = session()
    create = asked(race)
    race.handle(started("r1", create))
    race.handle(FunctionCalled("r1", 0, "call_1"))
    result, turn = FunctionAnswered(7, "call_1", "4"), committed("t1")
    effects = told(race, *((*turn, result) if order == "answered before the end" else (result, *turn)))
    effects += told(race, cancelled("r1"))
    assert upstream(effects) == []
    race.handle(started("r2"))
    item = upstream(race.handle(ResponseFinished("r2")))
    assert [effect.item["type"] for effect in item] == ["function_call_output"]
    assert len(creates(told(race, *confirmed(item)))) == 1


def test_a_result_is_answered_with_the_turn_where_the_proxy_answers_turns():
    race = session(config=PROXY_ANSWERS)
    create = asked(race)
    told(race, started("r1", create), FunctionCalled("r1", 0, "call_1"), FunctionAnswered(7, "call_1", "4"))
    told(race, *committed("t1"))
    item = upstream(race.handle(cancelled("r1")))
    (create,) = creates(told(race, *confirmed(item)))
    race.handle(started("r2", create))
    assert sorted(seen_by(race)) == sorted(["t1", "ts_100", confirmed(item)[0].item_id])


# D: a refusal that names a running response is a fact about that response.


def test_a_refused_create_waits_for_the_response_that_the_refusal_names():
    race = session()
    create = asked(race)
    assert creates(race.handle(refused(create, "r2"))) == []
    assert race.state.phase == "expected"
    race.handle(started("r2"))
    assert race.state.phase == "in progress"
    assert len(creates(race.handle(ResponseFinished("r2")))) == 1


def test_a_refused_create_is_not_given_up_on_while_the_winners_run():
    race = session()
    create = asked(race)
    for number in range(10):
        told(race, refused(create, f"r{number}"), started(f"r{number}"))
        (create,) = creates(race.handle(ResponseFinished(f"r{number}")))
    assert race.data.tries == 0


def test_a_create_refused_for_a_response_whose_end_was_read_goes_again_at_once():
    race = session(requested=Create("ts_1", SAY), ended=("r1", "r2"))
    assert len(creates(race.handle(refused(Create("ts_1"), "r1")))) == 1


@pytest.mark.parametrize(("ended", "goes"), [(("r1",), 1), ((), 0)])
def test_a_create_refused_for_a_response_without_a_name_goes_at_once_if_one_has_ended_since(ended, goes):
    race = session(requested=Create("ts_1", SAY), ended=ended)
    assert len(creates(race.handle(Refused("ts_1", COLLISION, "busy")))) == goes


def test_the_wait_for_a_winner_that_never_begins_is_bounded_and_no_clients_business():
    race = session()
    create = asked(race)
    race.handle(refused(create, "r2"))
    effects = timer(race, "blocking response")
    assert (client(effects), len(creates(effects))) == ([], 1)


def test_a_create_is_refused_for_winners_that_never_begin_so_often_and_no_more():
    race = session()
    tries, effects = 1, race.handle(refused(asked(race), "r0"))
    while "blocking response" in waiting(race):
        (create,) = creates(timer(race, "blocking response"))
        tries, effects = tries + 1, race.handle(refused(create, f"r{tries}"))
    assert (tries, codes(effects)) == (race.policy.create_tries, ["response_refused"])
    assert race.state.phase == "idle"


def test_a_refusal_while_a_response_is_known_of_waits_for_its_end():
    race = session(response=Response("r1"), requested=Create("ts_1", SAY))
    assert creates(race.handle(refused(Create("ts_1"), "r9"))) == []
    assert race.state.blocked_by == ""
    assert len(creates(race.handle(ResponseFinished("r1")))) == 1


# E: the answer to an interrupting turn is expected from the end of the response that it interrupted.


@pytest.mark.parametrize(
    "turn", [(SpeechStarted(), SpeechStopped("t1")), committed("t1")], ids=["stopped", "committed"]
)
def test_the_end_of_an_interrupted_response_leads_to_the_answer_to_the_turn(turn):
    race = session(response=Response("r1"))
    effects = told(race, ConfigRequested(1, {"speed": 2}), message(2), SAY, *turn, cancelled("r1"))
    assert upstream(effects) == []
    assert race.state.phase == "expected"


def test_the_time_for_the_answer_begins_with_the_end_of_the_interrupted_response():
    race = session(response=Response("r1"))
    told(race, *committed("t1"))
    assert "expected" not in waiting(race)
    race.handle(cancelled("r1"))
    assert "expected" in waiting(race)


def test_while_the_user_still_speaks_updates_and_items_go_and_creates_wait():
    race = session(response=Response("r1"))
    effects = told(race, ConfigRequested(1, {"speed": 2}), message(2), SpeechStarted(), cancelled("r1"))
    assert kinds(effects) == [SendUpdate]
    item = upstream(race.handle(ConfigAnswered({})))
    assert [type(effect) for effect in item] == [SendItem]
    assert creates(told(race, *confirmed(item))) == []
    told(race, SpeechStopped("t1"), TurnCommitted("t1"), started("r2"))
    assert len(seen_by(race)) == 2
    assert creates(race.handle(ResponseFinished("r2"))) == []


def test_we_create_if_the_answer_to_the_interruption_does_not_come():
    race = session(response=Response("r1"))
    told(race, *committed("t1"), cancelled("r1"))
    assert len(creates(timer(race, "expected"))) == 1


def test_the_wait_for_a_turn_without_an_end_is_bounded_and_said():
    race = session(response=Response("r1"))
    told(race, SAY, SpeechStarted(), cancelled("r1"))
    effects = timer(race, "turn")
    assert codes(effects) == ["turn_stalled"]
    assert len(creates(effects)) == 1


def test_a_response_that_completes_while_the_user_speaks_makes_no_create_wait():
    race = session(response=Response("r1"))
    assert len(creates(told(race, SAY, SpeechStarted(), ResponseFinished("r1")))) == 1


def test_a_turn_that_ended_during_a_response_it_did_not_interrupt_is_expected_to_be_answered_then():
    no_interruption = {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}}
    race = session(config=no_interruption, response=Response("r1"))
    told(race, *committed("t1"), ResponseFinished("r1"))
    assert race.state.phase == "expected"
    assert len(creates(timer(race, "expected"))) == 1


def test_a_turn_is_answered_once_where_its_response_begins_before_its_commit_is_read():
    race = session()
    told(race, SpeechStarted(), SpeechStopped("t1"), started("r1"), TurnCommitted("t1"))
    assert seen_by(race) == ["t1"]
    assert race.state.expected == ""
    assert creates(race.handle(ResponseFinished("r1"))) == []


# Two turns whose answers have both not begun.


def two_turns():
    race = session()
    told(race, *committed("t1"), SpeechStarted(), SpeechStopped("t2"), TurnCommitted("t2"), started("r1"))
    return race


def test_the_first_of_two_responses_answers_the_earlier_turn():
    race = two_turns()
    assert seen_by(race) == ["t1"]
    assert upstream(race.handle(cancelled("r1"))) == []
    race.handle(started("r2"))
    assert seen_by(race) == ["t1", "t2"]
    assert upstream(race.handle(ResponseFinished("r2"))) == []


def test_a_response_that_a_later_turn_has_not_cut_off_answers_both():
    race = two_turns()
    assert upstream(race.handle(ResponseFinished("r1"))) == []
    assert (race.state.phase, race.state.items) == ("idle", ())


def test_a_later_turn_is_ours_if_turns_do_not_interrupt_and_no_answer_comes():
    race = session(config={"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}})
    told(race, *committed("t1"), *committed("t2"), started("r1"), ResponseFinished("r1"))
    assert race.state.phase == "expected"
    assert len(creates(timer(race, "expected"))) == 1


def test_a_turn_whose_commit_is_read_after_the_end_of_the_next_is_expected_to_be_answered_once():
    race = session()
    told(race, SpeechStarted(), SpeechStopped("t1"), SpeechStarted(), SpeechStopped("t2"))
    told(race, TurnCommitted("t1"), TurnCommitted("t2"))
    assert (race.data.earlier, race.state.expected) == (("t1",), "t2")


def test_a_response_of_ours_that_went_on_leaves_every_turn_to_us():
    race = session()
    create = asked(race)
    told(race, *committed("t1"), *committed("t2"), started("r1", create))
    (create,) = creates(race.handle(ResponseFinished("r1")))
    race.handle(started("r2", create))
    assert seen_by(race) == ["t1", "t2"]


# F: a create waits for an unanswered commit.


def test_a_message_and_a_forced_end_are_answered_by_one_response():
    race = session()
    item = upstream(race.handle(message()))
    (commit,) = of(SendCommit, race.handle(TurnEndForced(2)))
    assert creates(told(race, *confirmed(item))) == []
    (create,) = creates(race.handle(TurnCommitted("t1")))
    race.handle(started("r1", create))
    assert len(seen_by(race)) == 2
    assert creates(race.handle(ResponseFinished("r1"))) == []
    assert commit.event_id not in [each.event_id for each in race.state.commits]


def test_a_message_and_a_forced_end_held_behind_a_response_are_answered_by_one():
    race = session(response=Response("r1"))
    told(race, message(), TurnEndForced(2))
    item = race.handle(ResponseFinished("r1"))
    assert kinds(item) == [SendItem, SendCommit]
    assert creates(told(race, *confirmed(item))) == []
    assert len(creates(race.handle(TurnCommitted("t1")))) == 1


def test_a_message_and_a_commit_of_the_proxys_own_are_answered_by_one_response():
    race = session(
        config=PROXY_COMMITS, user_audio=UserAudio(due=True), input_audio=InputAudio(commits=1, uncommitted=200.0)
    )
    item = race.handle(message())
    assert kinds(item) == [SendItem, SendCommit]
    assert creates(told(race, *confirmed(item))) == []
    assert len(creates(race.handle(TurnCommitted("t1")))) == 1


@pytest.mark.parametrize("end", ["refused", "time"])
def test_a_create_waits_for_a_commit_no_longer_when_it_came_to_nothing(end):
    race = session()
    item = upstream(race.handle(message()))
    (commit,) = of(SendCommit, race.handle(TurnEndForced(2)))
    told(race, *confirmed(item))
    no_audio = Refused(commit.event_id, "input_audio_buffer_commit_empty", "no")
    assert len(creates(race.handle(no_audio) if end == "refused" else timer(race, "commit"))) == 1


# G: a turn heard while our create is out.


def turn_during_our_create():
    race = session()
    create = asked(race)
    told(race, *committed("t1"), message(2))
    race.handle(started("r1", create))
    return race


def test_a_response_of_ours_that_the_turn_interrupts_gives_way_to_the_apis_answer():
    race = turn_during_our_create()
    assert upstream(race.handle(cancelled("r1"))) == []
    assert race.state.phase == "expected"
    race.handle(started("r2"))
    assert "t1" in seen_by(race)
    item = upstream(race.handle(ResponseFinished("r2")))
    assert [type(effect) for effect in item] == [SendItem]
    assert len(creates(told(race, *confirmed(item)))) == 1


def test_a_response_of_ours_that_completes_leaves_the_turn_to_us():
    race = turn_during_our_create()
    item = upstream(race.handle(ResponseFinished("r1")))
    assert [type(effect) for effect in item] == [SendItem]
    (create,) = creates(told(race, *confirmed(item)))
    race.handle(started("r2", create))
    assert "t1" in seen_by(race)


def test_a_turn_begun_before_a_response_of_ours_and_ended_while_it_ran_is_ours_when_that_completes():
    race = session()
    create = asked(race)
    told(race, SpeechStarted(), started("r1", create), SpeechStopped("t1"), TurnCommitted("t1"))
    (create,) = creates(race.handle(ResponseFinished("r1")))
    race.handle(started("r2", create))
    assert seen_by(race) == ["t1"]


def test_a_turn_begun_before_the_apis_response_and_ended_while_it_ran_is_ours_when_that_completes():
    race = session()
    told(race, *committed("t1"), SpeechStarted(), started("r1"), SpeechStopped("t2"), TurnCommitted("t2"))
    assert len(creates(race.handle(ResponseFinished("r1")))) == 1


def test_a_turn_without_a_stop_begun_before_a_response_of_ours_is_ours_likewise():
    race = session(response=Response("r1", is_ours=True), user_audio=UserAudio(speaking=True))
    race.handle(TurnCommitted("t1"))
    assert len(creates(race.handle(ResponseFinished("r1")))) == 1


# I: with turn detection off nobody hears the user speak.


def test_turn_detection_switched_off_in_mid_speech_ends_the_speech():
    race = session()
    told(race, SpeechStarted(), ConfigRequested(1, PROXY_COMMITS))
    effects = race.handle(ConfigAnswered({}))
    assert of(ObserveAudio, effects) == [ObserveAudio(on=True, counts_buffer=True)]
    assert not race.state.user_audio.speaking
    assert len(creates(race.handle(AgentMessageGiven(2, {})))) == 1


def test_input_that_is_cleared_ends_the_speech():
    race = session(response=Response("r1"))
    told(race, SAY, SpeechStarted(), cancelled("r1"))
    assert len(creates(race.handle(InputCleared()))) == 1


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        ({"user_audio": UserAudio(speaking=True)}, "the user is speaking: turn"),
        ({"response": Response("r1")}, "in progress: response r1"),
        ({"blocked_by": "r2"}, "expected: response r2"),
        ({"agent_messages": (SAY,), "create_delay": 1.0}, "another agent message waits: back-off"),
        ({"items": (Item("m", content={}, stage="sent"),)}, "a message waits for its answer: items"),
        ({"commits": (Commit("c"),)}, "input audio is being committed: turn"),
    ],
)
def test_a_refused_agent_message_is_told_what_is_waited_for(turn, words):
    (answer,) = answers(session(**turn).handle(AgentMessageGiven(9, {})))
    assert answer.problem.description == f"The agent message was refused: a turn is running ({words})."


# No optional echo is the only proof.


def test_a_response_without_a_mark_is_ours_while_no_turn_is_expected():
    race = session()
    asked(race)
    race.handle(started("r1"))
    assert len(seen_by(race)) == 1
    assert creates(race.handle(ResponseFinished("r1"))) == []
    assert race.state.requested is None


@pytest.mark.parametrize("config", [PROXY_ANSWERS, PROXY_COMMITS])
def test_a_response_without_a_mark_is_ours_where_the_api_answers_no_turns(config):
    race = session(config=config, requested=Create("ts_1", SAY), expected="t0@0")
    race.handle(started("r1"))
    assert race.state.response.is_ours


def test_a_response_without_a_mark_is_the_apis_while_its_answer_is_expected():
    race = session()
    create = asked(race)
    told(race, *committed("t1"), started("r1"))
    assert race.state.requested.event_id == create.event_id
    assert not race.state.response.is_ours


def test_a_turn_is_ours_if_the_response_that_seemed_to_answer_it_was_that_of_our_create():
    race = session()
    asked(race)
    told(race, *committed("t1"), started("r1"), ResponseFinished("r1"))
    effects = timer(race, "create")
    assert codes(effects) == ["response_create_stalled"]
    race.handle(started("r2", creates(effects)[0]))
    assert seen_by(race) == ["t1"]


def test_a_turn_is_answered_once_though_its_first_answer_was_cut_off_while_a_create_was_out():
    race = session()
    asked(race)
    told(race, *committed("t1"), started("r1"), SpeechStarted(), cancelled("r1"))
    told(race, SpeechStopped("t2"), TurnCommitted("t2"), started("r2"))
    assert codes(timer(race, "create")) == ["response_create_stalled"]
    assert upstream(race.handle(ResponseFinished("r2"))) == []
    assert race.state.items == ()


def test_a_response_with_somebody_elses_mark_is_not_ours():
    race = session()
    asked(race)
    race.handle(ResponseStarted("r1", "somebody_1"))
    assert not race.state.response.is_ours


@pytest.mark.parametrize(("outcome", "phase"), [("completed", "requested"), ("cancelled", "expected")])
def test_a_turn_is_not_answered_by_a_response_with_somebody_elses_mark(outcome, phase):
    race = session()
    told(race, *committed("t1"), ResponseStarted("r1", "somebody_1"), ResponseFinished("r1", outcome))
    assert race.state.phase == phase


def test_a_response_without_a_mark_is_never_ours_in_a_shared_session():
    race = session(Policy(is_shared=True))
    asked(race)
    told(race, started("r1"), ResponseFinished("r1"))
    assert race.state.phase == "requested"


def test_an_unanswered_create_of_a_shared_session_is_repeated_so_often_and_no_more():
    race = session(Policy(is_shared=True))
    asked(race)
    repeated = 0
    for number in range(10):
        told(race, started(f"r{number}"), ResponseFinished(f"r{number}"))
        if race.state.create_delay:
            repeated += len(creates(timer(race, "retry")))
        if race.state.requested:
            repeated += len(creates(timer(race, "create")))
    assert repeated == Policy().create_tries - 1


@pytest.mark.parametrize("event_id", [True, False])
def test_the_refusal_of_its_create_tells_that_a_response_without_a_mark_is_the_apis(event_id):
    race = session()
    create = asked(race)
    race.handle(started("r1"))
    race.handle(Refused(create.event_id if event_id else None, COLLISION, "busy", running="r1"))
    assert (race.state.response.is_ours, seen_by(race)) == (False, [])
    assert len(creates(race.handle(ResponseFinished("r1")))) == 1


def test_an_agent_message_is_answered_once_though_its_response_turns_out_to_be_the_apis():
    race = session(requested=Create("ts_1", SAY))
    effects = told(race, started("r1"), refused(Create("ts_1"), "r1"))
    assert answers(effects) == []
    (create,) = creates(race.handle(ResponseFinished("r1")))
    effects = told(race, started("r2", create), ResponseFinished("r2"))
    assert [answer.ref for answer in answers(effects)] == [5]


def test_an_agent_message_without_a_mark_is_answered_when_its_response_ends():
    race = session(requested=Create("ts_1", SAY))
    assert [answer.ref for answer in answers(told(race, started("r1"), ResponseFinished("r1")))] == [5]


def test_an_agent_message_without_a_mark_is_answered_when_its_link_is_lost():
    race = session(requested=Create("ts_1", SAY))
    race.handle(started("r1"))
    assert [answer.ref for answer in answers(race.handle(LinkLost("upstream_closed", "gone")))] == [5]


def test_another_error_during_a_response_without_a_mark_does_not_dispute_it():
    race = session()
    asked(race)
    told(race, started("r1"), Refused(None, "server_error", "sorry"), Refused("ts_77", COLLISION, "busy"))
    assert race.state.response.is_ours


def test_a_late_response_answers_what_its_create_was_for():
    race = session()
    create = asked(race)
    (again,) = creates(timer(race, "create"))
    race.handle(started("r1", create))
    assert len(seen_by(race)) == 1
    race.handle(refused(again, "r1"))
    assert creates(race.handle(ResponseFinished("r1"))) == []
    assert race.state.phase == "idle"


def test_a_late_response_without_a_mark_answers_what_its_create_was_for():
    race = session()
    asked(race)
    (again,) = creates(timer(race, "create"))
    told(race, started("r1"), refused(again, "r1"))
    assert len(seen_by(race)) == 1
    assert creates(race.handle(ResponseFinished("r1"))) == []


# In band and out of band where upstream does not say.


def aside(event_id="aside_1"):
    return EventGiven(b"{}", at_once=True, awaits=Awaited("response", event_id))


def unplaced(response_id):
    return ResponseStarted(response_id, is_placed=False)


def transparent(**changes):
    return session(Policy(is_transparent=True), **changes)


def test_of_two_creates_out_the_oldest_is_answered_first():
    race = transparent()
    told(race, aside(), SAY)
    race.handle(unplaced("r1"))
    assert race.state.phase == "requested"
    race.handle(unplaced("r2"))
    assert race.state.response.response_id == "r2"


def test_a_create_that_is_older_than_the_one_out_of_band_is_answered_first():
    race = transparent()
    told(race, SAY, aside())
    race.handle(unplaced("r1"))
    assert race.state.response.response_id == "r1"
    assert len(race.data.asides) == 1


def test_a_create_out_of_band_that_upstream_refuses_or_answers_is_out_no_more():
    race = transparent()
    told(race, aside("a"), aside("b"), aside("c"), Refused("b", "invalid_value", "no"), AsideStarted("r1"))
    assert [one.event_id for one in race.data.asides] == ["c"]
    told(race, AsideStarted("r2"), AsideStarted("r3"))
    assert race.data.asides == ()


def test_a_response_out_of_band_sends_nothing_and_gates_nothing():
    race = session()
    before = race.state
    assert told(race, AsideStarted("r1"), ResponseFinished("r1")) == []
    assert race.state is before


def test_the_end_of_a_response_out_of_band_is_no_end_that_a_refusal_could_name():
    race = session()
    told(race, AsideStarted("r1"), ResponseFinished("r1"))
    assert race.data.ended == ()


def test_the_responses_out_of_band_that_are_remembered_are_bounded():
    race = session()
    told(race, *(AsideStarted(f"r{number}") for number in range(300)))
    assert race.data.asides_running == tuple(f"r{number}" for number in range(44, 300))


@pytest.mark.parametrize("max_held", [1, 2])
def test_the_creates_out_of_band_that_are_remembered_are_bounded(max_held):
    race = session(Policy(is_transparent=True, max_held=max_held))
    told(race, *(aside(f"a{number}") for number in range(4)))
    assert [one.event_id for one in race.data.asides] == ["a2", "a3"][-max_held:]


def test_a_create_out_of_band_is_noted_when_it_goes_behind_others():
    race = session(Policy(is_transparent=True), requested=Create("ts_1"))
    told(race, SAY, EventGiven(b"{}", awaits=Awaited("response", "a")))
    assert race.data.asides == ()
    told(race, ResponseStarted("r1", "ts_1"), ResponseFinished("r1"))
    told(race, ResponseStarted("r2", race.state.requested.event_id))
    assert [one.event_id for one in race.data.asides] == ["a"]


# Items that upstream names itself.


def text_item(item_id, role="user", **changes):
    return ItemConfirmed(item_id, **{"kind": "message", "role": role, **changes})


def test_an_item_that_got_another_name_is_confirmed_by_the_next_of_its_kind():
    race = session()
    race.handle(message())
    effects = race.handle(text_item("item_9"))
    assert [answer.ref for answer in answers(effects)] == [1]
    (create,) = creates(effects)
    race.handle(started("r1", create))
    assert seen_by(race) == ["item_9"]


def test_items_that_got_other_names_are_confirmed_in_their_order():
    race = session()
    told(race, message(1), message(2))
    effects = told(race, text_item("item_8"), text_item("item_9"))
    assert [answer.ref for answer in answers(effects)] == [1, 2]
    assert len(creates(effects)) == 1


@pytest.mark.parametrize(
    "other",
    [
        text_item("item_9", role="assistant"),
        text_item("item_9", has_audio=True),
        ItemConfirmed("item_9", "function_call_output", call_id="call_1"),
        ItemConfirmed("item_9"),
    ],
    ids=["role", "audio", "kind", "named by another event"],
)
def test_an_item_of_another_kind_confirms_nothing(other):
    race = session()
    race.handle(message())
    assert answers(race.handle(other)) == []


@pytest.mark.parametrize(("call_id", "is_it"), [("call_1", True), ("", True), ("call_2", False)])
def test_a_result_that_got_another_name_is_confirmed_by_its_call(call_id, is_it):
    race = session(response=Response("r1"))
    told(race, FunctionCalled("r1", 0, "call_1"), FunctionAnswered(7, "call_1", "4"), ResponseFinished("r1"))
    there = ItemConfirmed("item_9", "function_call_output", call_id=call_id)
    assert bool(answers(race.handle(there))) == is_it


def test_an_item_that_is_confirmed_under_our_name_confirms_no_other():
    race = session()
    items = told(race, message(1), message(2))
    first = confirmed(items)[0].item_id
    told(race, text_item(first))
    assert answers(race.handle(text_item(first))) == []


def test_a_late_confirmation_of_an_item_that_was_given_up_on_confirms_no_other():
    race = session()
    late = confirmed(race.handle(message(1)))[0].item_id
    timer(race, "item")
    race.handle(message(2))
    assert answers(race.handle(text_item(late))) == []
