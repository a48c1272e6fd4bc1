"""Each kind of upstream: the proxy in front of a simulated API of that kind, over real sockets."""

from __future__ import annotations

import base64
import json
from contextlib import closing

import numpy as np
import pytest
from openai import OpenAI
from websocket import create_connection

from actors import ScriptedSession
from turnstile.protocol.upstreams import KINDS
from turnstile.simulator.faults import Pace
from turnstile.testing import patience

KEY = "made-up-key"
BETA = [name for name, kind in KINDS.items() if kind.is_beta]
REFUSED_BY_A_BETA = (
    ({"type": "session.update", "session": {"type": "realtime"}}, "session.type"),
    ({"type": "session.update", "session": {"output_modalities": ["text"]}}, "session.output_modalities"),
    ({"type": "session.update", "session": {"modalities": ["audio"]}}, "session.modalities"),
    ({"type": "session.update", "session": {"prompt": None}}, "session.prompt"),
    (
        {"type": "session.update", "session": {"turn_detection": {"idle_timeout_ms": None}}},
        "session.turn_detection.idle_timeout_ms",
    ),
    ({"type": "session.update", "session": {"voice": "nobody"}}, "session.voice"),
    ({"type": "response.create", "response": {"audio": {}}}, "response.audio"),
    (
        {
            "type": "conversation.item.create",
            "item": {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        },
        "item.content[0].type",
    ),
    (
        {"type": "response.create", "response": {"input": [7, {"content": [{"type": "output_audio"}]}]}},
        "response.input[1].content[0].type",
    ),
    ({"type": "session.update", "session": 7}, "session"),
    (["no", "event"], None),
)
OF_HTTP = [name for name, kind in KINDS.items() if kind.refuses_in_http]


@pytest.fixture
def start_api(start_api):
    """Start a simulated API of a kind, which wants a key."""

    def start(kind, key=KEY, **options):
        return start_api(kind, api_key=key, **options)

    return start


@pytest.fixture
def serve(start_api, start_proxy):
    """Start a proxy in front of an API of a kind; `speaks`: what the proxy takes it for, if it is mistaken."""

    def start(kind, key=KEY, speaks=None, **options):
        api = start_api(kind, **options)
        host, port = api.address
        version = "?api-version=2025-04-01-preview" if (speaks or kind) == "azure-preview" else ""
        flags = {
            "upstream.url": f"ws://{host}:{port}{KINDS[kind].paths[0]}{version}",
            "upstream.kind": speaks or kind,
            "upstream.api_key": key,
            "upstream.reconnect_for": "0",
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
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
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
        client.send("UpdateThink", think={"provider": {"type": "open_ai"}, "prompt": "Be yourself."})
        client.wait_for("ThinkUpdated")
        assert [event for event in client.events(timeout=0) if event["type"] == "Error" or client.close()] == []
    (log,) = proxy.api.logs
    assert (log.broken, log.collisions, log.updates_under_way) == ([], 0, 0)
    assert len(client.audio) > 10_000


@pytest.mark.parametrize("kind", BETA)
def test_nothing_but_the_words_of_the_beta_goes_up(start_api, kind):
    api = start_api(kind, key=None)
    host, port = api.address
    url = f"ws://{host}:{port}{KINDS[kind].paths[0]}?{KINDS[kind].model_parameter}=gpt-realtime"
    with closing(create_connection(url, timeout=patience())) as link:
        session = json.loads(link.recv())["session"]
        assert {"modalities", "voice", "turn_detection", "input_audio_format"} <= set(session)
        assert not {"type", "audio", "output_modalities"} & set(session)
        for event, param in REFUSED_BY_A_BETA:
            link.send(json.dumps(event))
            assert json.loads(link.recv())["error"]["param"] == param


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


class Realtime:
    """A client of the Realtime API, with what it has heard."""

    def __init__(self, url, headers):
        self._socket = create_connection(url, header=headers, timeout=patience())
        self.heard = []

    def send(self, kind, **fields):
        self._socket.send(json.dumps({"type": kind, **fields}))

    def until(self, kind, count=1):
        """Receive until so many events of this type have come; return the last of them."""
        while sum(event["type"] == kind for event in self.heard) < count:
            self.heard.append(json.loads(self._socket.recv()))
        return [event for event in self.heard if event["type"] == kind][count - 1]

    @property
    def kinds(self):
        return [event["type"] for event in self.heard]

    def close(self):
        self._socket.close()


@pytest.fixture
def dial():
    """Connect a client that speaks the current words, or the beta's."""
    clients = []

    def open_client(proxy, *, is_beta=False):
        headers = {"OpenAI-Beta": "realtime=v1"} if is_beta else {}
        client = Realtime(proxy.url("/v1/realtime?model=gpt-realtime"), headers)
        clients.append(client)
        client.until("session.created")
        return client

    yield open_client
    for client in clients:
        client.close()


def said(text):
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def voice():
    """Return a tone and the silence after it, in the base64 of 24 kHz PCM."""
    tone = (12_000 * np.sin(np.arange(14_400) / 10)).astype("<i2").tobytes()
    return base64.b64encode(tone + bytes(24_000)).decode()


TOOL = {"type": "function", "name": "get_weather", "parameters": {"type": "object", "properties": {}}}
CURRENT = {"type": "realtime", "output_modalities": ["text"], "tools": [TOOL], "max_output_tokens": 500}
OLD = {"modalities": ["text"], "tools": [TOOL], "max_response_output_tokens": 500, "temperature": 0.8}
ALOUD = ({"type": "realtime", "output_modalities": ["audio"]}, {"modalities": ["audio", "text"]})


@pytest.mark.parametrize("is_beta", [False, True], ids=["current", "beta"])
@pytest.mark.parametrize("kind", BETA)
def test_a_realtime_client_holds_a_whole_conversation_with_a_beta_in_its_own_words(serve, dial, kind, is_beta):
    proxy = serve(kind, pace=Pace(step=0.01))
    client = dial(proxy, is_beta=is_beta)
    client.send("session.update", session=OLD if is_beta else CURRENT)
    client.until("session.updated")
    client.send("conversation.item.create", item=said("What is the weather?"))
    client.send("response.create")
    call = client.until("response.function_call_arguments.done")
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "hail"}
    client.send("conversation.item.create", item=output)
    client.send("response.create")
    client.until("response.created", 2)
    brief = {"instructions": "Be brief."} if is_beta else {"type": "realtime", "instructions": "Be brief."}
    client.send("session.update", session=brief)
    assert client.until("session.updated", 2)["session"]["instructions"] == "Be brief."
    assert client.kinds.count("response.done") == 2
    text = client.until("response.text.done" if is_beta else "response.output_text.done")
    assert "hail" in text["text"]
    client.send("session.update", session=ALOUD[is_beta])
    client.until("session.updated", 3)
    client.send("input_audio_buffer.append", audio=voice())
    assert client.until("response.done", 3)["response"]["status"] == "completed"
    speech, foreign = "response.audio.delta", "response.output_audio.delta"
    assert (speech if is_beta else foreign) in client.kinds
    assert not {foreign if is_beta else speech, "error"} & set(client.kinds)
    assert ("conversation.item.created" in client.kinds) == is_beta == ("conversation.item.done" not in client.kinds)
    (log,) = proxy.api.logs
    assert (log.broken, log.collisions, log.updates_under_way) == ([], 0, 0)


@pytest.mark.parametrize(
    ("kind", "is_beta"),
    [("azure-preview", False), ("azure-preview", True), ("openai", True), ("openai", False)],
)
def test_a_session_that_is_not_built_as_one_is_refused_and_the_client_goes_on(serve, dial, kind, is_beta):
    client = dial(serve(kind), is_beta=is_beta)
    odd = {"audio": "x", "voice": "ash"} if is_beta else {"type": "realtime", "audio": "x"}
    client.send("session.update", event_id="odd", session=odd)
    assert client.until("error")["error"]["event_id"] == "odd"
    client.send("session.update", session={"instructions": "Be brief.", **({} if is_beta else {"type": "realtime"})})
    assert client.until("session.updated")["session"]["instructions"] == "Be brief."


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_is_told_in_words_that_do_not_hold_it(serve, kind):
    proxy = serve(kind, key="another-key")
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        client.send("Settings", agent={})
        error = client.wait_for("Error")
        assert error["code"] == ("upstream_refused" if kind in OF_HTTP else "invalid_api_key")
        assert "another-key" not in json.dumps(error)


@pytest.mark.parametrize(
    ("kind", "speaks", "code"),
    [
        ("azure", "compatible", "upstream_refused"),
        ("azure-preview", "openai-beta", "upstream_refused"),
        ("openai-beta", "azure-preview", "invalid_request_error"),
        ("openai", "azure", "invalid_request_error"),
        ("openai", "openai-beta", "beta_api_shape_disabled"),
    ],
)
def test_a_proxy_that_takes_its_upstream_for_another_kind_is_refused_in_words(serve, kind, speaks, code):
    proxy = serve(kind, speaks=speaks)
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        client.send("Settings", agent={})
        error = client.wait_for("Error")
    assert error["code"] == code
    assert KEY not in json.dumps(error)


@pytest.mark.parametrize("kind", KINDS)
def test_the_simulator_in_the_process_is_of_the_upstreams_kind(start_proxy, kind):
    proxy = start_proxy({"upstream.kind": kind})
    with ScriptedSession(proxy.url(), timeout=patience()) as client:
        client.configure(prompt="Be a guide.", text_only=True)
        client.say("Hello")
        client.wait_for("AgentDone")
    assert proxy.log.broken == []
    assert proxy.system.simulator.kind == KINDS[kind]


def test_another_kinds_path_is_answered_with_the_right_one(start_api):
    host, port = start_api("azure").address
    with pytest.raises(Exception, match="404"):
        create_connection(f"ws://{host}:{port}/v1/realtime?model=gpt-realtime", header={"api-key": KEY})


def test_a_browser_may_open_the_simulators_own_port_and_its_key_is_not_chosen(start_api):
    host, port = start_api("openai").address
    offered = ["realtime", "openai-insecure-api-key.made-up"]
    link = create_connection(f"ws://{host}:{port}/v1/realtime?model=gpt-realtime", subprotocols=offered)
    assert link.getsubprotocol() == "realtime"
    link.close()
