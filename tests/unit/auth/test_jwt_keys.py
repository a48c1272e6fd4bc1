"""Which keys of a published set count, and for which tokens."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt_material import PRIVATE, entry, jwk_of, key_set

from turnstile.auth.jwt_keys import MOST_BYTES, parse_key_set

BOTH = {"RS256", "ES256"}


def kids(keys):
    return [(key.algorithm, key.kid) for key in keys.keys]


def test_each_key_of_a_set_is_for_the_one_algorithm_of_its_type():
    assert kids(parse_key_set(key_set(entry("r1"), entry("e1")), BOTH)) == [("RS256", "r1"), ("ES256", "e1")]


def test_keys_for_algorithms_that_are_not_wanted_are_left_out():
    assert kids(parse_key_set(key_set(entry("r1"), entry("e1")), {"ES256"})) == [("ES256", "e1")]


def test_a_key_whose_set_says_what_it_is_for_is_used_for_that():
    said = entry("r1", alg="RS256", use="sig", key_ops=["verify"])
    assert kids(parse_key_set(key_set(said), BOTH)) == [("RS256", "r1")]


@pytest.mark.parametrize(
    "unusable",
    [
        entry("r2", use="enc"),
        entry("r2", alg="RS512"),
        entry("r2", alg="HS256"),
        entry("r2", key_ops=["encrypt"]),
        entry("r2", key_ops="verify"),
        entry("r2", kid=7),
        entry("r2", n=None),
        entry("r2", n="!"),
        entry("r2", kty="oct", k="c2VjcmV0"),
        entry("r2", kty=["RSA"]),
        jwk_of(PRIVATE["r2"]),
        jwk_of(rsa.generate_private_key(65537, 1024).public_key()),  # noqa: S505 - it is to be left out
        jwk_of(ec.generate_private_key(ec.SECP384R1()).public_key()),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "s"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {},
        [],
        None,
        "r2",
    ],
)
def test_a_key_that_cannot_be_used_is_left_out(unusable):
    assert kids(parse_key_set(key_set(unusable, entry("r1")), BOTH)) == [("RS256", "r1")]
    with pytest.raises(ValueError, match="has no public key for ES256 or RS256, of 1: "):
        parse_key_set(key_set(unusable), BOTH)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is not JSON"),
        (b"-----BEGIN PUBLIC KEY-----", "is not JSON"),
        (b"[]", "is not a key set"),
        (b'{"keys": {}}', "is not a key set"),
        (b'{"kty": "RSA"}', "is not a key set"),
        (b"[" * 10_000, "is not JSON"),
        (key_set(*[entry("r1")] * 65), "has more than 64 keys"),
        (b" " * (MOST_BYTES + 1), "is larger than 65536 bytes"),
    ],
)
def test_what_is_no_set_of_keys_is_refused_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        parse_key_set(text, BOTH)


def test_a_key_is_found_by_its_name_and_type():
    keys = parse_key_set(key_set(entry("r1"), entry("r2"), entry("e1", kid="r1")), BOTH)
    assert keys.find("RS256", "r2") is keys.keys[1]
    assert keys.find("ES256", "r1") is keys.keys[2]
    assert keys.find("ES256", "r2") is None
    assert keys.find("RS256", "r3") is None


def test_of_two_keys_of_one_name_the_first_counts():
    keys = parse_key_set(key_set(entry("r1"), entry("r2", kid="r1")), BOTH)
    assert keys.find("RS256", "r1") is keys.keys[0]


def test_a_token_that_names_no_key_is_for_the_only_one_of_its_type():
    keys = parse_key_set(key_set(entry("r1"), entry("e1")), BOTH)
    assert keys.find("RS256", None) is keys.keys[0]
    assert parse_key_set(key_set(entry("r1"), entry("r2")), BOTH).find("RS256", None) is None


def test_a_key_without_a_name_is_for_tokens_that_name_any():
    keys = parse_key_set(key_set(entry("r1", kid=None), entry("r2")), BOTH)
    assert keys.find("RS256", "r2") is keys.keys[1]
    assert keys.find("RS256", "unheard of") is keys.keys[0]
