"""Events of a Realtime client's that upstream has not answered, and what becomes of them when their link is lost."""

from __future__ import annotations

import pytest
from given import codes, configured, creates, timer, told, waiting
from relinking import LOST, fire, relinked, served

from turnstile.session.awaited import Awaited, awaited
from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, EventGiven
from turnstile.session.conversation import Conversation, Entry
from turnstile.session.conversation_events import ItemDeleted, ItemRetrieved, ItemTruncated
from turnstile.session.effects import PassOn
from turnstile.session.events import AsideStarted, ItemConfirmed, Refused, ResponseFinished, ResponseStarted
from turnstile.session.fifo import Fifo
from turnstile.session.in_flight import Create, Item
from turnstile.session.link_effects import TruncateRestored
from turnstile.session.link_events import LinkLost
from turnstile.session.machine import Session
from turnstile.session.passthrough import after_loss, is_in_flight
from turnstile.session.policy import Policy
from turnstile.session.turn_events import SpeechStopped, TurnCommitted
from turnstile.session.unanswered_events import lost_events


def transparent(*, policy=None, **changes):
    return Session(policy or Policy(is_transparent=True, max_held=4), *configured({}, **changes))


def given(answer, event_id="mine", data=b"{}", **names):
    follows = answer == "committed"
    awaits = Awaited(answer, event_id, **names)
    return EventGiven(data, answer in {"response", "ended"}, event_id, follows_audio=follows, awaits=awaits)


def message(event_id="mine", data=b"{}", **names):
    return given("item", event_id, data, **{"kind": "message", "role": "user", **names})


def create(ref=1, **response):
    return AgentMessageGiven(ref, response, "queue")


def in_flight(session):
    return [one.awaits.event_id for one in session.data.unanswered]


def queued(now):
    return list(now.data.passthrough_queue)


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (message(item_id="item_1"), ItemConfirmed("item_1", "message", "user")),
        (message(item_id="item_1"), ItemConfirmed("item_1")),
        (message(), ItemConfirmed("item_7", "message", "user")),
        (message(), ItemConfirmed("item_7", "message", "user", has_audio=True)),
        (message(item_id="item_1"), ItemConfirmed("own_name", "message", "user")),
        (given("item", kind="function_call_output", call_id="c1"), ItemConfirmed("i", "function_call_output")),
        (given("deleted", item_id="item_1"), ItemDeleted("item_1")),
        (given("retrieved", item_id="item_1"), ItemRetrieved("item_1")),
        (given("truncated", item_id="item_1"), ItemTruncated("item_1", None)),
        (given("committed"), TurnCommitted("item_1")),
        (given("response"), AsideStarted("resp_1")),
        (given("ended"), ResponseFinished("resp_1")),
        (given("ended", item_id="resp_1"), ResponseFinished("resp_1")),
        (given("ended"), Refused("mine", "response_cancel_not_active", "no")),
        (message(), Refused("mine", "invalid_value", "no")),
        (given("response"), Refused("mine", "invalid_value", "no")),
    ],
)
def test_an_event_is_in_flight_until_it_is_answered(event, answer):
    session = transparent()
    assert not is_in_flight(session.now)
    assert session.handle(event)[0] == PassOn(event.event)
    assert is_in_flight(session.now)
    session.handle(answer)
    assert not is_in_flight(session.now)
    assert session.held_bytes == 0


@pytest.mark.parametrize(
    ("event", "other"),
    [
        (message(), ItemConfirmed("item_7", "message", "system")),
        (message(), ItemConfirmed("item_7")),
        (message(), ItemConfirmed("ts_7", "message", "user")),
        (
            given("item", kind="function_call_output", call_id="c1"),
            ItemConfirmed("i", "function_call_output", "", "c2"),
        ),
        (given("deleted", item_id="item_1"), ItemDeleted("item_2")),
        (given("deleted", item_id="item_1"), ItemRetrieved("item_1")),
        (message(), Refused("another", "invalid_value", "no")),
        (message(), Refused(None, "invalid_value", "no")),
    ],
)
def test_an_event_stays_in_flight_whatever_else_comes(event, other):
    session = transparent()
    told(session, event, other)
    assert in_flight(session) == ["mine"]


def test_a_turn_that_the_api_commits_does_not_answer_the_clients_commit():
    session = transparent()
    told(session, given("committed"), SpeechStopped("turn_1"), TurnCommitted("turn_1"))
    assert in_flight(session) == ["mine"]


def test_of_two_alike_the_first_is_answered_first_but_for_one_that_is_named():
    session = transparent()
    told(session, message("a", item_id="item_1"), message("b"), message("c"))
    session.handle(ItemConfirmed("item_1", "message", "user"))
    assert in_flight(session) == ["b", "c"]
    session.handle(ItemConfirmed("item_9", "message", "user"))
    assert in_flight(session) == ["c"]


def test_a_restored_item_answers_no_create_of_one_like_it():
    session = transparent(restored=frozenset({"item_1"}))
    told(session, message("b", item_id="item_2"))
    session.handle(ItemConfirmed("item_1", "message", "user"))
    assert in_flight(session) == ["b"]
    session.handle(ItemConfirmed("item_2", "message", "user"))
    assert in_flight(session) == []


def test_of_two_of_one_name_an_error_answers_the_first():
    session = transparent()
    told(session, message(data=b"1"), message(data=b"2"), Refused("mine", "invalid_value", "no"))
    assert [one.given.event for one in session.data.unanswered] == [b"2"]


def test_an_event_that_waits_in_the_queue_is_in_flight_when_it_has_gone():
    session = transparent(link="opening")
    session.handle(message())
    assert in_flight(session) == []


def test_an_event_that_nothing_answers_is_not_in_flight():
    session = transparent()
    session.handle(EventGiven(b"{}"))
    assert not is_in_flight(session.now)


def test_an_event_in_the_conversation_of_a_call_is_not_in_flight():
    session = transparent(policy=Policy(is_transparent=True, is_shared=True))
    told(session, message(), given("response"))
    assert not is_in_flight(session.now)
    assert len(session.data.asides) == 1


def test_an_event_that_gets_no_answer_is_forgotten_in_time_which_is_no_fault():
    session = transparent()
    told(session, message("a"), message("b"))
    assert codes(timer(session, "event")) == []
    assert in_flight(session) == ["b"]
    assert waiting(session)["event"].token == "b"


def test_events_in_flight_are_bounded_by_their_number():
    session = transparent()
    told(session, *(message(f"m{number}") for number in range(6)))
    assert in_flight(session) == ["m2", "m3", "m4", "m5"]
    assert session.held_bytes == 4 * message().size


def test_events_in_flight_give_way_to_what_has_no_room_otherwise():
    session = transparent(policy=Policy(is_transparent=True, max_held_bytes=10_000))
    told(session, message("a", bytes(4000)), message("b", bytes(7000)))
    assert [len(one.given.event) for one in session.data.unanswered] == [0, 7000]
    assert codes(session.handle(ConfigRequested(1, {"instructions": "x" * 9000}))) == ["too_many_held"]


def test_an_event_that_passes_although_nothing_fits_does_not_go_again():
    session = transparent(policy=Policy(is_transparent=True, max_held_bytes=2000))
    assert session.handle(given("response", data=bytes(9000)))[0] == PassOn(bytes(9000))
    assert (session.held_bytes, in_flight(session)) == (1024, ["mine"])


def test_what_a_lost_link_has_not_answered_goes_again_in_the_order_given_before_all_that_waits():
    session = transparent()
    told(session, first := message("a"), aside := given("response", "b"), create(1), last := EventGiven(b"last"))
    assert session.state.requested.agent_message == create(1)
    now = session.now.change(link="lost", requested=None, agent_messages=(create(1),))
    now = after_loss(now)
    assert queued(now) == [first, aside, create(1), last]
    assert (now.state.agent_messages, now.data.unanswered, now.data.unanswered_bytes) == ((), (), 0)
    assert now.data.passthrough_bytes == sum(one.size for one in (first, aside, create(1), last))
    assert now.data.passthrough_creates == 1


def test_what_was_given_behind_a_create_that_had_begun_goes_again_behind_it():
    session = transparent()
    session.handle(event := message())
    assert queued(after_loss(session.now, create(1))) == [create(1), event]


def test_a_loss_with_nothing_in_flight_leaves_the_queue_as_it_is():
    session = transparent(requested=Create("ts_1"))
    session.handle(event := EventGiven(b"{}"))
    assert after_loss(session.now).data == session.data._replace(passthrough_queue=Fifo([event]))


def spoken(kind):
    """The link has an item as text, which was spoken on one before it."""
    entry = Entry("item_1", kind, b"{}")
    return transparent(restored=frozenset({"item_1"}), conversation=Conversation().appended(entry))


def test_the_truncation_of_what_the_agent_said_on_a_link_before_goes_nowhere():
    session = spoken("assistant")
    assert session.handle(given("truncated", item_id="item_1", data=b"1")) == [TruncateRestored(b"1")]
    assert not is_in_flight(session.now)


def test_a_truncation_that_was_not_answered_does_not_go_again_where_the_item_is_text():
    session = transparent(link="opening")
    session.handle(given("truncated", item_id="item_1", data=b"1"))
    now = spoken("assistant").now.change(passthrough_queue=session.data.passthrough_queue)
    now = now.change(passthrough_bytes=session.data.passthrough_bytes)
    assert Session(session.policy, *now).handle(EventGiven(b"2")) == [TruncateRestored(b"1"), PassOn(b"2")]


@pytest.mark.parametrize(("kind", "item_id"), [("user", "item_1"), ("assistant", "item_2")])
def test_any_other_truncation_is_upstreams_to_answer(kind, item_id):
    session = spoken(kind)
    assert session.handle(given("truncated", item_id=item_id))[0] == PassOn(b"{}")
    assert is_in_flight(session.now)


def test_a_commit_is_lost_with_its_link_and_named():
    session = transparent()
    told(session, given("committed"), message("a"))
    (lost,) = lost_events(session.now)
    assert (lost.problem.code, lost.event_id) == ("turn_lost", "mine")
    assert [one.event_id for one in queued(after_loss(session.now))] == ["a"]


def test_an_event_that_was_too_large_to_be_kept_is_lost_and_named():
    session = transparent(policy=Policy(is_transparent=True, max_held_bytes=10_000))
    told(session, message("a", bytes(4000)), message("b", bytes(7000)))
    (lost,) = lost_events(session.now)
    assert (lost.problem.code, lost.event_id) == ("not_restored", "a")


@pytest.mark.parametrize("item", [None, 7, {"id": 7, "type": None}, {"id": "x" * 513}])
def test_an_item_without_a_usable_name_has_none(item):
    event = {"type": "conversation.item.create", "event_id": "mine", "item": item}
    assert awaited(event) == Awaited("item", "mine")


def begun(**changes):
    """The response that the client asked for is in progress."""
    session = transparent(**changes)
    session.handle(create(1))
    session.handle(ResponseStarted("resp_1", session.state.requested.event_id))
    return session


@pytest.mark.parametrize("item_id", ["", "resp_1"])
def test_a_response_that_the_client_was_stopping_is_not_given_again_on_another_link(item_id):
    session = begun()
    session.handle(given("ended", item_id=item_id))
    effects = relinked(session)
    assert (codes(effects), creates(effects), queued(session.now)) == ([], [], [])


@pytest.mark.parametrize("ended", [given("ended", item_id="resp_2"), given("retrieved", item_id="resp_1")])
def test_a_response_is_given_again_if_the_client_was_stopping_none_or_another(ended):
    session = begun()
    session.handle(ended)
    assert len(creates(relinked(session))) == 1


def test_the_end_of_a_response_out_of_band_ends_no_other():
    session = begun()
    told(session, given("response", "aside"), AsideStarted("resp_2"), given("ended"), ResponseFinished("resp_2"))
    assert in_flight(session) == ["mine"]
    told(session, given("response", "b"), AsideStarted("resp_3"), given("ended", "c", item_id="resp_3"))
    session.handle(ResponseFinished("resp_3"))
    assert in_flight(session) == ["mine"]


def test_a_response_that_was_to_be_given_again_is_not_if_the_client_stops_it_meanwhile():
    session = begun()
    session.handle(LOST)
    told(session, last := message("last"))
    assert session.handle(given("ended")) == []
    assert queued(session.now) == [last]
    assert session.held_bytes == last.size
    assert creates(served(session, fire(session, "standby"))) == []


def test_a_turn_whose_answer_died_is_not_answered_if_the_client_stops_that_meanwhile():
    session = transparent(link="lost", items=(Item("item_1", stage="confirmed"),))
    assert session.handle(given("ended")) == []
    assert session.state.items == ()


def test_the_end_of_no_response_waits_for_the_next_link_to_be_answered():
    session = transparent(link="lost")
    session.handle(ended := given("ended"))
    assert queued(session.now) == [ended]


def test_an_event_that_no_other_link_would_be_given_again_is_not_kept():
    session = transparent(policy=Policy(is_transparent=True, max_conversation_bytes=2000))
    session.handle(given("item", data=b"x" * 5000))
    assert session.data.unanswered_bytes < 2000


@pytest.mark.parametrize(
    ("detection", "uncommitted", "said"), [(None, 500.0, ["turn_lost"]), (None, 0.0, []), ({}, 500.0, [])]
)
def test_what_the_client_had_not_committed_yet_is_lost_with_the_link_and_said(detection, uncommitted, said):
    session = transparent(in_force={"audio": {"input": {"turn_detection": detection}}})
    assert codes(session.handle(LinkLost("upstream_closed", "gone", uncommitted=uncommitted))) == said


def test_a_commit_that_is_lost_with_its_audio_is_named_once():
    session = transparent(in_force={"audio": {"input": {"turn_detection": None}}})
    session.handle(given("committed"))
    assert codes(session.handle(LinkLost("upstream_closed", "gone", uncommitted=500.0))) == ["turn_lost"]
