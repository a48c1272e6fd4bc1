"""The query of a Realtime client's address."""

from __future__ import annotations

import pytest

from turnstile.errors import ClientProtocolError
from turnstile.protocol.addressing import Address, read_address


@pytest.mark.parametrize(
    ("query", "address"),
    [
        ({}, Address()),
        ({"model": ""}, Address()),
        ({"model": "m"}, Address("m")),
        ({"deployment": "d"}, Address("d")),
        ({"deployment": "m", "model": "m"}, Address("m")),
        ({"call_id": "rtc_1"}, Address(call_id="rtc_1")),
        ({"intent": "transcription"}, Address(intent="transcription")),
        ({"call_id": "rtc_1", "intent": ""}, Address(call_id="rtc_1")),
    ],
)
def test_what_a_client_asks_for_is_read(query, address):
    assert read_address(query) == address


@pytest.mark.parametrize(
    ("version", "is_beta"),
    [
        ("2024-10-01-preview", True),
        ("2025-08-28", True),
        ("v1", False),
        ("preview", False),
        ("", False),
    ],
)
def test_a_version_with_a_date_asks_for_the_words_of_the_beta(version, is_beta):
    assert read_address({"api-version": version}).is_beta is is_beta


def test_a_header_asks_for_the_words_of_the_beta():
    assert read_address({}, wants_beta=True).is_beta


def test_what_is_not_understood_is_ignored_and_named():
    assert read_address({"model": "m", "key": "secret", "flag": "", "region": "eu"}).ignored == ("key", "region")
    assert read_address({"model": "m", "token": "of the client"}).ignored == ()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"call_id": "rtc_1", "model": "m"}, "call_id: cannot go with a model"),
        ({"call_id": "rtc_1", "deployment": "m"}, "call_id: cannot go with a model"),
        ({"intent": "transcription", "model": "m"}, "model: you must not provide one for transcription sessions"),
        ({"call_id": "rtc_1", "intent": "transcription"}, "call_id: cannot go with intent=transcription"),
        ({"model": "m", "deployment": "d"}, "deployment: names another model"),
        ({"intent": "conversation"}, "intent: must be 'transcription' or left out, not 'conversation'"),
    ],
)
def test_what_cannot_be_done_together_is_refused_in_words(query, words):
    with pytest.raises(ClientProtocolError, match=words) as refused:
        read_address(query)
    assert refused.value.problem.code == "invalid_query"


@pytest.mark.parametrize("name", ["call_id", "intent"])
def test_what_an_upstream_of_the_beta_cannot_do_is_refused_in_words(name):
    with pytest.raises(ClientProtocolError, match=f"{name}: is not served here"):
        read_address({name: "transcription"}, upstream_is_beta=True)


@pytest.mark.parametrize(
    ("address", "query"),
    [
        (Address("m"), {}),
        (Address(call_id="rtc_1"), {"call_id": "rtc_1"}),
        (Address(intent="transcription"), {"intent": "transcription"}),
    ],
)
def test_upstream_is_asked_for_a_call_or_an_intent_instead_of_a_model(address, query):
    assert address.query == query
