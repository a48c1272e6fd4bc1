"""What the UpstreamActor tells the other two: gathered, in order, and once where it changes nothing again."""

from __future__ import annotations

import pytest

from actors.messages import SessionSnapshot, ToClient
from actors.reports import Reports
from turnstile.errors import Problem
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.session.effects import Reported
from turnstile.session.events import (
    ConfigAnswered,
    Refused,
    ResponseFinished,
    ResponseProgressed,
    ResponseStarted,
)
from turnstile.testing import RecordingInbox

TEXT, AUDIO = TextFrame(b"{}"), BinaryFrame(b"\0")
PROBLEM = Problem("audio_dropped", "Too much.")


class Told:
    """One list of what both are told, in the order of the telling."""

    def __init__(self):
        self.all = []
        self.client, self.coordinator = RecordingInbox(), RecordingInbox()
        self.client.tell = lambda message: self.all.append(("client", message))
        self.coordinator.tell = lambda message: self.all.append(("session", message))
        self.reports = Reports(self.client, self.coordinator)


@pytest.fixture
def told():
    return Told()


def test_what_is_shown_in_a_run_is_told_the_client_at_once(told):
    told.reports.show([TEXT])
    told.reports.show([])
    told.reports.show([AUDIO, TEXT])
    assert told.all == []
    told.reports.flush()
    told.reports.flush()
    assert told.all == [("client", ToClient([TEXT, AUDIO, TEXT]))]


def test_the_client_hears_what_came_before_a_fact_before_the_session_is_told(told):
    told.reports.show([TEXT])
    told.reports.tell(ResponseStarted("r1"))
    told.reports.show([AUDIO])
    told.reports.flush()
    assert told.all == [
        ("client", ToClient([TEXT])),
        ("session", ResponseStarted("r1")),
        ("client", ToClient([AUDIO])),
    ]


@pytest.mark.parametrize("fact", [ConfigAnswered({}), Refused("e1", "x", "No."), ResponseFinished("r1")])
def test_what_comes_behind_a_fact_that_may_be_answered_waits_for_the_answer(told, fact):
    for _ in range(2):
        told.reports.show([TEXT])
        told.reports.tell(fact)
    told.reports.show_session({"session": {}})
    told.reports.show([AUDIO])
    told.reports.flush()
    assert [message for who, message in told.all if who == "client"] == [
        ToClient([TEXT], behind=0),
        ToClient([TEXT], behind=1),
        SessionSnapshot({"session": {}}, behind=2),
        ToClient([AUDIO], behind=2),
    ]


def test_nothing_waits_behind_a_fact_that_is_not_answered(told):
    told.reports.tell(ResponseStarted("r1"))
    told.reports.tell(ResponseProgressed("r1"))
    told.reports.show([TEXT])
    told.reports.flush()
    assert told.all[-1] == ("client", ToClient([TEXT], behind=0))


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda reports: reports.show_session({"session": {}}), SessionSnapshot({"session": {}})),
        (lambda reports: reports.warn(PROBLEM), Reported(PROBLEM)),
    ],
)
def test_what_is_told_by_itself_comes_behind_what_was_shown_before(told, say, message):
    told.reports.show([TEXT])
    say(told.reports)
    assert told.all == [("client", ToClient([TEXT])), ("client", message)]


@pytest.mark.parametrize("fact", [ResponseProgressed("r1"), ConfigAnswered({}), ResponseFinished("r1")])
def test_a_fact_that_is_news_again_is_told_again(told, fact):
    told.reports.tell(fact)
    told.reports.tell(fact)
    assert told.all == [("session", fact)] * 2
