"""A client of the Realtime API: events pass in its order, responses are begun one at a time."""

from __future__ import annotations

from given import answers, codes, configured, creates, kinds, patches, timer, told

from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, EventGiven, LinkWanted
from turnstile.session.effects import ObserveAudio, OpenLink, PassOn, SendCancel, SendCreate, SendUpdate
from turnstile.session.events import (
    ConfigAnswered,
    FunctionCalled,
    Refused,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.fifo import Fifo
from turnstile.session.gate import update_waits_for
from turnstile.session.in_flight import Create, Response, Update
from turnstile.session.link_events import LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.turn_events import SpeechStopped, TurnCommitted

COLLISION = "conversation_already_has_active_response"


WAITED_FOR = Create("ts_9")


def transparent(max_held_bytes=4 * 1025, **changes):
    policy = Policy(is_transparent=True, max_held=4, max_held_bytes=max_held_bytes)
    return Session(policy, *configured({}, **changes))


def busy(**changes):
    return transparent(response=Response("resp_1"), **changes)


def create(ref=1, **response):
    return AgentMessageGiven(ref, response, "queue")


def passed(effects):
    return [effect.event for effect in effects if isinstance(effect, PassOn)]


def test_the_link_opens_when_it_is_wanted_and_nothing_needs_to_be_configured():
    session = Session(Policy(is_transparent=True))
    assert [effect for effect in session.handle(LinkWanted("m1")) if isinstance(effect, OpenLink)] == [OpenLink("m1")]
    assert session.handle(LinkWanted("m2")) == []
    assert passed(told(session, EventGiven(b"1"), EventGiven(b"2", at_once=True))) == []
    assert passed(session.handle(LinkOpened())) == [b"1", b"2"]


def test_an_event_passes_at_once_also_while_a_response_is_in_progress():
    assert passed(busy().handle(EventGiven(b"1"))) == [b"1"]


def test_an_event_waits_behind_a_response_that_was_asked_for_before_it():
    session = busy()
    assert passed(told(session, create(1), EventGiven(b"1"), create(2), EventGiven(b"2"))) == []
    (first,) = creates(session.handle(ResponseFinished("resp_1")))
    assert passed(session.handle(ResponseStarted("resp_2", first.event_id))) == [b"1"]
    (second,) = creates(session.handle(ResponseFinished("resp_2")))
    assert passed(session.handle(ResponseStarted("resp_3", second.event_id))) == [b"2"]


def test_what_goes_at_once_waits_behind_nothing():
    session = busy()
    session.handle(create())
    assert passed(session.handle(EventGiven(b"cancel", at_once=True))) == [b"cancel"]


def test_a_response_that_was_asked_for_goes_once_with_its_parameters_and_is_answered_when_it_begins():
    session = transparent()
    (sent,) = creates(session.handle(create(7, instructions="Rhyme.")))
    assert sent.response == {"instructions": "Rhyme."}
    assert answers(session.handle(ResponseStarted("resp_1", sent.event_id)))[0].ref == 7
    assert creates(session.handle(ResponseFinished("resp_1"))) == []


def test_a_response_that_lost_a_race_goes_again_behind_the_winner():
    session = transparent()
    (lost,) = creates(session.handle(create()))
    told(session, ResponseStarted("resp_1"), Refused(lost.event_id, COLLISION, "busy"))
    assert len(creates(session.handle(ResponseFinished("resp_1")))) == 1


def test_an_update_goes_between_the_response_and_the_next():
    session = busy()
    told(session, create(1), ConfigRequested(2, {"instructions": "Rhyme."}))
    assert kinds(session.handle(ResponseFinished("resp_1"))) == [SendUpdate]
    assert kinds(session.handle(ConfigAnswered({}))) == [SendCreate]


def test_updates_that_were_held_go_as_one():
    session = busy()
    told(session, ConfigRequested(1, {"instructions": "Rhyme."}), ConfigRequested(2, {"tools": []}))
    assert patches(session.handle(ResponseFinished("resp_1"))) == [{"instructions": "Rhyme.", "tools": []}]


def test_a_turn_that_the_api_heard_end_shuts_the_gate_until_it_answers():
    session = transparent()
    told(session, SpeechStopped("turn_1"), TurnCommitted("turn_1"))
    assert session.state.phase == "expected"
    assert creates(session.handle(create())) == []


def test_a_turn_that_the_client_committed_is_the_clients_to_answer():
    session = transparent()
    assert session.handle(TurnCommitted("turn_1")) == []
    assert session.state.phase == "idle"


def test_a_turn_that_the_api_does_not_answer_after_all_is_no_fault():
    session = transparent()
    session.handle(SpeechStopped("turn_1"))
    assert codes(timer(session, "expected")) == []
    assert update_waits_for(session.state) is None


def test_function_calls_are_the_clients_business():
    session = busy()
    assert session.handle(FunctionCalled("resp_1", 0, "call_1", "get", "{}")) == []
    assert session.data.calls == ()


def test_audio_is_not_observed_where_the_client_commits():
    update = Update(
        "ts_1", (), {"audio": {"input": {"turn_detection": None}}}, {"audio": {"input": {"turn_detection": None}}}
    )
    effects = transparent(updating=update).handle(ConfigAnswered({}))
    assert not any(isinstance(effect, ObserveAudio) for effect in effects)


def test_an_error_about_an_event_of_the_clients_own_is_not_the_sessions():
    assert busy().handle(Refused("mine", "invalid_value", "no")) == []
    assert codes(busy().handle(Refused(None, "invalid_value", "no"))) == ["invalid_value"]


def test_an_event_that_is_dropped_is_named():
    session = busy(requested=WAITED_FOR)
    told(session, *(EventGiven(b"%d" % number) for number in range(4)))
    (dropped,) = session.handle(EventGiven(b"5", event_id="mine"))
    assert (dropped.problem.code, dropped.event_id) == ("too_many_held", "mine")


def test_events_that_wait_are_bounded_by_their_bytes():
    session = busy(requested=WAITED_FOR)
    told(session, *(EventGiven(b"%d" % number) for number in range(4)))
    assert codes(session.handle(EventGiven(b""))) == ["too_many_held"]
    assert len(session.data.passthrough_queue) == 4


def test_responses_that_wait_are_bounded_by_their_number_whatever_else_waits():
    session = busy(max_held_bytes=10_000, agent_messages=(create(9),))
    told(session, EventGiven(b"1"), *(create(number) for number in range(4)))
    assert codes(session.handle(create(5))) == ["too_many_held"]
    assert len(session.data.passthrough_queue) == 5


def test_a_response_is_not_made_without_what_was_given_before_it_and_did_not_fit():
    session = busy(requested=WAITED_FOR)
    assert codes(session.handle(EventGiven(bytes(5000), event_id="image"))) == ["too_many_held"]
    (refused,) = session.handle(create(1))
    assert (refused.ref, refused.problem.code, refused.in_force) == (1, "too_many_held", False)
    assert "before this one" in refused.problem.description
    assert session.handle(create(2)) == []
    assert session.data.passthrough_queue == Fifo([create(2)])


def test_responses_that_wait_are_bounded_by_their_bytes_too():
    session = busy(requested=WAITED_FOR)
    assert codes(session.handle(create(1, instructions="x" * 5000))) == ["too_many_held"]
    session.handle(create(2, instructions="x" * 2000))
    assert session.data.passthrough_bytes == create(2, instructions="x" * 2000).size


def test_a_response_that_is_refused_for_what_did_not_fit_is_refused_once_although_nothing_fits():
    session = busy(requested=WAITED_FOR)
    told(session, *(EventGiven(b"%d" % number) for number in range(4)), EventGiven(b"image"))
    assert ["before this one" in answer.problem.description for answer in session.handle(create(1))] == [True]
    assert ["before this one" in answer.problem.description for answer in session.handle(create(2))] == [False]


def test_what_stops_a_response_passes_although_nothing_fits():
    session = busy(requested=WAITED_FOR)
    told(session, *(EventGiven(b"%d" % number) for number in range(4)))
    assert passed(session.handle(EventGiven(b"stop", at_once=True))) == [b"stop"]


def test_updates_that_wait_are_bounded_by_their_bytes():
    session = busy()
    told(session, ConfigRequested(1, {"instructions": "x" * 3000}))
    assert codes(session.handle(ConfigRequested(2, {"instructions": "x" * 1000}))) == ["too_many_held"]
    assert session.held == 1


def test_what_has_gone_makes_room_again():
    session = transparent(link="opening")
    told(session, *(EventGiven(b"%d" % number) for number in range(4)))
    assert passed(session.handle(LinkOpened())) == [b"0", b"1", b"2", b"3"]
    assert session.data.passthrough_bytes == 0


def test_a_result_of_a_call_that_the_proxy_makes_is_not_the_clients_to_give():
    session = busy()
    told(session, FunctionCalled("resp_1", 0, "call_1", "get", "{}", endpoint=object()))
    (refused,) = session.handle(EventGiven(b"1", event_id="mine", call_id="call_1"))
    assert (refused.problem.code, refused.event_id) == ("function_call_not_yours", "mine")
    assert passed(session.handle(EventGiven(b"2", call_id="call_2"))) == [b"2"]


def announced(behavior):
    return AgentMessageGiven(-1, {}, behavior)


def test_what_the_host_has_said_in_mid_response_waits_is_refused_or_interrupts_as_it_wants():
    assert creates(busy().handle(announced("queue"))) == []
    assert codes(busy().handle(announced("default"))) == ["injection_refused"]
    (cancel,) = [one for one in busy().handle(announced("interrupt")) if isinstance(one, SendCancel)]
    assert cancel.response_id == "resp_1"


def test_what_the_host_has_said_goes_at_once_when_nothing_runs():
    assert len(creates(transparent().handle(announced("default")))) == 1


def test_what_the_host_has_said_does_not_answer_for_an_event_of_the_clients_that_was_dropped():
    session = busy(passthrough_dropped=True)
    session.handle(announced("queue"))
    assert codes(session.handle(create(2))) == ["too_many_held"]


def test_what_the_host_has_said_and_does_not_fit_leaves_the_clients_dropped_event_dropped():
    session = busy(passthrough_dropped=True, max_held_bytes=1)
    assert codes(session.handle(announced("queue"))) == ["too_many_held"]
    assert session.data.passthrough_dropped
