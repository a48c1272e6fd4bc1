"""The link in use: a session's first, and what is lost with one, and what is not."""

from __future__ import annotations

import pytest
from relinking import LOST, connected, fire, relinked, said, served
from session_words import CONFIG, MESSAGE, answers, of

from turnstile.session.client_requests import AgentMessageGiven, ConfigRequested, FunctionAnswered
from turnstile.session.conversation import Conversation, Entry
from turnstile.session.deadlines import Deadline
from turnstile.session.effects import (
    CallsCancelled,
    EndSession,
    OpenAudio,
    Reported,
    SendCreate,
    SendItem,
    SendUpdate,
    SessionAssumed,
    SetDeadlines,
)
from turnstile.session.events import (
    ConfigAnswered,
    ItemConfirmed,
    Refused,
    ResponseFinished,
    ResponseStarted,
)
from turnstile.session.gate import items_wait_for
from turnstile.session.in_flight import Call, Cancel, Commit, Create, InputAudio, Item, Response, Update, UserAudio
from turnstile.session.link_effects import OnStandby, OpenStandby, RestoreItem, TakeOver
from turnstile.session.link_events import LinkConnected, LinkLost, LinkOpened, OfStandby
from turnstile.session.policy import Policy

CALMER = ConfigRequested(1, {"instructions": "Be calm."})
OUTPUT = {"type": "function_call_output", "call_id": "call_0", "output": "4"}
SILENT = Policy(link_silence=1.0)


def codes(effects):
    return [report.problem.code for report in of(Reported, effects)]


def on_standby(kind, effects):
    return [one.command for one in of(OnStandby, effects) if isinstance(one.command, kind)]


# The first link.


def test_a_link_that_is_connected_is_up_when_it_says_so(at):
    session = at(link="opening", policy=SILENT)
    assert of(SetDeadlines, session.handle(LinkConnected())) == [SetDeadlines((Deadline("link", "connected", 1.0),))]
    session.handle(LinkOpened())
    assert session.state.link == "open"
    assert session.handle(LinkConnected()) == []


def test_a_link_that_says_nothing_counts_as_up_where_that_may_be(at):
    session = at(link="opening", policy=SILENT, in_force={}, accepted={}, updates=(CALMER,))
    session.handle(LinkConnected())
    assert [update.patch for update in of(SendUpdate, fire(session, "link"))] == [CALMER.patch]


def test_a_link_that_says_nothing_is_given_up_where_it_would_say_so(at):
    session = at(link="opening", policy=Policy())
    assert of(SetDeadlines, session.handle(LinkConnected())) == []
    fire(session, "link")
    assert session.state.link == "lost"


def test_a_link_is_lost_before_it_is_up(at):
    session = at(link="opening", policy=SILENT)
    session.handle(LinkConnected())
    session.handle(LOST)
    assert session.state.link == "lost"


@pytest.mark.parametrize("model", [None, "m1"])
@pytest.mark.parametrize("shows_session", [True, False])
def test_a_realtime_client_is_told_of_a_session_that_upstream_does_not_show(at, model, shows_session):
    policy = Policy(is_transparent=True, id_prefix="ts_")
    session = at(link="opening", model=model, policy=policy, accepted={}, in_force={})
    assumed = of(SessionAssumed, session.handle(LinkOpened(shows_session)))
    known = {"type": "realtime", "object": "realtime.session", "id": "sess_ts", **({"model": model} if model else {})}
    assert assumed == ([] if shows_session else [SessionAssumed(known)])


def test_a_link_that_could_not_open_is_tried_again_without_a_word(at):
    session = at(link="opening", configured=False)
    assert of(Reported, session.handle(LinkLost("upstream_unreachable", "no"))) == []
    effects = served(session, fire(session, "standby"))
    assert codes(effects) == []
    assert session.state.link == "open"


def test_a_first_link_is_tried_three_times_in_all(at):
    session = at(link="opening", configured=False)
    session.handle(LOST)
    for _ in range(2):
        generation = connected(session)
        ends = of(EndSession, session.handle(OfStandby(generation, LOST)))
    assert [end.problem.code for end in ends] == ["upstream_closed"]


def test_a_realtime_clients_first_link_is_tried_once(at):
    session = at(link="opening", policy=Policy(is_transparent=True))
    assert len(of(EndSession, session.handle(LOST))) == 1


def test_a_link_that_nobody_asked_for_changes_nothing(at):
    assert at().handle(LinkOpened()) == []


# The loss.


def test_a_lost_link_is_reported_and_another_one_tried_at_once(at):
    session = at()
    effects = session.handle(LOST)
    assert codes(effects) == ["upstream_lost"]
    (deadlines,) = of(SetDeadlines, effects)
    waits = {deadline.name: deadline.delay for deadline in deadlines.deadlines}
    assert waits["standby"] <= 0.25
    assert waits["outage"] == 30.0
    assert of(OpenStandby, fire(session, "standby")) == [OpenStandby(1, None)]


def test_a_loss_told_twice_counts_once(at):
    session = at()
    session.handle(LOST)
    assert session.handle(LOST) == []
    assert session.data.losses == 1


def test_the_client_is_told_that_the_conversation_goes_on_when_the_link_is_lost(at):
    (report,) = of(Reported, at().handle(LOST))
    assert report.problem.description.startswith("gone ")
    assert "the conversation goes on" in report.problem.description


def test_a_realtime_client_hears_nothing_of_a_loss_with_which_nothing_is_lost(at):
    session = at(policy=Policy(is_transparent=True))
    assert codes(relinked(session)) == []


def test_the_client_is_told_once_that_another_link_is_in_use(at):
    session = at(conversation=said("Hi.", "Hello."))
    (*_, report) = of(Reported, relinked(session))
    assert report.problem.code == "upstream_restored"
    assert "2 items of the conversation" in report.problem.description
    assert codes(session.handle(ConfigRequested(2, CALMER.patch))) == []


def test_the_link_is_back_when_the_last_of_several_tries_has_taken_over(at):
    session = at()
    session.handle(LOST)
    generation = connected(session)
    assert codes(session.handle(OfStandby(generation, LOST))) == []  # it did not open, and its loss was told
    assert codes(served(session, fire(session, "standby"))) == ["upstream_restored"]


def test_another_link_is_configured_as_the_old_one_was_before_it_is_used(at):
    session = at()
    effects = relinked(session)
    assert [update.patch for update in on_standby(SendUpdate, effects)] == [CONFIG]
    order = [type(one) for one in effects if isinstance(one, OnStandby | TakeOver | OpenAudio)]
    assert order == [OnStandby, TakeOver, OpenAudio]
    assert items_wait_for(session.state) is None


def test_an_update_that_was_under_way_goes_on_the_next_link(at):
    session = at(updating=Update("ts_0", (CALMER,), CALMER.patch, CALMER.patch))
    assert [sent.patch for sent in of(SendUpdate, relinked(session))] == [CALMER.patch]
    assert answers(session.handle(ConfigAnswered({}))) == [(1, None, True)]


def test_a_session_that_was_not_configured_yet_is_configured_on_the_next_link(at):
    update = Update("ts_0", (CALMER,), CALMER.patch, CALMER.patch)
    session = at(updating=update, configured=False, config={})
    effects = relinked(session)
    assert on_standby(SendUpdate, effects) == []
    assert len(of(SendUpdate, effects)) == 1


def test_what_is_confirmed_is_restored_and_what_is_not_is_sent_again(at):
    seen = Item("item_0", 1, MESSAGE, "confirmed")
    sent = Item("ts_2", 2, MESSAGE, "sent", event_id="ts_3")
    session = at(response=Response("resp_1", seen=(seen,)), items=(sent,), conversation=said("Hi."))
    effects = relinked(session)
    assert [command.item["id"] for command in on_standby(RestoreItem, effects)] == ["item_0"]
    assert [item.item["id"] for item in of(SendItem, effects)] == ["ts_2"]
    effects = session.handle(ItemConfirmed("ts_2"))
    assert answers(effects) == [(2, None, True)]
    assert len(of(SendCreate, effects)) == 1


def test_a_message_that_is_not_in_the_record_is_sent_again(at):
    seen = Item("ts_1", 1, MESSAGE, "confirmed")
    session = at(response=Response("resp_1", seen=(seen,)))
    assert [item.item["id"] for item in of(SendItem, relinked(session))] == ["ts_1"]
    assert answers(session.handle(ItemConfirmed("ts_1"))) == []


SPOKEN = Item("item_9", stage="confirmed")
WRITTEN = Item("ts_1", 1, MESSAGE, "confirmed")
OFF = {"audio": {"input": {"turn_detection": None}}}


@pytest.mark.parametrize(
    ("facts", "is_lost"),
    [
        ({"items": (SPOKEN,)}, True),
        ({"response": Response("resp_1", seen=(WRITTEN, SPOKEN))}, True),
        ({"expected": "item_9"}, True),
        ({"response": Response("resp_1", turn="item_9")}, True),
        ({"user_audio": UserAudio(speaking=True)}, True),
        ({"commits": (Commit("ts_9"),)}, True),
        ({"config": OFF, "input_audio": InputAudio(uncommitted=2000.0)}, True),
        ({"config": OFF, "input_audio": InputAudio(uncommitted=20.0)}, False),
        ({"conversation": Conversation(awaited=("item_9",))}, True),
        ({"response": Response("resp_1", seen=(WRITTEN,))}, False),
        ({"items": (WRITTEN,)}, False),
        ({"items": (Item("item_0", stage="confirmed"),), "conversation": said("Hi.")}, False),
        ({"expected": "item_0", "conversation": said("Hi.")}, False),
    ],
)
def test_a_spoken_turn_that_was_not_transcribed_is_lost_with_the_link_and_said_once(at, facts, is_lost):
    assert codes(relinked(at(**facts))) == ["upstream_lost", *["turn_lost"] * is_lost, "upstream_restored"]


@pytest.mark.parametrize("policy", [Policy(), Policy(is_transparent=True)], ids=["voice agent", "realtime"])
@pytest.mark.parametrize("facts", [{"expected": "item_0"}, {"response": Response("resp_1", turn="item_0")}])
def test_a_transcribed_turn_that_the_api_owed_an_answer_is_answered_on_the_next_link(at, facts, policy):
    session = at(policy=policy, conversation=said("Hi."), **facts)
    assert len(of(SendCreate, relinked(session))) == 1


@pytest.mark.parametrize(
    "response",
    [
        Response("resp_1", seen=(Item("item_0", 1, MESSAGE, "confirmed"),), cancel=Cancel("ts_8", "asked")),
        Response("resp_1", is_ours=True, redundant=True),
    ],
)
def test_a_response_that_was_being_stopped_is_not_owed_again(at, response):
    session = at(response=response, conversation=said("Hi."))
    assert of(SendCreate, relinked(session)) == []


def test_what_the_agent_was_asked_to_say_is_said_again_when_it_died_with_its_link(at):
    say = AgentMessageGiven(5, {"instructions": "Say hello."}, "queue")
    session = at(requested=Create("ts_0", say))
    session.handle(ResponseStarted("resp_1", "ts_0"))
    effects = relinked(session)
    (create,) = of(SendCreate, effects)
    assert create.response == say.response
    assert answers(effects + session.handle(ResponseStarted("resp_2", create.event_id))) == []


def test_what_fails_that_was_asked_for_again_is_reported(at):
    say = AgentMessageGiven(5, {"instructions": "Say hello."}, "queue", is_answered=True)
    session = at(agent_messages=(say,), policy=Policy(is_transparent=True))
    (create,) = of(SendCreate, session.handle(ItemConfirmed("item_7")) or session.handle(ResponseFinished("resp_0")))
    effects = session.handle(Refused(create.event_id, "invalid_value", "no"))
    assert codes(effects) == ["invalid_value"]


# Calls.


def _calling(at, **facts):
    call = Entry("item_1", "function_call", b'{"type":"function_call"}', "call_1")
    return at(conversation=said("Hi.").appended(call), calls=(Call("call_1", "resp_1", 0),), **facts)


def test_a_call_that_the_client_was_asked_stays_open_and_is_answered_on_the_next_link(at):
    session = _calling(at, response=Response("resp_1", seen=(Item("item_0", 1, MESSAGE, "confirmed"),)))
    effects = relinked(session)
    assert of(CallsCancelled, effects) == of(SendCreate, effects) == []
    (item,) = of(SendItem, session.handle(FunctionAnswered(3, "call_1", "5")))
    assert item.item["call_id"] == "call_1"
    assert len(of(SendCreate, session.handle(ItemConfirmed(item.item["id"])))) == 1


def test_a_result_that_came_before_the_link_was_lost_is_sent_on_the_next(at):
    session = _calling(at, response=Response("resp_1"))
    session.handle(FunctionAnswered(3, "call_1", "5"))
    assert [item.item["output"] for item in of(SendItem, relinked(session))] == ["5"]


def test_a_call_that_the_record_does_not_have_goes_with_the_link_and_its_client_is_told(at):
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


def test_a_create_that_was_out_is_owed_on_the_next_link(at):
    session = at(requested=Create("ts_0"), items=(Item("item_0", 1, MESSAGE, "confirmed"),), conversation=said("Hi."))
    assert len(of(SendCreate, relinked(session))) == 1


# The end.


@pytest.mark.parametrize(
    ("policy", "lost"),
    [
        (Policy(), LinkLost("invalid_api_key", "no", retryable=False)),
        (Policy(reconnect_for=0), LOST),
        (Policy(is_transparent=True, is_shared=True), LOST),
        (Policy(), LinkLost("upstream_refused", "busy", retry_after=60.0)),
        (Policy(), LinkLost("upstream_refused", "Please try again in 2m.")),
    ],
    ids=["final", "never", "a call's", "too long", "too long in words"],
)
def test_a_link_that_cannot_come_back_ends_the_session(at, policy, lost):
    (end,) = of(EndSession, at(policy=policy).handle(lost))
    assert end.problem == lost.problem


def test_a_session_that_has_no_link_for_too_long_ends_with_the_last_reason(at):
    session = at()
    session.handle(LOST)
    generation = connected(session)
    session.handle(OfStandby(generation, LinkLost("upstream_refused", "Refused (503).")))
    (end,) = of(EndSession, fire(session, "outage"))
    assert end.problem.code == "upstream_refused"
    assert end.problem.description.startswith("Refused (503). No other link was ready within 30 s")


def test_an_outage_is_over_when_a_link_has_lasted_as_long(at):
    session = at()
    relinked(session)
    fire(session, "outage")
    assert (session.data.outage, session.data.losses) == (0, 0)


def test_an_outage_is_over_when_a_response_has_ended(at):
    session = at(response=Response("resp_1"), losses=2, outage=1)
    session.handle(ResponseFinished("resp_1"))
    assert (session.data.outage, session.data.losses) == (0, 0)


def test_a_restored_item_confirms_no_message_of_one_like_it(at):
    content = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
    sent = Item("ts_1", content=content, stage="sent", event_id="ts_2")
    session = at(items=(sent,), restored=frozenset({"item_1"}))
    session.handle(ItemConfirmed("item_1", "message", "user"))
    assert session.state.items == (sent,)
