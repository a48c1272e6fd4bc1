"""The stock `deepgram-sdk` against the running proxy: every message that it can send, and every one it can receive."""

from __future__ import annotations

import threading
import time
import typing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from deepgram import DeepgramClient
from deepgram.agent.v1 import types as sdk
from deepgram.agent.v1.socket_client import V1SocketClient, V1SocketClientResponse
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.types import DeepgramThinkLiveProviderV1, ThinkLiveSettingsV1

from actors.timers import TimerThread
from turnstile.simulator.faults import Faults, Pace
from turnstile.simulator.simulator import Simulator
from turnstile.testing import patience

DOCS = Path(__file__).parents[2] / "docs"
QUESTION = "What is the weather?"
STORY = "Tell me a story."
WEATHER = {"name": "get_weather", "description": "Look up the weather.", "parameters": {"type": "object"}}
SETTINGS = {
    "audio": {
        "input": {"encoding": "linear16", "sample_rate": 24_000},
        "output": {"encoding": "linear16", "sample_rate": 24_000, "container": "none"},
    },
    "agent": {
        "think": {
            "provider": {"type": "open_ai", "model": "gpt-realtime"},
            "prompt": "Be brief.",
            "functions": [WEATHER],
        },
        "speak": {"provider": {"type": "open_ai", "model": "tts-1", "voice": "marin"}},
    },
}
# What the SDK can receive and no Realtime API can cause; docs/reference/voice-agent.md says why.
IMPOSSIBLE = {sdk.AgentV1ThinkLiveUpdated, sdk.AgentV1FrustrationDetected, sdk.AgentV1CustomFromThinkProvider}
MARIN = {"speak": {"provider": {"type": "open_ai", "model": "tts-1", "voice": "marin"}}}


class Connection:
    """The SDK's connection; notes which of its methods are used."""

    def __init__(self, connection):
        self._connection = connection
        self.used = set()

    def __getattr__(self, name):
        self.used.add(name)
        return getattr(self._connection, name)


class Agent:
    """A connection of the SDK's, listened to on a thread."""

    def __init__(self, connection):
        self.connection = Connection(connection)
        self.heard = []
        self.audio = 0
        self.is_closed = False
        self._changed = threading.Condition()
        connection.on(EventType.MESSAGE, self._take)
        connection.on(EventType.CLOSE, self._close)
        self.thread = threading.Thread(target=connection.start_listening, name="sdk")
        self.thread.start()

    def _take(self, message):
        with self._changed:
            if isinstance(message, bytes):
                self.audio += len(message)
            self.heard.append(message)
            self._changed.notify_all()

    def _close(self, _):
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def of(self, kind):
        return [message for message in self.heard if isinstance(message, kind)]

    def wait_for(self, kind, count=1):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind)) >= count, patience()), self.heard
        return self.of(kind)[count - 1]

    def wait_for_the_end(self):
        with self._changed:
            assert self._changed.wait_for(lambda: self.is_closed, patience()), self.heard

    def asks(self, text):
        self.connection.send_inject_user_message(sdk.AgentV1InjectUserMessage(content=text))

    def speaks(self):
        tone = (12_000 * np.sin(np.arange(14_400) / 10)).astype("<i2").tobytes()
        self.connection.send_media(tone)


@pytest.fixture
def connect(start_proxy):
    """Connect an agent through the SDK; `options` are the simulator's."""
    opened, timers = [], TimerThread()

    def open_agent(settings=SETTINGS, flags=None, **options):
        simulator = Simulator(clock=time.monotonic, timers=timers, **options)
        host, port = start_proxy(flags, simulator=simulator).system.address
        address = f"ws://{host}:{port}"
        http = f"http://{host}:{port}"
        places = DeepgramClientEnvironment(base=http, production=address, agent=address, agent_rest=http)
        context = DeepgramClient(api_key="made-up", environment=places).agent.v1.connect()
        agent = Agent(context.__enter__())
        agent.log = lambda: simulator.logs[0]
        opened.append((context, agent))
        agent.connection.send_settings(sdk.AgentV1Settings.model_validate(settings))
        agent.wait_for(sdk.AgentV1SettingsApplied)
        return agent

    yield open_agent
    for context, agent in opened:
        context.__exit__(None, None, None)
        agent.thread.join(patience())
    assert timers.stop(patience())


@pytest.fixture
def agent(connect, request):
    """An agent that must have sent and received what the test's marks say."""
    options = {name: value for mark in request.node.iter_markers("simulator") for name, value in mark.kwargs.items()}
    agent = connect(**options)
    yield agent
    for mark in request.node.iter_markers("sends"):
        assert set(mark.args) <= agent.connection.used
    for mark in request.node.iter_markers("receives"):
        assert all(agent.of(kind) for kind in mark.args), agent.heard


sends, receives, simulator = pytest.mark.sends, pytest.mark.receives.with_args, pytest.mark.simulator


# What it can send.


@sends("send_settings")
@receives(sdk.AgentV1Welcome, sdk.AgentV1SettingsApplied)
def test_settings_are_welcomed_and_applied(agent):
    assert [type(message) for message in agent.heard] == [sdk.AgentV1Welcome, sdk.AgentV1SettingsApplied]
    assert agent.of(sdk.AgentV1Welcome)[0].request_id


@sends("send_inject_user_message")
@receives(
    sdk.AgentV1ConversationText, sdk.AgentV1AgentStartedSpeaking, sdk.AgentV1AgentAudioDone, sdk.AgentV1LatencyReport
)
def test_a_user_message_is_answered_aloud(agent):
    agent.asks("Hello.")
    started = agent.wait_for(sdk.AgentV1AgentStartedSpeaking)
    assert started.total_latency == pytest.approx(started.tts_latency + started.ttt_latency, abs=0.002)
    agent.wait_for(sdk.AgentV1AgentAudioDone)
    assert agent.audio > 10_000
    assert [text.role for text in agent.of(sdk.AgentV1ConversationText)] == ["user", "assistant"]
    assert agent.of(sdk.AgentV1LatencyReport)[0].total_latency == started.total_latency


@sends("send_update_prompt", "send_update_speak")
@receives(sdk.AgentV1PromptUpdated, sdk.AgentV1SpeakUpdated)
def test_updates_in_mid_response_are_acknowledged_when_in_force(agent):
    agent.asks("Hello.")
    agent.wait_for(sdk.AgentV1AgentStartedSpeaking)
    agent.connection.send_update_prompt(sdk.AgentV1UpdatePrompt(prompt="Rhyme."))
    agent.connection.send_update_speak(sdk.AgentV1UpdateSpeak.model_validate(MARIN))
    agent.wait_for(sdk.AgentV1PromptUpdated)
    agent.wait_for(sdk.AgentV1SpeakUpdated)
    agent.asks("Again.")
    agent.wait_for(sdk.AgentV1AgentAudioDone, 2)
    first, second = agent.log().responses
    assert not first.changed_under_way
    assert second.started["instructions"].endswith("Rhyme.")


@sends("send_update_think")
@receives(sdk.AgentV1ThinkUpdated)
def test_thinking_is_replaced(agent):
    think = {"provider": {"type": "open_ai", "model": "gpt-realtime"}, "prompt": "Be kind."}
    agent.connection.send_update_think(sdk.AgentV1UpdateThink.model_validate({"think": think}))
    agent.wait_for(sdk.AgentV1ThinkUpdated)
    agent.asks("Hello.")
    agent.wait_for(sdk.AgentV1AgentAudioDone)
    session = agent.log().responses[0].started
    assert (session["instructions"], session["tools"]) == ("Be kind.", [])


@sends("send_update_listen")
@receives(sdk.AgentV1ListenUpdated, sdk.AgentV1Warning)
def test_listening_is_replaced_and_what_has_no_counterpart_is_said(agent):
    provider = {"version": "v1", "type": "deepgram", "model": "nova-3", "language": "de"}
    agent.connection.send_update_listen(sdk.AgentV1UpdateListen.model_validate({"listen": {"provider": provider}}))
    agent.wait_for(sdk.AgentV1ListenUpdated)
    assert "nova-3" in agent.of(sdk.AgentV1Warning)[0].description
    assert agent.log().updates[-1]["audio"]["input"]["transcription"]["language"] == "de"


@sends("send_update_think_live", "send_custom_to_think_provider")
@receives(sdk.AgentV1Warning)
def test_what_nothing_upstream_can_do_is_answered_with_a_warning(agent):
    provider = DeepgramThinkLiveProviderV1.model_validate({"type": "deepgram", "version": "v1"})
    live = sdk.AgentV1UpdateThinkLive(think_live=ThinkLiveSettingsV1(provider=provider))
    agent.connection.send_update_think_live(live)
    agent.connection.send_custom_to_think_provider(sdk.AgentV1CustomToThinkProvider(content={"a": 1}))
    agent.wait_for(sdk.AgentV1Warning, 2)
    assert {warning.code for warning in agent.of(sdk.AgentV1Warning)} == {"not_supported"}


@simulator(pace=Pace(step=0.1))  # the agent still speaks when the next message comes, on a busy machine, too
@sends("send_inject_agent_message", "send_inject_dynamic_agent_message")
@receives(sdk.AgentV1InjectionRefused)
def test_an_agent_message_is_spoken_refused_or_queued(agent):
    agent.connection.send_inject_agent_message(sdk.AgentV1InjectAgentMessage(message="Good morning."))
    agent.wait_for(sdk.AgentV1AgentStartedSpeaking)
    agent.connection.send_inject_agent_message(sdk.AgentV1InjectAgentMessage(message="Not now.", behavior="default"))
    agent.connection.send_inject_dynamic_agent_message(sdk.AgentV1InjectDynamicAgentMessage(behavior="queue"))
    agent.wait_for(sdk.AgentV1AgentAudioDone, 2)
    assert len(agent.of(sdk.AgentV1InjectionRefused)) == 1
    assert agent.of(sdk.AgentV1ConversationText)[0].content.startswith("Good morning.")


@sends("send_function_call_response")
@receives(sdk.AgentV1FunctionCallRequest, sdk.AgentV1AgentThinking)
def test_a_function_call_is_answered(agent):
    agent.asks(QUESTION)
    call = agent.wait_for(sdk.AgentV1FunctionCallRequest).functions[0]
    assert (call.name, call.client_side) == ("get_weather", True)
    response = sdk.AgentV1SendFunctionCallResponse(id=call.id, name=call.name, content="hail")
    agent.connection.send_function_call_response(response)
    agent.wait_for(sdk.AgentV1AgentAudioDone)
    assert "hail" in agent.of(sdk.AgentV1ConversationText)[-1].content


@sends("send_media")
@receives(sdk.AgentV1UserStartedSpeaking)
def test_a_spoken_turn_is_heard_and_answered(agent):
    agent.speaks()
    agent.connection.send_media(bytes(24_000))
    agent.wait_for(sdk.AgentV1UserStartedSpeaking)
    agent.wait_for(sdk.AgentV1AgentAudioDone)
    assert "user" in {text.role for text in agent.of(sdk.AgentV1ConversationText)}
    assert agent.of(sdk.AgentV1LatencyReport)[0].stt_latency is not None


@sends("send_force_end_turn")
def test_a_turn_is_ended_by_force(agent):
    agent.speaks()
    agent.wait_for(sdk.AgentV1UserStartedSpeaking)
    agent.connection.send_force_end_turn()
    agent.wait_for(sdk.AgentV1AgentAudioDone)


@sends("send_keep_alive")
def test_a_keep_alive_is_answered_by_nothing(agent):
    agent.connection.send_keep_alive()
    agent.asks("Hello.")
    agent.wait_for(sdk.AgentV1AgentAudioDone)
    assert agent.of((sdk.AgentV1Warning, sdk.AgentV1Error)) == []


# What it can receive besides.


def test_history_is_kept_of_words_and_of_function_calls(connect):
    agent = connect({**SETTINGS, "flags": {"history": True}})
    agent.asks(QUESTION)
    call = agent.wait_for(sdk.AgentV1FunctionCallRequest).functions[0]
    response = sdk.AgentV1SendFunctionCallResponse(id=call.id, name=call.name, content="hail")
    agent.connection.send_function_call_response(response)
    agent.wait_for(sdk.AgentV1AgentAudioDone)
    assert [words.role for words in agent.of(sdk.AgentV1HistoryContent)] == ["user", "assistant"]
    (calls,) = agent.of(sdk.AgentV1HistoryFunctionCalls)
    assert (calls.function_calls[0].name, calls.function_calls[0].response) == ("get_weather", "hail")


@pytest.fixture
def weather_service():
    """A function over HTTP: its address, and what it was asked."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            asked.append((self.headers["X-Key"], self.rfile.read(size)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hail")

        def log_message(self, *_):
            """Be silent."""

    asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join(patience())
    server.server_close()


def test_a_function_with_an_endpoint_is_called_by_the_proxy_and_its_result_shown(connect, weather_service):
    host, asked = weather_service
    function = {**WEATHER, "endpoint": {"url": f"http://{host}/weather", "headers": {"X-Key": "made-up"}}}
    think = {**SETTINGS["agent"]["think"], "functions": [function]}
    flags = {"functions.allowed_hosts": host, "functions.allow_private_addresses": "true"}
    agent = connect({**SETTINGS, "agent": {"think": think}}, flags)
    agent.asks(QUESTION)
    call = agent.wait_for(sdk.AgentV1FunctionCallRequest).functions[0]
    shown = agent.wait_for(sdk.AgentV1ReceiveFunctionCallResponse)
    agent.wait_for(sdk.AgentV1AgentAudioDone)
    assert not call.client_side
    assert (shown.id, shown.name, shown.content) == (call.id, "get_weather", "hail")
    assert asked == [("made-up", call.arguments.encode())]
    assert "hail" in agent.of(sdk.AgentV1ConversationText)[-1].content


@simulator(pace=Pace(step=0.2))
@receives(sdk.AgentV1FunctionCallCancelled)
def test_a_call_that_the_user_broke_in_on_is_cancelled(agent):
    agent.asks(QUESTION)
    call = agent.wait_for(sdk.AgentV1FunctionCallRequest).functions[0]
    agent.speaks()
    cancelled = agent.wait_for(sdk.AgentV1FunctionCallCancelled).functions[0]
    assert (cancelled.id, cancelled.name) == (call.id, "get_weather")


def test_a_fault_that_the_session_survives_is_a_warning(agent):
    response = sdk.AgentV1SendFunctionCallResponse(id="call_nobody", name="x", content="y")
    agent.connection.send_function_call_response(response)
    assert agent.wait_for(sdk.AgentV1Warning).code == "unknown_function_call"
    assert agent.of(sdk.AgentV1Error) == []


@simulator(flags={"upstream.reconnect_for": "0"}, faults=Faults(disconnect_after_responses=1))
@receives(sdk.AgentV1Error)
def test_the_end_of_the_session_is_an_error(agent):
    agent.asks("Hello.")
    assert agent.wait_for(sdk.AgentV1Error).code == "upstream_closed"
    agent.wait_for_the_end()


# Nothing is left out.


def _marked(name):
    """Return what the marks of this name say, of all tests of this file."""
    tests = [value for key, value in globals().items() if key.startswith("test_")]
    marks = [mark for test in tests for mark in getattr(test, "pytestmark", ()) if mark.name == name]
    return {one for mark in marks for one in mark.args}


def _members(union):
    for member in typing.get_args(union):
        yield from [member] if isinstance(member, type) else _members(member)


def test_every_message_that_it_can_send_is_sent():
    can_send = {name for name in vars(V1SocketClient) if name.startswith("send_")} - {"send_raw"}
    assert _marked("sends") == can_send


def test_every_message_that_it_can_receive_is_received_or_said_to_be_impossible():
    history = {sdk.AgentV1HistoryContent, sdk.AgentV1HistoryFunctionCalls}
    received = _marked("receives") | history | {sdk.AgentV1ReceiveFunctionCallResponse}
    assert received | IMPOSSIBLE == set(_members(V1SocketClientResponse)) - {bytes}
    page = (DOCS / "reference" / "voice-agent.md").read_text()
    for kind in IMPOSSIBLE:
        assert f"`{kind.model_fields['type'].default}`" in page
