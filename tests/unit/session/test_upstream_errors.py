"""Whose fault an error is."""

from __future__ import annotations

import pytest
from session_words import MESSAGE, answers, notes, of

from turnstile.session.effects import Reported
from turnstile.session.events import ConfigRequested, Refused
from turnstile.session.in_flight import Cancel, Commit, Create, Item, Response, Update
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State

UPDATE = Update("ts_1", (ConfigRequested(1, {"a": 1}),), {"a": 1}, {"a": 1})
ITEM = Item("ts_2", 2, MESSAGE, "sent", event_id="ts_3")
COMMIT = Commit("ts_4", 4)


def reported(effects):
    return [report.problem.code for report in of(Reported, effects)]


@pytest.mark.parametrize(("event_id", "ref"), [("ts_1", 1), ("ts_3", 2), ("ts_4", 4)])
def test_an_error_with_an_event_id_is_that_events(at, event_id, ref):
    session = at(updating=UPDATE, items=(ITEM,), commits=(COMMIT,))
    assert answers(session.handle(Refused(event_id, "any_code", "no"))) == [(ref, "any_code", False)]


@pytest.mark.parametrize(
    ("error", "ref"),
    [
        (Refused(None, "cannot_update_voice", "no"), 1),
        (Refused(None, "unknown_parameter", "no", "session.bogus"), 1),
        (Refused(None, "invalid_request_error", "Cannot update a conversation's voice"), 1),
        (Refused(None, "invalid_value", "no", "item.content"), 2),
        (Refused(None, "input_audio_buffer_commit_empty", "no"), 4),
        (Refused(None, "invalid_request_error", "Error committing input audio buffer: buffer too small."), 4),
        (Refused(None, "invalid_value", "no hint at all"), 1),
    ],
)
def test_an_error_without_one_is_known_by_code_field_and_words_and_then_by_age(at, error, ref):
    session = at(updating=UPDATE, items=(ITEM,), commits=(COMMIT,), voice_locked=True)
    assert [answer[0] for answer in answers(session.handle(error))] == [ref]


@pytest.mark.parametrize(
    "error",
    [
        Refused(None, "conversation_already_has_active_response", "busy"),
        Refused(None, "invalid_request_error", "Conversation already has an active response"),
    ],
)
def test_a_collision_is_the_creates_with_or_without_code_and_id(at, error):
    assert len(notes("collided", at(requested=Create("ts_0")).handle(error))) == 1


def test_an_error_about_the_response_is_the_creates(at):
    session = at(requested=Create("ts_0", covers=("ts_2",)), items=(Item("ts_2", 2, MESSAGE, "confirmed"),))
    assert reported(session.handle(Refused(None, "invalid_value", "no", "response.tools"))) == ["invalid_value"]


def test_a_response_that_cannot_be_cancelled_is_over(at):
    session = at(response=Response("resp_1", cancel=Cancel("ts_7", "asked")))
    session.handle(Refused("ts_7", "response_cancel_not_active", "Cancellation failed: no active response found"))
    assert session.state.phase == "idle"


@pytest.mark.parametrize(
    "error",
    [
        Refused(None, "response_cancel_not_active", "no"),
        Refused(None, "invalid_request_error", "Cancellation failed: no active response found"),
    ],
)
def test_a_refused_cancel_without_a_name_may_be_an_earlier_one(at, error):
    session = at(response=Response("resp_1", cancel=Cancel("ts_7", "asked")))
    assert session.handle(error) == []
    assert session.state.phase == "cancelling"


@pytest.mark.parametrize(
    "error",
    [
        Refused("of_the_client", "invalid_value", "no"),
        Refused(None, "server_error", "sorry"),
        Refused(None, "invalid_value", "bad base64", "audio"),
    ],
)
def test_an_error_of_nobodys_is_reported(at, error):
    session = at(updating=UPDATE)
    assert reported(session.handle(error)) == [error.code]
    assert session.state.updating == UPDATE


@pytest.mark.parametrize(
    "error",
    [
        Refused("ts_9", "invalid_value", "Audio content of 90ms is already shorter than 100ms"),
        Refused(None, "invalid_value", "Audio content of 90ms is already shorter than 100ms"),
        Refused(None, "invalid_request_error", "Only model output audio messages can be truncated"),
        Refused(None, "item_truncate_invalid_item_id", "No such item."),
    ],
)
def test_a_truncation_that_is_refused_is_nobodys_loss(at, error):
    assert at(updating=UPDATE, items=(ITEM,)).handle(error) == []


def test_an_error_in_rest_is_reported(at):
    assert reported(at().handle(Refused(None, "invalid_value", "no"))) == ["invalid_value"]


@pytest.mark.parametrize(
    "error",
    [
        Refused("ts_99", "invalid_value", "of an event that was given up"),
        Refused(None, "conversation_already_has_active_response", "busy"),
    ],
)
def test_what_is_the_proxys_own_business_reaches_nobody(at, error):
    assert at().handle(error) == []


def test_an_error_is_told_with_all_that_upstream_said(at):
    event = {"type": "error", "error": {"type": "server_error", "message": "sorry"}}
    (report,) = of(Reported, at().handle(Refused(None, "server_error", "sorry", "a.b", event)))
    assert (report.problem.param, report.problem.error_event) == ("a.b", event)


# A client of the API's own language.


@pytest.fixture
def transparent():
    return Session(Policy(is_transparent=True), State(link="open", configured=True, updating=UPDATE))


@pytest.mark.parametrize("event_id", ["mine", "ts_unnamed_4"])
def test_an_error_about_an_event_of_the_clients_is_not_the_sessions_to_tell(transparent, event_id):
    assert transparent.handle(Refused(event_id, "invalid_value", "no")) == []


def test_a_truncation_of_the_clients_that_is_refused_without_a_name_is_told(transparent):
    error = Refused(None, "item_truncate_invalid_item_id", "No such item.")
    assert reported(transparent.handle(error)) == ["item_truncate_invalid_item_id"]
