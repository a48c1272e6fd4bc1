"""The making of browser tokens: what may be asked for, and by whom."""

from __future__ import annotations

import json

import pytest

from turnstile.auth.authenticator import Authenticator
from turnstile.auth.browser_tokens import BrowserTokens
from turnstile.auth.client_secret_request import parse_client_secret_request
from turnstile.auth.client_secrets import ClientSecrets
from turnstile.auth.credentials import unauthorized
from turnstile.auth.identity import Identity
from turnstile.protocol.json_bounds import JSON_BOUNDS
from turnstile.server.http_exchange import BodyWanted
from turnstile.server.requests import Rejection, UpgradeRequest
from turnstile.translate.host_overrides import HostOverrides

TOKENS = BrowserTokens("the secret of all workers, as long as it must be", asks=True, now=lambda: 1_800_000_000.0)
JSON = {"content-type": "application/json; charset=utf-8"}


class Known(Authenticator):
    """Knows one client."""

    def __init__(self, **overrides):
        self.identity = Identity("shop", HostOverrides(**overrides))

    def authenticate(self, request, decided):
        known = request.headers.get("authorization") == "Bearer sk-1"
        decided(self.identity if known else unauthorized("Unknown."))
        return "gone"

    def close(self, timeout):
        """Do nothing."""


def secrets(**overrides):
    return ClientSecrets(TOKENS, Known(**overrides).authenticate, lambda name: name != "secret-model", JSON_BOUNDS)


def decided(endpoint, method="POST", **headers):
    outcomes = []
    endpoint.decide(method, UpgradeRequest("/x", {}, JSON | headers, "192.0.2.7:1", ()), outcomes.append)
    return outcomes.pop()


def made(body, **overrides):
    """Return the status of the answer, and its content."""
    wanted = decided(secrets(**overrides), authorization="Bearer sk-1")
    assert isinstance(wanted, BodyWanted)
    reply = wanted.respond(body if isinstance(body, bytes) else json.dumps(body).encode())
    return reply.status, reply.content


def refused(body):
    status, content = made(body)
    assert status == 400
    assert content["error"]["type"] == "invalid_request_error"
    return content["error"]


@pytest.mark.parametrize("body", [b"", b"{}", {"session": None, "expires_after": None}, {"session": {}}])
def test_a_token_lasts_ten_minutes_for_an_ordinary_session_by_default(body):
    status, content = made(body)
    assert (status, content["expires_at"]) == (200, 1_800_000_600)
    assert content["session"].pop("id").startswith("sess_")
    assert content["session"] == {"type": "realtime", "object": "realtime.session"}
    assert TOKENS.check(content["value"]) == Identity("shop", HostOverrides(session={"type": "realtime"}))


@pytest.mark.parametrize("seconds", [10, 7_200])
def test_a_token_lasts_as_long_as_is_asked_for(seconds):
    _, content = made({"expires_after": {"anchor": "created_at", "seconds": seconds}})
    assert content["expires_at"] == 1_800_000_000 + seconds


def test_the_session_that_is_asked_for_is_enforced_on_the_tokens_clients():
    asked = {"type": "transcription", "audio": {"input": {"turn_detection": None}}, "include": ["x"]}
    _, content = made({"session": asked})
    assert content["session"]["object"] == "realtime.transcription_session"
    assert TOKENS.check(content["value"]).overrides.session == asked


def test_what_was_decided_about_who_asks_wins_over_the_session_that_is_asked_for():
    decided = {"prompt": "Rhyme.", "session": {"max_output_tokens": 100}, "labels": {"tags": "shop"}}
    asked = {"instructions": "mine", "max_output_tokens": "inf", "prompt": {"id": "p"}, "output_modalities": ["text"]}
    _, content = made({"session": asked}, **decided)
    taken = TOKENS.check(content["value"]).overrides
    assert taken.session == {
        "type": "realtime",
        "instructions": "Rhyme.",
        "max_output_tokens": 100,
        "output_modalities": ["text"],
    }
    assert taken.labels == {"tags": "shop"}


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"{", "invalid_json", None),
        (b"\xff", "invalid_json", None),
        (b"[]", "invalid_type", None),
        (b"[" * 200 + b"]" * 200, "too_many_levels", None),
        (b"[0" + b",0" * 20_000 + b"]", "too_many_values", None),
        ({"model": "gpt-realtime"}, "unknown_parameter", "model"),
        ({"session": []}, "invalid_type", "session"),
        ({"session": {"audio": 5}}, "invalid_value", "session"),
        ({"session": {"voice": "ash"}}, "invalid_value", "session"),
        ({"session": {"type": "translation"}}, "invalid_value", "session"),
        ({"session": {"model": "secret-model"}}, "invalid_value", "session.model"),
        ({"expires_after": 60}, "invalid_type", "expires_after"),
        ({"expires_after": {"minutes": 1}}, "unknown_parameter", "expires_after.minutes"),
        ({"expires_after": {"anchor": "used_at"}}, "invalid_value", "expires_after.anchor"),
        *[
            ({"expires_after": {"seconds": n}}, "invalid_value", "expires_after.seconds")
            for n in (9, 7_201, 60.0, True)
        ],
    ],
)
def test_what_cannot_be_is_refused_with_the_fields_name(body, code, param):
    error = refused(body)
    assert (error["code"], error["param"]) == (code, param)
    assert error["message"].endswith(".")


def test_a_session_that_does_not_fit_a_browsers_request_is_refused_with_its_size_and_the_bound():
    words = "".join(f"{number * number:x}" for number in range(10_000, 13_000))
    error = refused({"session": {"instructions": words}})
    assert (error["code"], error["param"]) == ("session_too_large", "session")
    assert "and at most 7000 fit into a browser's request; shorten its instructions" in error["message"]


def test_who_is_not_known_makes_no_token():
    rejection = decided(secrets(), authorization="Bearer sk-2")
    assert (rejection.status, rejection.text) == (401, "Unknown.\n")


def test_a_browser_token_makes_no_other():
    token = TOKENS.make(Identity("shop"), 600).value
    rejection = decided(secrets(), authorization=f"Bearer {token}")
    assert rejection.status == 403
    assert token not in rejection.text


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "post"])
def test_tokens_are_made_by_post_only(method):
    rejection = decided(secrets(), method)
    assert (rejection.status, rejection.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_page_cannot_ask_in_a_way_that_needs_no_preflight(kind):
    rejection = decided(secrets(), **{"content-type": kind})
    assert isinstance(rejection, Rejection)
    assert rejection.status == 415


def test_a_request_shows_what_is_asked_for():
    asked = parse_client_secret_request(b'{"expires_after":{"seconds":60}}', JSON_BOUNDS, lambda _: True)
    assert (asked.seconds, asked.session) == (60, {"type": "realtime"})
