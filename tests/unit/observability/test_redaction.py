from __future__ import annotations

import json

import pytest

from turnstile.observability.redaction import redacted


def shown(value):
    return json.loads(redacted(json.dumps(value).encode()))


@pytest.mark.parametrize(
    "name",
    [
        "headers",
        "credentials",
        "credential",
        "api_key",
        "apiKey",
        "keys",
        "Authorization",
        "auth",
        "session_token",
        "password",
        "passwd",
        "client_secret",
        "Cookie",
    ],
)
@pytest.mark.parametrize("value", ["made up", {"x": "made up"}, ["made up"]])
def test_a_credential_is_not_shown_wherever_it_stands(name, value):
    frame = {"agent": {"think": [{"functions": [{"name": "get", "endpoint": {"url": "u", name: value}}]}]}}
    assert shown(frame) == {
        "agent": {"think": [{"functions": [{"name": "get", "endpoint": {"url": "u", name: "(secret)"}}]}]}
    }


@pytest.mark.parametrize("frame", [b'{"type": "KeepAlive"}', b"no JSON"])
def test_a_frame_that_cannot_hold_any_is_shown_as_it_is(frame):
    assert redacted(frame) is frame


@pytest.mark.parametrize("name", ["accessKey", "secret_access_key", "access_key_id", "key"])
def test_a_key_of_any_kind_is_not_shown(name):
    assert shown({name: "made up"}) == {name: "(secret)"}


def test_words_to_expect_are_no_keys():
    assert shown({"keyterms": ["gate"]}) == {"keyterms": ["gate"]}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://api.example.com/weather", "https://api.example.com/weather"),
        ("https://user:made-up@api.example.com/weather", "https://api.example.com/weather"),
        ("https://api.example.com/weather?sig=made-up", "https://api.example.com/weather?(secret)"),
        ("https://[made-up", "(secret)"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url, told):
    assert shown({"url": url}) == {"url": told}


def test_a_count_of_tokens_is_no_secret():
    assert shown({"total_token": 5, "max_output_tokens": 7}) == {"total_token": 5, "max_output_tokens": 7}


def test_a_frame_that_may_hold_some_and_is_no_json_is_not_shown():
    assert redacted(b'{"headers": "made up"') == b"(21 bytes that are no JSON)"


@pytest.mark.parametrize("inner", [b"[" * 129 + b"]" * 129, b"[" * 1_000 + b"]" * 1_000, b"[" + b"1," * 5_000 + b"1]"])
def test_a_frame_of_too_many_values_or_levels_is_not_shown(inner):
    frame = b'{"url":%s}' % inner
    assert redacted(frame) == b"(%d bytes of too many values or levels)" % len(frame)


def test_a_frame_that_is_too_large_to_look_through_is_not_shown():
    frame = b'{"audio":"%s","key":"secret"}' % (b"A" * 256 * 1024)
    assert redacted(frame) == b"(262171 bytes)"


def test_a_name_that_is_written_with_escapes_is_read():
    assert json.loads(redacted(b'{"passw\\u006frd": "made up"}')) == {"password": "(secret)"}
