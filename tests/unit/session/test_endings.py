"""What ends a session for good."""

from __future__ import annotations

import pytest
from session_words import of

from turnstile.session.effects import EndSession
from turnstile.session.endings import ENDING, close_code, refusal_code
from turnstile.session.events import Refused
from turnstile.session.state import Response


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


@pytest.mark.parametrize(("problem", "code"), [("invalid_value", 1008), ("update_stalled", 1014)])
def test_a_client_whose_first_configuration_is_refused_is_told_by_the_code_whose_doing_it_is(problem, code):
    assert refusal_code(problem) == code
