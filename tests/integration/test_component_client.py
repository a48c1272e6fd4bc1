"""A plain websocket-client on the component's path, against the running proxy."""

from __future__ import annotations

import json

import numpy as np
import pytest

from turnstile.simulator.faults import Faults, RefusedEvent
from turnstile.simulator.simulator import Simulator

WEATHER = {"name": "get_weather", "description": "Look up the weather.", "parameters": {"type": "object"}}


def settings(**agent):
    return {"agent": {"think": {"prompt": "Be brief.", "functions": [WEATHER]}, **agent}}


@pytest.fixture
def audio():
    """Give the agent's audio, as far as it was received."""
    return bytearray()


@pytest.fixture
def dialogue(proxy, audio):
    with proxy.dialogue(on_audio=audio.extend) as dialogue:
        dialogue.send("Settings", **settings())
        assert dialogue.wait_for("SettingsApplied")
        yield dialogue


# What the component sends when its host decides nothing, `idleTimeoutMs` aside, which counts a browser's silence.
DEFAULTS = {
    "audio": {
        "input": {"encoding": "linear16", "sample_rate": 16_000},
        "output": {"encoding": "linear16", "sample_rate": 24_000},
    },
    "agent": {
        "language": "en",
        "think": {
            "provider": {"type": "open_ai", "model": "gpt-4o-mini"},
            "prompt": "You are a helpful voice assistant.",
        },
        "speak": {"provider": {"type": "deepgram", "model": "aura-asteria-en"}},
    },
}


@pytest.mark.parametrize(("timeout", "used"), [(10_000, 10_000), (60_000, 30_000), (0, 5_000), (-1, None)])
def test_the_components_own_defaults_are_in_force_without_an_error(proxy, timeout, used):
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", audio=DEFAULTS["audio"], agent={**DEFAULTS["agent"], "idleTimeoutMs": timeout})
        assert dialogue.wait_for("SettingsApplied")
        ask(dialogue)
        assert dialogue.wait_for("AgentDone")
        assert dialogue.received("Error") == []
        named = [
            warning["description"].removeprefix("Settings: ").split(": ")[0] for warning in dialogue.received("Warning")
        ]
    adjusted = ["agent.idleTimeoutMs"] if used not in {None, timeout} else []
    assert named == ["agent.think.provider.model", "agent.speak.provider", *adjusted]
    (update,) = proxy.log.updates
    assert update["audio"]["input"]["turn_detection"]["idle_timeout_ms"] == used


def test_settings_are_in_force_as_far_as_they_can_be(proxy):
    think = {
        "prompt": "Be brief.",
        "toolChoice": "any",
        "maxOutputTokens": 100_000,
        "outputModalities": ["audio", "video"],
    }
    listen = {"provider": {"language_hints": ["de", "fr"]}}
    own = {"voice": {"id": "voice_1"}, "speed": 4}
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", agent={"think": think, "listen": listen, "sessionAudioOutput": own})
        assert dialogue.wait_for("SettingsApplied")
        assert dialogue.received("Error") == []
        named = {
            warning["description"].removeprefix("Settings: ").split(": ")[0] for warning in dialogue.received("Warning")
        }
    assert named == {
        "agent.think.toolChoice",
        "agent.think.maxOutputTokens",
        "agent.think.outputModalities",
        "agent.listen.provider.language_hints",
        "agent.sessionAudioOutput.speed",
    }
    (update,) = proxy.log.updates
    assert (update["max_output_tokens"], update["output_modalities"]) == (4_096, ["audio"])
    assert (update["audio"]["output"]["voice"], update["audio"]["output"]["speed"]) == ({"id": "voice_1"}, 1.5)
    assert "language" not in update["audio"]["input"]["transcription"]


def test_a_function_result_that_is_missing_is_asked_for_and_the_call_stays_open(dialogue):
    dialogue.send("InjectUserMessage", content="What is the weather?")
    call = dialogue.wait_for("FunctionCallRequest")["functions"][0]
    dialogue.send("FunctionCallResponse", id=call["id"], name=call["name"])
    error = dialogue.wait_for("Error")
    assert error["description"].startswith("FunctionCallResponse: content: is missing")
    dialogue.send("FunctionCallResponse", id=call["id"], name=call["name"], output="hail")
    assert dialogue.wait_for("AgentDone")
    assert "hail" in dialogue.received("ConversationText")[-1]["content"]


def ask(dialogue, text="Hello."):
    dialogue.send("InjectUserMessage", content=text)
    assert dialogue.wait_for("AgentStartedSpeaking")


def test_a_user_message_is_answered_in_text_and_audio(dialogue, audio):
    ask(dialogue)
    assert dialogue.wait_for("AgentDone")
    assert "Hello." in dialogue.received("ConversationText")[-1]["content"]
    assert len(audio) > 10_000


def test_updates_in_mid_response_are_in_force_for_the_next_one(proxy, dialogue):
    ask(dialogue)
    dialogue.send("UpdatePrompt", prompt="Rhyme.")
    dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "speed": 1.25}})
    dialogue.send("InjectUserMessage", content="Again.")
    assert dialogue.wait_for("SpeakUpdated")
    assert dialogue.wait_for("AgentDone", 2)
    first, second = proxy.log.responses
    assert first.started["instructions"] == "Be brief."
    assert not first.changed_under_way
    assert second.started["instructions"] == "Be brief.\n\nRhyme."
    assert second.started["audio"]["output"]["speed"] == 1.25
    assert (proxy.log.collisions, proxy.log.broken) == (0, [])


def test_a_function_call_is_answered_and_spoken_of(dialogue):
    dialogue.send("InjectUserMessage", content="What is the weather?")
    request = dialogue.wait_for("FunctionCallRequest")
    call = request["functions"][0]
    assert call["name"] == "get_weather"
    dialogue.send("FunctionCallResponse", id=call["id"], name=call["name"], content="hail")
    assert dialogue.wait_for("AgentDone")
    assert "hail" in dialogue.received("ConversationText")[-1]["content"]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "name": "get_weather"}])
def test_an_agent_that_must_call_a_function_speaks_of_its_result(proxy, choice):
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", agent={"think": {"functions": [WEATHER], "toolChoice": choice}})
        dialogue.send("InjectUserMessage", content="Hello.")
        call = dialogue.wait_for("FunctionCallRequest")["functions"][0]
        dialogue.send("FunctionCallResponse", id=call["id"], name=call["name"], content="hail")
        assert dialogue.wait_for("AgentDone")
        assert "hail" in dialogue.received("ConversationText")[-1]["content"]
        assert len(dialogue.received("FunctionCallRequest")) == 1
        dialogue.send("InjectUserMessage", content="And now?")  # what is chosen is for each turn of the user's
        assert dialogue.wait_for("FunctionCallRequest", 2)
    assert (proxy.log.collisions, proxy.log.broken) == (0, [])


def test_a_refused_update_is_answered_by_an_error_and_the_others_are_in_force(proxy, dialogue):
    ask(dialogue)
    managed = {"id": "pmpt_1", "variables": {"x" * 65: "too long a name"}}
    dialogue.send("UpdateThink", think={"managedPrompt": managed})
    dialogue.send("UpdatePrompt", prompt="Rhyme.")
    assert dialogue.wait_for("PromptUpdated")
    assert [fault["code"] for fault in dialogue.received("Error")] == ["string_above_max_length"]
    assert dialogue.received("ThinkUpdated") == []
    assert proxy.log.updates[-1]["instructions"] == "Be brief.\n\nRhyme."


def test_the_voice_is_locked_once_it_was_heard_and_the_client_is_told(dialogue):
    ask(dialogue)
    dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "cedar"}})
    error = dialogue.wait_for("Error")
    assert error["code"] == "voice_locked"
    assert error["description"].startswith("UpdateSpeak.speak.provider.voice: 'cedar' cannot replace")


def test_what_is_in_force_is_acknowledged_when_the_voice_is_locked(dialogue):
    ask(dialogue)
    dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "cedar", "speed": 1.1}})
    assert dialogue.wait_for("SpeakUpdated")
    assert [warning["code"] for warning in dialogue.received("Warning")] == ["voice_locked"]
    assert dialogue.received("Error") == []


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_message"),
        ("{}", "missing_type"),
        ('{"type": "Nonsense"}', "unknown_message_type"),
        ('{"type": "UpdatePrompt"}', "invalid_message"),
    ],
)
def test_a_malformed_message_is_answered_and_the_session_goes_on(proxy, dialogue, frame, code):
    sent = len(proxy.log.received)
    dialogue.send_text(frame.encode())
    assert dialogue.wait_for("Error")["code"] == code
    assert len(proxy.log.received) == sent
    ask(dialogue)


def test_agent_messages_are_refused_or_queued_or_interrupt(proxy, dialogue):
    ask(dialogue)
    dialogue.send("InjectAgentMessage", message="One moment.")
    assert dialogue.wait_for("InjectionRefused")
    dialogue.send("InjectAgentMessage", message="By the way.", behavior="queue")
    assert dialogue.wait_until(lambda: _said(dialogue, "By the way."))
    ask(dialogue, "Tell me more.")
    dialogue.wait_for("AgentStartedSpeaking", 3)
    dialogue.send("InjectAgentMessage", message="Stop.", behavior="interrupt")
    assert dialogue.wait_until(lambda: _said(dialogue, "Stop."))
    assert "cancelled" in [response.status for response in proxy.log.responses]


def _said(dialogue, words):
    return next((text for text in dialogue.received("ConversationText") if words == text["content"]), None)


def voice(milliseconds, rate=16_000):
    time = np.arange(rate * milliseconds // 1000) / rate
    return (np.sin(2 * np.pi * 440 * time) * 12_000).astype("<i2").tobytes()


def speak(dialogue, milliseconds=600, silence=600):
    sound = voice(milliseconds) + bytes(16_000 * 2 * silence // 1000)
    for start in range(0, len(sound), 640):
        dialogue.send_binary(sound[start : start + 640])


def test_a_spoken_turn_is_heard_and_answered(proxy, dialogue):
    speak(dialogue)
    assert dialogue.wait_for("UserStartedSpeaking")
    assert dialogue.wait_for("UtteranceEnd")
    assert dialogue.wait_for("AgentDone")
    assert [text["role"] for text in dialogue.received("ConversationText")] == ["user", "assistant"]
    assert proxy.log.collisions == 0


def test_speaking_over_the_agent_cancels_it(proxy):
    proxy.system.simulator.faults = Faults(hung=frozenset({1}))
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **settings())
        ask(dialogue, "Tell me a long story.")
        speak(dialogue)
        assert dialogue.wait_for("UserStartedSpeaking")
        assert dialogue.wait_for("AgentDone", 2)
    assert [response.status for response in proxy.log.responses] == ["cancelled", "completed"]


def test_in_proxy_turns_the_proxy_begins_every_response(start_proxy):
    proxy = start_proxy({"session.turns": "proxy"})
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **settings())
        assert dialogue.wait_for("SettingsApplied")
        speak(dialogue)
        assert dialogue.wait_for("AgentDone")
    assert [response.origin for response in proxy.log.responses] == ["client"]


def test_without_turn_detection_the_proxy_commits_and_answers(proxy):
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **settings(useOpenAIManualAudioCommit=True))
        assert dialogue.wait_for("SettingsApplied")
        speak(dialogue, milliseconds=1200, silence=0)
        assert dialogue.wait_for("AgentDone")
    assert proxy.log.received["input_audio_buffer.commit"] == 1


def test_what_was_said_when_turn_detection_is_switched_off_is_committed_and_answered(proxy, dialogue):
    speak(dialogue, milliseconds=1200, silence=0)
    assert dialogue.wait_for("UserStartedSpeaking")
    dialogue.send("Settings", **settings(useOpenAIManualAudioCommit=True))
    assert dialogue.wait_for("AgentDone")
    assert proxy.log.received["input_audio_buffer.commit"] == 1
    dialogue.send("InjectAgentMessage", message="Hello!")
    assert dialogue.wait_for("AgentDone", 2)
    assert dialogue.received("InjectionRefused") == []


def test_a_turn_can_be_forced_to_end(proxy, dialogue):
    dialogue.send("ForceEndTurn")
    assert dialogue.wait_for("Error")["code"] == "input_audio_buffer_commit_empty"
    dialogue.send_binary(bytes(640))
    dialogue.send("ForceEndTurn")
    assert dialogue.wait_for("AgentDone")
    assert proxy.log.broken == []


def test_what_comes_before_the_settings_waits_for_them(proxy):
    with proxy.dialogue() as dialogue:
        dialogue.send("InjectUserMessage", content="Early.")
        dialogue.send("Settings", **settings(greeting="Hello!"))
        assert dialogue.wait_for("AgentDone")
        texts = [text["content"] for text in dialogue.received("ConversationText")]
    assert texts[0] == "Hello!"
    assert "Early." in texts[1]


def test_a_race_that_the_server_wins_gives_one_reply_and_no_error(start_proxy):
    refused = RefusedEvent("response.create", code="conversation_already_has_active_response")
    proxy = start_proxy({"session.expected_timeout": "0.05"})
    proxy.system.simulator.faults = Faults(refused=(refused,))
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **settings())
        ask(dialogue)
        assert dialogue.wait_for("AgentDone")
        assert dialogue.received("Error") == []
    assert [response.status for response in proxy.log.responses] == ["completed"]


@pytest.mark.parametrize("echoes", [True, False])
def test_an_update_that_lost_a_race_is_acknowledged_in_the_end_and_the_client_hears_of_no_race(start_proxy, echoes):
    code = "conversation_already_has_active_response"
    proxy = start_proxy({"session.expected_timeout": "0.05"})
    proxy.system.simulator.faults = Faults(refused=(RefusedEvent("session.update", 2, code, echoes=echoes),))
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **settings())
        assert dialogue.wait_for("SettingsApplied")
        dialogue.send("UpdatePrompt", prompt="Rhyme.")
        assert dialogue.wait_for("PromptUpdated")
        assert dialogue.received("Error") == dialogue.received("Warning") == []
    assert proxy.log.updates[-1]["instructions"] == "Be brief.\n\nRhyme."


def test_an_update_that_loses_every_race_is_refused_by_its_name_and_not_in_the_apis_words(start_proxy):
    code = "conversation_already_has_active_response"
    proxy = start_proxy({"session.expected_timeout": "0.02", "session.create_tries": "2"})
    refused = tuple(RefusedEvent("session.update", nth, code) for nth in (2, 3))
    proxy.system.simulator.faults = Faults(refused=refused)
    with proxy.dialogue() as dialogue:
        dialogue.send("Settings", **settings())
        assert dialogue.wait_for("SettingsApplied")
        dialogue.send("UpdatePrompt", prompt="Rhyme.")
        error = dialogue.wait_for("Error")
    assert error["code"] == "update_refused"
    assert error["description"].startswith("UpdatePrompt: Upstream kept refusing the configuration")


def test_a_repeated_settings_message_is_answered_at_once_and_sends_nothing(proxy, dialogue):
    updates = proxy.log.updates_applied
    dialogue.send("Settings", **settings())
    assert dialogue.wait_for("SettingsApplied", 2)
    assert proxy.log.updates_applied == updates


def test_every_event_sent_upstream_carries_an_id_of_ours(proxy, dialogue):
    ask(dialogue)
    assert dialogue.wait_for("AgentDone")
    sent = [
        json.loads(entry.detail)
        for entry in proxy.journal.entries()
        if entry.wire == "upstream" and entry.direction == "out"
    ]
    assert sent != []
    assert all(event["event_id"].startswith("ts") for event in sent)


def test_simulators_are_apart_from_each_other(start_proxy):
    proxy = start_proxy()
    assert isinstance(proxy.system.simulator, Simulator)
    with proxy.dialogue() as one, proxy.dialogue() as other:
        for dialogue, prompt in ((one, "One."), (other, "Other.")):
            dialogue.send("Settings", agent={"think": {"prompt": prompt}})
            assert dialogue.wait_for("SettingsApplied")
        assert sorted(log.updates[0]["instructions"] for log in proxy.system.simulator.logs) == ["One.", "Other."]
