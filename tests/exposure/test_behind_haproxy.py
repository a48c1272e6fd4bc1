"""Stock clients through Debian's HAProxy, which names them in each way that it has."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.agent.v1 import types as sdk
from deepgram.environment import DeepgramClientEnvironment
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from turnstile.testing import patience

# Clients come from 127.0.0.1, and HAProxy from here.
HAPROXY = "127.0.0.9"
SETTINGS = {
    "audio": {
        "input": {"encoding": "linear16", "sample_rate": 24_000},
        "output": {"encoding": "linear16", "sample_rate": 24_000, "container": "none"},
    },
    "agent": {
        "think": {"provider": {"type": "open_ai", "model": "gpt-realtime"}, "prompt": "Be brief."},
        "speak": {"provider": {"type": "open_ai", "model": "tts-1", "voice": "marin"}},
    },
}
CERTIFICATE = "ssl crt both.pem"
TLS = "ssl verify none"


async def over_websockets(address):
    async with connect(f"{address}/v1/realtime", proxy=None) as client:
        return "session.created" in await client.recv()


async def over_openai(address):
    base = f"{address}/v1"
    async with AsyncOpenAI(api_key="made-up", base_url=base, websocket_base_url=base) as client:  # noqa: SIM117
        async with client.realtime.connect(model="gpt-realtime") as connection:
            await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}
            await connection.conversation.item.create(item=item)
            await connection.response.create()
            async for event in connection:
                if event.type == "response.done":
                    return event.response.status == "completed"
    return False


async def over_deepgram(address):
    places = DeepgramClientEnvironment(base=address, production=address, agent=address, agent_rest=address)
    async with AsyncDeepgramClient(api_key="made-up", environment=places).agent.v1.connect() as connection:
        await connection.send_settings(sdk.AgentV1Settings.model_validate({"type": "Settings", **SETTINGS}))
        while not isinstance(await connection.recv(), sdk.AgentV1SettingsApplied):
            pass
        return True


def configuration(mode, bind="", frontend="", backend="", server=""):
    return (
        f"defaults\n mode {mode}\n timeout connect 60s\n timeout client 60s\n timeout server 60s\n timeout tunnel 60s\n"
        f"frontend clients\n bind :443 {bind}\n {frontend}\n default_backend turnstile\n"
        f"backend turnstile\n {backend}\n server one 10.0.0.11:8080 {server}\n"
    )


FORWARDED_FOR = "option forwardfor"
FORWARDED = 'http-request set-header Forwarded "for=\\"%[src]:%[src_port]\\";proto=https"'
# How HAProxy is set up, and whether the proxy has TLS.
SETUPS = {
    "version 1": (configuration("tcp", server="send-proxy"), False),
    "version 2": (configuration("tcp", server="send-proxy-v2"), False),
    "version 1 before TLS": (configuration("tcp", server="send-proxy"), True),
    "version 2 before TLS": (configuration("tcp", server="send-proxy-v2 proxy-v2-options crc32c,unique-id"), True),
    "version 1 behind TLS": (configuration("tcp", CERTIFICATE, server="send-proxy"), False),
    "version 2 behind TLS": (configuration("tcp", CERTIFICATE, server="send-proxy-v2-ssl-cn"), False),
    "version 2 and TLS twice": (configuration("http", CERTIFICATE, server=f"send-proxy-v2 {TLS}"), True),
    "version 2 of an HTTP proxy": (configuration("http", CERTIFICATE, server="send-proxy-v2"), False),
    "X-Forwarded-For": (configuration("http", frontend=FORWARDED_FOR), False),
    "X-Forwarded-For behind TLS": (configuration("http", CERTIFICATE, FORWARDED_FOR), False),
    "Forwarded behind TLS": (configuration("http", CERTIFICATE, FORWARDED), False),
}


@pytest.fixture
def through_haproxy(start_proxy, run_haproxy, certificates, monkeypatch):
    """Start the proxy behind HAProxy; return the address for clients."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))

    def start(text, *, has_tls=False, trusted=HAPROXY, **settings):
        settings |= {"server__trusted_proxies": trusted}
        if has_tls:
            settings |= {f"server__tls_{name}_file": str(certificates / f"{name}.pem") for name in ("cert", "key")}
        port = start_proxy(**settings).address[1]
        text = re.sub(r"(server one) 10\.0\.0\.11:\d+", rf"\1 127.0.0.1:{port} source {HAPROXY}", text)
        text = re.sub(r"crt \S+", f"crt {certificates / 'both.pem'}", text)
        process, entrance = run_haproxy(text)
        return process, f"{'wss' if has_tls or ' ssl crt ' in text else 'ws'}://127.0.0.1:{entrance}"

    return start


def talk(client, address):
    return asyncio.run(asyncio.wait_for(client(address), patience()))


def begun_by(caplog):
    """Return the addresses whose sessions have begun."""
    return re.findall(r"session began .*\baddress=(\S+)", caplog.text)


@pytest.mark.parametrize("client", [over_websockets, over_openai, over_deepgram])
@pytest.mark.parametrize("setup", SETUPS)
def test_a_session_is_the_clients_and_not_haproxys(through_haproxy, caplog, setup, client):
    text, has_tls = SETUPS[setup]
    _, address = through_haproxy(text, has_tls=has_tls)
    with caplog.at_level(logging.INFO):
        assert talk(client, address)
    assert begun_by(caplog) == ["127.0.0.1"]


async def with_tokens(address):
    """Make two tokens as a page of the site behind HAProxy could, over what HAProxy keeps open; connect with one."""
    site = address.replace("ws", "http", 1)
    async with AsyncOpenAI(api_key="made-up", base_url=f"{site}/v1", default_headers={"Origin": site}) as backend:
        secrets = [await backend.realtime.client_secrets.create(session={"type": "realtime"}) for _ in range(2)]
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{secrets[1].value}")]
    async with connect(f"{address}/v1/realtime", subprotocols=offered, origin=Origin(site), proxy=None) as client:
        return "session.created" in await client.recv() and client.subprotocol == "realtime"


@pytest.mark.parametrize("setup", ["version 2 before TLS", "version 2 and TLS twice", "Forwarded behind TLS"])
def test_tokens_are_made_through_haproxy_and_pages_of_its_site_connect_with_them(through_haproxy, caplog, setup):
    text, has_tls = SETUPS[setup]
    _, address = through_haproxy(text, has_tls=has_tls, auth__token_secret="x" * 32)
    with caplog.at_level(logging.INFO):
        assert talk(with_tokens, address)
    assert begun_by(caplog) == ["127.0.0.1"]


@pytest.mark.parametrize("setup", ["X-Forwarded-For", "Forwarded behind TLS"])
def test_haproxy_is_not_believed_where_it_is_not_trusted(through_haproxy, caplog, setup):
    _, address = through_haproxy(SETUPS[setup][0], trusted="127.0.0.8")
    with caplog.at_level(logging.INFO):
        assert talk(over_websockets, address)
    assert begun_by(caplog) == [HAPROXY]


@pytest.mark.parametrize("header", [b"Forwarded: for=203.0.113.7", b"X-Forwarded-For: 203.0.113.7"])
def test_a_header_that_haproxy_passes_on_names_nobody(through_haproxy, caplog, header):
    name, _, value = header.decode().partition(": ")

    async def spoof(address):
        async with connect(f"{address}/v1/realtime", additional_headers={name: value}, proxy=None) as client:
            return "session.created" in await client.recv()

    _, address = through_haproxy(SETUPS["X-Forwarded-For"][0])
    with caplog.at_level(logging.INFO):
        assert talk(spoof, address)
    # HAProxy adds to the second one. The first one it does not know: neither is believed then.
    assert begun_by(caplog) == [HAPROXY if name == "Forwarded" else "127.0.0.1"]


@pytest.mark.parametrize(
    ("server", "has_tls"),
    [("", False), ("send-proxy", False), ("send-proxy-v2", False), (f"send-proxy-v2 {TLS}", True)],
)
def test_health_checks_find_the_proxy_up_and_are_not_logged(through_haproxy, caplog, server, has_tls):
    text = configuration(
        "tcp", backend="log global\n option log-health-checks", server=f"{server} check inter 100ms rise 1 fall 1"
    )
    process, _ = through_haproxy(text, has_tls=has_tls)
    line = next(line for line in process.stderr if b"Health check" in line)
    assert b"succeeded" in line, line
    assert not caplog.messages
