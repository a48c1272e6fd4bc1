"""Recordings of real sessions, made in memory, replayed: to the same effects, or to a difference that is shown."""

import copy
from datetime import UTC, datetime

import pytest

from turnstile.errors import Problem
from turnstile.observability.journal_entries import DecisionEntry
from turnstile.observability.journal_lines import JournalLines, head
from turnstile.observability.recording_file import Recording
from turnstile.observability.replaying import verify
from turnstile.observability.session_facts import Client, SessionFacts
from turnstile.session.client_requests import ConfigRequested, FunctionAnswered, UserMessageGiven
from turnstile.session.data import Data
from turnstile.session.events import ConfigAnswered, FunctionCalled, ItemConfirmed, ResponseFinished, ResponseStarted
from turnstile.session.link_events import LinkOpened
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State

ENDPOINT = object()
EVENTS = (
    ConfigRequested(1, {"instructions": "Be brief.", "api_key": "sk-abcdefghijklmnop"}, local=ENDPOINT),
    LinkOpened(),
    ConfigAnswered({"instructions": "Be brief."}),
    UserMessageGiven(2, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}),
    ItemConfirmed("ts_1"),
    ResponseStarted("resp_1", "ts_3"),
    ConfigRequested(3, {"instructions": "Rhyme."}),
    FunctionCalled("resp_1", 0, "call_1", "weather", '{"city": "Lisbon"}', endpoint=ENDPOINT),
    ResponseFinished("resp_1"),
    FunctionAnswered(4, "call_2", "hail"),
)


def recorded(events=EVENTS, level="text", *, state=None, policy=None, held_elsewhere=(), ends=True):
    """Return the recording of a session that these events came to."""
    policy, state = policy or Policy(), state or State()
    facts = SessionFacts("s1", "component", Client(), None, policy, state, Data())
    session, made = Session(policy, state), JournalLines(level)
    lines = [head(facts, level, datetime(2026, 1, 1, tzinfo=UTC))]
    for number, event in enumerate(events):
        session.held_elsewhere = dict(held_elsewhere).get(number, session.held_elsewhere)
        effects = session.handle(event)
        lines += made.lines(DecisionEntry(number / 10, event, effects, session.held_elsewhere))
    end = [{"at": 9.0, "end": {"code": 1000, "reason": "", "by": "client"}, "counts": {}}] if ends else []
    return Recording(lines[0], (*lines[1:], *end))


class Rude(Session):
    """A session that answers nothing."""

    def handle(self, event):
        return [effect for effect in super().handle(event) if type(effect).__name__ != "Answered"]


@pytest.mark.parametrize("level", ["text", "all"])
def test_a_recorded_session_comes_to_the_same_effects(level):
    verdict = verify(recorded(level=level))
    assert (verdict.events, verdict.difference, verdict.unverified) == (len(EVENTS), None, "")


def test_the_first_state_and_the_policy_are_those_recorded():
    state = State(link="open", configured=True, response=None)
    assert verify(recorded(EVENTS[3:], state=state, policy=Policy(id_prefix="x_"))).unverified == ""
    without = recorded(EVENTS[3:], state=state)
    assert verify(Recording({**without.head, "state": {}}, without.lines)).difference


def test_what_was_held_elsewhere_is_what_was_recorded():
    policy = Policy(max_held_bytes=10_000)
    long = UserMessageGiven(9, {"type": "message", "role": "user", "content": "x" * 6_000})
    recording = recorded((*EVENTS[:3], long), policy=policy, held_elsewhere={3: 9_000})
    assert "too_many" in str(recording.lines[3]["effects"])
    assert verify(recording).difference is None
    lines = tuple({name: part for name, part in line.items() if name != "elsewhere"} for line in recording.lines)
    assert verify(Recording(recording.head, lines)).difference


def test_the_first_difference_is_shown_with_its_event_and_both_effects():
    difference = verify(recorded(), Rude).difference
    assert (difference.number, difference.at) == (3, 0.2)
    assert difference.event["!"] == "ConfigAnswered"
    assert {"!": "Answered", "ref": 1} in difference.recorded
    assert {"!": "Answered", "ref": 1} not in difference.now


def test_a_decision_that_fails_is_a_difference():
    class Broken(Session):
        def handle(self, event):
            raise LookupError(f"no turn for {event.__class__.__name__}")

    (now,) = verify(recorded(), Broken).difference.now
    assert now == {"failed": "LookupError: no turn for ConfigRequested"}


def test_a_recording_without_content_cannot_be_verified():
    verdict = verify(recorded(level="events"))
    assert (verdict.events, verdict.difference) == (0, None)
    assert 'level "events"' in verdict.unverified


def test_a_recording_of_another_format_cannot_be_verified():
    recording = recorded()
    verdict = verify(Recording({**recording.head, "format": 2}, recording.lines))
    assert "format 2" in verdict.unverified


def test_a_recording_is_verified_up_to_what_is_missing():
    recording = recorded()
    lines = (*recording.lines[:4], {"at": 0.35, "lost": 12}, *recording.lines[5:])
    verdict = verify(Recording(recording.head, lines))
    assert (verdict.events, verdict.unverified) == (4, "12 entries are missing at 0.350 s")


def test_a_recording_that_is_damaged_is_verified_up_to_there():
    recording = recorded(ends=False)
    verdict = verify(Recording(recording.head, recording.lines, "line 12 is not JSON."))
    assert (verdict.events, verdict.unverified) == (len(EVENTS), "line 12 is not JSON.")


def test_a_recording_without_the_sessions_end_says_so():
    verdict = verify(recorded(ends=False))
    assert (verdict.events, verdict.unverified) == (len(EVENTS), "the session's end is not in it")


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line["event"].update({"!": "EventOfTomorrow"}),
        lambda line: line["event"].update(of_tomorrow=1),
        lambda line: line["effects"].append({"!": "EffectOfTomorrow"}),
    ],
)
def test_a_value_that_this_version_does_not_know_is_no_difference(change):
    recording = recorded()
    lines = copy.deepcopy(recording.lines)
    change(lines[2])
    verdict = verify(Recording(recording.head, lines))
    assert verdict.difference is None
    assert verdict.unverified.startswith("another version has made it: ")


def test_an_object_that_the_recording_does_not_have_is_a_difference():
    class Inventive(Session):
        def handle(self, event):
            return [Problem("a", "b", error_event={"x": object()}), *super().handle(event)]

    assert verify(recorded(), Inventive).difference
