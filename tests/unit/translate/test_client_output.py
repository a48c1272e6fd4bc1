from __future__ import annotations

import json

import pytest

from turnstile.audio.formats import PCM_24K, AudioFormat
from turnstile.audio.wav_header import wav_header
from turnstile.protocol.voice_agent.profile import COMPONENT, DEEPGRAM
from turnstile.translate.client_output import Ear, remember

MULAW = AudioFormat("mulaw", 8_000)


def _kinds(frames):
    return [json.loads(frame.data)["type"] for frame in frames]


def test_a_memory_forgets_the_oldest():
    memory = {}
    for number in range(300):
        remember(memory, str(number), number)
    assert (len(memory), min(memory.values()), memory["299"]) == (256, 44, 299)


def test_audio_is_heard_as_the_api_sends_it_until_something_else_is_asked_for():
    ear = Ear(COMPONENT)
    assert (ear.converter.feed(b"ab"), ear.header) == (b"ab", b"")


@pytest.mark.parametrize(("container", "header"), [("none", b""), ("wav", wav_header(MULAW))])
def test_a_container_has_the_header_of_its_format(container, header):
    ear = Ear(COMPONENT)
    ear.configure(MULAW, container, keeps_history=False)
    assert ear.header == header


def test_an_item_was_heard_when_its_text_was_told():
    ear = Ear(COMPONENT)
    assert not ear.has_heard("i")
    assert _kinds(ear.hear_item("i", "Hello.")) == ["ConversationText"]
    assert ear.has_heard("i")


def test_a_text_is_also_history_when_it_is_kept():
    ear = Ear(COMPONENT)
    ear.configure(PCM_24K, "none", keeps_history=True)
    assert _kinds(ear.hear("user", "Hello.")) == ["ConversationText", "History"]


@pytest.mark.parametrize(("profile", "kind"), [(DEEPGRAM, "Warning"), (COMPONENT, "Error")])
def test_a_fault_is_told_in_the_profiles_manner(profile, kind):
    assert _kinds([Ear(profile).fault("c", "d")]) == [kind]


def _in(kind):
    return {"audio": {"output": {"format": {"type": kind}}}}


def test_audio_is_converted_from_what_upstream_says_that_it_speaks():
    ear = Ear(COMPONENT)
    ear.upstream_speaks({"type": "audio/pcm", "rate": 24_000})
    ear.configure(MULAW, "none", keeps_history=False)
    heard = ear.converter.feed(bytes(4_800)) + ear.converter.flush()
    assert len(heard) == pytest.approx(800, abs=2)
    assert 4_800 / ear.bytes_per_ms == 100


def test_a_response_may_be_in_another_format_than_the_session():
    ear = Ear(COMPONENT)
    ear.configure(MULAW, "none", keeps_history=False)
    assert list(ear.begin(_in("audio/pcm"))) == []
    assert 4_800 / ear.bytes_per_ms == 100
    assert list(ear.begin({"audio": None})) == list(ear.begin({})) == []
    assert 800 / ear.bytes_per_ms == 100


def test_a_stream_goes_on_when_upstream_says_again_what_it_speaks():
    ear = Ear(COMPONENT)
    ear.configure(MULAW, "none", keeps_history=False)
    stream = ear.converter
    ear.upstream_speaks({"type": "audio/pcmu"})
    ear.configure(MULAW, "none", keeps_history=False)
    assert ear.converter is stream


def test_what_cannot_be_converted_is_not_heard_and_said_once():
    ear = Ear(COMPONENT)
    (told,) = ear.begin(_in("audio/opus"))
    assert "'audio/opus'" in json.loads(told.data)["description"]
    assert (list(ear.begin(_in("audio/opus"))), ear.is_audible) == ([], False)
    ear.upstream_speaks("flac")
    assert _kinds(ear.begin({})) == ["Error"]
    list(ear.begin(_in("audio/pcm")))
    assert ear.is_audible
