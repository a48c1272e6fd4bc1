"""What ends a session for good."""

from __future__ import annotations

import pytest
from session_words import of

from turnstile.errors import Problem
from turnstile.protocol.frames import Closed
from turnstile.session.effects import EndSession
from turnstile.session.endings import ENDING, api_closing, close_code, refusal_code
from turnstile.session.events import LinkLost, Refused
from turnstile.session.in_flight import Response
from turnstile.session.machine import Session
from turnstile.session.policy import Policy
from turnstile.session.state import State


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


# A client of the API's own language.


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
def test_only_a_client_of_the_apis_own_language_is_closed_as_upstream_closed(is_transparent, closing):
    session = Session(Policy(is_transparent=is_transparent, reconnects=0), State(link="open"))
    lost = LinkLost("upstream_closed", "Gone.", closed=Closed(4001, "enough"))
    assert session.handle(lost) == [EndSession(Problem("upstream_closed", "Gone."), closing)]


@pytest.mark.parametrize(
    ("event_id", "is_told"), [("mine", True), ("ts_unnamed_1", True), ("ts_1", False), (None, False)]
)
def test_an_end_that_the_client_has_heard_of_as_of_its_own_event_is_not_told_again(event_id, is_told):
    session = Session(Policy(is_transparent=True), State(link="open"))
    (end,) = of(EndSession, session.handle(Refused(event_id, "session_expired", "Over.")))
    assert end.is_told is is_told
