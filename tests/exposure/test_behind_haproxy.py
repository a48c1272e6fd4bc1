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
FORWARDED_FOR = "option forwardfor"
FORWARDED = 'http-request set-header Forwarded "for=\\"%[src]:%[src_port]\\";proto=https"'
# How HAProxy is set up: its mode, where TLS ends, and how it names the client.
SETUPS = {
    "version 1": ("tcp", "nowhere", "send-proxy", ""),
    "version 2": ("tcp", "nowhere", "send-proxy-v2", ""),
    "version 1 before TLS": ("tcp", "turnstile", "send-proxy", ""),
    "version 2 before TLS": ("tcp", "turnstile", "send-proxy-v2 proxy-v2-options crc32c,unique-id", ""),
    "version 1 and TLS before it": ("tcp", "haproxy", "send-proxy", ""),
    "version 2 and TLS before it": ("tcp", "haproxy", "send-proxy-v2-ssl-cn proxy-v2-options ssl,authority,crc32c", ""),
    "version 2 and TLS twice": ("http", "both", "send-proxy-v2 ssl verify none", ""),
    "version 2 of an HTTP proxy": ("http", "haproxy", "send-proxy-v2", ""),
    "X-Forwarded-For": ("http", "nowhere", "", FORWARDED_FOR),
    "X-Forwarded-For and TLS before it": ("http", "haproxy", "", FORWARDED_FOR),
    "Forwarded and TLS before it": ("http", "haproxy", "", FORWARDED),
}


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


@pytest.fixture
def through_haproxy(start_proxy, start_haproxy, certificates, monkeypatch):
    """Start the proxy behind HAProxy; return the address for clients."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))

    def start(setup, trusted=HAPROXY, backend=""):
        mode, tls, sends, names = SETUPS[setup]
        settings = {"server__trusted_proxies": trusted}
        if tls in {"turnstile", "both"}:
            files = {name: str(certificates / f"{name}.pem") for name in ("cert", "key")}
            settings |= {f"server__tls_{name}_file": file for name, file in files.items()}
        port = start_proxy(**settings).address[1]
        bind = f"ssl crt {certificates / 'both.pem'}" if tls in {"haproxy", "both"} else ""
        entrance = start_haproxy(
            f"mode {mode}\n{names}",
            f"mode {mode}\nsource {HAPROXY}\n{backend}\nserver turnstile 127.0.0.1:{port} {sends}",
            bind,
        )
        return f"{'ws' if tls == 'nowhere' else 'wss'}://127.0.0.1:{entrance}"

    return start


def talk(client, address):
    return asyncio.run(asyncio.wait_for(client(address), patience()))


def begun_by(caplog):
    """Return the addresses whose sessions have begun."""
    return re.findall(r"Session \w+ began \(.* from ([^ ]+)\)", caplog.text)


@pytest.mark.parametrize("client", [over_websockets, over_openai, over_deepgram])
@pytest.mark.parametrize("setup", SETUPS)
def test_a_session_is_the_clients_and_not_haproxys(through_haproxy, caplog, setup, client):
    address = through_haproxy(setup)
    with caplog.at_level(logging.INFO):
        assert talk(client, address)
    assert begun_by(caplog) == ["127.0.0.1"]


@pytest.mark.parametrize("setup", ["X-Forwarded-For", "Forwarded and TLS before it"])
def test_haproxy_is_not_believed_where_it_is_not_trusted(through_haproxy, caplog, setup):
    address = through_haproxy(setup, trusted="127.0.0.8")
    with caplog.at_level(logging.INFO):
        assert talk(over_websockets, address)
    assert begun_by(caplog) == [HAPROXY]
