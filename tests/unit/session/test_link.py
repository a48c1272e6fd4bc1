"""Links that open, break, and are replaced."""

from __future__ import annotations

import pytest
from session_words import CONFIG, MESSAGE, answers, of

from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested
from turnstile.session.deadlines import Deadline
from turnstile.session.effects import (
    CallsCancelled,
    EndSession,
    OpenLink,
    Reported,
    SendCreate,
    SendItem,
    SendUpdate,
    SessionAssumed,
    SetDeadlines,
)
from turnstile.session.events import ConfigAnswered, ItemConfirmed, ResponseFinished, TimerFired
from turnstile.session.gate import items_wait_for
from turnstile.session.in_flight import Call, Commit, Create, Item, Response, Update
from turnstile.session.link_events import LinkConnected, LinkLost, LinkOpened
from turnstile.session.policy import Policy

LOST = LinkLost("upstream_closed", "gone")
CALMER = ConfigRequested(1, {"instructions": "Be calm."})
OUTPUT = {"type": "function_call_output", "call_id": "call_0", "output": "4"}


def codes(effects):
    return [report.problem.code for report in of(Reported, effects)]


def relinked(session):
    """Lose the link, and open the next; returns what is sent on it first."""
    session.handle(LOST)
    session.handle(TimerFired("link", str(session.data.losses)))
    return session.handle(LinkOpened())


SILENT = Policy(link_silence=1.0)


def test_a_link_that_is_connected_is_up_when_it_says_so(at):
    session = at(link="opening", policy=SILENT)
    assert of(SetDeadlines, session.handle(LinkConnected())) == [SetDeadlines((Deadline("link", "connected 0", 1.0),))]
    session.handle(LinkOpened())
    assert session.state.link == "open"
    assert session.handle(LinkConnected()) == []


def test_a_link_that_says_nothing_counts_as_up_where_that_may_be(at):
    session = at(link="opening", policy=SILENT, in_force={}, accepted={}, updates=(CALMER,))
    session.handle(LinkConnected())
    effects = session.handle(TimerFired("link", "connected 0"))
    assert [update.patch for update in of(SendUpdate, effects)] == [CALMER.patch]


def test_a_link_that_says_nothing_is_given_up_where_it_would_say_so(at):
    session = at(link="opening", policy=Policy())
    assert of(SetDeadlines, session.handle(LinkConnected())) == []
    session.handle(TimerFired("link", "opening 0"))
    assert session.state.link == "waiting"


def test_a_link_is_lost_before_it_is_up(at):
    session = at(link="opening", policy=SILENT)
    session.handle(LinkConnected())
    session.handle(LOST)
    assert session.state.link == "waiting"


@pytest.mark.parametrize("model", [None, "m1"])
@pytest.mark.parametrize("shows_session", [True, False])
def test_a_realtime_client_is_told_of_a_session_that_upstream_does_not_show(at, model, shows_session):
    policy = Policy(is_transparent=True, id_prefix="ts_")
    session = at(link="opening", model=model, policy=policy, accepted={}, in_force={})
    assumed = of(SessionAssumed, session.handle(LinkOpened(shows_session)))
    known = {"type": "realtime", "object": "realtime.session", "id": "sess_ts", **({"model": model} if model else {})}
    assert assumed == ([] if shows_session else [SessionAssumed(known)])


def test_a_lost_link_is_reported_and_replaced_after_a_while(at):
    session = at()
    effects = session.handle(LOST)
    assert codes(effects) == ["upstream_lost"]
    assert of(SetDeadlines, effects) == [SetDeadlines((Deadline("link", "1", 0.25),))]
    assert of(OpenLink, session.handle(TimerFired("link", "1"))) == [OpenLink(None)]


def test_the_client_is_told_that_the_conversation_is_forgotten_when_the_link_is_lost(at):
    (report,) = of(Reported, at().handle(LOST))
    assert report.problem.description.startswith("gone ")
    assert "does not know what was said so far" in report.problem.description


def test_the_client_is_told_once_when_a_new_link_has_the_configuration(at):
    session = at()
    assert codes(relinked(session)) == []
    (report,) = of(Reported, session.handle(ConfigAnswered({})))
    assert report.problem.code == "upstream_restored"
    assert "does not know what was said before" in report.problem.description
    assert codes(session.handle(ConfigRequested(2, CALMER.patch))) == []


def test_the_link_is_back_when_the_last_of_several_tries_is_configured(at):
    session = at()
    session.handle(LOST)
    session.handle(TimerFired("link", "1"))
    assert codes(session.handle(LOST)) == []  # it did not open, and its loss was told
    session.handle(TimerFired("link", "2"))
    session.handle(LinkOpened())
    assert codes(session.handle(ConfigAnswered({}))) == ["upstream_restored"]


def test_a_link_that_was_not_configured_yet_is_back_when_the_settings_are_in_force(at):
    update = Update("ts_0", (CALMER,), CALMER.patch, CALMER.patch)
    session = at(updating=update, configured=False, config={})
    assert codes(relinked(session)) == []
    effects = session.handle(ConfigAnswered({}))
    assert answers(effects) == [(1, None, True)]
    assert codes(effects) == ["upstream_restored"]


def test_a_first_link_is_nothing_to_be_told_of(at):
    session = at(link="opening")
    session.handle(LinkOpened())
    assert codes(session.handle(ConfigAnswered({}))) == []


SPOKEN = Item("item_1", stage="confirmed")
WRITTEN = Item("ts_1", 1, MESSAGE, "confirmed")


@pytest.mark.parametrize(
    ("facts", "is_lost"),
    [
        ({"items": (SPOKEN,)}, True),
        ({"response": Response("resp_1", seen=(WRITTEN, SPOKEN))}, True),
        ({"expected": "item_1"}, True),
        ({"response": Response("resp_1", seen=(WRITTEN,))}, False),
        ({"items": (WRITTEN,)}, False),
    ],
)
def test_a_spoken_turn_without_an_answer_is_lost_with_the_link_and_said(at, facts, is_lost):
    told = codes(at(**facts).handle(LOST))
    assert told == ["upstream_lost", "turn_lost"][: 1 + is_lost]


def test_a_new_link_is_configured_as_the_old_one_was(at):
    session = at()
    assert [update.patch for update in of(SendUpdate, relinked(session))] == [CONFIG]
    assert session.handle(ConfigAnswered({}))[:0] == []
    assert items_wait_for(session.state) is None


def test_an_update_that_was_under_way_goes_on_the_new_link(at):
    update = Update("ts_0", (CALMER,), CALMER.patch, CALMER.patch)
    session = at(updating=update)
    assert [sent.patch for sent in of(SendUpdate, relinked(session))] == [CALMER.patch]
    assert answers(session.handle(ConfigAnswered({}))) == [(1, None, True)]


def test_messages_without_an_answer_go_again(at):
    seen = Item("ts_1", 1, MESSAGE, "confirmed")
    sent = Item("ts_2", 2, MESSAGE, "sent", event_id="ts_3")
    spoken = Item("item_1", stage="confirmed")
    session = at(response=Response("resp_1", seen=(seen, spoken)), items=(sent,))
    relinked(session)
    items = of(SendItem, session.handle(ConfigAnswered({})))
    assert [item.item["id"] for item in items] == ["ts_1", "ts_2"]
    assert answers(session.handle(ItemConfirmed("ts_1"))) == []
    effects = session.handle(ItemConfirmed("ts_2"))
    assert answers(effects) == [(2, None, True)]
    assert len(of(SendCreate, effects)) == 1


def test_function_calls_go_with_the_link_and_their_client_is_told(at):
    done = Item("ts_1", 1, OUTPUT, "confirmed")
    under_way = Item("ts_2", 2, OUTPUT, "sent", event_id="ts_3")
    calls = (Call("call_1", "resp_1", 0), Call("call_2", "resp_1", 1, 3, "5"))
    session = at(items=(done, under_way), calls=calls)
    effects = session.handle(LOST)
    assert of(CallsCancelled, effects) == [CallsCancelled(("call_1",))]
    assert answers(effects) == [(3, "function_call_cancelled", False), (2, "function_call_cancelled", False)]
    assert session.state.items == ()


def test_an_agent_message_and_a_commit_are_not_forgotten(at):
    say = AgentMessageGiven(5, {"instructions": "Say hello."}, "queue")
    session = at(requested=Create("ts_0", say), commits=(Commit("ts_1", 6), Commit("ts_2")))
    assert answers(session.handle(LOST)) == [(6, "upstream_closed", False)]
    assert session.state.agent_messages == (say,)


def test_a_create_that_was_out_is_owed_on_the_new_link(at):
    session = at(requested=Create("ts_0"), items=(Item("ts_1", 1, MESSAGE, "confirmed"),))
    relinked(session)
    assert len(of(SendItem, session.handle(ConfigAnswered({})))) == 1


def test_a_link_that_cannot_come_back_ends_the_session(at):
    (end,) = of(EndSession, at().handle(LinkLost("invalid_api_key", "no", retryable=False)))
    assert end.problem.code == "invalid_api_key"


def test_too_many_losses_in_a_row_end_the_session(at):
    session = at(policy=Policy(reconnects=1))
    relinked(session)
    assert of(EndSession, session.handle(LOST)) != []


def test_a_finished_response_makes_the_losses_forgotten(at):
    session = at(response=Response("resp_1"), losses=2)
    session.handle(ResponseFinished("resp_1"))
    assert session.data.losses == 0


def test_a_link_that_could_not_open_is_tried_again_without_a_word(at):
    session = at(link="opening", configured=False)
    effects = session.handle(LinkLost("upstream_unreachable", "no"))
    assert of(Reported, effects) == []
    assert session.state.link == "waiting"


def test_a_link_that_stays_silent_counts_as_lost(at):
    session = at(link="opening", configured=False)
    session.handle(TimerFired("link", "opening 0"))
    assert session.state.link == "waiting"


def test_a_link_that_nobody_asked_for_changes_nothing(at):
    assert at().handle(LinkOpened()) == []


def test_a_loss_told_twice_counts_once(at):
    session = at()
    session.handle(LOST)
    assert session.handle(LOST) == []
    assert session.data.losses == 1
