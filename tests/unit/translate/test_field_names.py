"""What messages call the fields of the session: what is said about them begins with it."""

from __future__ import annotations

import pytest

from turnstile.protocol.voice_agent.parts import SessionAudioOutput, Speak
from turnstile.protocol.voice_agent.profile import COMPONENT
from turnstile.translate.field_names import speak_fields, think_fields
from turnstile.translate.permissions import Permissions
from turnstile.translate.session_start import settings_to_session

ALL = Permissions(lambda _: True, lambda _: True)
VOICE = {"voice": "echo"}


def test_only_what_is_said_of_thinking_has_a_name():
    assert think_fields({"tool_choice": "none", "endpoints": {}}, "agent.think") == {
        "tool_choice": "agent.think.toolChoice"
    }


@pytest.mark.parametrize(
    ("provider", "own", "name"),
    [
        ({"voice": "echo"}, None, "speak.provider.voice"),
        ({"model": "echo"}, None, "speak.provider.model"),
        ({"model": "alloy"}, {"voice": "echo"}, "agent.sessionAudioOutput.voice"),
        ({"voice": "echo"}, {"speed": 1.1}, "speak.provider.voice"),
    ],
)
def test_a_voice_is_named_by_what_said_it(provider, own, name):
    speak = Speak.model_validate({"provider": provider})
    own = SessionAudioOutput.model_validate(own) if own else None
    assert speak_fields(VOICE, speak, "speak", own) == {"audio.output.voice": name}


def test_a_voice_of_the_hosts_has_the_name_that_the_client_would_have_given_it():
    assert speak_fields(VOICE, None, "speak", None) == {"audio.output.voice": "speak.provider.voice"}


def test_settings_name_the_speaker_that_is_served(read):
    speak = [{"provider": {"type": "deepgram", "model": "aura"}}, {"provider": {"type": "open_ai", "model": "echo"}}]
    think = {"provider": {"type": "open_ai", "model": "gpt-realtime"}}
    fields = settings_to_session(read("Settings", agent={"speak": speak, "think": think}), COMPONENT, ALL).config.fields
    assert fields["model"] == "agent.think.provider.model"
    assert fields["audio.output.voice"] == "agent.speak[1].provider.model"
    assert fields["audio.output.format"] == "audio.output"
