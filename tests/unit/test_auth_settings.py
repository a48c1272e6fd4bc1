"""The settings of clients' credentials that others issue or decide about: what is refused, and in which words."""

from __future__ import annotations

import pytest

from turnstile.config import explain, load_config, notices, taken_over
from turnstile.errors import ConfigError

SECRET = "a secret of thirty-two bytes or more"
JWT = {
    "auth.mode": "jwt",
    "auth.jwt_keys": "https://issuer.example/.well-known/jwks.json",
    "auth.jwt_audience": "turnstile",
}
SHARED = {"auth.mode": "jwt", "auth.jwt_algorithms": "HS256", "auth.jwt_audience": "turnstile"}
ASK = {"auth.mode": "ask", "auth.ask_url": "http://127.0.0.1:8000/decide"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({**JWT, "auth.jwt_audience": ""}, 'auth: jwt_audience: is needed: .*; "*" accepts them on purpose'),
        ({**JWT, "auth.jwt_keys": ""}, "auth: jwt_keys: is needed for RS256: the issuer's JWKS, an address or a file"),
        (
            {**JWT, "auth.jwt_keys": "", "auth.jwt_secret": SECRET},
            'auth: jwt_secret: is not used by jwt_algorithms; for a shared secret use jwt_algorithms = ["HS256"]',
        ),
        ({**JWT, "auth.jwt_algorithms": ""}, "auth: jwt_algorithms: names none; use RS256 or ES256 for keys"),
        ({**JWT, "auth.jwt_algorithms": "none"}, "auth.jwt_algorithms (the command line): input should be"),
        ({**JWT, "auth.jwt_algorithms": "RS256,HS512"}, "auth.jwt_algorithms (the command line): input should be"),
        (SHARED, "auth: jwt_secret: HS256 needs at least 32 bytes, not 0"),
        ({**SHARED, "auth.jwt_secret": "x" * 31}, "auth: jwt_secret: HS256 needs at least 32 bytes, not 31"),
        (
            {**SHARED, "auth.jwt_secret": "-----BEGIN PUBLIC KEY----- AAAAAAAAAAAA"},
            "auth: jwt_secret: is a key of another kind (PEM, SSH or JWK), which others may know; put public keys into",
        ),
        (
            {**SHARED, "auth.jwt_secret": '{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAA"}'},
            "auth: jwt_secret: is a key of another kind",
        ),
        ({**JWT, "auth.jwt_keys": "http://issuer.example/keys"}, "auth.jwt_keys (the command line): use https://"),
        ({**JWT, "auth.jwt_keys": "http://10.0.0.1/keys"}, "auth.jwt_keys (the command line): use https://"),
        ({**JWT, "auth.jwt_keys": "https://u:pass@issuer.example/"}, "auth.jwt_keys (the command line): contains cred"),
        ({**JWT, "auth.jwt_keys": "ftp://issuer.example/"}, "auth.jwt_keys (the command line): is not an HTTP address"),
        ({**JWT, "auth.jwt_identity": ""}, "auth.jwt_identity (the command line): string should have at least 1"),
        ({"auth.mode": "ask"}, 'auth: ask_url: is needed for mode = "ask"'),
        (
            {**ASK, "auth.ask_url": "https://u:pass@a.example/"},
            "auth.ask_url (the command line): contains credentials; ",
        ),
        ({**ASK, "auth.ask_url": "https://a.example/?api_key=pass"}, "auth.ask_url (the command line): contains cred"),
        ({**ASK, "auth.ask_url": "a.example/decide"}, "auth.ask_url (the command line): is not an HTTP address"),
        ({**ASK, "auth.ask_url": "wss://a.example/"}, "auth.ask_url (the command line): is not an HTTP address"),
        ({**ASK, "auth.ask_headers": "cookie,x y"}, "auth.ask_headers (the command line): 'x y' is not the name of a "),
        ({**ASK, "auth.ask_token": "pass word"}, "auth: ask_token: may have no spaces, and no characters beyond ASCII"),
        ({**ASK, "auth.ask_token": "pässword"}, "auth: ask_token: may have no spaces, and no characters beyond ASCII"),
        (
            {"auth.token_secret": "x" * 31},
            "auth.token_secret (the command line): has 31 bytes, and who has a token could",
        ),
        *[
            (
                {"auth.token_secret": f"{kind}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
                "auth.token_secret (the command line): is a key",
            )
            for kind in ("-----BEGIN PRIVATE KEY-----", "ssh-rsa ", "ecdsa-sha2-nistp256 ", '{"kty":"RSA"}')
        ],
        ({**ASK, "auth.ask_timeout": "0"}, "auth.ask_timeout (the command line): input should be greater than 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(flags, words):
    with pytest.raises(ConfigError) as caught:
        load_config(flags=flags)
    shown = caught.value.problem.description
    assert shown.startswith(words.partition(".*")[0])
    assert words.rpartition(".*")[2] in shown
    assert not any(secret in shown for secret in (SECRET, "pass@", "=pass", "pass word", "pässword", "AAAA", "xxx"))


@pytest.mark.parametrize(
    "flags",
    [
        JWT,
        {**JWT, "auth.jwt_algorithms": '["RS256", "ES256"]'},
        {**JWT, "auth.jwt_keys": "http://localhost:9000/keys"},
        {**JWT, "auth.jwt_keys": "http://[::1]:9000/keys"},
        {**JWT, "auth.jwt_keys": "keys/issuer.json"},
        {**JWT, "auth.jwt_audience": "*"},
        {**SHARED, "auth.jwt_secret": f"{SECRET}\n"},
        {**JWT, "auth.jwt_algorithms": "RS256, HS256", "auth.jwt_secret": SECRET},
        ASK,
        {**ASK, "auth.ask_url": "http://decider.internal/", "auth.ask_token": "t0ken\n", "auth.ask_headers": ""},
    ],
)
def test_settings_that_fit_are_accepted_and_show_no_secret(flags):
    config = load_config(flags={"upstream.url": "simulator:", **flags})
    assert SECRET not in explain(config) + repr(config)
    assert "t0ken" not in explain(config) + repr(config)


def test_a_secret_from_a_file_loses_its_line_end():
    auth = load_config(flags={**SHARED, "auth.jwt_secret": f"{SECRET}\n", "auth.ask_token": " "}).auth
    assert auth.jwt_secret is not None
    assert auth.jwt_secret.get_secret_value() == SECRET
    assert auth.ask_token is None


def test_headers_are_named_in_lower_case_and_once():
    flags = {**ASK, "auth.ask_headers": "Cookie, X-Tenant, cookie"}
    assert load_config(flags=flags).auth.ask_headers == ("cookie", "x-tenant")


def test_algorithms_are_read_from_the_environment(monkeypatch):
    monkeypatch.setenv("TURNSTILE_AUTH__JWT_ALGORITHMS", "ES256,RS256")
    assert load_config(flags=JWT).auth.jwt_algorithms == ("ES256", "RS256")


def test_what_a_mode_needs_changes_while_the_proxy_runs_and_the_mode_does_not():
    running = load_config(flags=JWT)
    changed = {**JWT, "auth.jwt_audience": "another", "auth.jwt_issuer": "https://issuer.example"}
    result, fixed = taken_over(running, load_config(flags=changed))
    assert (result.auth.jwt_audience, result.auth.jwt_issuer, fixed) == ("another", "https://issuer.example", [])
    result, fixed = taken_over(running, load_config(flags=ASK))
    assert result.auth == running.auth
    assert {"auth.mode", "auth.ask_url", "auth.jwt_keys"} <= {*fixed}


def test_explain_warns_of_a_service_that_clients_keys_reach_unprotected():
    local = {"upstream.url": "simulator:", **ASK}
    assert "auth.ask_url" not in "".join(notices(load_config(flags=local)))
    for url, is_exposed in (("http://decider.internal/", True), ("https://decider.internal/", False)):
        warned = [line for line in notices(load_config(flags={**local, "auth.ask_url": url})) if "ask_url" in line]
        words = "auth.ask_url: clients' keys can be read on their way to decider.internal; use https://"
        assert warned == ([words] if is_exposed else [])


def test_explain_warns_of_a_service_that_may_take_longer_than_a_handshake():
    flags = {"upstream.url": "simulator:", **ASK, "server.handshake_timeout": "3"}
    for seconds, is_warned in (("2.9", False), ("3", True), ("1e+300", True)):
        warned = list(notices(load_config(flags={**flags, "auth.ask_timeout": seconds})))
        words = (
            f"auth.ask_timeout is {seconds}, and server.handshake_timeout only 3: where the service is slow, clients "
            "are cut off without an answer; lower the first or raise the second"
        )
        assert warned == ([words] if is_warned else [])
    assert list(notices(load_config(flags={**flags, **JWT, "auth.ask_timeout": "9"}))) == []
