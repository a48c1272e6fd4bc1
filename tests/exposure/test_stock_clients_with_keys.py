"""Stock clients, unchanged, with credentials of each kind instead of a vendor's key, over TLS and behind HAProxy."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging

import pytest
from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from http_service import serve
from jwt_material import PRIVATE, entry, key_set, token
from openai import AzureOpenAI, OpenAI
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from turnstile.auth.client_keys import new_key
from turnstile.auth.key_file import add_key, remove_keys

__all__ = ["serve"]

LET_IN = 101
# Clients come from 127.0.0.1, and HAProxy from here.
HAPROXY = "127.0.0.9"


@pytest.fixture(params=["over TLS", "behind HAProxy"])
def guard(request, start_proxy, certificates, monkeypatch):
    """Start a proxy with settings of ``auth``; return it, and the address at which clients reach it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))

    def guard(**settings):
        settings = {f"auth__{name}": str(value) for name, value in settings.items()}
        if request.param == "over TLS":
            settings |= {f"server__tls_{name}_file": str(certificates / f"{name}.pem") for name in ("cert", "key")}
            system = start_proxy(**settings)
            port = system.address[1]
        else:
            system = start_proxy(server__trusted_proxies=HAPROXY, **settings)
            behind = f"mode tcp\nsource {HAPROXY}\nserver turnstile 127.0.0.1:{system.address[1]} send-proxy-v2"
            bind = f"ssl crt {certificates / 'both.pem'}"
            port = request.getfixturevalue("start_haproxy")("mode tcp", behind, bind)
        return system, f"127.0.0.1:{port}"

    return guard


def deepgram(place, **credentials):
    here = f"wss://{place}"
    places = DeepgramClientEnvironment(
        base=f"https://{place}", production=here, agent=here, agent_rest=f"https://{place}"
    )
    with DeepgramClient(environment=places, **credentials).agent.v1.connect() as agent:
        assert agent.recv().type == "Welcome"


def openai(place, key):
    with (
        OpenAI(api_key=key, base_url=f"https://{place}/v1", websocket_base_url=f"wss://{place}/v1") as client,
        client.realtime.connect(model="gpt-realtime") as link,
    ):
        assert link.recv().type == "session.created"


def azure(place, key):
    names = {"api_version": "2024-10-01-preview", "azure_endpoint": f"https://{place}"}
    with (
        AzureOpenAI(api_key=key, websocket_base_url=f"wss://{place}/v1", **names) as client,
        client.realtime.connect(model="gpt-realtime") as link,
    ):
        assert link.recv().type == "session.created"


def agents(place, key):
    sdk = importlib.import_module("agents.realtime")  # takes seconds: only of a process that uses it

    async def go():
        where = {"url": f"wss://{place}/v1/realtime?model=gpt-realtime", "api_key": key}
        session = await sdk.RealtimeRunner(sdk.RealtimeAgent(name="Ada")).run(model_config=where)
        async with session:
            assert await anext(aiter(session))

    asyncio.run(go())


def browser(place, path, *subprotocols):
    with connect(f"wss://{place}{path}", subprotocols=subprotocols) as link:
        assert link.subprotocol == subprotocols[0]
        assert json.loads(link.recv())["type"] in {"Welcome", "session.created"}


CLIENTS = {
    "deepgram-sdk": lambda place, key: deepgram(place, api_key=key),
    "deepgram-sdk with an access token": lambda place, key: deepgram(place, access_token=key),
    "openai": openai,
    "openai for Azure": azure,
    "openai-agents": agents,
    "a browser with Deepgram's words": lambda place, key: browser(place, "/v1/agent/converse", "token", key),
    "a browser with OpenAI's words": lambda place, key: browser(
        place, "/v1/realtime?model=gpt-realtime", "realtime", f"openai-insecure-api-key.{key}"
    ),
}


def answer(client, place, key):
    """Return the HTTP status that a client with a key is answered."""
    try:
        CLIENTS[client](place, key)
    except InvalidStatus as error:
        return error.response.status_code
    except ApiError as error:  # of the Deepgram SDK
        return error.status_code
    return LET_IN


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stock_client_gets_in_with_its_key_and_not_with_another_nor_with_one_that_is_revoked(
    guard, tmp_path, caplog, client
):
    caplog.set_level(logging.INFO)
    file = tmp_path / "keys.txt"
    key, _ = add_key(file, "web")
    system, place = guard(mode="keys", keys_file=file)
    assert answer(client, place, key) == LET_IN
    assert "identity=web address=127.0.0.1 " in caplog.text
    assert answer(client, place, new_key()) == 401
    remove_keys(file, "web")
    system.reload(system.config)
    assert answer(client, place, key) == 401


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stock_client_gets_in_with_its_token_and_not_with_one_that_is_expired_or_for_another(
    guard, tmp_path, caplog, client
):
    caplog.set_level(logging.INFO)
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(entry("r1"), entry("e1")))
    system, place = guard(mode="jwt", jwt_algorithms="RS256,ES256", jwt_keys=keys, jwt_audience="turnstile")
    assert answer(client, place, token()) == LET_IN
    assert answer(client, place, token("ES256", kid="e1")) == LET_IN
    assert "identity=alice address=127.0.0.1 " in caplog.text
    assert answer(client, place, token(exp=-60)) == 401
    assert answer(client, place, token(aud="another")) == 401
    assert answer(client, place, token(key=PRIVATE["r2"])) == 401
    keys.write_bytes(key_set(entry("e1")))  # the issuer withdraws the key
    system.reload(system.config)
    assert answer(client, place, token()) == 401


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stock_client_gets_in_as_a_service_decides_and_not_when_it_decides_otherwise(guard, serve, caplog, client):
    caplog.set_level(logging.INFO)
    customers = {"key-of-acme": b'{"identity": "acme"}'}

    def decide(asked):
        question = json.loads(asked.body)
        assert question["address"] == "127.0.0.1"
        decided = customers.get(question["credential"])
        return (401, {}, b"") if decided is None else (200, {}, decided)

    _, place = guard(mode="ask", ask_url=serve(answer=decide).url)
    assert answer(client, place, "key-of-acme") == LET_IN
    assert "identity=acme address=127.0.0.1 " in caplog.text
    assert answer(client, place, "another") == 401
    del customers["key-of-acme"]
    assert answer(client, place, "key-of-acme") == 401
