"""Upstreams that confirm something else than was asked for: what they show is in force, and the client knows."""

from __future__ import annotations

import json
from contextlib import closing

import numpy as np
import pytest
from websocket import create_connection

from turnstile.audio import g711
from turnstile.simulator.quirks import Quirks
from turnstile.simulator.scenario import Scenario
from turnstile.testing import patience

MULAW = {"encoding": "mulaw", "sample_rate": 8_000}
TELEPHONE = {"input": MULAW, "output": {**MULAW, "container": "none"}}
WEATHER = {"name": "get_weather", "description": "", "parameters": {"type": "object", "properties": {}}}
PCM, PCMU = {"type": "audio/pcm", "rate": 24_000}, {"type": "audio/pcmu"}


@pytest.fixture
def talk(start_proxy):
    """Begin a dialogue with an upstream that has quirks; `agent` is what the Settings say of it."""
    begun = []

    def begin(quirks, path="/openai", audio=None, on_audio=None, **agent):
        proxy = start_proxy({}, scenario=Scenario(quirks=quirks))
        dialogue = proxy.dialogue(path, on_audio=on_audio)
        begun.append(dialogue)
        dialogue.send("Settings", agent=agent, **({"audio": audio} if audio else {}))
        assert dialogue.wait_for("SettingsApplied")
        return dialogue, proxy.log

    yield begin
    for dialogue in begun:
        dialogue.close()


def _answered(dialogue):
    dialogue.send("InjectUserMessage", content="Hello.")
    return dialogue.wait_for("AgentAudioDone")


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse"])
def test_a_telephone_hears_mu_law_also_when_upstream_speaks_pcm(talk, path):
    plain_audio, odd_audio = bytearray(), bytearray()
    plain, _ = talk(Quirks(), path, TELEPHONE, plain_audio.extend)
    assert _answered(plain)
    odd, log = talk(Quirks(in_force={"audio": {"output": {"format": PCM}}}), path, TELEPHONE, odd_audio.extend)
    assert _answered(odd)
    assert log.updates[0]["audio"]["output"]["format"] == PCMU
    assert len(odd_audio) == pytest.approx(len(plain_audio), rel=0.01)
    assert odd.received("Warning") == odd.received("Error") == []


def test_a_response_that_says_its_format_is_heard_in_it_when_the_session_says_none(talk):
    left_out = ("session.audio.output.format",)
    plain_audio, odd_audio = bytearray(), bytearray()
    plain, _ = talk(Quirks(), audio=TELEPHONE, on_audio=plain_audio.extend)
    quirks = Quirks(in_force={"audio": {"output": {"format": PCM}}}, left_out=left_out)
    odd, _ = talk(quirks, audio=TELEPHONE, on_audio=odd_audio.extend)
    assert _answered(plain)
    assert _answered(odd)
    assert len(odd_audio) == pytest.approx(len(plain_audio), rel=0.01)


def test_speech_goes_up_in_the_format_that_upstream_says_it_takes(talk):
    dialogue, _ = talk(Quirks(in_force={"audio": {"input": {"format": PCM}}}), audio=TELEPHONE)
    loud = (8_000 * np.sin(np.arange(4_000) * 0.2)).astype("<i2")
    dialogue.send_binary(g711.encode("mulaw", loud))
    dialogue.send_binary(g711.encode("mulaw", np.zeros(8_000, "<i2")))
    assert dialogue.wait_for("UserStartedSpeaking")
    assert dialogue.wait_for("AgentAudioDone")


@pytest.mark.parametrize("path", ["/openai", "/v1/agent/converse"])
def test_another_voice_than_asked_for_is_a_warning_ahead_of_the_acknowledgement(talk, path):
    speak = {"provider": {"type": "open_ai", "voice": "marin"}}
    dialogue, log = talk(Quirks(in_force={"audio": {"output": {"voice": "ash"}}}), path, speak=speak)
    (warning,) = dialogue.received("Warning")
    words = "Settings.agent.speak.provider.voice: 'marin' was asked for; upstream has 'ash' in force."
    assert (warning["code"], warning["description"]) == ("not_in_force", words)
    heard = [message["type"] for message in dialogue.messages]
    assert heard.index("Warning") < heard.index("SettingsApplied")
    assert _answered(dialogue)
    assert len(log.updates) == 1


def test_what_upstream_repeats_in_another_form_is_no_difference(talk):
    think = {"prompt": "Be brief.", "functions": [WEATHER, {**WEATHER, "name": "get_time"}], "maxOutputTokens": 100}
    dialogue, log = talk(Quirks(rewritten_session=True), think=think)
    dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "speed": 1.1}})
    assert dialogue.wait_for("SpeakUpdated")
    assert dialogue.received("Warning") == dialogue.received("Error") == []
    assert len(log.updates) == 2


def test_a_realtime_client_is_shown_what_is_in_force_and_no_error(start_proxy):
    quirks = Quirks(in_force={"audio": {"output": {"voice": "ash"}}})
    proxy = start_proxy({}, scenario=Scenario(quirks=quirks))
    with closing(create_connection(proxy.url("/v1/realtime?model=gpt-realtime"), timeout=patience())) as client:
        assert json.loads(client.recv())["type"] == "session.created"
        session = {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
        client.send(json.dumps({"type": "session.update", "session": session}))
        updated = json.loads(client.recv())
    assert (updated["type"], updated["session"]["audio"]["output"]["voice"]) == ("session.updated", "ash")


# What cannot change any more.


def test_settings_with_a_locked_voice_are_applied_and_the_voice_is_warned_of(talk):
    dialogue, log = talk(Quirks(), speak={"provider": {"type": "open_ai", "voice": "marin"}})
    assert _answered(dialogue)
    speak = {"provider": {"type": "open_ai", "voice": "echo"}}
    dialogue.send("Settings", agent={"speak": speak, "think": {"prompt": "Rhyme."}})
    assert dialogue.wait_for("SettingsApplied", 2)
    (warning,) = dialogue.received("Warning")
    assert warning["description"].startswith("Settings.agent.speak.provider.voice: 'echo' cannot replace")
    assert (log.updates[-1]["instructions"], dialogue.received("Error")) == ("Rhyme.", [])


def test_a_realtime_client_hears_of_the_locked_voice_and_then_what_is_in_force(start_proxy):
    proxy = start_proxy()
    with closing(create_connection(proxy.url("/v1/realtime?model=gpt-realtime"), timeout=patience())) as client:
        client.send(json.dumps({"type": "response.create"}))
        while json.loads(client.recv())["type"] != "response.done":
            pass
        session = {"type": "realtime", "instructions": "Rhyme.", "audio": {"output": {"voice": "echo"}}}
        client.send(json.dumps({"type": "session.update", "event_id": "mine", "session": session}))
        told = []
        while not told or told[-1]["type"] != "session.updated":
            told.append(json.loads(client.recv()))
    (error,) = [event["error"] for event in told if event["type"] == "error"]
    assert (error["code"], error["event_id"], error["param"]) == ("voice_locked", "mine", "session.audio.output.voice")
    assert error["message"].startswith("session.audio.output.voice: 'echo' cannot replace")
    assert told[-1]["session"]["instructions"] == "Rhyme."


def test_the_voice_that_has_spoken_may_be_named_though_nobody_chose_it(talk):
    dialogue, _ = talk(Quirks())
    assert _answered(dialogue)
    dialogue.send("UpdateSpeak", speak={"provider": {"type": "open_ai", "voice": "alloy"}})
    assert dialogue.wait_for("SpeakUpdated")
    assert dialogue.received("Warning") == dialogue.received("Error") == []
