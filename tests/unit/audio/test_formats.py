from __future__ import annotations

import pytest
from openai.types.realtime import RealtimeAudioFormats
from pydantic import TypeAdapter

from turnstile.audio import g711
from turnstile.audio.formats import PCM_24K, AudioFormat, parse_format, read_format
from turnstile.errors import ClientProtocolError

PCM_16K = AudioFormat("linear16", 16_000)
MULAW = AudioFormat("mulaw", 8_000)
ALAW = AudioFormat("alaw", 8_000)


@pytest.mark.parametrize(
    ("audio", "name"),
    [
        (PCM_24K, {"type": "audio/pcm", "rate": 24_000}),
        (MULAW, {"type": "audio/pcmu"}),
        (ALAW, {"type": "audio/pcma"}),
    ],
)
def test_a_format_goes_upstream_as_it_is_when_the_api_takes_it(audio, name):
    assert audio.upstream is audio
    assert audio.realtime() == name
    TypeAdapter(RealtimeAudioFormats).validate_python(name)


@pytest.mark.parametrize("audio", [PCM_16K, AudioFormat("linear16", 48_000), AudioFormat("mulaw", 16_000)])
def test_a_format_goes_upstream_as_24_khz_pcm_when_the_api_does_not_take_it(audio):
    assert audio.upstream == PCM_24K
    assert audio.realtime() == {"type": "audio/pcm", "rate": 24_000}


@pytest.mark.parametrize(("audio", "size"), [(PCM_24K, 4_800), (PCM_16K, 3_200), (MULAW, 800)])
def test_bytes_and_milliseconds_are_counted_in_the_format(audio, size):
    assert audio.size(100) == size
    assert audio.milliseconds(size) == 100


def test_a_size_is_one_of_whole_samples():
    assert AudioFormat("linear16", 22_050).size(1) == 44


def test_silence_is_silent():
    assert PCM_24K.silence(4) == bytes(4)
    assert g711.decode("mulaw", MULAW.silence(2)).tolist() == [0, 0]
    assert g711.decode("alaw", ALAW.silence(2)).tolist() == [8, 8]


@pytest.mark.parametrize(
    ("encoding", "rate", "audio"),
    [
        (None, None, PCM_16K),
        ("linear16", None, PCM_16K),
        (None, 48_000, AudioFormat("linear16", 48_000)),
        ("mulaw", None, MULAW),
        ("alaw", 8_000, ALAW),
        ("mulaw", 16_000, AudioFormat("mulaw", 16_000)),
    ],
)
def test_what_settings_leave_out_is_as_the_profile_has_it(encoding, rate, audio):
    assert parse_format("audio.input", encoding, rate, PCM_16K) == audio


@pytest.mark.parametrize(
    ("encoding", "rate", "code", "words"),
    [
        (
            "opus",
            None,
            "unsupported_encoding",
            "Settings: audio.input.encoding: 'opus' is not served; use linear16, mulaw or alaw.",
        ),
        (
            "mulaw",
            24_000,
            "unsupported_sample_rate",
            "Settings: audio.input.sample_rate: 24000 is not served with mulaw; use 8000 or 16000.",
        ),
        (
            None,
            11_025,
            "unsupported_sample_rate",
            (
                "Settings: audio.input.sample_rate: 11025 is not served with linear16; "
                "use 8000, 16000, 22050, 24000, 32000, 44100 or 48000."
            ),
        ),
    ],
)
def test_a_format_is_refused_in_words_that_say_what_is_served(encoding, rate, code, words):
    with pytest.raises(ClientProtocolError) as refused:
        parse_format("audio.input", encoding, rate, PCM_16K)
    assert (refused.value.problem.code, refused.value.problem.description) == (code, words)


def test_a_long_encoding_is_not_repeated_whole():
    with pytest.raises(ClientProtocolError) as refused:
        parse_format("audio.input", "x" * 1_000, None, PCM_16K)
    assert len(refused.value.problem.description) < 200


@pytest.mark.parametrize(
    ("shown", "audio"),
    [
        ({"type": "audio/pcm", "rate": 24_000}, PCM_24K),
        ({"type": "audio/pcm"}, PCM_24K),
        ({"type": "audio/pcm", "rate": 16_000.0}, PCM_16K),
        ({"type": "audio/pcmu"}, MULAW),
        ({"type": "audio/pcma", "rate": 8_000}, ALAW),
        ("pcm16", PCM_24K),
        ("g711_ulaw", MULAW),
        ("g711_alaw", ALAW),
        ({"type": "audio/opus"}, None),
        ({"type": "audio/pcm", "rate": "24000"}, None),
        ({"type": "audio/pcm", "rate": 0}, None),
        ({"type": "audio/pcm", "rate": 16_000.5}, None),
        ({"type": ["audio/pcm"]}, None),
        ({}, None),
        (None, None),
    ],
)
def test_what_upstream_shows_is_read_where_it_can_be_converted(shown, audio):
    assert read_format(shown) == audio
