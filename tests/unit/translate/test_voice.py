from __future__ import annotations

import pytest

from turnstile.protocol.voice_agent.parts import SessionAudioOutput, Speak, SpeakProvider
from turnstile.translate.voice import is_voice_supported, own_warnings, speak_warnings, voice_and_speed


def _speak(**provider):
    return Speak(provider=SpeakProvider(**provider))


@pytest.mark.parametrize(
    ("provider", "output"),
    [
        ({}, {}),
        ({"type": "open_ai", "model": "tts-1", "voice": "marin"}, {"voice": "marin"}),
        ({"type": "open_ai", "model": "tts-1", "voice": "new-voice"}, {"voice": "new-voice"}),
        ({"type": "open_ai", "voice": {"id": "voice_1"}}, {"voice": {"id": "voice_1"}}),
        ({"type": "open_ai", "voice": {"id": "voice_1", "name": "Ann"}}, {"voice": {"id": "voice_1"}}),
        ({"voice": {"id": "voice_1"}}, {"voice": {"id": "voice_1"}}),
        ({"type": "open_ai", "voice": {"id": 1}}, {}),
        ({"type": "open_ai", "voice": {"name": "Ann"}, "model": "alloy"}, {"voice": "alloy"}),
        ({"type": "open_ai", "voice": "nova"}, {}),
        ({"speed": 3}, {"speed": 1.5}),
        ({"type": "deepgram", "model": "aura-2-thalia-en", "speed": 0.9}, {"speed": 0.9}),
        ({"type": "deepgram", "model": "alloy"}, {"voice": "alloy"}),
        ({"voice": "cedar"}, {"voice": "cedar"}),
        ({"type": "aws_polly", "voice": "Matthew"}, {}),
        ({"type": "cartesia", "voice": {"mode": "id", "id": "1"}}, {}),
    ],
)
def test_a_voice_that_the_api_may_have_speaks(session, provider, output):
    assert session({"audio": {"output": voice_and_speed(_speak(**provider))}}) == {"audio": {"output": output}}


def test_the_session_audio_output_goes_before_the_speaker():
    speak = _speak(type="open_ai", voice="alloy", speed=1.1)
    assert voice_and_speed(speak, SessionAudioOutput(voice="marin")) == {"voice": "marin", "speed": 1.1}


def test_nothing_is_asked_for_when_nothing_is_said():
    assert voice_and_speed(None) == {}


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
    assert is_voice_supported(_speak(**provider)) == served


@pytest.mark.parametrize("voice", ["marin", "new-voice", {"id": "voice_1"}])
def test_the_sessions_own_voice_is_a_name_or_an_id(session, voice):
    output = voice_and_speed(None, SessionAudioOutput(voice=voice))
    assert session({"audio": {"output": output}}) == {"audio": {"output": {"voice": voice}}}
    assert list(own_warnings(SessionAudioOutput(voice=voice), "own")) == []


@pytest.mark.parametrize("voice", ["nova", {"name": "Ann"}])
def test_an_own_voice_that_the_api_has_not_leaves_the_speakers_and_is_warned_of(voice):
    speak = _speak(type="open_ai", voice="alloy")
    assert voice_and_speed(speak, SessionAudioOutput(voice=voice)) == {"voice": "alloy"}
    (problem,) = own_warnings(SessionAudioOutput(voice=voice), "agent.sessionAudioOutput")
    assert problem.description.startswith("agent.sessionAudioOutput.voice: no voice ")


def test_a_speed_out_of_bounds_is_brought_in_and_named_where_it_stands():
    assert voice_and_speed(_speak(speed=0.1), SessionAudioOutput(speed=9)) == {"speed": 1.5}
    (one,) = speak_warnings(_speak(speed=0.1), "speak[1]")
    assert one.description == "speak[1].provider.speed: 0.1 is no number from 0.25 to 1.5; 0.25 is used."
    (other,) = own_warnings(SessionAudioOutput(speed=9), "agent.sessionAudioOutput")
    assert other.description.startswith("agent.sessionAudioOutput.speed: 9 is")
