"""Each kind of upstream: the proxy in front of a simulated API of that kind, over real sockets."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from openai import OpenAI
from websocket import create_connection

from actors import ScriptedSession
from actors.system import SimulatorSystem
from actors.timers import TimerThread
from turnstile.config import load_config
from turnstile.protocol.upstreams import KINDS
from turnstile.simulator.server import Simulator
from turnstile.testing import patience

KEY = "made-up-key"
BETA = [name for name, kind in KINDS.items() if kind.is_beta]
OF_HTTP = [name for name, kind in KINDS.items() if kind.refuses_in_http]


@pytest.fixture
def start_api():
    """Start a simulated API of a kind, which wants a key."""
    timers, systems = TimerThread(), []

    def start(kind, key=KEY):
        config = load_config(flags={"simulator.port": "0", "simulator.kind": kind})
        simulator = Simulator(kind=kind, clock=time.monotonic, timers=timers, api_key=key)
        system = SimulatorSystem(config, simulator=simulator)
        system.start()
        systems.append(system)
        return system

    yield start
    for system in systems:
        system.stop(patience(5))
    assert timers.stop(patience(5))


@pytest.fixture
def serve(start_api, start_proxy):
    """Start a proxy in front of an API of a kind."""

    def start(kind, key=KEY):
        api = start_api(kind)
        host, port = api.address
        version = "?api-version=2025-04-01-preview" if kind == "azure-preview" else ""
        flags = {
            "upstream.url": f"ws://{host}:{port}{KINDS[kind].paths[0]}{version}",
            "upstream.kind": kind,
            "upstream.api_key": key,
            "upstream.reconnects": "0",
        }
        proxy = start_proxy(flags)
        proxy.api = api.simulator
        return proxy

    return start


def get_weather(city: str) -> str:
    """Look up the weather in a city."""


@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation_with_a_call_an_update_and_a_spoken_turn(serve, kind):
    proxy = serve(kind)
    with ScriptedSession(proxy.url(), timeout=patience(10)) as client:
        client.configure(prompt="Be a guide.", functions=[get_weather], voice="ash")
        client.say("What is the weather in London?")
        client.answer(client.wait_for("FunctionCallRequest"), "sunny")
        client.wait_for("AgentStartedSpeaking")
        client.update(prompt="Be brief.")
        client.wait_for("PromptUpdated")
        assert "sunny" in client.wait_for("ConversationText", role="assistant")["content"]
        tone = (np.sin(np.arange(16_000) * 0.3) * 8_000).astype("<i2").tobytes()
        client.send_audio(tone)
        client.wait_for("UserStartedSpeaking")
        assert client.wait_for("ConversationText", role="user")["content"] == "What is the weather in London?"
        client.wait_for("ConversationText", role="user")
        assert "Be a guide. Be brief." in " ".join(
            client.wait_for("ConversationText", role="assistant")["content"].split()
        )
        assert [event for event in client.events(timeout=0) if event["type"] == "Error" or client.close()] == []
    (log,) = proxy.api.logs
    assert (log.broken, log.collisions, log.updates_under_way) == ([], 0, 0)
    assert len(client.audio) > 10_000


@pytest.mark.parametrize("kind", BETA)
def test_nothing_but_the_words_of_the_beta_goes_up(start_api, kind):
    api = start_api(kind, key=None)
    host, port = api.address
    link = create_connection(f"ws://{host}:{port}{KINDS[kind].paths[0]}?{KINDS[kind].model_parameter}=gpt-realtime")
    session = json.loads(link.recv())["session"]
    assert {"modalities", "voice", "turn_detection", "input_audio_format"} <= set(session)
    assert not {"type", "audio", "output_modalities"} & set(session)
    for event, param in (
        ({"type": "session.update", "session": {"type": "realtime"}}, "session.type"),
        ({"type": "session.update", "session": {"output_modalities": ["text"]}}, "session.output_modalities"),
        ({"type": "response.create", "response": {"audio": {}}}, "response.audio"),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
            },
            "item.content[0].type",
        ),
    ):
        link.send(json.dumps(event))
        assert json.loads(link.recv())["error"]["param"] == param
    link.close()


@pytest.mark.parametrize("kind", BETA)
def test_a_client_of_the_current_api_hears_current_names_from_a_beta(serve, kind):
    proxy = serve(kind)
    client = OpenAI(api_key="any", base_url=proxy.url("/v1"), websocket_base_url=proxy.url("/v1"))
    kinds = []
    with client.realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(
            session={"type": "realtime", "output_modalities": ["text"], "instructions": "Be brief."}
        )
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
        connection.conversation.item.create(item=item)
        connection.response.create()
        for event in connection:
            kinds.append(event.type)
            if event.type == "session.updated":
                assert event.session.instructions == "Be brief."
                assert event.session.output_modalities == ["text"]
            if event.type == "response.done":
                break
    client.close()
    assert {"response.output_text.delta", "response.output_text.done", "session.updated"} <= set(kinds)
    assert (kinds.count("conversation.item.added"), kinds.count("conversation.item.done")) == (2, 2)
    assert kinds.index("response.output_item.done") > kinds.index("response.output_text.done")
    assert not {"conversation.item.created", "response.text.delta", "error"} & set(kinds)


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_is_told_in_words_that_do_not_hold_it(serve, kind):
    proxy = serve(kind, key="another-key")
    with ScriptedSession(proxy.url(), timeout=patience(10)) as client:
        client.send("Settings", agent={})
        error = client.wait_for("Error")
        assert error["code"] == ("upstream_refused" if kind in OF_HTTP else "invalid_api_key")
        assert "another-key" not in json.dumps(error)


@pytest.mark.parametrize("kind", KINDS)
def test_the_simulator_in_the_process_is_of_the_upstreams_kind(start_proxy, kind):
    proxy = start_proxy({"upstream.kind": kind})
    with ScriptedSession(proxy.url(), timeout=patience(10)) as client:
        client.configure(prompt="Be a guide.", text_only=True)
        client.say("Hello")
        client.wait_for("AgentDone")
    assert proxy.log.broken == []
    assert proxy.system.simulator.kind == KINDS[kind]


def test_another_kinds_path_is_answered_with_the_right_one(start_api):
    host, port = start_api("azure").address
    with pytest.raises(Exception, match="404"):
        create_connection(f"ws://{host}:{port}/v1/realtime?model=gpt-realtime", header={"api-key": KEY})
