from __future__ import annotations

import json

import pytest
from deepgram.agent.v1 import types as sdk

from turnstile.protocol.voice_agent import server

CALL = server.CallRequest("call_1", "get_weather", '{"city":"Paris"}')


@pytest.mark.parametrize(
    ("data", "kind", "fields"),
    [
        (server.welcome("r"), sdk.AgentV1Welcome, {"request_id": "r"}),
        (server.settings_applied(), sdk.AgentV1SettingsApplied, {}),
        (server.prompt_updated(), sdk.AgentV1PromptUpdated, {}),
        (server.think_updated(), sdk.AgentV1ThinkUpdated, {}),
        (server.speak_updated(), sdk.AgentV1SpeakUpdated, {}),
        (server.listen_updated(), sdk.AgentV1ListenUpdated, {}),
        (
            server.conversation_text("assistant", "Hello."),
            sdk.AgentV1ConversationText,
            {"role": "assistant", "content": "Hello."},
        ),
        (server.history("user", "Hello."), sdk.AgentV1HistoryContent, {"role": "user", "content": "Hello."}),
        (server.user_started_speaking(), sdk.AgentV1UserStartedSpeaking, {}),
        (server.agent_thinking("Hm."), sdk.AgentV1AgentThinking, {"content": "Hm."}),
        (
            server.agent_started_speaking(0.5, 0.25, 0.125),
            sdk.AgentV1AgentStartedSpeaking,
            {"total_latency": 0.5, "tts_latency": 0.25, "ttt_latency": 0.125},
        ),
        (server.latency_report(total_latency=0.5), sdk.AgentV1LatencyReport, {"total_latency": 0.5}),
        (server.agent_audio_done(), sdk.AgentV1AgentAudioDone, {}),
        (
            server.function_call_request([CALL]),
            sdk.AgentV1FunctionCallRequest,
            {
                "functions": [
                    {"id": "call_1", "name": "get_weather", "arguments": '{"city":"Paris"}', "client_side": True}
                ]
            },
        ),
        (
            server.function_call_cancelled([("call_1", "get_weather")]),
            sdk.AgentV1FunctionCallCancelled,
            {"functions": [{"id": "call_1", "name": "get_weather"}]},
        ),
        (server.injection_refused("Busy."), sdk.AgentV1InjectionRefused, {"message": "Busy."}),
        (server.warning("c", "d"), sdk.AgentV1Warning, {"code": "c", "description": "d"}),
        (server.error("c", "d"), sdk.AgentV1Error, {"code": "c", "description": "d"}),
    ],
)
def test_a_message_is_what_the_sdk_expects(data, kind, fields):
    message = json.loads(data)
    read = kind.model_validate(message, strict=True)
    assert not read.model_extra
    assert message == {"type": kind.model_fields["type"].default, **fields}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (server.agent_done(), {"type": "AgentDone"}),
        (server.transcript("Hel", is_final=False), {"type": "Transcript", "transcript": "Hel", "is_final": False}),
        (server.utterance_end(), {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 0}),
    ],
)
def test_an_extra_of_the_component_is_as_it_expects(data, message):
    assert json.loads(data) == message
