"""The mode `jwt`: who has a valid token gets in, by secret, by a file of keys, and by an issuer's address."""

from __future__ import annotations

import logging
import ssl
import threading

import pytest
import trustme
from http_service import HttpService, hang, serve, serve_raw
from jwt_material import PRIVATE, SECRET, entry, key_set, token
from websocket import WebSocketBadStatusException, WebSocketConnectionClosedException, create_connection

import turnstile.auth.jwt_keys
from turnstile.config import load_config
from turnstile.errors import ConfigError
from turnstile.testing import patience

__all__ = ["serve", "serve_raw"]

WAIT = patience()
SHARED = {
    "auth.mode": "jwt",
    "auth.jwt_algorithms": "HS256",
    "auth.jwt_secret": SECRET.decode(),
    "auth.jwt_audience": "turnstile",
}
BY_KEYS = {"auth.mode": "jwt", "auth.jwt_algorithms": "RS256,ES256", "auth.jwt_audience": "turnstile"}


def connect(proxy, credential, path="/openai"):
    return create_connection(proxy.url(path), timeout=WAIT, header={"Authorization": f"Bearer {credential}"})


def refusal(proxy, credential):
    """Return the status and the words that a client is refused with."""
    with pytest.raises(WebSocketBadStatusException) as caught:
        connect(proxy, credential)
    return caught.value.status_code, caught.value.resp_body.decode().strip()


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse", "/v1/realtime"])
def test_a_client_with_a_token_gets_in_in_every_dialect(start_proxy, path):
    connect(start_proxy(SHARED), token("HS256"), path).close()


def test_a_client_is_named_in_the_log_and_its_token_is_not(start_proxy, caplog):
    caplog.set_level(logging.DEBUG)
    proxy, good, expired = start_proxy(SHARED), token("HS256", sub="acme/7"), token("HS256", exp=-60)
    connect(proxy, good).close()
    assert refusal(proxy, expired) == (401, "The token has expired (exp).")
    assert proxy.system.wait_until_empty(WAIT)
    assert "identity=acme/7 address=127.0.0.1 " in caplog.text
    assert "401, The token has expired (exp)." in caplog.text
    for sent in (good, expired):
        assert not any(part in caplog.text for part in sent.split("."))


def test_keys_of_a_file_verify_tokens_and_are_read_anew_on_a_reload(start_proxy, tmp_path):
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(entry("r1"), entry("e1")))
    flags = {**BY_KEYS, "auth.jwt_keys": str(file)}
    proxy = start_proxy(flags)
    connect(proxy, token()).close()
    connect(proxy, token("ES256", kid="e1")).close()
    file.write_bytes(key_set(entry("r2")))
    connect(proxy, token()).close()
    proxy.system.reload(load_config(flags={"server.port": "0", "upstream.url": "simulator:", **flags}))
    assert refusal(proxy, token()) == (401, "The token is signed with a key (kid, alg) that is not known here.")
    connect(proxy, token(kid="r2")).close()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"-----BEGIN PUBLIC KEY-----", "is not JSON"),
        (b" " * 65_537, "is larger than 65536 bytes"),
        (key_set(entry("r1", use="enc")), "has no public key for ES256 or RS256, of 1"),
    ],
)
def test_the_start_fails_when_a_file_has_no_keys(start_proxy, tmp_path, content, words):
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"auth.jwt_keys: .*keys.json:? {words}"):
        start_proxy({**BY_KEYS, "auth.jwt_keys": str(file)})


def test_the_start_fails_in_one_line_when_the_extra_is_missing(start_proxy, monkeypatch):
    monkeypatch.setattr(turnstile.auth.jwt_keys, "get_default_algorithms", lambda: {"none": None, "HS256": None})
    with pytest.raises(ConfigError, match=r"auth.jwt_algorithms: RS256 .* pip install 'turnstile-realtime\[jwt\]'"):
        start_proxy({**BY_KEYS, "auth.jwt_keys": "https://issuer.example/"})
    connect(start_proxy(SHARED), token("HS256")).close()  # needs none


def test_keys_of_an_address_are_fetched_for_the_first_token(start_proxy, serve):
    service = serve(key_set(entry("r1")))
    proxy = start_proxy({**BY_KEYS, "auth.jwt_keys": service.url})
    assert service.seen == []
    connect(proxy, token()).close()
    assert refusal(proxy, token(kid="e1", algorithm="ES256"))[0] == 401
    assert len(service.seen) == 1


def test_keys_of_an_https_address_are_fetched_by_the_certificates_that_are_trusted(start_proxy, tmp_path, caplog):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    service = HttpService(lambda _: (200, {}, key_set(entry("r1"))))
    service.socket = context.wrap_socket(service.socket, server_side=True)
    thread = threading.Thread(target=service.serve_forever, args=(0.01,))
    thread.start()
    try:
        flags = {**BY_KEYS, "auth.jwt_keys": f"https://localhost:{service.server_address[1]}/"}
        connect(start_proxy({**flags, "auth.ca_file": str(tmp_path / "ca.pem")}), token()).close()
        assert refusal(start_proxy(flags), token())[0] == 503
        assert "no keys could be fetched, there are none yet: The certificate of the service's host" in caplog.text
    finally:
        service.shutdown()
        service.server_close()
        thread.join(WAIT)


def test_a_file_of_certificates_without_any_is_named_at_the_start(start_proxy, tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    flags = {**BY_KEYS, "auth.jwt_keys": "https://issuer.example/", "auth.ca_file": str(tmp_path / "ca.pem")}
    with pytest.raises(ConfigError, match=r"auth.ca_file: .* cannot be used: it holds no certificate"):
        start_proxy(flags)


def test_clients_are_let_in_beside_one_whose_key_is_being_fetched(start_proxy, serve_raw):
    """HS256 needs no key; nothing of the fetch is on the I/O thread."""
    asked = threading.Event()

    def talk(sock):
        asked.set()
        hang(sock)

    flags = {**SHARED, "auth.jwt_algorithms": "HS256,RS256", "auth.jwt_keys": serve_raw(talk).url}
    proxy, outcomes = start_proxy(flags), []

    def wait():
        with pytest.raises(WebSocketConnectionClosedException):
            connect(proxy, token())
        outcomes.append("closed")

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert asked.wait(WAIT)
    for _ in range(5):
        connect(proxy, token("HS256")).close()
    assert outcomes == []
    proxy.system.stop(0)  # waits for no answer
    waiting.join(WAIT)
    assert outcomes == ["closed"]


def test_keys_that_were_fetched_stay_known_after_a_reload_while_the_address_is_down(start_proxy, serve):
    answers = [(200, {}, key_set(entry("r1")))]
    service = serve(answer=lambda _: answers[-1])
    flags = {"server.port": "0", "upstream.url": "simulator:", **BY_KEYS, "auth.jwt_keys": service.url}
    proxy = start_proxy(flags)
    connect(proxy, token()).close()
    answers.append((500, {}, b""))
    proxy.system.reload(load_config(flags=flags))
    connect(proxy, token()).close()
    assert len(service.seen) == 2
    proxy.system.reload(load_config(flags={**flags, "auth.jwt_keys": f"{service.url}&v=2"}))
    assert refusal(proxy, token())[0] == 503  # of another address none are known


def test_a_token_signed_by_another_key_of_the_same_name_is_refused(start_proxy, serve):
    proxy = start_proxy({**BY_KEYS, "auth.jwt_keys": serve(key_set(entry("r1"))).url})
    assert refusal(proxy, token(key=PRIVATE["r2"])) == (401, "The token's signature is not valid.")
