"""Tokens for browsers: who may connect with one, as whom, and until when."""

from __future__ import annotations

import base64
import json
import time
import zlib
from random import Random

import jwt
import pytest

from turnstile.auth.authenticator import Authenticator
from turnstile.auth.browser_tokens import BrowserTokens, TokenAuthenticator, browser_token_of
from turnstile.auth.identity import Identity
from turnstile.server.requests import Rejection, UpgradeRequest
from turnstile.translate.host_overrides import HostOverrides

SECRET = "the secret of all workers, as long as it must be"
SESSION = {"type": "realtime", "instructions": "Rhyme.", "audio": {"output": {"voice": "marin"}}}
SHOP = Identity("shop", HostOverrides(session=SESSION, labels={"tags": "web"}))


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.5

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def tokens_of(clock, secret=SECRET, *, asks=True):
    return BrowserTokens(secret, asks=asks, now=clock)


@pytest.fixture
def tokens(clock):
    return tokens_of(clock)


def signed(payload, secret=SECRET):
    return "ek_" + jwt.PyJWS().encode(payload, secret, "HS256")


def test_a_token_is_for_sessions_of_who_made_it_with_what_was_decided_for_them(tokens):
    token = tokens.make(SHOP, 600)
    assert token.value.startswith("ek_")
    assert token.expires_at == 1_800_000_600
    assert tokens.check(token.value) == SHOP


def test_a_token_holds_what_is_decided_by_name_as_part_of_its_session(tokens):
    decided = HostOverrides("Sing.", "ash", "gpt-realtime", session=SESSION)
    taken = tokens.check(tokens.make(Identity("shop", decided), 600).value)
    assert taken.overrides.enforced == decided.enforced


def test_a_token_is_taken_by_another_process_with_the_same_secret(tokens, clock):
    assert tokens_of(clock).check(tokens.make(SHOP, 600).value) == SHOP


def test_a_token_is_valid_several_times_until_it_expires(tokens, clock):
    value = tokens.make(SHOP, 600).value
    clock.now += 599
    assert tokens.check(value) == tokens.check(value) == SHOP
    clock.now += 1
    refused = tokens.check(value)
    assert (refused.status, refused.text) == (401, "The browser token has expired; make a new one for each page.\n")


def test_each_token_has_a_name_of_its_own_and_shows_no_more_than_that(tokens):
    first, second = tokens.make(SHOP, 600), tokens.make(SHOP, 600)
    assert first.value != second.value
    assert repr(first) == f"<BrowserToken {first.id}>"


def test_a_token_of_another_secret_or_of_a_proxy_that_asks_nobody_is_not_valid(tokens, clock):
    for others in (tokens_of(clock, "another secret that is as long as it must be"), tokens_of(clock, asks=False)):
        refused = tokens.check(others.make(SHOP, 600).value)
        assert refused.status == 401
        assert refused.text.startswith("The browser token is not one of this proxy's")


def changed(value, part):
    parts = value.removeprefix("ek_").split(".")
    parts[part] = parts[part][:-2] + ("A" if parts[part][-2] != "A" else "B") + parts[part][-1]
    return "ek_" + ".".join(parts)


CLAIMS = {"iss": "turnstile", "aud": "turnstile browser", "sub": "x", "iat": 0, "exp": 2e9, "jti": "1", "session": {}}


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: "ek_",
        lambda _: "ek_1234",
        lambda value: value[:-1],
        lambda value: changed(value, 0),
        lambda value: changed(value, 1),
        lambda value: changed(value, 2),
        lambda _: "ek_" + jwt.encode(CLAIMS, SECRET, "HS256"),
        lambda _: "ek_" + jwt.encode(CLAIMS, "", "none"),
        lambda _: signed(b"no zlib"),
        lambda _: signed(zlib.compress(b"no JSON")),
        lambda _: signed(zlib.compress(b"[]")),
        lambda _: signed(zlib.compress(json.dumps(CLAIMS).encode())),
        lambda _: signed(zlib.compress(json.dumps({**CLAIMS, "labels": {}, "session": 5}).encode())),
        lambda _: signed(zlib.compress(json.dumps({**CLAIMS, "aud": "another"}).encode())),
        lambda _: signed(zlib.compress(json.dumps({**CLAIMS, "iss": "another"}).encode())),
        lambda _: signed(zlib.compress(b" " * 2_000_000)),
    ],
)
def test_what_is_no_token_of_ours_is_refused(tokens, forge):
    refused = tokens.check(forge(tokens.make(SHOP, 600).value))
    assert isinstance(refused, Rejection)
    assert refused.text.startswith("The browser token is not one of this proxy's, or its secret has changed since.")


def test_a_prompt_of_ten_thousand_characters_fits_a_header(tokens):
    words = " ".join(f"Sentence {number}: answer the customer politely, and in few words." for number in range(170))
    decided = HostOverrides(session={"instructions": words})
    assert len(words) > 10_000
    assert len(tokens.make(Identity("shop", decided), 600).value) < 2_000


def test_a_prompt_that_hardly_compresses_does_not_keep_the_thread(tokens):
    words = "".join(Random(1).choices("ab", k=60_000))  # noqa: S311 - to be repeatable is the point
    decided = HostOverrides(session={"instructions": words})
    times = []
    for _ in range(3):
        begun = time.thread_time()
        tokens.make(Identity("shop", decided), 600)
        times.append(time.thread_time() - begun)
    assert min(times) < 0.05


def test_the_holder_of_a_token_can_read_it(tokens):
    payload = tokens.make(SHOP, 600).value.split(".")[1]
    claims = json.loads(zlib.decompress(base64.urlsafe_b64decode(payload + "==")))
    assert claims["session"] == SESSION


class Others(Authenticator):
    def __init__(self):
        self.closed = None

    def authenticate(self, _, decided):
        decided(Identity("another"))
        return "gone"

    def close(self, timeout):
        self.closed = timeout


def request(offered=(), **headers):
    return UpgradeRequest("/v1/realtime", {}, headers, "192.0.2.7:1", offered)


def test_a_token_is_taken_where_any_other_key_is(tokens):
    value = tokens.make(SHOP, 600).value
    checks, outcomes = TokenAuthenticator(tokens, Others()), []
    assert checks.authenticate(request(authorization=f"Bearer {value}"), outcomes.append) is None
    checks.authenticate(request(("realtime", f"openai-insecure-api-key.{value}")), outcomes.append)
    checks.authenticate(request(("token", value)), outcomes.append)
    assert outcomes == [SHOP, SHOP, SHOP]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-1"}, {"authorization": "Basic x"}])
def test_who_has_no_token_is_the_other_authenticators_to_decide(tokens, headers):
    others = Others()
    checks, outcomes = TokenAuthenticator(tokens, others), []
    assert checks.authenticate(request(**headers), outcomes.append) == "gone"
    assert outcomes == [Identity("another")]
    checks.close(2.0)
    assert others.closed == 2.0
    assert browser_token_of(request(**headers)) is None
