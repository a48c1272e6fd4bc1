"""Tokens for browsers: a backend makes one with the stock SDK, a page connects with it and cannot widen its session."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import httpx2
import jwt
import openai
import pytest
from http_service import serve
from openai import OpenAI
from websocket import WebSocketBadStatusException, create_connection

from turnstile.auth.browser_tokens import BrowserTokens
from turnstile.auth.identity import Identity
from turnstile.auth.key_file import add_key
from turnstile.testing import patience
from turnstile.translate.host_overrides import HostOverrides

__all__ = ["serve"]

SECRET = "the secret of all workers, as long as it must be"
SESSION = {
    "type": "realtime",
    "model": "gpt-realtime-mini",
    "instructions": "Rhyme.",
    "output_modalities": ["text"],
    "audio": {"output": {"voice": "marin"}},
}


@pytest.fixture
def keys(tmp_path):
    """The settings of a proxy that asks for keys, and makes tokens; with a key."""
    file = tmp_path / "keys.txt"
    key, _ = add_key(file, "shop")
    return {"auth.mode": "keys", "auth.keys_file": str(file), "auth.token_secret": SECRET}, key


@pytest.fixture
def guarded(start_proxy, keys):
    return start_proxy(keys[0])


@pytest.fixture
def backend(guarded, keys):
    """The stock SDK, with the key of the backend."""
    with OpenAI(api_key=keys[1], base_url=http(guarded), max_retries=0, timeout=patience()) as client:
        yield client


def http(proxy, path="/v1"):
    return proxy.url(path).replace("ws://", "http://")


def browser(proxy, token, path="/v1/realtime", **options):
    """Connect as a page does, which can set no header."""
    offered = ["realtime", f"openai-insecure-api-key.{token}"]
    return create_connection(proxy.url(path), subprotocols=offered, timeout=patience(), **options)


def hears(link, kind):
    while (event := json.loads(link.recv()))["type"] != kind:
        pass
    return event


def refusal(proxy, token, path="/v1/realtime"):
    with pytest.raises(WebSocketBadStatusException) as caught:
        browser(proxy, token, path)
    return caught.value.status_code, caught.value.resp_body.decode()


def test_a_page_connects_with_a_token_of_its_backends_and_has_its_session(guarded, backend):
    before = time.time()
    secret = backend.realtime.client_secrets.create(session=SESSION)
    assert secret.value.startswith("ek_")
    assert before + 599 < secret.expires_at <= time.time() + 600
    assert (secret.session.type, secret.session.instructions) == ("realtime", "Rhyme.")
    link = browser(guarded, secret.value)
    assert link.getsubprotocol() == "realtime"
    assert hears(link, "session.created")["session"]["model"] == "gpt-realtime-mini"
    link.send(json.dumps({"type": "session.update", "session": {"type": "realtime", "instructions": "mine"}}))
    session = hears(link, "session.updated")["session"]
    assert (session["instructions"], session["audio"]["output"]["voice"]) == ("Rhyme.", "marin")
    link.close()


def test_the_stock_sdk_connects_with_a_token_as_its_key(guarded, backend):
    value = backend.realtime.client_secrets.create(session=SESSION).value
    page = OpenAI(api_key=value, websocket_base_url=guarded.url("/v1"))
    with page.realtime.connect(model="gpt-realtime") as connection:
        assert connection.recv().session.model == "gpt-realtime-mini"


def test_the_backend_of_the_page_about_it_makes_a_token_for_its_page(guarded, keys):
    page = (Path(__file__).parents[2] / "docs/howto/authenticate-clients.md").read_text()
    (example,) = [part for part in page.split("```python\n")[1:] if "client_secrets.create" in part]
    source = (
        example.partition("```")[0]
        .replace('"ts_..."', repr(keys[1]))
        .replace("http://127.0.0.1:8080", http(guarded, ""))
    )
    backend = {"__name__": "__main__"}
    exec(source, backend)  # noqa: S102 - our own page
    value = backend["app"].test_client().post("/token").get_json()["value"]
    backend["turnstile"].close()
    link = browser(guarded, value)
    link.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
    assert hears(link, "session.updated")["session"]["instructions"] == "You sell tea. Be brief."
    link.close()


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse"])
def test_a_token_is_good_for_a_voice_agent_too(guarded, backend, path):
    value = backend.realtime.client_secrets.create(session=SESSION).value
    link = create_connection(guarded.url(path), subprotocols=["token", value], timeout=patience())
    link.send(json.dumps({"type": "Settings", "agent": {"think": {"prompt": "mine"}}}))
    hears(link, "SettingsApplied")
    link.send(json.dumps({"type": "UpdatePrompt", "prompt": "mine"}))
    assert "is decided by the host" in link.recv()
    link.close()


def test_a_token_that_only_transcribes_does_nothing_else(guarded, backend):
    value = backend.realtime.client_secrets.create(session={"type": "transcription"}).value
    link = browser(guarded, value)
    assert hears(link, "session.created")["session"]["type"] == "transcription"
    link.close()
    assert refusal(guarded, value, "/openai")[0] == 400


def test_a_token_is_taken_by_every_process_with_the_secret_until_it_expires(guarded):
    def made(secret, at):
        tokens = BrowserTokens(secret, asks=True, now=lambda: at)
        return tokens.make(Identity("shop", HostOverrides(session=SESSION)), 600).value

    browser(guarded, made(SECRET, time.time() - 500)).close()
    expired = made(SECRET, time.time() - 601)
    assert refusal(guarded, expired) == (401, "The browser token has expired; make a new one for each page.\n")
    assert expired not in refusal(guarded, expired)[1]
    of_others = made("another secret that is as long as it must be", time.time())
    assert refusal(guarded, of_others)[1].startswith("The browser token is not one of this proxy's")


def test_a_token_is_for_sessions_of_who_made_it(guarded, backend, caplog):
    caplog.set_level("INFO")
    value = backend.realtime.client_secrets.create().value
    link = browser(guarded, value)
    hears(link, "session.created")
    assert any("identity=shop address=127.0.0.1 dialect=realtime" in record.getMessage() for record in caplog.records)
    assert value not in caplog.text
    link.close()


def test_what_a_service_decides_about_a_backend_is_enforced_on_its_pages_and_it_is_asked_once(start_proxy, serve):
    service = serve(json.dumps({"identity": "acme/7", "prompt": "Obey."}).encode())
    proxy = start_proxy({"auth.mode": "ask", "auth.ask_url": service.url, "auth.token_secret": SECRET})
    with OpenAI(api_key="any", base_url=http(proxy), max_retries=0, timeout=patience()) as backend:
        asked = {"type": "realtime", "instructions": "mine", "output_modalities": ["text"]}
        value = backend.realtime.client_secrets.create(session=asked).value
    link = browser(proxy, value)
    link.send(json.dumps({"type": "session.update", "session": {"type": "realtime"}}))
    session = hears(link, "session.updated")["session"]
    assert (session["instructions"], session["output_modalities"]) == ("Obey.", ["text"])
    assert len(service.seen) == 1
    link.close()


def test_a_backend_that_an_identity_provider_knows_makes_tokens(start_proxy):
    secret = "a secret of thirty-two bytes or more"
    shared = {"auth.mode": "jwt", "auth.jwt_algorithms": "HS256", "auth.jwt_audience": "turnstile"}
    proxy = start_proxy({**shared, "auth.jwt_secret": secret, "auth.token_secret": secret})
    claims = {"sub": "shop", "aud": "turnstile", "exp": time.time() + 60}
    with OpenAI(api_key=jwt.encode(claims, secret), base_url=http(proxy), max_retries=0) as backend:
        value = backend.realtime.client_secrets.create(session=SESSION).value
    browser(proxy, value).close()
    # Though it is a JWT of the same secret, it is good as a browser's only.
    assert refusal(proxy, value.removeprefix("ek_"))[0] == 401
    assert refusal(proxy, f"ek_{jwt.encode(claims, secret)}")[0] == 401


def test_who_has_no_key_makes_no_token(guarded):
    stranger = OpenAI(api_key="sk-1", base_url=http(guarded), max_retries=0)
    with pytest.raises(openai.AuthenticationError, match="The key is not known here") as refused:
        stranger.realtime.client_secrets.create()
    assert refused.value.response.headers["www-authenticate"] == 'Bearer realm="turnstile"'


def test_a_token_makes_no_other_token(guarded, backend):
    value = backend.realtime.client_secrets.create().value
    page = OpenAI(api_key=value, base_url=http(guarded), max_retries=0)
    with pytest.raises(openai.PermissionDeniedError, match="makes no other"):
        page.realtime.client_secrets.create()


def test_a_backend_is_told_what_of_its_session_cannot_be(backend):
    with pytest.raises(openai.BadRequestError, match=r"use 'session\.audio\.output\.voice'") as refused:
        backend.realtime.client_secrets.create(session={"type": "realtime", "voice": "ash"})
    assert (refused.value.code, refused.value.param) == ("invalid_value", "session")


def test_a_foreign_page_makes_no_token(guarded, keys):
    headers = {"Authorization": f"Bearer {keys[1]}", "Origin": "https://evil.example"}
    answer = httpx2.post(http(guarded, "/v1/realtime/client_secrets"), json={}, headers=headers)
    assert answer.status_code == 403
    assert "https://evil.example" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/realtime/client_secrets", "/realtime/client_secrets"])
def test_without_a_secret_there_are_no_tokens(start_proxy, path):
    answer = httpx2.post(http(start_proxy(), path), json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_path")


def test_a_proxy_that_asks_nobody_makes_tokens_whose_sessions_are_enforced_and_that_are_good_nowhere_else(
    start_proxy, keys
):
    proxy = start_proxy({"auth.token_secret": SECRET})
    made = httpx2.post(http(proxy, "/v1/realtime/client_secrets"), json={"session": SESSION}).json()
    link = browser(proxy, made["value"])
    assert hears(link, "session.created")["session"]["model"] == "gpt-realtime-mini"
    link.close()
    assert refusal(proxy, "ek_1234")[0] == 401
    assert refusal(start_proxy(keys[0]), made["value"])[0] == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_tokens_are_made_by_post(guarded, method):
    answer = httpx2.request(method, http(guarded, "/v1/realtime/client_secrets"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_body_of_chunks_is_read_and_so_is_one_that_waits_for_leave(guarded, keys):
    head = (
        "POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {keys[1]}\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(guarded.system.address, timeout=patience()) as sock:
        sock.sendall(head.encode())
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_the_connection_ends_in_order_behind_an_answer(start_proxy):
    proxy = start_proxy({"auth.token_secret": SECRET, "server.handshake_timeout": str(patience() * 2)})
    with socket.create_connection(proxy.system.address, timeout=patience()) as sock, sock.makefile("rb") as answer:
        sock.sendall(b"GET /v1/realtime/client_secrets HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.read().startswith(b"HTTP/1.1 405 ")


def test_a_body_that_never_ends_is_closed_at_the_handshakes_deadline(start_proxy):
    proxy = start_proxy({"auth.token_secret": SECRET, "server.handshake_timeout": "0.2"})
    head = b"POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    with socket.create_connection(proxy.system.address, timeout=patience()) as sock:
        sock.sendall(head + b"Content-Length: 100\r\n\r\n{")
        assert sock.recv(1000) == b""
