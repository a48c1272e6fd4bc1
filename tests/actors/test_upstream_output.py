"""The UpstreamActor's output: frames gathered for the client, in order with the facts for the session."""

from __future__ import annotations

import pytest

from actors.messages import SessionSnapshot, ToClient
from actors.upstream_output import UpstreamOutput
from turnstile.errors import Problem
from turnstile.protocol.frames import BinaryFrame, TextFrame
from turnstile.session.effects import Reported
from turnstile.session.events import ConfigAnswered, Refused, ResponseFinished, ResponseProgressed, ResponseStarted
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
        self.output = UpstreamOutput(shows_session=True)
        self.output.connect(self.client, self.coordinator)


@pytest.fixture
def told():
    return Told()


def test_what_is_shown_in_a_run_is_told_the_client_at_once(told):
    told.output.send_frames([TEXT])
    told.output.send_frames([])
    told.output.send_frames([AUDIO, TEXT])
    assert told.all == []
    told.output.flush()
    told.output.flush()
    assert told.all == [("client", ToClient([TEXT, AUDIO, TEXT]))]


def test_the_client_hears_what_came_before_a_fact_before_the_session_is_told(told):
    told.output.send_frames([TEXT])
    told.output.send_fact(ResponseStarted("r1"))
    told.output.send_frames([AUDIO])
    told.output.flush()
    assert told.all == [
        ("client", ToClient([TEXT])),
        ("session", ResponseStarted("r1")),
        ("client", ToClient([AUDIO])),
    ]


@pytest.mark.parametrize("fact", [ConfigAnswered({}), Refused("e1", "x", "No."), ResponseFinished("r1")])
def test_what_comes_behind_a_fact_that_may_be_answered_waits_for_the_answer(told, fact):
    for _ in range(2):
        told.output.send_frames([TEXT])
        told.output.send_fact(fact)
    told.output.send_snapshot({"session": {}})
    told.output.send_frames([AUDIO])
    told.output.flush()
    assert [message for who, message in told.all if who == "client"] == [
        ToClient([TEXT], behind=0),
        ToClient([TEXT], behind=1),
        SessionSnapshot({"session": {}}, behind=2),
        ToClient([AUDIO], behind=2),
    ]


def test_the_session_is_sent_to_no_client_whose_dialect_does_not_show_it(told):
    output = UpstreamOutput(shows_session=False)
    output.connect(told.client, told.coordinator)
    output.send_frames([TEXT])
    output.send_snapshot({"session": {}})
    assert told.all == []
    output.flush()
    assert told.all == [("client", ToClient([TEXT]))]


def test_nothing_waits_behind_a_fact_that_is_not_answered(told):
    told.output.send_fact(ResponseStarted("r1"))
    told.output.send_fact(ResponseProgressed("r1"))
    told.output.send_frames([TEXT])
    told.output.flush()
    assert told.all[-1] == ("client", ToClient([TEXT], behind=0))


@pytest.mark.parametrize(
    ("say", "message"),
    [
        (lambda output: output.send_snapshot({"session": {}}), SessionSnapshot({"session": {}})),
        (lambda output: output.send_problem(PROBLEM), Reported(PROBLEM)),
    ],
)
def test_what_is_told_by_itself_comes_behind_what_was_shown_before(told, say, message):
    told.output.send_frames([TEXT])
    say(told.output)
    assert told.all == [("client", ToClient([TEXT])), ("client", message)]


@pytest.mark.parametrize("fact", [ResponseProgressed("r1"), ConfigAnswered({}), ResponseFinished("r1")])
def test_a_fact_that_is_news_again_is_told_again(told, fact):
    told.output.send_fact(fact)
    told.output.send_fact(fact)
    assert told.all == [("session", fact)] * 2
