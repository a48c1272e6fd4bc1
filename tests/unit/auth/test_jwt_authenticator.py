"""Which JSON web tokens admit a client, and what the others are told."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from jwt_material import PRIVATE, SECRET, assembled, claims, entry, key_set, public_pem, token

from turnstile.auth.identity import Identity
from turnstile.auth.jwt_authenticator import JwtAuthenticator, JwtRules
from turnstile.auth.jwt_key_sources import FixedKeys
from turnstile.auth.jwt_keys import KeySet, parse_key_set
from turnstile.server.requests import Rejection, UpgradeRequest

KEYS = key_set(entry("r1"), entry("e1"))


def request(credential):
    headers = {"authorization": f"Bearer {credential}"} if credential is not None else {}
    return UpgradeRequest("/openai", {}, headers, "192.0.2.7:1234", ())


def check(credential, *, algorithms=("RS256", "ES256"), secret=None, **rules):
    """Return what an authenticator decides, at once."""
    expected = {"audience": "turnstile", "issuer": "https://issuer.example", "identity": "sub", **rules}
    by_keys = {*algorithms} - {"HS256"}
    keys = parse_key_set(KEYS, by_keys) if by_keys else KeySet(())
    authenticator = JwtAuthenticator(JwtRules(algorithms, secret=secret, **expected), FixedKeys(keys))
    decided = []
    asked = request(credential) if credential is None or isinstance(credential, str) else credential
    assert authenticator.authenticate(asked, decided.append) is None
    authenticator.close(0)
    (outcome,) = decided
    return outcome


def refused(credential, **options):
    """Return the words of a refusal, which shows nothing of the token."""
    outcome = check(credential, **options)
    assert isinstance(outcome, Rejection)
    assert outcome.status == 401
    assert outcome.headers["WWW-Authenticate"].startswith("Bearer ")
    if credential:
        assert all(part not in outcome.text for part in credential.split(".") if len(part) > 3)
    return outcome.text.strip()


@pytest.mark.parametrize(
    ("sent", "options"),
    [
        ({}, {}),
        ({"algorithm": "ES256", "kid": "e1"}, {}),
        ({"kid": None, "key": PRIVATE["r1"]}, {}),
        ({"algorithm": "HS256"}, {"algorithms": ("HS256",), "secret": SECRET}),
        ({"algorithm": "HS256"}, {"algorithms": ("RS256", "HS256"), "secret": SECRET}),
        ({"aud": ["other", "turnstile"]}, {}),
        ({"aud": "whatever", "iss": None}, {"audience": None, "issuer": None}),
        ({"aud": None}, {"audience": None}),
        ({"nbf": 0}, {}),
        ({"exp": -10}, {}),  # the clocks may differ a little
        ({"nbf": 10, "iat": 10}, {}),
    ],
)
def test_a_client_whose_token_is_valid_is_admitted_by_its_name(sent, options):
    assert check(token(**sent), **options) == Identity("alice")


def test_the_name_of_a_client_is_the_claim_that_is_configured():
    sent = token(**{"https://example.com/tenant": "acme / ünïcode"})
    assert check(sent, identity="https://example.com/tenant") == Identity("acme / ünïcode")


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"exp": -120}, "The token has expired (exp)."),
        ({"nbf": 120}, "The token is not valid yet (nbf, iat)."),
        ({"iat": 120}, "The token is not valid yet (nbf, iat)."),
        ({"aud": "another"}, "The token is for another audience (aud)."),
        ({"aud": ["turnstile2", "turn"]}, "The token is for another audience (aud)."),
        ({"aud": [7]}, "The token is for another audience (aud)."),
        ({"iss": "https://issuer.example.evil"}, "The token is of another issuer (iss)."),
        ({"exp": None}, "The token has no exp."),
        ({"aud": None}, "The token has no aud."),
        ({"iss": None}, "The token has no iss."),
        ({"key": PRIVATE["r2"]}, "The token's signature is not valid."),
        ({"kid": "r2"}, "The token is signed with a key (kid, alg) that is not known here."),
        ({"headers": {"kid": "e1"}}, "The token is signed with a key (kid, alg) that is not known here."),
        ({"algorithm": "PS256"}, "The token's algorithm (alg) is not accepted here."),
        ({"algorithm": "HS256"}, "The token's algorithm (alg) is not accepted here."),
        # RFC 8725, section 3.10: it brings no key of its own, and names none.
        ({"key": PRIVATE["r2"], "headers": {"jwk": entry("r2")}}, "The token's signature is not valid."),
        ({"key": PRIVATE["r2"], "headers": {"jku": "http://evil.example/"}}, "The token's signature is not valid."),
        ({"headers": {"crit": ["exp"]}}, "The token is malformed: it is no signed JSON web token."),
    ],
)
def test_a_client_whose_token_does_not_count_is_told_what_is_wrong_with_it(sent, words):
    assert refused(token(**sent)) == words


@pytest.mark.parametrize("name", ["none", "None", "NONE", "", None, 5, ["RS256"], {"a": 1}])
def test_a_token_without_a_signature_is_refused(name):
    sent = assembled({"alg": name, "typ": "JWT"})
    assert refused(sent) == "The token's algorithm (alg) is not accepted here."
    both = {"algorithms": ("HS256", "RS256"), "secret": SECRET}
    assert refused(sent, **both) == "The token's algorithm (alg) is not accepted here."


def test_a_public_key_is_no_secret():
    """Algorithm confusion: HS256, keyed with the public key that everybody knows (RFC 8725, section 2.1)."""
    signed = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    for kid in ("r1", "e1"):
        head, body, _ = assembled({"alg": "HS256", "kid": kid}).split(".")
        signature = signed.sign(f"{head}.{body}".encode(), public_pem(kid))
        sent = f"{head}.{body}.{jwt.utils.base64url_encode(signature).decode()}"
        assert refused(sent) == "The token's algorithm (alg) is not accepted here."
        both = {"algorithms": ("HS256", "RS256", "ES256"), "secret": SECRET}
        assert refused(sent, **both) == "The token's signature is not valid."


@pytest.mark.parametrize("header", [{"alg": "ES256", "kid": "r1"}, {"alg": "RS256", "kid": "e1"}])
def test_a_key_is_used_with_no_other_algorithm_than_its_own(header):
    assert refused(assembled(header)) == "The token is signed with a key (kid, alg) that is not known here."


@pytest.mark.parametrize("changed", [1, 2])
def test_a_token_of_which_a_part_is_another_is_refused(changed):
    parts = token().split(".")
    parts[changed] = token(sub="mallory").split(".")[changed]
    assert refused(".".join(parts)) == "The token's signature is not valid."


@pytest.mark.parametrize(
    "sent",
    [
        "a-key-of-another-kind",
        "a.b",
        "a.b.c",
        "..",
        "A" * 4000,
        "." * 4000,
        assembled({"alg": "RS256", "kid": 7}, {}),
        assembled({"alg": "RS256", "kid": "r1", "crit": ["b64"], "b64": False}, {}),
        assembled([], {}),
        f"{base64.urlsafe_b64encode(b'[' * 3000).decode()}.e30.AA",
        f"{base64.urlsafe_b64encode(bytes([255])).decode()}.e30.AA",
    ],
)
def test_what_is_no_token_is_refused_as_malformed(sent):
    assert refused(sent) == "The token is malformed: it is no signed JSON web token."


def test_a_token_that_is_too_long_is_not_read():
    assert refused("a" * 8193) == "The token is longer than 8192 bytes."


@pytest.mark.parametrize(
    "payload",
    [
        b"7",
        b"[]",
        b"{",
        b'{"exp": "soon"}',
        b'{"exp": []}',
        b'{"exp": Infinity}',
        b'{"exp": 1e400}',
        b"[" * 3000,
        b"\xff",
    ],
)
def test_claims_that_cannot_be_read_are_refused_even_when_they_are_signed(payload):
    sent = jwt.api_jws.PyJWS().encode(payload, SECRET, "HS256")
    words = refused(sent, algorithms=("HS256",), secret=SECRET, audience=None, issuer=None)
    assert words == (
        "The token is malformed: it is no signed JSON web token, or one of its times (exp, nbf, iat) is no number."
    )


@pytest.mark.parametrize("name", [None, "", "  ", 7, True, ["alice"], "a" * 201, "a\nb", "a\u202eb", "\x00"])
def test_a_token_without_a_name_that_can_be_shown_is_refused(name):
    assert refused(token(tenant=name), identity="tenant") == (
        "The token names no client: its tenant is no text of 1 to 200 characters."
    )


@pytest.mark.parametrize("name", [7, True, ["alice"], {"a": 1}])
def test_a_token_whose_subject_is_no_text_is_told_so_where_that_names_the_client(name):
    sent = jwt.api_jws.PyJWS().encode(json.dumps({**claims(), "sub": name, "jti": 7}).encode(), SECRET, "HS256")
    rules = {"algorithms": ("HS256",), "secret": SECRET}
    assert refused(sent, **rules) == "The token names no client: its sub is no text of 1 to 200 characters."
    assert check(sent, identity="iss", **rules) == Identity("https://issuer.example")


def test_a_request_without_a_token_is_told_how_to_send_one():
    assert refused(None).startswith("The request has no token: send it as ")


def test_a_request_with_two_keys_is_a_bad_request():
    both = UpgradeRequest("/", {"token": "a"}, {"authorization": f"Bearer {token()}"}, "192.0.2.7:1", ())
    outcome = check(both)
    assert isinstance(outcome, Rejection)
    assert outcome.status == 400


def test_rules_do_not_show_their_secret():
    assert SECRET.decode() not in repr(JwtRules(("HS256",), None, None, "sub", secret=SECRET))
