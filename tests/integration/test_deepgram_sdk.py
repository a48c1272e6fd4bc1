"""The stock `deepgram-sdk` against the running proxy."""

from __future__ import annotations

import threading

import pytest
from deepgram import DeepgramClient
from deepgram.agent.v1.types import (
    AgentV1InjectUserMessage,
    AgentV1SendFunctionCallResponse,
    AgentV1Settings,
    AgentV1UpdatePrompt,
    AgentV1UpdateSpeak,
)
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

from turnstile.testing import patience

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


class Agent:
    """A connection of the SDK's, listened to on a thread."""

    def __init__(self, connection):
        self.connection = connection
        self.heard = []
        self.audio = 0
        self._changed = threading.Condition()
        connection.on(EventType.MESSAGE, self._take)
        self.thread = threading.Thread(target=connection.start_listening, name="sdk")
        self.thread.start()

    def _take(self, message):
        with self._changed:
            if isinstance(message, bytes):
                self.audio += len(message)
            else:
                self.heard.append(message)
            self._changed.notify_all()

    def of(self, kind):
        return [message for message in self.heard if getattr(message, "type", None) == kind]

    def wait_for(self, kind, count=1):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind)) >= count, patience(10)), self.heard
        return self.of(kind)[count - 1]


@pytest.fixture
def agent(proxy):
    host, port = proxy.system.address
    address = f"ws://{host}:{port}"
    environment = DeepgramClientEnvironment(
        base=f"http://{host}:{port}", production=address, agent=address, agent_rest=f"http://{host}:{port}"
    )
    client = DeepgramClient(api_key="made-up", environment=environment)
    with client.agent.v1.connect() as connection:
        agent = Agent(connection)
        connection.send_settings(AgentV1Settings.model_validate(SETTINGS))
        agent.wait_for("SettingsApplied")
        yield agent
    agent.thread.join(patience(5))


def test_the_agent_is_welcomed_configured_and_speaks(agent):
    assert [message.type for message in agent.heard] == ["Welcome", "SettingsApplied"]
    agent.connection.send_inject_user_message(AgentV1InjectUserMessage(content="Hello."))
    started = agent.wait_for("AgentStartedSpeaking")
    assert started.total_latency >= 0
    agent.wait_for("AgentAudioDone")
    assert agent.audio > 10_000
    assert [text.role for text in agent.of("ConversationText")] == ["user", "assistant"]


def test_updates_in_mid_response_are_acknowledged_when_in_force(agent, proxy):
    agent.connection.send_inject_user_message(AgentV1InjectUserMessage(content="Hello."))
    agent.wait_for("AgentStartedSpeaking")
    agent.connection.send_update_prompt(AgentV1UpdatePrompt(prompt="Rhyme."))
    agent.connection.send_update_speak(
        AgentV1UpdateSpeak.model_validate(
            {"speak": {"provider": {"type": "open_ai", "model": "tts-1", "voice": "marin"}}}
        )
    )
    agent.wait_for("PromptUpdated")
    agent.wait_for("SpeakUpdated")
    agent.connection.send_inject_user_message(AgentV1InjectUserMessage(content="Again."))
    agent.wait_for("AgentAudioDone", 2)
    first, second = proxy.log.responses
    assert not first.changed_under_way
    assert second.started["instructions"].endswith("Rhyme.")


def test_a_function_call_is_answered(agent):
    agent.connection.send_inject_user_message(AgentV1InjectUserMessage(content="What is the weather?"))
    call = agent.wait_for("FunctionCallRequest").functions[0]
    assert (call.name, call.client_side) == ("get_weather", True)
    agent.connection.send_function_call_response(
        AgentV1SendFunctionCallResponse(id=call.id, name=call.name, content="hail")
    )
    agent.wait_for("AgentAudioDone")
    assert "hail" in agent.of("ConversationText")[-1].content


def test_a_fault_that_the_session_survives_is_a_warning(agent):
    agent.connection.send_function_call_response(
        AgentV1SendFunctionCallResponse(id="call_nobody", name="x", content="y")
    )
    assert agent.wait_for("Warning").code == "unknown_function_call"
    assert agent.of("Error") == []
