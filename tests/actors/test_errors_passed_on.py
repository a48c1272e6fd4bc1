"""An error of upstream's that names no event reaches a Realtime client as it was, whatever is under way."""

from __future__ import annotations

import json

import pytest

from actors.dialects.realtime import RealtimeDialect
from turnstile.protocol.frames import TextFrame
from turnstile.session.client_requests import Request
from turnstile.session.effects import Answered, Reported
from turnstile.session.facts import FactReader
from turnstile.session.in_flight import Response
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.translate.to_realtime_client import RealtimeTranslator

UNDER_WAY = {
    "nothing": {},
    "a response": {"response": Response("resp_1")},
    "a turn to be answered": {"expected": "turn_1@0"},
}
ERRORS = {
    "of the server": {"type": "server_error", "code": None, "message": "The server had an error.", "param": None},
    "a rate limit": {"type": "rate_limit_error", "code": "rate_limit_exceeded", "message": "Too fast."},
    "about audio": {"type": "invalid_request_error", "code": "invalid_value", "message": "No.", "param": "audio"},
    "about an item": {"type": "invalid_request_error", "code": "invalid_value", "message": "No.", "param": "item.id"},
    "about a truncation": {
        "type": "invalid_request_error",
        "code": "invalid_value",
        "message": "Audio content of 90ms is already shorter than 100ms",
    },
    "about a deletion": {"type": "invalid_request_error", "code": "item_delete_invalid_item_id", "message": "No item."},
    "about a commit": {"type": "invalid_request_error", "code": "input_audio_buffer_commit_empty", "message": "Empty."},
    "about a cancel": {"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "No."},
    "without any hint": {"type": "invalid_request_error", "code": "of_the_future", "message": "No.", "hint": [1]},
    "without words": {"type": "invalid_request_error"},
    "empty": {},
}


def told(dialect, event, session):
    """Return what the client hears of an event of upstream's, by both ways."""
    frames = RealtimeTranslator("ts_", is_beta=False).translate(event, 0.0)
    for effect in session.handle(FactReader().fact(event)):
        match effect:
            case Reported(problem, event_id):
                frames.append(dialect.problem(problem, fatal=False, event_id=event_id))
            case Answered():
                frames += [frame for frame in dialect.answer(effect) if isinstance(frame, TextFrame)]
    return [json.loads(frame.data) for frame in frames]


def ask(session, dialect, frame):
    """Let the client ask for something, which goes up at once."""
    for request in dialect.read(json.dumps(frame).encode()):
        assert isinstance(request, Request)
        session.handle(request)


@pytest.fixture
def dialect():
    return RealtimeDialect(None, is_beta=False)


@pytest.fixture
def begin():
    return lambda **state: Session(Policy(is_transparent=True), State(link="open", configured=True, **state))


@pytest.mark.parametrize("state", UNDER_WAY.values(), ids=UNDER_WAY)
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("named", [{}, {"event_id": None}])
def test_an_error_without_a_name_is_told_once_and_unchanged(dialect, begin, state, error, named):
    event = {"type": "error", "event_id": "event_of_upstream", "error": {**error, **named}}
    assert told(dialect, event, begin(**state)) == [event]


@pytest.mark.parametrize("kind", ["session.update", "response.create"])
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_it_is_told_once_where_something_of_the_clients_is_under_way(dialect, begin, kind, error):
    session = begin()
    ask(session, dialect, {"type": kind, "event_id": "mine", "session": {"instructions": "Rhyme."}})
    event = {"type": "error", "event_id": "event_of_upstream", "error": error}
    (heard,) = told(dialect, event, session)
    assert heard["error"].pop("event_id", None) in {None, "mine"}
    assert heard == event


@pytest.mark.parametrize("event_id", ["mine", "ts_unnamed_1"])
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_an_error_about_an_event_that_passed_is_told_once_under_the_clients_own_name(dialect, begin, event_id, error):
    event = {"type": "error", "event_id": "event_of_upstream", "error": {**error, "event_id": event_id}}
    (heard,) = told(dialect, event, begin())
    assert heard["error"] == {**error, "event_id": "mine" if event_id == "mine" else None}
