"""What the operator's service is asked, and which of its answers are decisions."""

from __future__ import annotations

import json

import pytest

from turnstile.auth.ask_wire import NoDecisionError, decision_of, question_about
from turnstile.auth.credentials import Credential
from turnstile.auth.identity import Identity
from turnstile.server.requests import Rejection, UpgradeRequest
from turnstile.translate.host_overrides import HostOverrides
from turnstile.transports.http.blocking_client import HttpAnswer

WEATHER = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
REQUEST = UpgradeRequest(
    "/v1/agent/converse",
    {"token": "in-the-query", "model": "m"},
    {"authorization": "Token k", "cookie": "id=\udcc3\udca4", "x-other": "y", "user-agent": "z"},
    "[2001:db8::7]:1234",
    ("token", "in-the-subprotocol"),
)


def answered(body=b"{}", status=200, **headers):
    return HttpAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def decided(**fields):
    return decision_of(answered(json.dumps(fields).encode()))


def rejection(status, body, content_type, shown=(), **headers):
    outcome = decision_of(answered(body, status, content_type=content_type, **headers), shown)
    assert isinstance(outcome, Rejection)
    assert outcome.status == status
    return outcome


def test_the_service_is_shown_path_and_address_and_the_headers_that_are_named():
    assert json.loads(question_about(REQUEST, None, ("cookie", "x-missing"))) == {
        "path": "/v1/agent/converse",
        "address": "2001:db8::7",
        "headers": {"cookie": "id=ä"},
    }
    assert json.loads(question_about(REQUEST, None, ()))["headers"] == {}


def test_the_service_is_shown_the_key_where_it_may_see_it():
    question = json.loads(question_about(REQUEST, Credential("k"), ("authorization",)))
    assert question["headers"] == {"authorization": "Token k"}
    assert question["credential"] == "k"


def test_bytes_that_are_no_text_do_not_keep_a_client_from_being_asked_about():
    request = UpgradeRequest("/\ufffd", {}, {"cookie": "\udcff"}, "192.0.2.7:1", ())
    assert json.loads(question_about(request, None, ("cookie",)))["headers"] == {"cookie": "\ufffd"}


def test_a_client_that_is_admitted_has_the_name_and_the_settings_that_were_decided():
    outcome = decided(identity="acme/7", prompt="Be brief.", voice="cedar", model="gpt-realtime-mini", tools=[WEATHER])
    overrides = HostOverrides("Be brief.", "cedar", "gpt-realtime-mini", session={"tools": [WEATHER]})
    assert outcome == Identity("acme/7", overrides)


def test_what_is_not_decided_is_left_to_the_client():
    assert decided(identity="a", prompt=None, voice=None, model=None, tools=None) == Identity("a")


def test_an_empty_list_of_tools_leaves_the_client_none():
    outcome = decided(identity="a", tools=[])
    assert isinstance(outcome, Identity)
    assert outcome.overrides.session == {"tools": []}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "identity: must be text of 1 to 200 characters on one line."),
        ({"identity": ""}, "identity: must be"),
        ({"identity": 7}, "identity: must be"),
        ({"identity": "a\nb"}, "identity: must be"),
        ({"identity": "a" * 201}, "identity: must be"),
        ({"identity": "a", "prompt": 7}, "prompt: must be text, not int."),
        ({"identity": "a", "prompt": ["x"]}, "prompt: must be text, not list."),
        ({"identity": "a", "voice": ""}, "voice: is empty; leave it out, or name one."),
        ({"identity": "a", "voice": {"id": "v"}}, "voice: must be text, not dict."),
        ({"identity": "a", "model": ""}, "model: is empty; leave it out, or name one."),
        ({"identity": "a", "model": False}, "model: must be text, not bool."),
        ({"identity": "a", "tools": {"a": 1}}, "tools: must be a list of the Realtime API's tools."),
        ({"identity": "a", "tools": "x"}, "tools: must be a list"),
        *(({"identity": "a", "tools": none}, "tools: must be a list") for none in ("", 0, False, {})),
        ({"identity": "a", "tools": [7]}, "tools[0]: must be an object with a type, such as function."),
        ({"identity": "a", "tools": [WEATHER, {}]}, "tools[1]: must be an object with a type"),
        ({"identity": "a", "tools": [{"type": "function"}]}, "tools[0].name: must be text."),
        ({"identity": "a", "tools": [{**WEATHER, "name": ["x"]}]}, "tools[0].name: must be text."),
        ({"identity": "a", "tool": []}, "tool: is not known; the fields are identity, prompt, voice, model, tools."),
        ({"status": "ok"}, "status: is not known"),
        ({"x\ny" * 30: 1}, r"x\nyx\nyx\nyx"),
    ],
)
def test_an_answer_that_cannot_be_carried_out_is_no_decision_and_names_the_field(fields, words):
    with pytest.raises(NoDecisionError) as caught:
        decided(**fields)
    assert caught.value.words.startswith(f"The service's answer: {words}")


@pytest.mark.parametrize("body", [b"", b"yes", b"[" * 5000, b"\xff", b'{"identity": "\\ud800"}', b"[]", b"true", b"7"])
def test_an_answer_that_is_no_object_is_no_decision(body):
    with pytest.raises(NoDecisionError, match=r"The service's answer (is not JSON|is no JSON object)\."):
        decision_of(answered(body))


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 404, 407, 500, 502, 503])
def test_another_status_is_no_decision(status):
    with pytest.raises(NoDecisionError, match=f"The service answered {status}; 200, 401, 403 and 429 are answers."):
        decision_of(answered(b'{"identity": "a"}', status))


@pytest.mark.parametrize("status", [401, 403, 429])
def test_the_words_of_a_refusal_become_the_clients(status):
    for body, kind in (
        (b"Your plan has ended.", "text/plain"),
        ("Your plan has ended.".encode("utf-16"), "text/plain; charset=utf-16"),
        (b'{"reason": "Your plan has ended.", "code": 7}', "application/json; charset=utf-8"),
    ):
        assert rejection(status, body, kind).text == "Your plan has ended.\n"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><h1>Forbidden</h1></html>", "text/html"),
        (b"", "text/plain"),
        (b" \n ", "text/plain"),
        (b"not json", "application/json"),
        (b"[]", "application/json"),
        (b"{}", "application/json"),
        (b'{"reason": 7}', "application/json"),
        (b"words", ""),
    ],
)
def test_a_refusal_without_words_gets_ours(body, kind):
    assert rejection(403, body, kind).text == "The client may not connect.\n"


def test_the_words_of_a_refusal_are_short_and_show_nothing_that_was_shown():
    words = rejection(
        401, b"No such key: k3y-of-mine\r\nSet-Cookie: a\x00" + b"x" * 10_000, "text/plain", ("k3y-of-mine",)
    )
    assert words.text.startswith(r"No such key: ***\r\nSet-Cookie: a\u0000xxx")
    assert len(words.text) == 501
    assert words.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("value", ["30", "Thu, 26 Nov 2026 17:00:00 GMT"])
def test_the_time_to_wait_is_passed_on(value):
    assert rejection(429, b"", "", retry_after=value).headers == {"Retry-After": value}


@pytest.mark.parametrize("value", ["", "soon", "-1", "1\r\nX: y", "9" * 20])
def test_a_time_to_wait_that_is_none_is_left_out(value):
    assert rejection(429, b"", "", retry_after=value).headers == {}
