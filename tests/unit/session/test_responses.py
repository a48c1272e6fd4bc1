"""Items, the responses that they are owed, and races for them."""

from __future__ import annotations

import pytest
from session_words import MESSAGE, answers, notes, of

from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, UserMessageGiven
from turnstile.session.effects import (
    Answered,
    Reported,
    SendCancel,
    SendCreate,
    SendItem,
)
from turnstile.session.events import (
    ConfigAnswered,
    HandedBack,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseProgressed,
    ResponseStarted,
    TimerFired,
)
from turnstile.session.in_flight import Cancel, Commit, Create, Item, Response, UserAudio
from turnstile.session.journal_notes import Held
from turnstile.session.policy import Policy
from turnstile.session.turn_events import SpeechStopped, TurnCommitted
from turnstile.session.waits import Reason, Waits

COLLISION = "conversation_already_has_active_response"
OWED = Item("ts_9", content=MESSAGE, stage="confirmed")
HELLO = UserMessageGiven(1, MESSAGE)
# A turn that the API answers by itself.
HEARD = (SpeechStopped("turn_1"), TurnCommitted("turn_1"))


def say(behavior="default", ref=5):
    return AgentMessageGiven(ref, {"instructions": "Say hello."}, behavior)


def created(session):
    """Put a message in, and return its create."""
    (item,) = of(SendItem, session.handle(HELLO))
    (create,) = of(SendCreate, session.handle(ItemConfirmed(item.item["id"])))
    return create


def test_a_message_is_sent_with_an_id_of_ours_and_answered_once_it_is_confirmed(at):
    session = at()
    effects = session.handle(HELLO)
    (sent,) = of(SendItem, effects)
    assert sent.item == {**MESSAGE, "id": "ts_0"}
    assert of(SendCreate, effects) == []
    effects = session.handle(ItemConfirmed("ts_0"))
    assert answers(effects) == [(1, None, True)]
    assert len(of(SendCreate, effects)) == 1


def test_a_second_confirmation_changes_nothing(at):
    session = at()
    session.handle(HELLO)
    session.handle(ItemConfirmed("ts_0"))
    assert session.handle(ItemConfirmed("ts_0")) == []


def test_messages_wait_for_the_response_and_are_answered_by_one(at):
    session = at(response=Response("resp_1"))
    assert of(Held, session.handle(HELLO)) == [Held((1,), Reason(Waits.RESPONSE, "resp_1"))]
    session.handle(UserMessageGiven(2, MESSAGE))
    sent = of(SendItem, session.handle(ResponseFinished("resp_1")))
    assert [item.item["id"] for item in sent] == ["ts_0", "ts_1"]
    assert of(SendCreate, session.handle(ItemConfirmed("ts_0"))) == []
    assert len(of(SendCreate, session.handle(ItemConfirmed("ts_1")))) == 1


def test_messages_wait_for_the_confirmation_of_the_update_before_them(at):
    session = at()
    session.handle(ConfigRequested(7, {"instructions": "b"}))
    assert of(SendItem, session.handle(HELLO)) == []
    assert len(of(SendItem, session.handle(ConfigAnswered({})))) == 1


def test_more_messages_than_may_be_under_way_wait(at):
    session = at(policy=Policy(max_held=1))
    session.handle(HELLO)
    assert of(Held, session.handle(UserMessageGiven(2, MESSAGE))) == [Held((2,), Reason(Waits.CAPACITY))]


def test_our_response_is_known_by_its_metadata(at):
    session = at()
    create = created(session)
    session.handle(ResponseStarted("resp_1", create.event_id))
    assert session.state.requested is None
    assert session.state.phase == "in progress"


def test_the_servers_response_is_not_taken_for_ours(at):
    session = at()
    create = created(session)
    for fact in (*HEARD, ResponseStarted("resp_1")):
        session.handle(fact)
    assert session.state.requested == Create(create.event_id, None, ("ts_0",))


def test_a_race_that_the_server_wins_leads_to_no_second_reply(at):
    session = at()
    create = created(session)
    for fact in (*HEARD, ResponseStarted("resp_1")):
        session.handle(fact)
    effects = session.handle(Refused(create.event_id, COLLISION, "busy"))
    assert notes("collided", effects) == [f"{create.event_id} try 1"]
    assert of(SendCreate, session.handle(ResponseFinished("resp_1"))) == []
    assert session.state.phase == "idle"


def test_a_race_lost_to_a_response_that_is_over_is_repaired_at_once(at):
    session = at()
    create = created(session)
    session.handle(ResponseFinished("resp_1"))
    assert len(of(SendCreate, session.handle(Refused(create.event_id, COLLISION, "busy", running="resp_1")))) == 1


def test_a_winner_that_fails_leaves_the_reply_owed(at):
    session = at()
    create = created(session)
    for fact in (*HEARD, ResponseStarted("resp_1")):
        session.handle(fact)
    session.handle(Refused(create.event_id, COLLISION, "busy"))
    effects = session.handle(ResponseFinished("resp_1", "failed"))
    effects += session.handle(TimerFired("retry", "2"))
    assert len(of(SendCreate, effects)) == 1


def test_our_response_with_nothing_left_to_answer_is_cancelled_at_once(at):
    session = at()
    create = created(session)
    for fact in (*HEARD, ResponseStarted("resp_1")):
        session.handle(fact)
    session.handle(ResponseFinished("resp_1"))
    (cancel,) = of(SendCancel, session.handle(ResponseStarted("resp_2", create.event_id)))
    assert cancel.response_id == "resp_2"
    assert of(SendCreate, session.handle(ResponseFinished("resp_2", "cancelled"))) == []


def test_repetitions_wait_longer_each_time_and_end(at):
    session = at(policy=Policy(create_tries=3), ended=("resp_1",))
    create = created(session)
    (second,) = of(SendCreate, session.handle(Refused(create.event_id, COLLISION, "busy", running="resp_1")))
    effects = session.handle(Refused(second.event_id, COLLISION, "busy", running="resp_1"))
    assert of(SendCreate, effects) == []
    (third,) = of(SendCreate, session.handle(TimerFired("retry", "2")))
    effects = session.handle(Refused(third.event_id, COLLISION, "busy", running="resp_1"))
    assert [report.problem.code for report in of(Reported, effects)] == ["response_refused"]
    assert (session.state.items, session.data.tries) == ((), 0)


def test_a_create_refused_for_what_it_is_is_reported_and_not_repeated(at):
    session = at()
    create = created(session)
    effects = session.handle(Refused(create.event_id, "invalid_value", "no"))
    assert [report.problem.code for report in of(Reported, effects)] == ["invalid_value"]
    assert session.state.phase == "idle"


def test_an_unanswered_create_is_reported_and_repeated(at):
    session = at()
    create = created(session)
    effects = session.handle(TimerFired("create", create.event_id))
    assert [report.problem.code for report in of(Reported, effects)] == ["response_create_stalled"]
    assert len(of(SendCreate, effects)) == 1


def test_a_create_that_stays_unanswered_is_given_up(at):
    session = at(policy=Policy(create_tries=1))
    create = created(session)
    effects = session.handle(TimerFired("create", create.event_id))
    assert [report.problem.code for report in of(Reported, effects)] == ["response_create_stalled"]
    assert of(SendCreate, effects) == []


def test_a_handed_back_create_goes_after_the_response_that_overtook_it(at):
    session = at()
    create = created(session)
    session.handle(SpeechStopped("item_1"))
    assert of(SendCreate, session.handle(HandedBack(create.event_id))) == []
    assert session.state.requested is None
    assert len(of(SendCreate, session.handle(TimerFired("expected", session.state.expected)))) == 1


def test_a_failed_answer_is_tried_again(at):
    session = at(response=Response("resp_1", seen=(OWED,)))
    assert len(of(SendCreate, session.handle(ResponseFinished("resp_1", "failed")))) == 1


def test_an_incomplete_answer_is_an_answer(at):
    session = at(response=Response("resp_1", seen=(OWED,)))
    assert of(SendCreate, session.handle(ResponseFinished("resp_1", "incomplete"))) == []


def test_a_failed_response_that_answered_nothing_owes_nothing(at):
    session = at(response=Response("resp_1"))
    assert of(SendCreate, session.handle(ResponseFinished("resp_1", "failed"))) == []


def test_what_the_user_broke_in_on_is_owed_again_when_the_turn_ends(at):
    session = at(response=Response("resp_1", seen=(OWED,)))
    assert of(SendCreate, session.handle(ResponseFinished("resp_1", "cancelled"))) == []
    assert not session.state.has_owed
    session.handle(SpeechStopped("item_1"))
    assert session.state.has_owed


def test_a_response_that_is_over_without_its_end_gives_way_to_the_next(at):
    session = at(response=Response("resp_1", seen=(OWED,)))
    session.handle(ResponseStarted("resp_2"))
    assert session.state.response == Response("resp_2")


def test_a_start_said_twice_changes_nothing(at):
    session = at(response=Response("resp_1", seen=(OWED,)))
    session.handle(ResponseStarted("resp_1"))
    assert session.state.response == Response("resp_1", seen=(OWED,))


def test_an_end_of_another_response_ends_nothing(at):
    session = at(response=Response("resp_2"))
    assert session.handle(ResponseFinished("resp_1")) == []
    assert at().handle(ResponseFinished("resp_1")) == []
    assert session.state.phase == "in progress"


def test_signs_of_life_count_for_the_response_in_progress_only(at):
    session = at(response=Response("resp_1"))
    session.handle(ResponseProgressed("resp_1"))
    session.handle(ResponseProgressed("resp_2"))
    assert session.data.progress == 1


def test_a_silent_response_is_reported_cancelled_and_its_answer_owed(at):
    session = at(response=Response("resp_1", seen=(OWED,)))
    effects = session.handle(TimerFired("response", "resp_1+0"))
    assert [report.problem.code for report in of(Reported, effects)] == ["response_stalled"]
    (cancel,) = of(SendCancel, effects)
    assert session.state.phase == "cancelling"
    assert len(of(SendCreate, session.handle(TimerFired("cancel", cancel.event_id)))) == 1


def test_the_agent_speaks_at_rest_and_the_message_is_answered_when_it_does(at):
    session = at()
    (create,) = of(SendCreate, session.handle(say()))
    assert create.response == {"instructions": "Say hello."}
    assert session.handle(ResponseStarted("resp_1", create.event_id))[0] == Answered(5)


@pytest.mark.parametrize(
    "turn",
    [
        {"response": Response("resp_1")},
        {"requested": Create("ts_0")},
        {"expected": "item_1@0"},
        {"user_audio": UserAudio(speaking=True)},
        {"items": (OWED,), "create_delay": True},
    ],
)
def test_the_agent_does_not_speak_by_default_while_a_turn_runs(at, turn):
    assert answers(at(**turn).handle(say())) == [(5, "injection_refused", False)]


def test_the_agent_waits_for_an_update_without_being_refused(at):
    session = at()
    session.handle(ConfigRequested(1, {"instructions": "b"}))
    assert of(Held, session.handle(say())) == [Held((5,), Reason(Waits.UPDATE, "ts_0"))]
    assert len(of(SendCreate, session.handle(ConfigAnswered({})))) == 1


def test_a_queued_message_is_spoken_when_the_response_ends(at):
    session = at(response=Response("resp_1"))
    session.handle(say("queue"))
    assert len(of(SendCreate, session.handle(ResponseFinished("resp_1")))) == 1


def test_an_interrupting_message_cancels_the_response_and_is_spoken_next(at):
    session = at(response=Response("resp_1", seen=(OWED,)))
    (cancel,) = of(SendCancel, session.handle(say("interrupt")))
    assert cancel.response_id == "resp_1"
    (create,) = of(SendCreate, session.handle(ResponseFinished("resp_1", "cancelled")))
    assert create.response == {"instructions": "Say hello."}
    assert session.state.items == ()


def test_an_interruption_waits_for_a_response_that_was_requested(at):
    session = at(requested=Create("ts_0"), items=(OWED,))
    assert of(SendCancel, session.handle(say("interrupt"))) == []
    assert len(of(SendCancel, session.handle(ResponseStarted("resp_1", "ts_0")))) == 1


def test_an_interruption_of_a_response_that_never_comes_is_forgotten(at):
    session = at(expected="item_1@0")
    session.handle(say("interrupt"))
    effects = session.handle(TimerFired("expected", "item_1@0"))
    assert len(of(SendCreate, effects)) == 1
    assert not session.state.interrupting


def test_a_second_interruption_waits_behind_the_first(at):
    session = at(response=Response("resp_1"), interrupting=True)
    assert of(Held, session.handle(say("interrupt"))) != []


def test_an_agent_message_does_not_count_as_the_answer_to_anything(at):
    session = at(items=(OWED,), requested=Create("ts_0", say("queue")))
    session.handle(ResponseStarted("resp_1", "ts_0"))
    assert len(of(SendCreate, session.handle(ResponseFinished("resp_1")))) == 1


def test_an_agent_message_that_lost_a_race_is_spoken_after_the_winner(at):
    session = at(requested=Create("ts_0", say("queue")))
    session.handle(ResponseStarted("resp_1"))
    session.handle(Refused("ts_0", COLLISION, "busy"))
    (create,) = of(SendCreate, session.handle(ResponseFinished("resp_1")))
    assert create.response == {"instructions": "Say hello."}


def test_an_agent_message_that_upstream_refuses_is_answered(at):
    session = at(requested=Create("ts_0", say("queue")))
    assert answers(session.handle(Refused("ts_0", "invalid_value", "no"))) == [(5, "invalid_value", False)]


def test_an_agent_message_before_the_session_is_configured_waits(at):
    assert of(Held, at(configured=False).handle(say())) != []


def test_an_item_that_upstream_refuses_is_answered_and_owed_nothing(at):
    session = at()
    (item,) = of(SendItem, session.handle(HELLO))
    effects = session.handle(Refused(item.event_id, "invalid_value", "no"))
    assert answers(effects) == [(1, "invalid_value", False)]
    assert of(SendCreate, effects) == []


def test_an_item_that_is_never_confirmed_is_answered_as_such(at):
    session = at()
    (item,) = of(SendItem, session.handle(HELLO))
    assert answers(session.handle(TimerFired("item", item.event_id))) == [(1, "item_stalled", False)]


def test_an_item_whose_request_has_its_answer_is_reported_when_a_new_link_refuses_it(at):
    session = at(items=(Item("ts_9", content=MESSAGE, stage="sent", event_id="ts_10"),))
    effects = session.handle(Refused("ts_10", "invalid_value", "no"))
    assert [report.problem.code for report in of(Reported, effects)] == ["invalid_value"]


def test_a_cancel_without_an_end_is_reported_and_the_gate_opens(at):
    session = at(response=Response("resp_1", cancel=Cancel("ts_7", "asked")))
    effects = session.handle(TimerFired("cancel", "ts_7"))
    assert [report.problem.code for report in of(Reported, effects)] == ["cancel_stalled"]
    assert session.state.phase == "idle"


def test_a_stalled_response_is_reported_once_also_when_its_cancel_stalls(at):
    session = at(response=Response("resp_1", cancel=Cancel("ts_7", "stalled")))
    assert of(Reported, session.handle(TimerFired("cancel", "ts_7"))) == []


def test_the_agent_does_not_speak_by_default_while_a_forced_end_is_under_way(at):
    assert answers(at(commits=(Commit("ts_0", 1),)).handle(say())) == [(5, "injection_refused", False)]


def test_more_agent_messages_than_may_wait_are_held(at):
    session = at(policy=Policy(max_held=1), items=(OWED,), create_delay=True)
    session.handle(say("queue"))
    assert of(Held, session.handle(say("queue", 6))) == [Held((6,), Reason(Waits.CAPACITY))]


def test_an_agent_message_given_up_on_is_not_repeated_when_it_is_spoken_after_all(at):
    session = at(requested=Create("ts_9", say("queue")))
    (again,) = of(SendCreate, session.handle(TimerFired("create", "ts_9")))
    assert answers(session.handle(ResponseStarted("resp_1", "ts_9"))) == [(5, None, True)]
    session.handle(Refused(again.event_id, COLLISION, "busy"))
    assert of(SendCreate, session.handle(ResponseFinished("resp_1"))) == []


def test_the_repetition_of_an_agent_message_spoken_after_all_is_stopped_when_it_begins_too(at):
    session = at(requested=Create("ts_9", say("queue")))
    (again,) = of(SendCreate, session.handle(TimerFired("create", "ts_9")))
    session.handle(ResponseStarted("resp_1", "ts_9"))
    session.handle(ResponseFinished("resp_1"))
    assert len(of(SendCancel, session.handle(ResponseStarted("resp_2", again.event_id)))) == 1


def test_an_agent_message_spoken_late_answers_no_message_that_waits(at):
    session = at(requested=Create("ts_9", say("queue")), items=(OWED,))
    session.handle(TimerFired("create", "ts_9"))
    session.handle(ResponseStarted("resp_1", "ts_9"))
    assert session.state.items == (OWED,)


def test_an_agent_message_spoken_late_is_answered_no_second_time(at):
    session = at(requested=Create("ts_9", say("queue")), policy=Policy(create_tries=1))
    assert answers(session.handle(TimerFired("create", "ts_9"))) == [(5, "response_create_stalled", False)]
    assert answers(session.handle(ResponseStarted("resp_1", "ts_9"))) == []
    assert session.state.phase == "in progress"


def test_an_agent_message_that_waits_to_be_repeated_is_not_when_it_is_spoken_after_all(at):
    session = at(requested=Create("ts_9", say("queue")), tries=1)
    session.handle(TimerFired("create", "ts_9"))
    assert session.state.create_delay
    assert answers(session.handle(ResponseStarted("resp_1", "ts_9"))) == [(5, None, True)]
    assert of(SendCreate, session.handle(ResponseFinished("resp_1"))) == []
