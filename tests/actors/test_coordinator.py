"""The coordinator performs what the session decides, and nothing else."""

from __future__ import annotations

import pytest

from actors.coordinator import SessionCoordinatorActor
from actors.lifecycle import SHUTTING_DOWN
from actors.messages import AnswersGiven, End, Inspect, Waiting
from turnstile.byte_budget import ProcessBudget
from turnstile.errors import Problem
from turnstile.protocol.frames import Closed
from turnstile.session import effects, journal_notes
from turnstile.session.client_requests import AudioFollows, ConfigRequested, TurnEndForced, UserMessageGiven
from turnstile.session.conversation import Conversation
from turnstile.session.deadlines import Deadline
from turnstile.session.events import ConfigAnswered, Refused, ResponseFinished, TimerFired
from turnstile.session.in_flight import Response
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import Data, Now, State
from turnstile.session.waits import Reason, Waits


class Scripted:
    """A session that wants what the test says."""

    held_bytes = 0
    deadlines = ()

    def __init__(self):
        self.wanted = []
        self.told = []
        self.state = "the state"
        self.data = "the data"
        self.now = Now(State(), Data())
        self.backlog = (TurnEndForced(1), AudioFollows(1), TurnEndForced(2))

    def handle(self, event):
        self.told.append(event)
        return self.wanted

    def waiting(self):
        return ()


def make(bench, session, budget=None):
    actor = SessionCoordinatorActor(
        "s1",
        bench.dispatcher,
        bench.on_end,
        session=session,
        budget=budget,
        timers=bench.timers,
        clock=bench.clock,
        journal=bench.journal,
    )
    return bench.introduce(actor, "coordinator")


@pytest.fixture
def session():
    return Scripted()


@pytest.fixture
def coordinator(bench, session):
    return make(bench, session)


def perform(coordinator, *wanted):
    coordinator._session.wanted = list(wanted)
    coordinator.on_receive(AudioFollows(1))
    coordinator._session.wanted = []


@pytest.mark.parametrize(
    "effect",
    [
        effects.OpenLink(None),
        effects.SendUpdate("e1", {}, 0),
        effects.SendItem("e1", {}),
        effects.SendCreate("e1", {}, 0),
        effects.SendCancel("e1", "r1"),
        effects.SendTruncate("e1", "i1", 250),
        effects.SendCommit("e1"),
        effects.ApplyLocal("formats"),
        effects.OpenAudio(),
        effects.LetAudioGo(1),
        effects.ObserveAudio(on=True),
        effects.CallFunction("c1", "{}", "somewhere"),
        effects.CallsCancelled(("c1",)),
    ],
)
def test_what_is_upstreams_to_do_is_told_upstream(bench, coordinator, effect):
    perform(coordinator, effect)
    assert bench.upstream.messages == [effect]
    assert bench.client.messages == []


@pytest.mark.parametrize("effect", [effects.Answered(1), effects.Reported(Problem("stalled", "Nothing came."))])
def test_what_is_the_clients_to_hear_is_told_the_client(bench, coordinator, effect):
    perform(coordinator, effect)
    assert bench.client.messages == [effect]
    assert bench.upstream.messages == []


@pytest.mark.parametrize("fact", [ConfigAnswered({}), Refused(None, "x", "No."), ResponseFinished("r1")])
def test_the_client_is_told_that_it_was_answered_behind_the_answers(bench, coordinator, fact):
    coordinator._session.wanted = [effects.Answered(1)]
    coordinator.on_receive(fact)
    coordinator._session.wanted = []
    coordinator.on_receive(AudioFollows(1))
    coordinator.on_receive(fact)
    assert bench.client.messages == [effects.Answered(1), AnswersGiven(1), AnswersGiven(2)]


def wait(bench, coordinator, seconds):
    """Let time pass, and return what the session has been told is over."""
    bench.timers.advance(seconds)
    while not coordinator.inbox.empty():
        coordinator.on_receive(coordinator.inbox.get().message)
    return [told for told in coordinator._session.told if isinstance(told, TimerFired)]


def waits(*them):
    return effects.SetDeadlines(tuple(Deadline(*one) for one in them))


def test_a_timer_comes_back_as_an_event_with_its_token(bench, coordinator):
    perform(coordinator, waits(("update", "t1", 2.0)))
    assert wait(bench, coordinator, 1.9) == []
    assert wait(bench, coordinator, 0.1) == [TimerFired("update", "t1")]
    assert wait(bench, coordinator, 10) == [TimerFired("update", "t1")]


def test_a_timer_of_the_same_name_replaces_the_first(bench, coordinator):
    perform(coordinator, waits(("update", "t1", 2.0)), waits(("update", "t2", 3.0)))
    assert wait(bench, coordinator, 2.9) == []
    assert wait(bench, coordinator, 2.1) == [TimerFired("update", "t2")]


def test_a_wait_that_ended_before_never_fires(bench, coordinator):
    perform(coordinator, waits(("update", "t1", 2.0)))
    perform(coordinator, waits())
    assert wait(bench, coordinator, 10) == []
    assert bench.timers.pending == 0


def test_what_the_session_wants_when_a_wait_is_over_is_performed(bench, coordinator):
    perform(coordinator, waits(("update", "t1", 2.0)))
    coordinator._session.wanted = [effects.Answered(1)]
    wait(bench, coordinator, 2.0)
    assert bench.client.messages == [effects.Answered(1)]


def test_a_wait_that_another_one_due_with_it_has_ended_does_not_fire(bench, coordinator):
    perform(coordinator, waits(("a", "t1", 2.0), ("b", "t2", 2.0)))
    coordinator._session.wanted = [waits()]
    assert wait(bench, coordinator, 10) == [TimerFired("a", "t1")]


def test_no_timer_is_left_at_the_end(bench, coordinator):
    perform(coordinator, waits(("update", "t1", 2.0), ("create", "t2", 2.0)))
    coordinator.release(End(1000, ""))
    assert bench.timers.pending == 0


def test_the_session_ends_with_the_problem_when_it_cannot_go_on(bench, coordinator):
    problem = Problem("upstream_closed", "Upstream closed.")
    perform(coordinator, effects.EndSession(problem))
    assert bench.told_itself(coordinator) == [End(1014, "upstream_closed", problem)]


def test_the_session_ends_as_the_effect_says_and_does_not_tell_twice(bench, coordinator):
    problem = Problem("session_expired", "Over.")
    perform(coordinator, effects.EndSession(problem, Closed(1001, "over"), is_told=True))
    assert bench.told_itself(coordinator) == [End(1001, "over", None)]


def test_what_waits_and_goes_is_shown_to_those_who_watch(bench, coordinator):
    perform(
        coordinator,
        journal_notes.Held((1, 2), Reason(Waits.RESPONSE, "resp_1")),
        journal_notes.Noted("released", "#1"),
        journal_notes.Noted("merged", "e1 #1 #2"),
        journal_notes.Noted("collided", "e2 try 3"),
    )
    assert bench.notes() == [
        ("session", "note", "held", "#1 #2 response resp_1"),
        ("session", "note", "released", "#1"),
        ("session", "note", "merged", "e1 #1 #2"),
        ("session", "note", "collided", "e2 try 3"),
    ]
    assert bench.client.messages == bench.upstream.messages == []


def test_a_question_is_answered_and_disturbs_nothing(session, coordinator):
    snapshot = coordinator.on_receive(Inspect())
    assert (snapshot.state, snapshot.held, snapshot.waiting) == ("the state", 2, ())
    assert session.told == []


def test_a_snapshot_lists_what_is_held_with_its_reason_and_since_when(bench):
    session = Session(state=State(link="open", configured=True, response=Response("r1")))
    coordinator = make(bench, session)
    began = bench.clock()
    coordinator.on_receive(ConfigRequested(1, {"field": 1}, message="UpdatePrompt"))
    bench.timers.advance(1.5)
    coordinator.on_receive(UserMessageGiven(2, {}, "InjectUserMessage"))
    coordinator.on_receive(ResponseFinished("r1"))
    snapshot = coordinator.on_receive(Inspect())
    assert snapshot.waiting == (Waiting("InjectUserMessage", Reason(Waits.UPDATE, "ts_0"), began + 1.5, 2),)
    assert str(snapshot) == "updating, 1 held: InjectUserMessage for update ts_0"
    assert repr(session) == "<Session updating ts_0, 1 held: item for update>"


def test_the_first_request_opens_the_link_and_waits_for_it(bench):
    coordinator = make(bench, Session(Policy()))
    coordinator.on_receive(ConfigRequested(1, {"instructions": "Be kind."}))
    assert bench.upstream.messages == [effects.OpenLink(None)]
    assert bench.timers.pending == 1
    assert coordinator.on_receive(Inspect()).state.link == "opening"


def test_what_the_session_holds_is_charged_where_it_differs_much_and_what_is_held_elsewhere_is_known_to_it(bench):
    process = ProcessBudget()
    budget = process.session("")
    elsewhere = budget.charge()
    elsewhere.set(700)
    scripted = Scripted()
    coordinator = make(bench, scripted, budget)
    for held, charged in ((4095, 0), (10_000, 10_000), (13_000, 10_000), (6000, 10_000), (5904, 5904), (0, 0)):
        scripted.held_bytes = held
        coordinator.on_receive(AudioFollows(1))
        assert (process.held - 700, scripted.held_elsewhere) == (charged, 700)
    coordinator.release(SHUTTING_DOWN)
    assert process.held == 700


def test_what_is_recorded_of_the_conversation_is_charged_beside_what_may_be_held(bench):
    process = ProcessBudget(session_limit=20_000)
    budget = process.session("")
    scripted = Scripted()
    coordinator = make(bench, scripted, budget)
    for recorded, charged in ((4095, 0), (10_000, 10_000), (13_000, 10_000), (100_000, 100_000), (95_904, 95_904)):
        scripted.now = Now(State(), Data(conversation=Conversation(bytes=recorded)))
        coordinator.on_receive(AudioFollows(1))
        assert (process.held, budget.room, scripted.held_elsewhere) == (charged, 20_000, 0)
    coordinator.release(SHUTTING_DOWN)
    assert process.held == 0


def test_an_event_on_which_the_session_fails_is_in_the_journal_without_effects(bench):
    class Failing(Scripted):
        def handle(self, event):
            raise LookupError(f"no turn for {event}")

    entries = []
    bench.journal.read_by([entries.append])
    coordinator = make(bench, Failing())
    with pytest.raises(LookupError):
        coordinator.on_receive(ResponseFinished("resp_1"))
    assert [(entry.event, entry.effects) for entry in entries] == [(ResponseFinished("resp_1"), ())]
    bench.journal.read_by(())
    with pytest.raises(LookupError):
        coordinator.on_receive(ResponseFinished("resp_1"))
