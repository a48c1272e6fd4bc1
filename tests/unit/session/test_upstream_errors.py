"""Which event of ours an error refuses, and which close code the client gets."""

from __future__ import annotations

import pytest
from session_words import MESSAGE, answers, notes, of

from turnstile.errors import Problem
from turnstile.protocol.frames import Closed
from turnstile.session.client_requests import ConfigRequested
from turnstile.session.effects import EndSession, Reported
from turnstile.session.events import Refused
from turnstile.session.in_flight import Cancel, Commit, Create, Item, Response, Update
from turnstile.session.link_events import LinkLost
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State
from turnstile.session.upstream_errors import ENDING, api_closing, close_code, refusal_code, who_refused

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


@pytest.mark.parametrize(
    ("problem", "by"),
    [("invalid_value", "upstream"), ("update_stalled", "upstream"), ("prompt_too_long", "proxy")],
)
def test_a_first_configuration_is_who_refused_upstream_or_by_the_proxy(problem, by):
    assert who_refused(problem) == by


# A client of the Realtime API.


@pytest.fixture
def transparent():
    return Session(Policy(is_transparent=True), State(link="open", configured=True, updating=UPDATE))


@pytest.mark.parametrize("event_id", ["mine", "ts_unnamed_4"])
def test_an_error_about_an_event_of_the_clients_is_not_the_sessions_to_tell(transparent, event_id):
    assert transparent.handle(Refused(event_id, "invalid_value", "no")) == []


def test_a_truncation_of_the_clients_that_is_refused_without_a_name_is_told(transparent):
    error = Refused(None, "item_truncate_invalid_item_id", "No such item.")
    assert reported(transparent.handle(error)) == ["item_truncate_invalid_item_id"]


# Which close code the client gets.


@pytest.mark.parametrize("code", sorted(ENDING))
@pytest.mark.parametrize("event_id", [None, "ts_1"])
def test_an_error_after_which_nothing_helps_ends_the_session_in_its_own_words(at, code, event_id):
    session = at(response=Response("resp_1"))
    (end,) = of(EndSession, session.handle(Refused(event_id, code, "No more.")))
    assert (end.problem.code, end.problem.description) == (code, "No more.")
    assert session.handle(Refused(event_id, code, "No more.")) == []


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        ("session_expired", 1001),
        ("settings_timeout", 1008),
        ("idle_timeout", 1000),
        ("insufficient_quota", 1013),
        ("upstream_closed", 1014),
        ("invalid_api_key", 1011),
        ("anything else", 1011),
    ],
)
def test_the_client_is_closed_with_a_code_that_fits(problem, code):
    assert close_code(problem) == code


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        ("invalid_value", 1008),
        ("update_stalled", 1014),
        ("update_refused", 1014),
        ("server_error", 1011),
        ("rate_limit_exceeded", 1013),
    ],
)
def test_a_client_whose_first_configuration_is_refused_is_told_by_the_code_whose_doing_it_is(problem, code):
    assert refusal_code(problem) == code


# A client of the Realtime API.


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 3999, 4000, 4999])
def test_upstreams_own_close_is_passed_on(code):
    assert api_closing(LinkLost("upstream_closed", "Gone.", closed=Closed(code, "words"))) == Closed(code, "words")


@pytest.mark.parametrize("code", [1002, 1004, 1005, 1006, 1010, 1014, 1015, 2999])
def test_a_close_that_may_not_be_sent_or_blames_us_becomes_one_after_which_a_client_tries_again(code):
    assert api_closing(LinkLost("upstream_closed", "Gone.", closed=Closed(code, ""))) == Closed(1011, "upstream_closed")


def test_a_close_of_ours_is_not_passed_on():
    closed = Closed(1008, "peer_too_slow", by_us=True)
    assert api_closing(LinkLost("upstream_closed", "Gone.", closed=closed)) == Closed(1011, "upstream_closed")


@pytest.mark.parametrize("code", ["upstream_unreachable", "upstream_silent", "update_stalled", "anything else"])
def test_what_upstream_did_not_close_ends_with_a_code_after_which_a_client_tries_again(code):
    assert api_closing(LinkLost(code, "Gone.")) == Closed(1011, code)


@pytest.mark.parametrize("code", ["upstream_refused", "upstream_tls"])
def test_what_another_try_would_not_mend_ends_with_a_code_after_which_a_client_does_not_try_again(code):
    assert api_closing(LinkLost(code, "No.", retryable=False)) == Closed(4000, code)


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        ("invalid_api_key", 3000),
        ("invalid_model", 4000),
        ("missing_model", 4000),
        ("beta_api_shape_disabled", 4000),
        ("insufficient_quota", 4000),
        ("session_expired", 1001),
    ],
)
def test_an_error_of_the_apis_is_followed_by_the_close_that_follows_it_there(problem, code):
    assert api_closing(LinkLost(problem, "No.", retryable=False)) == Closed(code, f"invalid_request_error.{problem}")


@pytest.mark.parametrize("error", [None, {"type": "server_error"}, {"type": None}, {}])
def test_the_close_names_the_type_of_the_error(error):
    kind = (error or {}).get("type") or "invalid_request_error"
    lost = LinkLost("invalid_model", "No.", retryable=False, event={"error": error})
    assert api_closing(lost).reason == f"{kind}.invalid_model"


@pytest.mark.parametrize(
    ("is_transparent", "closing"), [(True, Closed(4001, "enough")), (False, None)], ids=["realtime", "voice agent"]
)
def test_only_a_realtime_client_is_closed_as_upstream_closed(is_transparent, closing):
    session = Session(Policy(is_transparent=is_transparent, reconnect_for=0), State(link="open"))
    lost = LinkLost("upstream_closed", "Gone.", closed=Closed(4001, "enough"))
    assert session.handle(lost) == [EndSession(Problem("upstream_closed", "Gone."), closing, by="upstream")]


@pytest.mark.parametrize(
    ("event_id", "is_told"), [("mine", True), ("ts_unnamed_1", True), ("ts_1", False), (None, False)]
)
def test_an_end_that_the_client_has_heard_of_as_of_its_own_event_is_not_told_again(event_id, is_told):
    session = Session(Policy(is_transparent=True), State(link="open"))
    (end,) = of(EndSession, session.handle(Refused(event_id, "insufficient_quota", "Over.")))
    assert end.is_told is is_told
