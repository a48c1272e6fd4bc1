from __future__ import annotations

import pytest

from turnstile.protocol.voice_agent.parts import SessionAudioOutput, Speak, SpeakProvider
from turnstile.translate.speaking import is_voice_served, speak_warnings, spoken_by


def _speak(**provider):
    return Speak(provider=SpeakProvider(**provider))


@pytest.mark.parametrize(
    ("provider", "output"),
    [
        ({}, {}),
        ({"type": "open_ai", "model": "tts-1", "voice": "marin"}, {"voice": "marin"}),
        ({"type": "open_ai", "model": "tts-1", "voice": "new-voice"}, {"voice": "new-voice"}),
        ({"type": "open_ai", "voice": {"id": "voice_1"}}, {"voice": {"id": "voice_1"}}),
        ({"type": "open_ai", "voice": "nova"}, {}),
        ({"type": "deepgram", "model": "aura-2-thalia-en", "speed": 0.9}, {"speed": 0.9}),
        ({"type": "deepgram", "model": "alloy"}, {"voice": "alloy"}),
        ({"voice": "cedar"}, {"voice": "cedar"}),
        ({"type": "aws_polly", "voice": "Matthew"}, {}),
        ({"type": "cartesia", "voice": {"mode": "id", "id": "1"}}, {}),
    ],
)
def test_a_voice_that_the_api_may_have_speaks(session, provider, output):
    assert session({"audio": {"output": spoken_by(_speak(**provider))}}) == {"audio": {"output": output}}


def test_the_session_audio_output_goes_before_the_speaker():
    speak = _speak(type="open_ai", voice="alloy", speed=1.1)
    assert spoken_by(speak, SessionAudioOutput(voice="marin")) == {"voice": "marin", "speed": 1.1}


def test_nothing_is_asked_for_when_nothing_is_said():
    assert spoken_by(None) == {}


@pytest.mark.parametrize(
    ("provider", "named"),
    [
        ({"type": "deepgram", "model": "aura-2-thalia-en"}, "aura-2-thalia-en"),
        ({"type": "open_ai", "voice": "nova"}, "nova"),
        ({"type": "aws_polly", "voice": "Matthew"}, "Matthew"),
    ],
)
def test_a_voice_that_the_api_has_not_is_warned_of(provider, named):
    (problem,) = speak_warnings(_speak(**provider), "speak")
    assert problem.description.startswith(f"speak.provider: no voice '{named}' upstream (there are alloy,")


@pytest.mark.parametrize("provider", [{}, {"type": "open_ai", "model": "tts-1"}, {"type": "open_ai", "voice": "marin"}])
def test_nothing_is_warned_of_when_all_is_served(provider):
    assert list(speak_warnings(_speak(**provider), "speak")) == []


def test_a_voice_is_not_missed_when_another_one_is_named_for_the_session():
    speak = _speak(type="deepgram", model="aura-2-thalia-en")
    assert list(speak_warnings(speak, "speak", SessionAudioOutput(voice="marin"))) == []
    assert len(list(speak_warnings(speak, "speak", SessionAudioOutput(speed=1.1)))) == 1


@pytest.mark.parametrize(
    ("provider", "served"),
    [
        ({}, True),
        ({"type": "open_ai", "voice": "nova"}, True),
        ({"voice": "cedar"}, True),
        ({"type": "deepgram", "model": "aura-2-thalia-en"}, False),
        ({"type": "aws_polly", "voice": "Matthew"}, False),
    ],
)
def test_a_speaker_is_served_when_the_api_can_speak_for_it(provider, served):
    assert is_voice_served(_speak(**provider)) == served
