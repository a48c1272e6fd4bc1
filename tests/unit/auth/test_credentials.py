import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnstile.auth.credentials import Credential, chosen_subprotocol, credential_of, unauthorized
from turnstile.server.requests import Rejection, UpgradeRequest

KEY = "ts_made-up.key~of+64/bits="


def request(*, query=None, subprotocols=(), **headers):
    by_name = {name.replace("_", "-"): value for name, value in headers.items()}
    return UpgradeRequest("/openai", query or {}, by_name, "192.0.2.7:1234", tuple(subprotocols))


def rejection(**parts):
    outcome = credential_of(request(**parts))
    assert isinstance(outcome, Rejection)
    return outcome


@pytest.mark.parametrize(
    "parts",
    [
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {KEY}"},
        {"authorization": f"TOKEN   {KEY} "},
        {"authorization": f"Token {KEY}"},
        {"api_key": KEY},
        {"subprotocols": ["token", KEY]},
        {"subprotocols": ["bearer", KEY]},
        {"subprotocols": ["x-deepgram-session-id", "5", "token", KEY]},
        {"subprotocols": ["realtime", f"openai-insecure-api-key.{KEY}", "openai-beta.realtime-v1"]},
        {"subprotocols": ["openai-insecure-api-key." + KEY]},
        {"query": {"model": "gpt-realtime", "token": KEY}},
    ],
)
def test_a_key_is_found_where_clients_send_it(parts):
    assert credential_of(request(**parts)) == Credential(KEY)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"api_key": ""},
        {"query": {"token": "", "api_key": "k", "key": "k"}},
        {"subprotocols": ["realtime", "openai-beta.realtime-v1"]},
        {"subprotocols": ["openai-insecure-api-key."]},
        {"subprotocols": ["token"]},
        {"subprotocols": ["realtime", "bearer"]},
    ],
)
def test_none_is_found_when_none_is_sent(parts):
    assert credential_of(request(**parts)) is None


def test_one_that_is_sent_twice_is_one():
    both = request(authorization=f"Bearer {KEY}", subprotocols=["token", KEY], query={"token": KEY})
    assert credential_of(both) == Credential(KEY)


@pytest.mark.parametrize(
    "parts",
    [
        {"authorization": f"Bearer {KEY}", "query": {"token": "another"}},
        {"authorization": f"Bearer {KEY}", "api_key": "another"},
        {"subprotocols": ["token", KEY, "bearer", "another"]},
        {"subprotocols": ["realtime", f"openai-insecure-api-key.{KEY}"], "query": {"token": "another"}},
    ],
)
def test_different_ones_in_a_request_are_a_bad_request(parts):
    refused = rejection(**parts)
    assert (refused.status, refused.text) == (400, "The request has several different keys: send one of them.\n")


def test_a_scheme_that_is_not_known_is_named_when_no_key_is_there():
    refused = rejection(authorization="Basic dXNlcjpwYXNzd29yZA==")
    assert refused.status == 401
    assert refused.text == 'Authorization: write "Bearer KEY" or "Token KEY"; no other scheme is known here.\n'
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="turnstile"'


def test_what_a_browser_sends_to_a_reverse_proxy_does_not_hide_the_key():
    sent = request(authorization="Basic dXNlcjpwYXNzd29yZA==", subprotocols=["token", KEY])
    assert credential_of(sent) == Credential(KEY)


@pytest.mark.parametrize("key", ["a b", "a, Bearer b", "schlüssel", "a\tb", "a\x00b", "a,b"])
def test_a_malformed_key_is_unauthorized_and_not_repeated(key):
    refused = rejection(authorization=f"Bearer {key}")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Bearer realm="turnstile"')
    assert refused.text == "The key is malformed: it may have no spaces, commas, or characters beyond ASCII.\n"


def test_a_credential_does_not_show_its_secret():
    assert KEY not in f"{Credential(KEY)!r} {Credential(KEY)} {[Credential(KEY)]}"


def test_who_is_unauthorized_learns_why_and_which_scheme_would_do():
    header = {"WWW-Authenticate": 'Bearer realm="turnstile"'}
    assert unauthorized("No.") == Rejection(401, "No.\n", header, "credentials")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["realtime", "openai-insecure-api-key.k", "openai-beta.realtime-v1"], "realtime"),
        (["token", "k"], "token"),
        (["bearer", "k"], "bearer"),
        (["token"], "token"),
        # A key that is the word of another scheme, or has its form.
        (["x", "token", "realtime"], "token"),
        (["bearer", "token"], "bearer"),
        (["token", "realtime", "bearer"], "token"),
        (["bearer", "openai-insecure-api-key.k", "realtime"], "bearer"),
        # A browser gives up where none of its offer is chosen.
        (["openai-insecure-api-key.k", "openai-beta.realtime-v1"], "openai-beta.realtime-v1"),
        (["openai-insecure-api-key.realtime"], None),
        (["chat"], None),
        ([], None),
    ],
)
def test_the_subprotocol_chosen_is_never_a_key(offered, chosen):
    assert chosen_subprotocol(request(subprotocols=offered)) == chosen


WORDS = st.lists(
    st.sampled_from(["token", "bearer", "realtime", "openai-beta.realtime-v1", "openai-insecure-api-key.k", "k", "x"]),
    unique=True,
)


@given(WORDS)
def test_what_is_chosen_is_offered_and_is_no_key(offered):
    chosen, key = chosen_subprotocol(request(subprotocols=offered)), credential_of(request(subprotocols=offered))
    assert chosen is None or chosen in offered
    assert chosen is None or key != Credential(chosen)


@pytest.mark.parametrize("offered", [["token", "realtime"], ["bearer", "token"]])
def test_a_key_may_be_the_word_of_a_scheme(offered):
    assert credential_of(request(subprotocols=offered)) == Credential(offered[1])
