import pytest

from turnstile.auth.client_keys import KeyEntry, KnownKeys, digest_of, new_key
from turnstile.auth.identity import Identity
from turnstile.auth.key_authenticator import KeyAuthenticator
from turnstile.server.requests import UpgradeRequest

KEY = new_key()


@pytest.fixture
def decided():
    """Return what is decided about a client with these headers."""
    checks = KeyAuthenticator(KnownKeys([KeyEntry("web", digest_of(KEY))]))

    def decide(**headers):
        outcomes = []
        checks.authenticate(UpgradeRequest("/openai", {}, headers, "192.0.2.7:1234", ()), outcomes.append)
        checks.close(0.0)
        (outcome,) = outcomes
        return outcome

    return decide


def test_who_has_a_key_is_whose_key_it_is(decided):
    assert decided(authorization=f"Token {KEY}") == Identity("web")


def test_who_has_none_is_told_how_to_send_one(decided):
    refused = decided()
    assert (refused.status, "WWW-Authenticate" in refused.headers) == (401, True)
    assert refused.text.startswith('This proxy asks for a key: send it as "Authorization: Bearer KEY", ')


def test_who_has_another_is_told_that_it_does_not_count(decided):
    wrong = new_key()
    refused = decided(authorization=f"Bearer {wrong}")
    assert (refused.status, refused.text) == (401, "The key is not known here, or is not valid any more.\n")


def test_who_has_several_is_told(decided):
    assert decided(authorization=f"Bearer {KEY}", **{"api-key": new_key()}).status == 400
